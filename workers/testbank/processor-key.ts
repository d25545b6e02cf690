// The two uses of the key a caller shares with the bank: it admits the caller, compared in constant
// time, and it keys the fingerprint under which the book remembers a request's parameters. A
// fingerprint covers every parameter but the CVC (a retry after a crash arrives without it) and
// gives back none of them. Changing the key ends the replay of requests made under the old one.

import { digestOfSecret, equalBytes } from "../../protocol/constant-time.ts";
import type { AuthorizationRequest } from "./authorization.ts";

export interface ProcessorKey {
  admits(authorization: string | null): Promise<boolean>;
  fingerprint(operation: string, parameters: unknown): Promise<string>;
}

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
  // An unset key must admit nobody, not everybody who sends an empty one.
  if (secret.length === 0) {
    throw new Error("PROCESSOR_KEY is empty: the bank would admit any caller");
  }
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, [
    "sign",
  ]);
  const expected = await digestOfSecret(`Bearer ${secret}`);
  return {
    async admits(authorization) {
      return equalBytes(await digestOfSecret(authorization ?? ""), expected);
    },
    async fingerprint(operation, parameters) {
      const message = `${FINGERPRINT_CONTEXT}${operation}\n${canonical(parameters)}`;
      const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(message));
      let hex = "";
      for (const byte of new Uint8Array(mac)) hex += HEX[byte];
      return hex;
    },
  };
}

// JSON with sorted names: two bodies that mean the same have one text.
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
