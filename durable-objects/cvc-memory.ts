// The CVCs of cards that were just typed. They are in memory only, until their first use or for a quarter
// of an hour, and are never written, not even sealed: a Durable Object's storage keeps 30 days of history
// (PCI DSS 3.3.1).

/** How long an unused CVC is held in memory: long enough for a checkout, short enough to be lost. */
export const CVC_KEPT_MS_MAX = 15 * 60 * 1000;
/** CVCs held at once by one box, so that unused tokens cannot fill its memory (about 100 B each). */
const CVC_HELD_MAX = 50_000;

export class CvcMemory {
  readonly #held = new Map<string, { readonly cvc: string; readonly untilMs: number }>();

  hold(owner: string, token: string, cvc: string): void {
    this.#dropStale();
    this.#held.set(`${owner}/${token}`, { cvc, untilMs: Date.now() + CVC_KEPT_MS_MAX });
  }

  /** Gives a CVC out once. */
  take(owner: string, token: string): string | undefined {
    const name = `${owner}/${token}`;
    const held = this.#held.get(name);
    this.#held.delete(name);
    return held !== undefined && held.untilMs > Date.now() ? held.cvc : undefined;
  }

  // A Map keeps the order of insertion, so the stale ones are at its front.
  #dropStale(): void {
    const now = Date.now();
    for (const [name, { untilMs }] of this.#held) {
      if (untilMs > now && this.#held.size < CVC_HELD_MAX) return;
      this.#held.delete(name);
    }
  }
}
