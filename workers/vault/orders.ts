// How many orders are performed at once: the cards of a slot are taken from its box in one call, opened
// side by side, and everything is asked of the processor in one request. Whatever goes wrong with one
// order is that order's effect and nobody else's. No effect of a card is told before the audit log knows durably
// that the card was opened; until then its charge is open at the ledger, and asked for again.

import type { Scope } from "../../protocol/command.ts";
import type { CardSummary } from "../../protocol/facts.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { Effect, Order, Performed } from "../../protocol/vault.ts";
import { type CardInHand, Pan } from "./card.ts";
import { UNKNOWN } from "./effect.ts";
import type { KeyProvider } from "./key-provider.ts";
import { ownerOf } from "./owner.ts";
import type { Authorization, Processor, Question, Tell } from "./processor.ts";
import { unseal } from "./seal.ts";

type CardName = {
  readonly owner: string;
  readonly token: string;
  readonly order: string;
  readonly keepsCvc?: true;
};

type TakenCard = {
  readonly boxed: {
    readonly sealed: string;
    readonly version: number;
    readonly card: CardSummary;
  };
  readonly cvc: string | undefined;
};

type Taken = TakenCard | "forgotten_lately" | undefined;

export type Means = {
  /**
   * Takes cards from the box of a slot, in the order of their names. `written` makes sure of the audit entry that
   * names them: it ends when that is durable. `isWritten`: that is known already.
   */
  readonly take: (
    slot: number,
    names: readonly CardName[],
  ) => Promise<{ readonly cards: readonly Taken[] } & Sure>;
  /** Writes into the audit log that a card which was taken did not open. */
  readonly tellUnopened: (slot: number, name: CardName, keyVersion: string) => Promise<void>;
  readonly keys: KeyProvider;
  readonly processor: Processor;
  /** Told what the processor said of a card, where somebody counts that. */
  readonly hear?: Hear;
};

type Sure = {
  readonly isWritten: () => boolean;
  readonly written: () => Promise<unknown>;
};

export type Hear = (
  of: { readonly order: Authorization; readonly card: CardInHand },
  approved: boolean,
) => void;

/**
 * A card that was forgotten or does not open, one whose earlier order may still be under way, or one that
 * could not be looked for.
 */
export type NoCard = "gone" | "forgotten_lately" | "out_of_reach";

/** Performs orders and tells the effect of each; orders with one key are one order. */
export async function perform(orders: readonly Order[], means: Means, tell: Tell): Promise<void> {
  const once = [...new Map(orders.map((order) => [order.key, order])).values()];
  const { cards, entries } = await openAll(
    once.filter((order) => order.verb === "authorize"),
    means,
  );
  const logged = new LoggedTell(entries, tell);
  const recall = async (key: string, otherwise: Effect) => {
    // The question may have been asked before the card was forgotten; then the answer stands.
    logged.tell({ key, effect: (await means.processor.recall(key)) ?? otherwise });
  };
  const questions: Question[] = [];
  const recalls: Promise<void>[] = [];
  for (const order of once) {
    const card = cards.get(order.key) ?? refuse("out_of_reach");
    if (order.verb !== "authorize") questions.push({ order });
    else if (card.ok) questions.push({ order, card: card.value });
    else if (card.failure === "gone") recalls.push(recall(order.key, GONE));
    // Whoever took the card before may be about to ask: declining now could contradict what he hears.
    else if (card.failure === "forgotten_lately") recalls.push(recall(order.key, UNKNOWN));
    else logged.tell({ key: order.key, effect: UNKNOWN });
  }
  const { hear } = means;
  const told = hear === undefined ? logged.tell : telling(questions, logged.tell, hear);
  await Promise.all([means.processor.perform(questions, told), ...recalls]);
  await logged.settled();
}

/** The audit entry of one take: the keys of its orders, and what makes sure of it. */
type Entry = { readonly keys: readonly string[] } & Sure;

/**
 * Holds each effect back until the entry of its card is durable. The box is asked when the first effect is known: by
 * then the entry has been written with others, unless the processor is very quick, and often an answer to somebody else
 * has said so. Where that cannot be had the effect is unknown: the order is asked again, takes its card again, and
 * writes its entry again.
 */
class LoggedTell {
  readonly #tell: Tell;
  /** The entries that are not known to be durable, by the keys of their orders. */
  readonly #entries = new Map<string, Entry>();
  /** What is held back of entries that are being made sure of. */
  readonly #held = new Map<Entry, Performed[]>();
  readonly #lost = new Set<string>();
  readonly #sure: Promise<void>[] = [];

  constructor(entries: readonly Entry[], tell: Tell) {
    this.#tell = tell;
    for (const entry of entries) for (const key of entry.keys) this.#entries.set(key, entry);
  }

