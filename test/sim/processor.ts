// The vault and the processor behind it, as the shard meets them: cards in a box, a book that keeps every
// answer under its key, and between the two a network. The vault's patience is the real one's: eight
// seconds for an answer, three questions in all, and a look-up by key in between.

import type { Scope } from "../../protocol/command.ts";
import type { CardSummary, Decline, Outcome } from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import { mintTokenId, type TokenId } from "../../protocol/ids.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { Effect, Order } from "../../protocol/vault.ts";
import type { World } from "./world.ts";

const ANSWER_MS_MAX = 8_000;
const TRIES_MAX = 3;
const RETRY_PAUSE_MS = 200;
/**
 * A card that is forgotten may be in somebody's hand still, who asks with it again; until so long after, no
 * charge of it is declined (as in durable-objects/card-box.ts).
 */
const IN_HAND_MS_MAX = 120_000;
/** Money of an amount that this divides is there at once. */
const INSTANT_STEP = 7;
/** One in so many captures, refunds, voids and increments is declined, by its key. */
const DECLINED_ONE_IN = 12;

export type CardSort = "good" | "declined" | "slow";
export type KeptCard = {
  readonly token: TokenId;
  readonly card: CardSummary;
  readonly sort: CardSort;
};

/** What the processor did under a key; its answer for ever. */
export type Booked = {
  readonly order: Order;
  readonly effect: Exclude<Effect, { kind: "unknown" }>;
};

type Authorization = {
  amount: number;
  captured: number;
  refunded: number;
  voided: boolean;
};

