// What becomes of intents: each story makes one, confirms it, and has its cardholder answer, once or twice at once. What a
// story does is drawn when it begins; every request of it is asked with one key until there is a definite answer.

import { setTimeout as sleep } from "node:timers/promises";
import { generator } from "../ledger/region.ts";
import type { Client, Entry, Merchant, Told } from "./client.ts";

type Answer = "complete" | "fail";
export type Plot = {
  readonly type: "payment_intent" | "setup_intent";
  /** A card of the test bank. */
  readonly card: string;
  /** What the cardholder presses; two are pressed at once. */
  readonly answers: readonly Answer[];
  /** How it may end; of two answers the bank keeps the first. */
  readonly ends: readonly ("succeeded" | "requires_payment_method")[];
};

const PAID = ["succeeded"] as const;
const FAILED = ["requires_payment_method"] as const;
const EITHER = [...PAID, ...FAILED] as const;
const ASKS = "pm_card_authenticationRequired";
const ASKS_ON_SETUP = "pm_card_authenticationRequiredOnSetup";
const ASKS_THEN_DECLINED = "pm_card_threeDSecureRequiredChargeDeclined";

const setup = (card: string, answers: readonly Answer[], ends: Plot["ends"]): Plot => ({
  type: "setup_intent",
  card,
  answers,
  ends,
});
const payment = (card: string, answers: readonly Answer[], ends: Plot["ends"]): Plot => ({
  type: "payment_intent",
  card,
  answers,
  ends,
});

const PLOTS: readonly Plot[] = [
  setup("pm_card_visa", [], PAID),
  setup("pm_card_chargeDeclined", [], FAILED),
  setup(ASKS_ON_SETUP, ["complete"], PAID),
  setup(ASKS_ON_SETUP, ["fail"], FAILED),
  setup(ASKS_ON_SETUP, ["complete", "complete"], PAID),
  setup(ASKS_ON_SETUP, ["complete", "fail"], EITHER),
  payment(ASKS, ["complete"], PAID),
  payment(ASKS, ["complete", "complete"], PAID),
  payment(ASKS, ["complete", "fail"], EITHER),
  payment(ASKS, ["fail"], FAILED),
  payment(ASKS_THEN_DECLINED, ["complete"], FAILED),
];

/** An intent whose story was told to its end. */
export type Ended = {
  readonly merchant: Merchant;
  readonly plot: Plot;
  readonly id: string;
  /** What the last answer said of it. */
  readonly status: string;
};

export type Stage = {
  readonly client: Client;
  readonly merchants: readonly Merchant[];
  /** Of each merchant, by account. */
  readonly customers: ReadonlyMap<string, string>;
  readonly random: () => number;
  /** Ends every key of this run. */
  readonly run: string;
  readonly ended: Ended[];
  readonly faults: string[];
};

type Intent = {
  readonly id: string;
  readonly status: string;
  readonly client_secret: string;
  readonly next_action: { readonly use_stripe_sdk: { readonly stripe_js: string } } | null;
};

const SEEDS = 2 ** 32;
const AMOUNT_MIN = 100;
const AMOUNTS = 10_000;
/** A client hangs up in the middle of things and asks again. */
const HANGS_UP_SHARE = 0.15;
const HANGS_UP_MS_MAX = 120;
/** Confirmed as it is made, or by a request of its own, or by two at once with one key. */
const AT_ONCE_SHARE = 0.4;
const TWINS_SHARE = 0.2;
const RETRY_MS = 200;

let keys = 0;

