// Counts cards across accounts, one object for a share of the BINs: a card's fingerprint belongs to its
// BIN, so one question answers for both. All of it is in memory; a new object has seen nothing yet.

import { DurableObject } from "cloudflare:workers";
import { type CardMark, CardVelocity } from "./card-velocity.ts";

export { type CardMark, MARKS } from "./card-velocity.ts";

/** What the processor said of a card. */
export type CardWord = CardMark & { readonly approved: boolean };

export class CardLimiter extends DurableObject {
  readonly #velocity = new CardVelocity();

  /** Whether a token may be made of a card now; `mark` stands for the account, one of `MARKS`. */
  admits(card: CardMark, mark: number, proven: boolean): boolean {
    return this.#velocity.admits(card, mark, proven, Date.now());
  }

  /** What became of cards that were asked about. */
  heard(words: readonly CardWord[]): void {
    const nowMs = Date.now();
    for (const { approved, ...card } of words) this.#velocity.heard(card, approved, nowMs);
  }
}