/** The processor. It does whatever it is asked, even what a real one would refuse, so that the books show it. */
class Processor {
  readonly book = new Map<string, Booked>();
  readonly authorizations = new Map<string, Authorization>();
  readonly #inProgress = new Map<string, number>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** `undefined` is an error that says nothing, or silence until the asker's patience ends. */
  ask(order: Order, sort: CardSort, answer: (effect: Effect | undefined) => void): void {
    const { weather, timeline, dice } = this.#world;
    const once = onceWithin(this.#world, ANSWER_MS_MAX, answer);
    if (weather.strikes("question lost")) return;
    timeline.after(dice.whole(2, 20), () => this.#take(order, sort, once));
    if (weather.strikes("question doubled")) {
      timeline.after(dice.whole(5, 4_000), () => this.#take(order, sort, () => {}));
    }
  }

  /** What was done under a key: null when nothing was, undefined when that cannot be told. */
  recall(key: string, answer: (booked: Booked | null | undefined) => void): void {
    const { weather, timeline, dice } = this.#world;
    const once = onceWithin(this.#world, ANSWER_MS_MAX, answer);
    if (weather.strikes("question lost")) return;
    timeline.after(dice.whole(4, 40), () => {
      const booked = this.book.get(key);
      if (booked !== undefined) once(booked);
      else once(this.#inProgress.has(key) ? undefined : null);
    });
  }

  #take(order: Order, sort: CardSort, answer: (effect: Effect | undefined) => void): void {
    const { weather, timeline, dice } = this.#world;
    if (weather.strikes("processor fails before")) {
      answer(undefined);
      return;
    }
    const slow = sort === "slow" || weather.strikes("card slow");
    const { key } = order;
    this.#inProgress.set(key, (this.#inProgress.get(key) ?? 0) + 1);
    timeline.after(slow ? dice.whole(1_500, 14_000) : dice.whole(5, 60), () => {
      const left = (this.#inProgress.get(key) ?? 1) - 1;
      if (left === 0) this.#inProgress.delete(key);
      else this.#inProgress.set(key, left);
      const { effect } = this.#once(order, sort);
      if (weather.strikes("processor fails after")) answer(undefined);
      else if (!weather.strikes("processor silent after")) {
        timeline.after(dice.whole(2, 20), () => answer(effect));
      }
    });
  }

  #once(order: Order, sort: CardSort): Booked {
    const known = this.book.get(order.key);
    if (known !== undefined) {
      this.#world.oracle.orderRepeated(known.order, order);
      return known;
    }
    const booked = { order, effect: this.#execute(order, sort) };
    this.book.set(order.key, booked);
    this.#world.tell("processor", () => `books ${order.verb} ${order.key}: ${booked.effect.kind}`);
    this.#world.oracle.booked(booked);
    return booked;
  }

  #execute(order: Order, sort: CardSort): Booked["effect"] {
    if (order.verb === "authorize") {
      const card = { funding: "credit", country: "US" };
      if (sort === "declined") return { kind: "declined", ref: null, outcome: DECLINED, card };
      const ref = `auth_${this.authorizations.size + 1}`;
      const captured = order.capture ? order.amount : 0;
      const { amount } = order;
      this.authorizations.set(ref, { amount, captured, refunded: 0, voided: false });
      const now = order.amount % INSTANT_STEP === 0 ? ({ available_now: true } as const) : {};
      return { kind: "approved", ref, outcome: APPROVED, card, ...now };
    }
    const authorization = this.authorizations.get(order.authorization);
    if (authorization === undefined || isDeclined(order.key)) {
      const why = order.verb === "increment" ? { decline: NO_MORE } : {};
      return { kind: "declined", ref: null, ...why };
    }
    if (order.verb === "increment") authorization.amount += order.amount;
    else if (order.verb === "capture") authorization.captured += order.amount;
    else if (order.verb === "refund") authorization.refunded += order.amount;
    this.#world.oracle.moneyMoved(order, authorization);
    if (order.verb === "void") authorization.voided = true;
    return { kind: "approved", ref: `${order.verb}_${this.book.size + 1}` };
  }
}

export class Vault {
  readonly processor: Processor;
  readonly #cards = new Map<string, KeptCard>();
  readonly #forgottenMs = new Map<string, number>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.processor = new Processor(world);
  }

  /** Seals a card; the edge asks this of it, and nothing fails there. */
  tokenize(scope: Scope, sort: CardSort): KeptCard {
    const { dice } = this.#world;
    const token = mintTokenId((length) => dice.bytes(length));
    const kept = { token, card: { ...CARD, fingerprint: sort }, sort };
    this.#cards.set(nameOf(scope, token), kept);
    return kept;
  }

  describe(scope: Scope, text: string, answer: (card: Result<KeptCard, Failure>) => void): void {
    const { weather, timeline, dice } = this.#world;
    if (weather.strikes("vault unreachable")) {
      timeline.after(dice.whole(1, 10_000), () => answer(refuse(UNREACHABLE)));
      return;
    }
    timeline.after(dice.whole(3, 30), () => {
      const alias = ALIASES[text];
      const card =
        alias === undefined ? this.#cards.get(nameOf(scope, text)) : this.tokenize(scope, alias);
      if (card === undefined) this.#world.oracle.tokenMissing(text);
      answer(card === undefined ? refuse(missing(text)) : ok(card));
    });
  }

  forget(scope: Scope, tokens: readonly TokenId[]): void {
    const { weather, timeline, dice } = this.#world;
    if (weather.strikes("vault unreachable")) return;
    timeline.after(dice.whole(3, 2_000), () => {
      for (const token of tokens) {
        this.#cards.delete(nameOf(scope, token));
        this.#forgottenMs.set(nameOf(scope, token), timeline.nowMs);
      }
    });
  }

  /** Tells of each order as it is known, then of the end; those not told of are unknown. */
  perform(
    orders: readonly Order[],
    line: (key: string, effect: Effect) => void,
    end: () => void,
  ): void {
    const { weather, timeline, dice } = this.#world;
    if (weather.strikes("vault unreachable")) {
      timeline.after(dice.whole(1, 3_000), end);
      return;
    }
    const call = { isHeard: true, isRunning: true };
    let open = orders.length;
    const finish = () => {
      if (call.isHeard) end();
      call.isHeard = false;
    };
    if (weather.strikes("vault cut off")) {
      // The connection alone, or the vault with it.
      const dies = dice.chance(0.5);
      timeline.after(dice.whole(0, 6_000), () => {
        if (dies) call.isRunning = false;
        finish();
      });
    }
    for (const order of orders) {
      timeline.after(dice.whole(2, 15), () => {
        this.#perform(order, call, (effect) => {
          const delayMs = weather.strikes("line slow") ? dice.whole(100, 9_000) : dice.whole(1, 10);
          timeline.after(delayMs, () => {
            if (!call.isHeard) return;
            line(order.key, effect);
            if (weather.strikes("line doubled")) {
              timeline.after(dice.whole(0, 300), () => line(order.key, effect));
            }
            if (--open === 0) finish();
          });
        });
      });
    }
  }

  #perform(order: Order, call: { isRunning: boolean }, done: (effect: Effect) => void): void {
    const { processor } = this;
    if (order.verb !== "authorize") {
      this.#settle(order, "good", call, 1, done);
      return;
    }
    const card = this.#cards.get(nameOf(order, order.token));
    if (card !== undefined) {
      this.#settle(order, card.sort, call, 1, done);
      return;
    }
    // The question may have been asked before the card was forgotten; then the answer stands.
    const forgottenMs = this.#forgottenMs.get(nameOf(order, order.token)) ?? 0;
    const isInHand = this.#world.timeline.nowMs < forgottenMs + IN_HAND_MS_MAX;
    processor.recall(order.key, (booked) => {
      const isGone = booked === null && !isInHand;
      if (isGone) this.#world.oracle.cardGone(order.key);
      done(isGone ? GONE : (booked?.effect ?? { kind: "unknown" }));
    });
  }

