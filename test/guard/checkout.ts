// The way of a card through Tessera as the guard sees it: token, charge, answer. The guard's code is the
// real one; the edge, the vault and the processor are the three lines of each that matter to it.

import type { AccountId, TokenId } from "../../protocol/ids.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { Dice } from "../sim/chance.ts";
import type { Agenda } from "./agenda.ts";
import type { Subject } from "./subject.ts";

/** How a card comes in: with a publishable key, with a secret key, or attached to a customer first. */
export type Way = "browser" | "server" | "customer";

export type Card = {
  readonly print: string;
  readonly bin: string;
  /** Ground truth: what the issuer says to it. */
  readonly isGood: boolean;
};

export type Attempt = {
  readonly shop: string;
  readonly card: Card;
  readonly way: Way;
  readonly network: string;
  /** Network of the server that charges. */
  readonly caller: string;
  readonly proven: boolean;
  /** From the token to the charge. */
  readonly thinksMs: number;
  /** The same request again, as an SDK does whose answer was lost. */
  readonly retries: number;
  readonly isCharged: boolean;
};

/** How an attempt ended; `left` without a charge. */
export type Ended = "blocked" | "approved" | "declined" | "left";

export type Heard = {
  readonly token: () => void;
  readonly asked: () => void;
  readonly ended: (how: Ended) => void;
};

/** An issuer's answer takes this long, ms. */
const ISSUER_MS = [250, 1200] as const;

export class Checkout {
  readonly #agenda: Agenda;
  readonly #guard;
  readonly #velocity;
  readonly #marks: number;
  readonly #issuer: Dice;
  #tokens = 0;

  constructor(agenda: Agenda, subject: Subject, issuer: Dice) {
    this.#agenda = agenda;
    this.#guard = new subject.guard.CardGuard();
    this.#velocity = new subject.velocity.CardVelocity();
    this.#marks = subject.velocity.MARKS;
    this.#issuer = issuer;
  }

  start(attempt: Attempt, heard: Heard): void {
    const { nowMs } = this.#agenda;
    const { shop, way, network, proven, card, thinksMs, isCharged } = attempt;
    const token = `tok_${++this.#tokens}` as TokenId;
    const said =
      way === "server"
        ? "stranger"
        : this.#guard.admitToken(shop, { network, proven }, token, nowMs);
    const mark = slotOf(shop as AccountId) % this.#marks;
    if (said === "blocked" || !this.#velocity.admits(card, mark, said === "proven", nowMs)) {
      heard.ended("blocked");
      return;
    }
    heard.token();
    if (!isCharged) {
      heard.ended("left");
      return;
    }
    const number = this.#tokens;
    this.#agenda.after(thinksMs, () => this.#charge(attempt, token, number, heard));
  }

  #charge(attempt: Attempt, token: TokenId, number: number, heard: Heard): void {
    const { shop, card, way, retries, caller } = attempt;
    // Every account has its own fingerprint of a card.
    const fingerprint = `${shop}.${card.print}`;
    const customer = `cus_${number}`;
    if (way === "customer") this.#guard.attached(shop, customer, token, fingerprint);
    const whose = way === "customer" ? { customer } : { token, fingerprint };
    const judged = this.#guard.judge(
      { name: shop, key: `k${number}`, caller, ...whose },
      this.#agenda.nowMs,
    );
    if (judged === "blocked") {
      heard.ended("blocked");
      return;
    }
    heard.asked();
    this.#agenda.after(this.#issuer.whole(...ISSUER_MS), () => {
      const { nowMs } = this.#agenda;
      this.#guard.settle(judged, card.isGood, nowMs);
      this.#velocity.heard(card, card.isGood, nowMs);
      heard.ended(card.isGood ? "approved" : "declined");
      // The answer was lost, and the same key must not be refused now: it was asked.
      for (let again = 0; again < retries; again++) {
        const late = this.#guard.judge({ name: shop, key: `k${number}`, caller, ...whose }, nowMs);
        if (late === "blocked") heard.ended("blocked");
        else this.#guard.settle(late, undefined, nowMs);
      }
    });
  }
}
