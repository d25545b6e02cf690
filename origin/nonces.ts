// Marks of the signed requests seen lately, so that a captured one cannot be sent again while its
// time is good. They are kept per isolate: a replay at another isolate meets the unique keys instead.

import { SKEW_SECONDS_MAX } from "../protocol/signature.ts";

// A mark outlives the window on both sides of the clock.
const KEEP_MS = 2 * SKEW_SECONDS_MAX * 1000;

export class Nonces {
  #young = new Set<string>();
  #old = new Set<string>();
  #turnedAtMs = 0;

  /** True the first time a nonce is seen within the window. */
  admit(nonce: string, nowMs: number): boolean {
    if (nowMs - this.#turnedAtMs > KEEP_MS) {
      this.#old = this.#young;
      this.#young = new Set();
      this.#turnedAtMs = nowMs;
    }
    if (this.#young.has(nonce) || this.#old.has(nonce)) return false;
    this.#young.add(nonce);
    return true;
  }
}
