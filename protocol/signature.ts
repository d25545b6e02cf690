// How an origin knows that a request is ours: a compact JWS (RFC 7515, EdDSA of RFC 8037) over the
// method, path, digest of the exact body bytes, audience (the region), epoch, time and a nonce.
// Refused: another region, path or body, a time outside the window, a nonce seen before.

import { CompactSign, compactVerify, importJWK, type JWK } from "jose";
import { ok, type Result, refuse } from "./result.ts";

export const SIGNATURE_HEADER = "tessera-signature";
/** How far a signature's time may lie from the verifier's clock (PCI DSS 10.6: clocks are synced). */
export const SKEW_SECONDS_MAX = 60;

export type SignedRequest = {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** The region the request is for. */
  readonly audience: string;
};

export type SignatureFailure = "missing" | "forged" | "retargeted" | "body_swapped" | "stale";

export type Signer = { readonly key: CryptoKey; readonly kid: string };

/** Reads the private JWK (JSON) that an edge or an origin signs with. */
export async function importSigner(jwkJson: string): Promise<Signer> {
  const jwk = JSON.parse(jwkJson) as JWK;
  const key = await importJWK({ ...jwk, alg: "EdDSA" });
  if (key instanceof Uint8Array) throw new Error("a signing key must be an Ed25519 private JWK");
  return { key, kid: jwk.kid ?? "" };
}

/** Reads a JWKS (JSON) of keys to trust, by key id. Two keys overlap while one is rotated out. */
export async function importVerifiers(jwksJson: string): Promise<Map<string, CryptoKey>> {
  const keys = new Map<string, CryptoKey>();
  for (const jwk of (JSON.parse(jwksJson) as { keys: JWK[] }).keys) {
    const key = await importJWK({ ...jwk, alg: "EdDSA" });
    if (!(key instanceof Uint8Array)) keys.set(jwk.kid ?? "", key);
  }
  return keys;
}

/** The value of the signature header; `nowSeconds` is unix time. */
export async function sign(
  request: SignedRequest,
  signer: Signer,
  nowSeconds: number,
  nonce: string,
): Promise<string> {
  const claims = {
    m: request.method,
    p: request.path,
    d: await digest(request.body),
    aud: request.audience,
    iat: nowSeconds,
    jti: nonce,
  };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "EdDSA", kid: signer.kid })
    .sign(signer.key);
}

/** Checks a signature before anything of the body is parsed; gives the nonce for replay marks. */
export async function verify(
  request: SignedRequest,
  header: string | undefined,
  keys: ReadonlyMap<string, CryptoKey>,
  nowSeconds: number,
): Promise<Result<{ readonly nonce: string }, SignatureFailure>> {
  if (header === undefined) return refuse("missing");
  const claims = await claimsOf(header, keys);
  if (claims === undefined) return refuse("forged");
  if (claims["aud"] !== request.audience || claims["m"] !== request.method) {
    return refuse("retargeted");
  }
  if (claims["p"] !== request.path) return refuse("retargeted");
  if (claims["d"] !== (await digest(request.body))) return refuse("body_swapped");
  const { iat, jti } = claims;
  if (typeof iat !== "number" || Math.abs(nowSeconds - iat) > SKEW_SECONDS_MAX) {
    return refuse("stale");
  }
  return typeof jti === "string" ? ok({ nonce: jti }) : refuse("forged");
}

async function claimsOf(
  header: string,
  keys: ReadonlyMap<string, CryptoKey>,
): Promise<Record<string, unknown> | undefined> {
  try {
    const { payload } = await compactVerify(
      header,
      (protectedHeader) => {
        const key = keys.get(protectedHeader.kid ?? "");
        if (key === undefined) throw new Error("unknown key id");
        return key;
      },
      { algorithms: ["EdDSA"] },
    );
    return JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>;
  } catch {
    // jose tells by which rule it failed; a caller must not learn it.
    return undefined;
  }
}

async function digest(body: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
  return btoa(String.fromCharCode(...new Uint8Array(hash)));
}
