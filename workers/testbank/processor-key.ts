// The two uses of the key a caller shares with the bank: it admits the caller, compared in constant
// time, and it keys the fingerprint under which the book remembers a request's parameters. A
// fingerprint covers every parameter but the CVC (a retry after a crash arrives without it) and
// gives back none of them. Of several versions each admits, and a fingerprint is made under each: the first
// is remembered, and a request is the same when what is remembered is any of them.

import { digestOfSecret, equalBytes } from "../../protocol/constant-time.ts";
import { versionsOf } from "../../protocol/secret.ts";
import type { AuthorizationRequest } from "./authorization.ts";

export interface ProcessorKey {
  admits(authorization: string | null): Promise<boolean>;
  fingerprints(operation: string, parameters: unknown): Promise<Fingerprints>;
}

/** Of one request: under the current version of the key, and under those that are still accepted. */
export type Fingerprints = { readonly fingerprint: string; readonly others: readonly string[] };

// The context keeps this MAC apart from any other made with the same key.
const FINGERPRINT_CONTEXT = "tessera-testbank fingerprint v1\n";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const encoder = new TextEncoder();

// One import of the key per isolate; a promise, so that concurrent first requests share it.
let imported: { readonly secret: string; readonly key: Promise<ProcessorKey> } | undefined;

export function processorKey(secret: string): Promise<ProcessorKey> {
  if (imported?.secret !== secret) imported = { secret, key: importKey(secret) };
  return imported.key;
}

export function withoutCvc(request: AuthorizationRequest): AuthorizationRequest {
  const { cvc: _cvc, ...card } = request.card;
  return { ...request, card };
}

async function importKey(secret: string): Promise<ProcessorKey> {
  const versions = versionsOf(secret);
  // An unset key must admit nobody, not everybody who sends an empty one.
  if (versions[0].length === 0) {
    throw new Error("PROCESSOR_KEY is empty: the bank would admit any caller");
  }
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const [keys, expected] = await Promise.all([
    Promise.all(
      versions.map((version) =>
        crypto.subtle.importKey("raw", encoder.encode(version), algorithm, false, ["sign"]),
      ),
    ),
    Promise.all(versions.map((version) => digestOfSecret(`Bearer ${version}`))),
  ]);
  return {
    async admits(authorization) {
      const presented = await digestOfSecret(authorization ?? "");
      return expected.some((digest) => equalBytes(presented, digest));
    },
    async fingerprints(operation, parameters) {
      const message = `${FINGERPRINT_CONTEXT}${operation}\n${canonical(parameters)}`;
      const text = encoder.encode(message);
      const made = await Promise.all(keys.map((key) => fingerprintOf(text, key)));
      const [fingerprint = "", ...others] = made;
      return { fingerprint, others };
    },
  };
}

async function fingerprintOf(text: Uint8Array, key: CryptoKey): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", key, text);
  let hex = "";
  for (const byte of new Uint8Array(mac)) hex += HEX[byte];
  return hex;
}

// JSON with sorted names: two bodies that mean the same have one text.
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
