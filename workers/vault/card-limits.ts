// The vault's side of the card testing guard: it alone sees numbers, so it alone can say of which BIN a
// card is and whether it was seen at another merchant. What leaves here is the BIN, an HMAC under a key
// of the day, and one of 32 marks for the account; never with an account, a token or an answer.

import {
  type CardLimiter,
  type CardMark,
  type CardWord,
  MARKS,
} from "../../durable-objects/card-limiter.ts";
import type { Scope } from "../../protocol/command.ts";
import { slotOf } from "../../protocol/slot.ts";
import { toBase64url } from "./base64url.ts";
import { binOf } from "./bin.ts";

/** Objects that share the BINs. */
const LIMITERS = 64;
/** A limiter that is slower or down stops nobody from selling. */
const ANSWER_MS_MAX = 300;
const DAY_MS = 86_400_000;

const encoder = new TextEncoder();

let dayKey: { readonly name: string; readonly key: Promise<CryptoKey> } | undefined;

/** What was said of a number; `digits` never leaves the vault. */
export type Word = { readonly digits: string; readonly approved: boolean };

export class CardLimits {
  readonly #limiters: DurableObjectNamespace<CardLimiter>;
  readonly #roots: string;

  constructor(limiters: DurableObjectNamespace<CardLimiter>, fingerprintRoots: string) {
    this.#limiters = limiters;
    this.#roots = fingerprintRoots;
  }

  /** Whether a token may be made of a card now; yes when nobody can tell. Never rejects. */
  async admits(digits: string, scope: Scope, proven: boolean): Promise<boolean> {
    try {
      const card = await this.#markOf(digits);
      const mark = slotOf(scope.account) % MARKS;
      const late = scheduler.wait(ANSWER_MS_MAX).then(() => true);
      return await Promise.race([this.#limiterOf(card).admits(card, mark, proven), late]);
    } catch (error) {
      console.error("card limiter cut off", error instanceof Error ? error.name : typeof error);
      return true;
    }
  }

  /** Tells the limiters what the processor said, in one call for each of them. Never rejects. */
  async hear(words: readonly Word[]): Promise<void> {
    try {
      const marked = await Promise.all(
        words.map(async ({ digits, approved }) => ({ ...(await this.#markOf(digits)), approved })),
      );
      const byLimiter = Map.groupBy(marked, limiterName);
      await Promise.all(
        [...byLimiter].map(([name, some]: [string, CardWord[]]) =>
          this.#limiters.getByName(name).heard(some),
        ),
      );
    } catch (error) {
      console.error("card limiter cut off", error instanceof Error ? error.name : typeof error);
    }
  }

  #limiterOf(card: CardMark) {
    return this.#limiters.getByName(limiterName(card));
  }

  async #markOf(digits: string): Promise<CardMark> {
    const mac = await crypto.subtle.sign("HMAC", await this.#dayKey(), encoder.encode(digits));
    return { bin: binOf(digits), print: toBase64url(new Uint8Array(mac, 0, 12)) };
  }

  // Derived anew each day (UTC), so what was counted yesterday names nobody today.
  #dayKey(): Promise<CryptoKey> {
    const day = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS).toISOString().slice(0, 10);
    const name = `${day}/${this.#roots}`;
    if (dayKey?.name !== name) dayKey = { name, key: deriveDayKey(this.#roots, day) };
    return dayKey.key;
  }
}

// All BINs that share six digits lie together: eight are six and two more.
const limiterName = ({ bin }: CardMark): string => `limiter-${Number(bin.slice(0, 6)) % LIMITERS}`;

/**
 * HKDF-SHA-256 (RFC 5869) of the fingerprint roots as they are set, apart from the accounts' keys by its info.
 * Another setting is another key: what was counted before is forgotten.
 */
async function deriveDayKey(roots: string, day: string): Promise<CryptoKey> {
  return crypto.subtle.deriveKey(
    {
      name: "HKDF",
      hash: "SHA-256",
      salt: encoder.encode("tessera"),
      info: encoder.encode(`velocity/1/${day}`),
    },
    await crypto.subtle.importKey("raw", encoder.encode(roots), "HKDF", false, ["deriveKey"]),
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign"],
  );
}
