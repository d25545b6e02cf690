// The key pairs that cards are sealed to (ECDH on P-256). Several stand side by side, so that a card
// sealed just before a change of keys still opens after it.

import type { SealingKey } from "../../protocol/vault.ts";

type PrivateJwk = {
  readonly kty: "EC";
  readonly crv: "P-256";
  readonly x: string;
  readonly y: string;
  readonly d: string;
  readonly kid: string;
};

export class SealingKeys {
  /** The public halves, the one to seal to first. */
  readonly published: readonly SealingKey[];
  readonly #private: ReadonlyMap<string, PrivateJwk>;
  readonly #imported = new Map<string, Promise<CryptoKey>>();

  /** Takes a JSON list of private JWKs; throws without a word of it when it is none. */
  constructor(secret: string) {
    const jwks = parse(secret);
    this.published = jwks.map(({ kty, crv, x, y, kid }) => {
      return { kty, crv, x, y, kid, use: "enc", alg: "ECDH-ES" };
    });
    this.#private = new Map(jwks.map((jwk) => [jwk.kid, jwk]));
  }

  /** The private key of this name, not extractable; undefined when there is none. */
  privateKey(kid: string): Promise<CryptoKey> | undefined {
    const jwk = this.#private.get(kid);
    if (jwk === undefined) return undefined;
    const { kty, crv, x, y, d } = jwk;
    const key =
      this.#imported.get(kid) ??
      crypto.subtle.importKey(
        "jwk",
        { kty, crv, x, y, d },
        { name: "ECDH", namedCurve: "P-256" },
        false,
        ["deriveBits"],
      );
    this.#imported.set(kid, key);
    return key;
  }
}

function parse(secret: string): PrivateJwk[] {
  try {
    const list: unknown = JSON.parse(secret);
    if (Array.isArray(list) && list.length > 0 && list.every(isPrivateJwk)) return list;
  } catch {
    // JSON's own error quotes what it read.
  }
  throw new Error("SEALED_CARD_KEYS must be a JSON list of private P-256 JWKs, each with a kid");
}

function isPrivateJwk(value: unknown): value is PrivateJwk {
  const { kty, crv, x, y, d, kid } = (value ?? {}) as Record<string, unknown>;
  return (
    kty === "EC" && crv === "P-256" && [x, y, d, kid].every((part) => typeof part === "string")
  );
}
