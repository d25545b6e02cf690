// Account keys derived from roots that are held as Workers secrets (HKDF-SHA-256, RFC 5869). All accounts
// share the roots, so one account's keys cannot be destroyed alone; see docs/storage.md.

import type { KeyPurpose } from "../../protocol/keys.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { fromBase64url } from "./base64url.ts";
import {
  KEY_USE,
  type KeyFailure,
  type KeyProvider,
  type KeyResult,
  type KeyRing,
} from "./key-provider.ts";

const ROOT_BYTES = 32;
/** Keys kept at once; deriving one again costs two HMACs. */
const DERIVED_MAX = 8192;

type Roots = {
  /** Made once: it is asked for with each card. */
  readonly ring: KeyResult<KeyRing>;
  readonly byVersion: ReadonlyMap<number, Promise<CryptoKey>>;
};

/** The lowest versions that are still used. */
export type Minimum = Readonly<Record<KeyPurpose, number>>;

/**
 * `cardRoots` and `fingerprintRoots` are `<version>:<32 bytes in base64url>`, several with commas between
 * them, the current one first; a root alone, without a version, is version 1.
 */
export class SecretKeyProvider implements KeyProvider {
  readonly name: "local" | "secret" = "secret";
  readonly holdsLive: boolean = true;
  readonly #roots: Readonly<Record<KeyPurpose, Roots>>;
  readonly #derived = new Map<string, KeyResult<CryptoKey>>();

  constructor(
    cardRoots: string,
    fingerprintRoots: string,
    minimum: Minimum = { card: 1, fingerprint: 1 },
  ) {
    this.#roots = {
      card: parseRoots(cardRoots, minimum.card),
      fingerprint: parseRoots(fingerprintRoots, minimum.fingerprint),
    };
  }

  ring(_account: string, purpose: KeyPurpose): KeyResult<KeyRing> {
    return this.#roots[purpose].ring;
  }

  key(account: string, purpose: KeyPurpose, version: number): KeyResult<CryptoKey> {
    const info = `${purpose}/${version}/${account}`;
    const known = this.#derived.get(info);
    if (known !== undefined) return known;
    const root = this.#roots[purpose].byVersion.get(version);
    if (root === undefined) return Promise.resolve(refuse({ kind: "no_such_key" }));
    if (this.#derived.size >= DERIVED_MAX) this.#derived.clear();
    const derived = derive(root, info, purpose);
    this.#derived.set(info, derived);
    return derived;
  }

  rotate = byConfiguration<KeyRing>;
  raise = byConfiguration<number>;
  retire = byConfiguration<number>;
  destroy = byConfiguration<number>;
  forgetRing(): void {}
}

async function byConfiguration<T>(): Promise<Result<T, KeyFailure>> {
  return refuse({ kind: "by_configuration" });
}

async function derive(
  root: Promise<CryptoKey>,
  info: string,
  purpose: KeyPurpose,
): KeyResult<CryptoKey> {
  const encoder = new TextEncoder();
  const how = {
    name: "HKDF",
    hash: "SHA-256",
    salt: encoder.encode("tessera"),
    info: encoder.encode(info),
  };
  const { algorithm, usages } = KEY_USE[purpose];
  return ok(await crypto.subtle.deriveKey(how, await root, algorithm, false, [...usages]));
}

function parseRoots(text: string, minimum: number): Roots {
  const roots = text.split(",").map((part) => {
    const [, version = "1", root = ""] = /^(?:([1-9][0-9]{0,5}):)?(.*)$/.exec(part.trim()) ?? [];
    return { version: Number(version), key: importRoot(root) };
  });
  const used = roots.filter(({ version }) => version >= minimum);
  const [current] = used;
  if (current === undefined || current.version !== roots[0]?.version) {
    throw new Error("The current root key must not be below the minimum version");
  }
  const versions = used.map(({ version }) => version);
  if (new Set(versions).size !== versions.length) throw new Error("A root key is there twice");
  return {
    ring: Promise.resolve(ok({ current: current.version, oldest: Math.min(...versions) })),
    byVersion: new Map(used.map(({ version, key }) => [version, key])),
  };
}

function importRoot(base64url: string): Promise<CryptoKey> {
  const bytes = fromBase64url(base64url);
  if (bytes?.length !== ROOT_BYTES) {
    throw new Error(`A root key must be ${ROOT_BYTES} bytes in base64url`);
  }
  return crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
}
