// What merchants do all day, as sales of a few kinds: each a charge with a key of its own, and what may
// follow. What a sale does is drawn when it begins, so that a seed decides it and not the scheduler.

import { setTimeout as sleep } from "node:timers/promises";
import { generator } from "../ledger/region.ts";
import type { Client, Entry, Merchant, Told } from "./client.ts";

export type Shop = {
  readonly client: Client;
  readonly merchants: readonly Merchant[];
  readonly random: () => number;
  /** Ends every key of this run. */
  readonly run: string;
  /** What an answer said that a later look denies. */
  readonly denials: string[];
};

const AMOUNT_MIN = 100;
const AMOUNT_MAX = 20_000;
const REFUNDS_MAX = 5;
const TWINS_MAX = 4;
/** A client that hangs up does so in the middle of things. */
const GONE_MS_MAX = 250;
/** A refund may ask for all there is, or for a part that several cannot have. */
const WHOLE_SHARE = 0.15;
const PART_MAX = 0.6;
const RETRY_MS = 200;
/** Each sale draws from a source of its own, so that sales under way at once do not mix their draws. */
const SEEDS = 2 ** 32;
/** Clients that hang up and never come back, or only when all is over. */
const AWAY_SHARE = 0.08;
/** Told once, some ask again, some look, and some try the key for something else. */
const AGAIN_SHARE = 0.1;
const LOOK_SHARE = 0.15;
const MISUSE_SHARE = 0.03;

const KINDS = [
  [0.42, "plain"],
  [0.12, "twins"],
  [0.06, "declined"],
  [0.06, "typed"],
  [0.17, "held"],
  [0.17, "refunded"],
] as const;

let keys = 0;

/** Makes one sale, from its first request to the last definite answer. */
export async function sell(shop: Shop): Promise<void> {
  const random = generator(Math.floor(shop.random() * SEEDS));
  const upTo = (n: number): number => 1 + Math.floor(random() * n);
  const merchant = shop.merchants[Math.floor(random() * shop.merchants.length)] as Merchant;
  const amount = AMOUNT_MIN + upTo(AMOUNT_MAX - AMOUNT_MIN);
  const sale = new Sale(shop, merchant, amount, random);
  switch (drawn(random())) {
    case "plain":
      await sale.charge();
      break;
    case "twins":
      await sale.charge({ twins: 1 + upTo(TWINS_MAX - 1) });
      break;
    case "declined":
      await sale.charge({ source: "tok_chargeDeclined" });
      break;
    case "typed":
      await sale.charge({ source: await sale.token() });
      break;
    case "held":
      await sale.hold(upTo(amount), random());
      break;
    case "refunded":
      await sale.refund(
        Array.from({ length: 1 + upTo(REFUNDS_MAX - 1) }, () =>
          random() < WHOLE_SHARE ? undefined : upTo(PART_MAX * amount),
        ),
      );
  }
}

function drawn(draw: number): (typeof KINDS)[number][1] {
  let sum = 0;
  for (const [share, kind] of KINDS) {
    sum += share;
    if (draw < sum) return kind;
  }
  return "plain";
}

class Sale {
  readonly #shop: Shop;
  readonly #merchant: Merchant;
  readonly #amount: number;
  readonly #random: () => number;

  constructor(shop: Shop, merchant: Merchant, amount: number, random: () => number) {
    this.#shop = shop;
    this.#merchant = merchant;
    this.#amount = amount;
    this.#random = random;
  }