  #settle(
    order: Order,
    sort: CardSort,
    call: { isRunning: boolean },
    tried: number,
    done: (effect: Effect) => void,
  ): void {
    const { timeline } = this.#world;
    this.processor.ask(order, sort, (effect) => {
      if (!call.isRunning) return;
      if (effect !== undefined) {
        done(effect);
      } else if (tried === TRIES_MAX) {
        done({ kind: "unknown" });
      } else {
        timeline.after(RETRY_PAUSE_MS * (tried + 1), () => {
          if (!call.isRunning) return;
          this.processor.recall(order.key, (booked) => {
            if (!call.isRunning) return;
            if (booked) done(booked.effect);
            else this.#settle(order, sort, call, tried + 1, done);
          });
        });
      }
    });
  }
}

/** The first of two: an answer, or `undefined` when patience ends. */
function onceWithin<T>(world: World, ms: number, answer: (value: T | undefined) => void) {
  let isOver = false;
  const settle = (value: T | undefined): void => {
    if (isOver) return;
    isOver = true;
    answer(value);
  };
  world.timeline.after(ms, () => settle(undefined));
  return settle;
}

const nameOf = ({ account, livemode }: Scope, token: string): string =>
  `${account}/${livemode}/${token}`;

function isDeclined(key: string): boolean {
  let sum = 0;
  for (let i = 0; i < key.length; i++) sum = (sum * 31 + key.charCodeAt(i)) | 0;
  return Math.abs(sum) % DECLINED_ONE_IN === 0;
}

const CARD: CardSummary = {
  brand: "Visa",
  last4: "4242",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "",
  funding: "unknown",
  country: null,
};

/** Texts that stand for a card in test mode: each look-up makes a fresh token. */
const ALIASES: Readonly<Record<string, CardSort>> = { tok_visa: "good", tok_declined: "declined" };

const APPROVED: Outcome = {
  checks: { cvc: "pass", address_line1: null, address_zip: null },
  network_code: "00",
  risk_level: "normal",
};
const DECLINED: Outcome = {
  ...APPROVED,
  network_code: "51",
  decline: {
    code: "card_declined",
    decline_code: "insufficient_funds",
    message: "Your card has insufficient funds.",
  },
};
const NO_MORE: Decline = {
  code: "card_declined",
  decline_code: "insufficient_funds",
  message: "Your card has insufficient funds.",
  network_code: "51",
};
const GONE: Effect = {
  kind: "declined",
  ref: null,
  outcome: {
    ...APPROVED,
    network_code: "14",
    decline: { code: "card_declined", message: "The card behind this token is no longer there." },
  },
};

const UNREACHABLE: Failure = { kind: "unavailable", what: "The card vault cannot be reached." };
const missing = (id: string): Failure => ({
  kind: "resource_missing",
  object: "token",
  id,
  param: "source",
});
