// The CVCs of cards that were just typed. They are in memory only, until their first use or for a quarter
// of an hour, and are never written, not even sealed: a Durable Object's storage keeps 30 days of history
// (PCI DSS 3.3.1).

/** How long an unused CVC is held in memory: long enough for a checkout, short enough to be lost. */
export const CVC_KEPT_MS_MAX = 15 * 60 * 1000;
/** CVCs held at once by one box, so that unused tokens cannot fill its memory (about 100 B each). */
export const CVC_HELD_MAX = 50_000;
/** The oldest go so many at once, or when the clock has moved on: a look at the front of a full map costs more each time. */
const DROPPED_AT_ONCE = 5_000;
const LOOKED_MS = 1_000;

export class CvcMemory {
  readonly #held = new Map<string, { readonly cvc: string; readonly untilMs: number }>();
  #lookedMs = 0;

  hold(owner: string, token: string, cvc: string): void {
    const now = Date.now();
    if (this.#held.size >= CVC_HELD_MAX) this.#drop(now, CVC_HELD_MAX - DROPPED_AT_ONCE);
    else if (now - this.#lookedMs >= LOOKED_MS) this.#drop(now, CVC_HELD_MAX);
    this.#held.set(`${owner}/${token}`, { cvc, untilMs: now + CVC_KEPT_MS_MAX });
  }

  /** Gives a CVC out once. */
  take(owner: string, token: string): string | undefined {
    const name = `${owner}/${token}`;
    const held = this.#held.get(name);
    this.#held.delete(name);
    return held !== undefined && held.untilMs > Date.now() ? held.cvc : undefined;
  }

  // Those whose time is over, and the oldest of the rest. A Map keeps the order of insertion, so they are at its front.
  #drop(now: number, left: number): void {
    this.#lookedMs = now;
    for (const [name, { untilMs }] of this.#held) {
      if (untilMs > now && this.#held.size <= left) return;
      this.#held.delete(name);
    }
  }
}