  readonly tell: Tell = (performed) => {
    const entry = this.#entries.get(performed.key);
    if (entry === undefined || performed.effect.kind === "unknown") {
      this.#tell(this.#lost.has(performed.key) ? { ...performed, effect: UNKNOWN } : performed);
      return;
    }
    const held = this.#held.get(entry);
    if (held !== undefined) held.push(performed);
    else if (entry.isWritten()) this.#tell(performed);
    else {
      this.#held.set(entry, [performed]);
      this.#sure.push(this.#makeSure(entry));
    }
  };

  /** Ends when nothing is held back any more. */
  settled(): Promise<unknown> {
    return Promise.all(this.#sure);
  }

  async #makeSure(entry: Entry): Promise<void> {
    const isLost = await entry.written().then(
      () => false,
      () => true,
    );
    for (const key of entry.keys) {
      this.#entries.delete(key);
      if (isLost) this.#lost.add(key);
    }
    for (const performed of this.#held.get(entry) ?? []) this.tell(performed);
    this.#held.delete(entry);
  }
}

function telling(questions: readonly Question[], tell: Tell, hear: Hear): Tell {
  const asked = new Map(questions.map((question) => [question.order.key, question]));
  return (performed) => {
    tell(performed);
    const question = asked.get(performed.key);
    const { kind } = performed.effect;
    if (question === undefined || !("card" in question) || kind === "unknown") return;
    hear(question, kind === "approved");
  };
}

type Opened = Map<string, Result<CardInHand, NoCard>>;

/** The cards of these orders by their keys; what is missing could not be looked for. */
async function openAll(
  orders: readonly Authorization[],
  means: Means,
): Promise<{ readonly cards: Opened; readonly entries: readonly Entry[] }> {
  const opened: Opened = new Map();
  const entries: Entry[] = [];
  const bySlot = Map.groupBy(orders, ({ account }) => slotOf(account));
  await Promise.allSettled(
    [...bySlot].map(async ([slot, group]) => {
      const names = group.map((order) => ({
        owner: ownerOf(order),
        token: order.token,
        order: order.key,
      }));
      const { cards, isWritten, written } = await means.take(slot, names);
      entries.push({ keys: group.map(({ key }) => key), isWritten, written });
      await Promise.allSettled(
        group.map(async (order, i) => {
          opened.set(order.key, await open(order, cards[i], means));
        }),
      );
    }),
  );
  return { cards: opened, entries };
}

/** What a card is opened for. */
type Purpose = Scope & {
  readonly token: string;
  readonly key: string;
  readonly expiry?: { readonly month: number; readonly year: number };
};

/** One card to be asked about and not charged yet; the audit log knows of it before it is opened. */
export async function openToAsk(
  purpose: Purpose,
  means: Pick<Means, "take" | "tellUnopened" | "keys">,
): Promise<Result<CardInHand, NoCard>> {
  const { account, token, key: order } = purpose;
  const name = { owner: ownerOf(purpose), token, order, keepsCvc: true } as const;
  const { cards, written } = await means.take(slotOf(account), [name]);
  const isLogged = await written().then(
    () => true,
    () => false,
  );
  return isLogged ? open(purpose, cards[0], means) : refuse("out_of_reach");
}

async function open(
  order: Purpose,
  taken: Taken,
  means: Pick<Means, "tellUnopened" | "keys">,
): Promise<Result<CardInHand, NoCard>> {
  if (taken === undefined) return refuse("gone");
  if (taken === "forgotten_lately") return refuse("forgotten_lately");
  const { boxed, cvc } = taken;
  const digits = await unseal(boxed.sealed, order, means.keys);
  if (!digits.ok) {
    // A key that cannot be had now says nothing of the card: the order is asked again.
    if (digits.failure !== "does_not_open") return refuse("out_of_reach");
    const { account, token, key } = order;
    const name = { owner: ownerOf(order), token, order: key };
    await means.tellUnopened(slotOf(account), name, `${boxed.version}`);
    return refuse("gone");
  }
  const pan = Pan.parse(digits.value);
  assert(pan.ok, "only a checked card number is ever sealed");
  const { exp_month, exp_year } = boxed.card;
  const { month: expMonth, year: expYear } = order.expiry ?? { month: exp_month, year: exp_year };
  return ok({ pan: pan.value, expMonth, expYear, cvc, summary: boxed.card });
}

/** A card that was forgotten, or that does not open: the same decline for both. */
const GONE: Effect = {
  kind: "declined",
  ref: null,
  outcome: {
    checks: { cvc: null, address_line1: null, address_zip: null },
    network_code: "14",
    risk_level: "normal",
    decline: {
      code: "card_declined",
      decline_code: "invalid_account",
      message: "The card behind this token is no longer there.",
    },
  },
  card: {},
};
