// Where the keys that wrap other keys come from. An account's keys never leave as bytes: they are
// non-extractable and used inside this isolate, so a card costs its provider nothing.

import type { KeyPurpose } from "../../protocol/keys.ts";
import type { Result } from "../../protocol/result.ts";

/** Versions of one account's keys for one purpose. */
export type KeyRing = {
  /** What new cards are sealed under. */
  readonly current: number;
  /** The oldest that still opens; the fingerprint of a card not seen before is made with it. */
  readonly oldest: number;
};

/**
 * Why there is no key. Only `no_such_key` is for good: the version was never there, is below the minimum, or
 * was destroyed. After all others the same question may be answered later.
 */
export type KeyFailure =
  | { readonly kind: "no_such_key" }
  /** The key server is sealed (503). */
  | { readonly kind: "sealed" }
  /** It refuses us, also with a fresh token (403). */
  | { readonly kind: "forbidden" }
  /** It knows no such path (404): a wrong mount or namespace. */
  | { readonly kind: "not_found" }
  /** It does not answer, answers 5xx or 429, or was not asked because it lately did not. */
  | { readonly kind: "unreachable" }
  /** Live cards are not sealed with development keys. */
  | { readonly kind: "live_refused" }
  /** A change that this provider takes by its configuration. */
  | { readonly kind: "by_configuration" };

export type KeyResult<T> = Promise<Result<T, KeyFailure>>;

/** Keys of accounts, by purpose and version. AES-256-GCM for cards, HMAC-SHA-256 for fingerprints. */
export interface KeyProvider {
  readonly name: "local" | "secret" | "transit";
  /** Whether live cards may be sealed with these keys. */
  readonly holdsLive: boolean;
  /** The versions of an account; makes its first key where it has none. */
  ring(account: string, purpose: KeyPurpose): KeyResult<KeyRing>;
  key(account: string, purpose: KeyPurpose, version: number): KeyResult<CryptoKey>;
  /** Makes a new version, current from now on. */
  rotate(account: string, purpose: KeyPurpose): KeyResult<KeyRing>;
  /** Has every version below the current one refused; answers how many. */
  raise(account: string, purpose: KeyPurpose): KeyResult<number>;
  /** Destroys refused versions that no card needs; answers how many. */
  retire(account: string, purpose: KeyPurpose): KeyResult<number>;
  /** Destroys all keys of an account, so that no copy of its cards opens again. */
  destroy(account: string): KeyResult<number>;
  /** Drops what is remembered of an account's versions, so that the next question is asked anew. */
  forgetRing(account: string, purpose: KeyPurpose): void;
}

/** How the bytes of an account's key become a key that cannot be taken out again. */
export const KEY_USE = {
  card: { algorithm: { name: "AES-GCM", length: 256 }, usages: ["encrypt", "decrypt"] },
  fingerprint: { algorithm: { name: "HMAC", hash: "SHA-256", length: 256 }, usages: ["sign"] },
} as const satisfies Record<KeyPurpose, { algorithm: object; usages: readonly string[] }>;
