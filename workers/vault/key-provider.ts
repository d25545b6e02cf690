// Where the keys that wrap other keys come from. The account's card key never leaves as bytes: it is
// derived as a non-extractable key and used inside this isolate.

/** Keys of one account, by purpose and version. */
export interface KeyProvider {
  /** The version new cards are sealed under. */
  readonly version: number;
  /** AES-256-GCM key that wraps an account's data keys. */
  cardKey(account: string, version: number): Promise<CryptoKey>;
  /** HMAC-SHA-256 key of an account's card fingerprints (PCI DSS 3.5.1.1: keyed, whole PAN). */
  fingerprintKey(account: string): Promise<CryptoKey>;
}

/** Accounts whose derived keys are kept at once; deriving one again costs two HMACs. */
const CACHED_MAX = 4096;

/** Derives account keys from roots held as Workers secrets (HKDF-SHA-256, RFC 5869). */
export class SecretKeyProvider implements KeyProvider {
  readonly version = 1;
  readonly #cardRoot: Promise<CryptoKey>;
  readonly #fingerprintRoot: Promise<CryptoKey>;
  readonly #derived = new Map<string, Promise<CryptoKey>>();

  constructor(cardRoot: string, fingerprintRoot: string) {
    this.#cardRoot = importRoot(cardRoot);
    this.#fingerprintRoot = importRoot(fingerprintRoot);
  }

  cardKey(account: string, version: number): Promise<CryptoKey> {
    return this.#derive(this.#cardRoot, `card/${version}/${account}`, {
      algorithm: { name: "AES-GCM", length: 256 },
      usages: ["encrypt", "decrypt"],
    });
  }

  fingerprintKey(account: string): Promise<CryptoKey> {
    return this.#derive(this.#fingerprintRoot, `fingerprint/1/${account}`, {
      algorithm: { name: "HMAC", hash: "SHA-256", length: 256 },
      usages: ["sign"],
    });
  }

  #derive(
    root: Promise<CryptoKey>,
    info: string,
    as: {
      algorithm: { name: string; length: number; hash?: string };
      usages: ("encrypt" | "decrypt" | "sign")[];
    },
  ): Promise<CryptoKey> {
    const known = this.#derived.get(info);
    if (known !== undefined) return known;
    if (this.#derived.size >= CACHED_MAX) this.#derived.clear();
    const derived = root.then((key) =>
      crypto.subtle.deriveKey(
        {
          name: "HKDF",
          hash: "SHA-256",
          salt: new TextEncoder().encode("tessera"),
          info: new TextEncoder().encode(info),
        },
        key,
        as.algorithm,
        false,
        as.usages,
      ),
    );
    this.#derived.set(info, derived);
    return derived;
  }
}

function importRoot(base64url: string): Promise<CryptoKey> {
  const bytes = Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
    c.charCodeAt(0),
  );
  if (bytes.length !== 32) throw new Error("A root key must be 32 bytes in base64url");
  return crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
}