  /** A charge; its id when it was approved and its client was told. */
  async charge(
    how: { readonly source?: string; readonly capture?: boolean; readonly twins?: number } = {},
  ): Promise<string | undefined> {
    const { source = "tok_visa", capture = true, twins = 1 } = how;
    const form = {
      amount: String(this.#amount),
      currency: "usd",
      source,
      ...(capture ? {} : { capture: "false" }),
    };
    const entry = this.#enter("charge", "/v1/charges", form);
    const told = await this.#ask(entry, twins);
    if (told?.status !== 200) return undefined;
    const { id } = JSON.parse(told.body) as { id: string };
    // Nothing has been done to it yet, so what is shown is what was told.
    if (this.#random() < LOOK_SHARE) await this.#look(entry, id, told);
    if (this.#random() < MISUSE_SHARE) await this.#misuse(entry);
    return id;
  }

  /** A token for typed card fields. */
  async token(): Promise<string> {
    const form = {
      "card[number]": "4242424242424242",
      "card[exp_month]": "12",
      "card[exp_year]": "2034",
      "card[cvc]": "123",
    };
    while (this.#shop.client.isPatient) {
      const { publishable } = this.#merchant;
      const answer = await this.#shop.client.call("POST", "/v1/tokens", publishable, { form });
      if (answer?.status === 200) return (JSON.parse(answer.body) as { id: string }).id;
      await sleep(RETRY_MS);
    }
    throw new Error("No token was made, long after all faults had stopped");
  }

  /** An authorization that is captured, released, fought for, or left. */
  async hold(part: number, draw: number): Promise<void> {
    const id = await this.charge({ capture: false });
    if (id === undefined || draw > 0.9) return;
    const capture = (amount?: number) => this.#operate("capture", id, amount);
    const release = () => this.#operate("refund", id);
    if (draw < 0.3) await capture();
    else if (draw < 0.5) await capture(part);
    else if (draw < 0.65) await release();
    else await Promise.all([capture(), release(), capture(part)]);
  }

  /** Refunds that race each other; all of them may ask for more than there is. */
  async refund(parts: readonly (number | undefined)[]): Promise<void> {
    const id = await this.charge();
    if (id === undefined) return;
    await Promise.all(parts.map((amount) => this.#operate("refund", id, amount)));
  }

  async #operate(kind: "capture" | "refund", charge: string, amount?: number): Promise<void> {
    const path = kind === "capture" ? `/v1/charges/${charge}/capture` : "/v1/refunds";
    const form = {
      ...(kind === "capture" ? {} : { charge }),
      ...(amount === undefined ? {} : { amount: String(amount) }),
    };
    await this.#ask(this.#enter(kind, path, form, charge));
  }

  #enter(kind: Entry["kind"], path: string, form: Entry["form"], charge?: string): Entry {
    const key = `${kind}-${++keys}-${this.#shop.run}`;
    const merchant = this.#merchant;
    const of = charge === undefined ? {} : { charge };
    return this.#shop.client.enter({ key, merchant, kind, path, form, ...of });
  }

  /** The definite answer, unless the client went away; `twins` ask with the same key at once. */
  async #ask(entry: Entry, twins = 1): Promise<Told | undefined> {
    const { client } = this.#shop;
    const [away, gone, again] = [this.#random(), this.#random(), this.#random()];
    if (away < AWAY_SHARE && twins === 1) {
      entry.away = true;
      await client.once(entry, gone * GONE_MS_MAX);
      return undefined;
    }
    const asking = Array.from({ length: twins }, () => client.untilTold(entry));
    const [told] = await Promise.all(asking);
    if (again < AGAIN_SHARE) await client.once(entry);
    return told;
  }

  async #look(entry: Entry, id: string, told: Told): Promise<void> {
    const { client, denials } = this.#shop;
    const { secret } = this.#merchant;
    const seen = await client.call("GET", `/v1/charges/${id}`, secret);
    if (seen === undefined || !seen.definite) return;
    if (seen.status !== 200 || seen.body !== told.body) {
      denials.push(
        `${entry.key}: told ${id}, then shown ${seen.status} ${seen.body.slice(0, 300)}`,
      );
    }
  }

  /** The same key for another amount: refused, and nothing is changed by it. */
  async #misuse(entry: Entry): Promise<void> {
    const { client, denials } = this.#shop;
    const form = { ...entry.form, amount: String(this.#amount + 1) };
    const { secret } = this.#merchant;
    const answer = await client.call("POST", entry.path, secret, { form, key: entry.key });
    if (answer === undefined || !answer.definite) return;
    if (answer.status !== 400 || !answer.body.includes("idempotency_error")) {
      denials.push(`${entry.key}: used for another amount, answered ${answer.status}`);
    }
  }
}
