// The account keys an isolate holds: not extractable, for a bounded time, of a bounded number of accounts.

import type { KeyPurpose } from "../../protocol/keys.ts";
import type { KeyRing } from "./key-provider.ts";

/** How long a key is used without asking again; so long a destroyed one may still open cards. */
export const KEY_CACHED_MS_MAX = 5 * 60_000;
/** Keys and rings held at once, about 200 B each: the oldest go first, and cost a round trip when needed. */
export const KEYS_CACHED_MAX = 8_192;

type Held = { readonly value: CryptoKey | KeyRing; readonly untilMs: number };

export class KeyCache {
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #now: () => number;
  #count = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  key(account: string, purpose: KeyPurpose, version: number): CryptoKey | undefined {
    return this.#get(account, `${purpose}/${version}`) as CryptoKey | undefined;
  }

  ring(account: string, purpose: KeyPurpose): KeyRing | undefined {
    return this.#get(account, purpose) as KeyRing | undefined;
  }

  keepKey(account: string, purpose: KeyPurpose, version: number, key: CryptoKey): void {
    this.#keep(account, `${purpose}/${version}`, key);
  }

  keepRing(account: string, purpose: KeyPurpose, ring: KeyRing): void {
    this.#keep(account, purpose, ring);
  }

  drop(account: string): void {
    this.#count -= this.#held.get(account)?.size ?? 0;
    this.#held.delete(account);
  }

  #get(account: string, name: string): CryptoKey | KeyRing | undefined {
    const held = this.#held.get(account)?.get(name);
    return held !== undefined && held.untilMs > this.#now() ? held.value : undefined;
  }

  #keep(account: string, name: string, value: CryptoKey | KeyRing): void {
    // A Map keeps the order of insertion, so the account that came first is at its front.
    for (const oldest of this.#held.keys()) {
      if (this.#count < KEYS_CACHED_MAX) break;
      this.drop(oldest);
    }
    const of = this.#held.get(account) ?? new Map<string, Held>();
    if (!of.has(name)) this.#count += 1;
    of.set(name, { value, untilMs: this.#now() + KEY_CACHED_MS_MAX });
    this.#held.set(account, of);
  }
}
