// What is counted of a card across all accounts: how often the card is typed and at how many merchants,
// and how the cards of its BIN fare. Knows a card by an HMAC under a key of the day and an account by one
// of 32 marks, so nothing here says who paid whom. Pure, in memory only.

import { type Allowance, type AllowanceLimit, earn, newAllowance, spend } from "./allowance.ts";
import { type Breaker, hear, newBreaker, phaseOf } from "./decline-breaker.ts";
import { Generations } from "./generations.ts";

/** Sliding window of what is counted of one card: two buckets, the older one by its share. */
const WINDOW_MS = 60 * 60_000;
/** Tokens of one card in an hour. A company's card in a busy office has some twenty. */
export const CARD_TOKENS_MAX = 60;
/** Merchants at which one card is typed in an hour; few shop at more than five. */
export const CARD_MERCHANTS_MAX = 8;
/**
 * Tokens of one BIN. A BIN that sells earns more than it spends; one whose numbers are being guessed
 * earns nothing.
 */
export const BIN_LIMIT: AllowanceLimit = { burst: 300, perSecond: 0.1, earned: 2, most: 20_000 };
/** A big bank's BIN is in every list, so one attacked merchant must not close it for all others. */
const BIN_USUAL_MIN = 0.4;
/** While it is tried whether a BIN is still being guessed: one stranger in so long. */
const TRIED_EVERY_MS = 10_000;
/** Entries of one generation; 200 bytes each at most. */
const CARDS_MAX = 50_000;
const BINS_MAX = 5_000;
const APPROVED_MAX = 50_000;
/** Accounts are told apart by this many marks: enough to count to eight, too few to name one. */
export const MARKS = 32;

/** A card as it is named here. */
export type CardMark = {
  /** First eight digits, or six of a number too short to show eight (ISO/IEC 7812-1). */
  readonly bin: string;
  /** HMAC of the number under the key of the day. */
  readonly print: string;
};

type Counted = {
  startMs: number;
  tokens: number;
  tokensBefore: number;
  /** One bit for each mark of an account. */
  merchants: number;
  merchantsBefore: number;
};

type Bin = { readonly allowance: Allowance; readonly breaker: Breaker; triedMs: number };

export class CardVelocity {
  readonly #cards = new Generations<Counted>(CARDS_MAX);
  readonly #bins = new Generations<Bin>(BINS_MAX);
  readonly #approved = new Generations<true>(APPROVED_MAX);

  /**
   * Whether a token may be made of a card now; `mark` is the account's, below `MARKS`. For a `proven` buyer it
   * does not matter that others guess numbers of his BIN.
   */
  admits({ bin, print }: CardMark, mark: number, proven: boolean, nowMs: number): boolean {
    const counted = this.#countedOf(print, nowMs);
    counted.tokens++;
    counted.merchants |= 1 << mark;
    const past = 1 - (nowMs - counted.startMs) / WINDOW_MS;
    if (counted.tokens + counted.tokensBefore * past > CARD_TOKENS_MAX) return false;
    const lately = past > 0.5 ? counted.merchants | counted.merchantsBefore : counted.merchants;
    if (bitsOf(lately) > CARD_MERCHANTS_MAX) return false;
    if (this.#approved.get(print) === true) return true;
    const held = this.#binOf(bin, nowMs);
    return proven || (isTried(held, nowMs) && spend(held.allowance, BIN_LIMIT, nowMs));
  }

  /** The processor has spoken of a card. */
  heard({ bin, print }: CardMark, approved: boolean, nowMs: number): void {
    const held = this.#binOf(bin, nowMs);
    hear(held.breaker, approved, nowMs);
    if (!approved) return;
    earn(held.allowance, BIN_LIMIT);
    this.#approved.set(print, true);
  }

  #binOf(name: string, nowMs: number): Bin {
    const held = this.#bins.get(name);
    if (held !== undefined) return held;
    const fresh = {
      allowance: newAllowance(BIN_LIMIT, nowMs),
      breaker: newBreaker(BIN_USUAL_MIN),
      triedMs: Number.NEGATIVE_INFINITY,
    };
    this.#bins.set(name, fresh);
    return fresh;
  }

  #countedOf(print: string, nowMs: number): Counted {
    let counted = this.#cards.get(print);
    if (counted === undefined) {
      counted = { startMs: nowMs, tokens: 0, tokensBefore: 0, merchants: 0, merchantsBefore: 0 };
      this.#cards.set(print, counted);
    }
    const windows = Math.floor(Math.max(0, nowMs - counted.startMs) / WINDOW_MS);
    if (windows > 0) {
      counted.tokensBefore = windows === 1 ? counted.tokens : 0;
      counted.merchantsBefore = windows === 1 ? counted.merchants : 0;
      counted.tokens = 0;
      counted.merchants = 0;
      counted.startMs += windows * WINDOW_MS;
    }
    return counted;
  }
}

/** Whether strangers of a BIN are let through, if only one to see how they fare. */
function isTried(bin: Bin, nowMs: number): boolean {
  const phase = phaseOf(bin.breaker, nowMs);
  if (phase !== "trying") return phase === "closed";
  if (nowMs - bin.triedMs < TRIED_EVERY_MS) return false;
  bin.triedMs = nowMs;
  return true;
}

function bitsOf(marks: number): number {
  let bits = 0;
  for (let left = marks; left !== 0; left &= left - 1) bits++;
  return bits;
}