/** Tells one story, from the first request to the last definite answer. */
export async function tell(stage: Stage): Promise<void> {
  const random = generator(Math.floor(stage.random() * SEEDS));
  const merchant = drawn(stage.merchants, random());
  const plot = drawn(PLOTS, random());
  const story = new Story(stage, merchant, random);
  const { id, confirmed } = await story.confirm(
    plot,
    String(AMOUNT_MIN + Math.floor(random() * AMOUNTS)),
  );
  const challenge = confirmed.next_action?.use_stripe_sdk.stripe_js;
  if (plot.answers.length > 0 && challenge === undefined) {
    stage.faults.push(`${id} of ${plot.card} is ${confirmed.status}, and nobody was asked`);
    return;
  }
  const told = await Promise.all(
    plot.answers.map((outcome) => story.answer(id, new URL(String(challenge)), outcome)),
  );
  const says = new Set([...told].map(({ status }) => status));
  if (says.size > 1) stage.faults.push(`${id} was told to be ${[...says].join(" and ")}`);
  stage.ended.push({ merchant, plot, id, status: (told[0] ?? confirmed).status });
}

const drawn = <T>(all: readonly T[], draw: number): T => all[Math.floor(draw * all.length)] as T;

class Story {
  readonly #stage: Stage;
  readonly #merchant: Merchant;
  readonly #random: () => number;

  constructor(stage: Stage, merchant: Merchant, random: () => number) {
    this.#stage = stage;
    this.#merchant = merchant;
    this.#random = random;
  }

  /** Makes the intent and confirms it; how it stands then. */
  async confirm({ type, card }: Plot, amount: string): Promise<{ id: string; confirmed: Intent }> {
    const path = `/v1/${type}s`;
    const customer = this.#stage.customers.get(this.#merchant.account) ?? "";
    const made = type === "setup_intent" ? { customer } : { amount, currency: "usd" };
    const method = { payment_method: card };
    if (this.#random() < AT_ONCE_SHARE) {
      const at = await this.#ask(path, { ...made, ...method, confirm: "true" });
      return { id: at.id, confirmed: at };
    }
    const { id } = await this.#ask(path, made);
    return { id, confirmed: await this.#ask(`${path}/${id}/confirm`, method) };
  }

  /** What the bank's page does: it has a key of its own, and the client secret. */
  answer(id: string, { searchParams, hash }: URL, outcome: Answer): Promise<Intent> {
    const secret = searchParams.get("key") ?? "";
    const form = { client_secret: hash.slice(1), outcome };
    return this.#ask(`/v1/challenges/${id}`, form, {
      kind: "answer",
      merchant: { ...this.#merchant, secret },
    });
  }

  async #ask(
    path: string,
    form: Entry["form"],
    by: Pick<Entry, "kind" | "merchant"> = { kind: "intent", merchant: this.#merchant },
  ): Promise<Intent> {
    const { client, run } = this.#stage;
    const key = `intent-${++keys}-${run}`;
    const entry = client.enter({ ...by, key, path, form });
    if (this.#random() < HANGS_UP_SHARE) await client.once(entry, this.#random() * HANGS_UP_MS_MAX);
    const twins = this.#random() < TWINS_SHARE ? 2 : 1;
    const [told] = await Promise.all(Array.from({ length: twins }, () => client.untilTold(entry)));
    return intentIn(entry, told);
  }
}

/** The intent that an answer tells of, also one that was refused. */
export function intentIn({ key, path }: Entry, told: Told | undefined): Intent {
  const { error, ...intent } = JSON.parse(told?.body ?? "{}") as Partial<Intent> & {
    error?: { payment_intent?: Intent; setup_intent?: Intent };
  };
  const found = error?.payment_intent ?? error?.setup_intent ?? intent;
  if (found.id === undefined) throw new Error(`${key} ${path}: ${told?.status} ${told?.body}`);
  return found as Intent;
}

/** One answer that is definite; reads are asked as long as there is patience. */
export async function read<T>(client: Client, path: string, { secret }: Merchant): Promise<T> {
  while (client.isPatient) {
    const answer = await client.call("GET", path, secret);
    if (answer?.status === 200) return JSON.parse(answer.body) as T;
    await sleep(RETRY_MS);
  }
  throw new Error(`${path} cannot be read`);
}
