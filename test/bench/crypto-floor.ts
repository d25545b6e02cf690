// The cryptography that a token cannot do without, and nothing around it: a data key, the card number
// sealed under it, that key sealed under the account's, and the fingerprint's HMAC.

import { WorkerEntrypoint } from "cloudflare:workers";

const DATA_KEY_BYTES = 32;
const IV_BYTES = 12;
const DIGITS = new TextEncoder().encode("4242424242424242");
/** As long as what a card is bound to: format, account, mode, token, version and field. */
const BINDING = new Uint8Array(80);

let keys: Promise<{ card: CryptoKey; fingerprint: CryptoKey }> | undefined;

/** The account's keys: made once, as the vault derives them once. */
async function makeKeys() {
  const gcm = { name: "AES-GCM", length: 256 };
  const hmac = { name: "HMAC", hash: "SHA-256" };
  return {
    card: (await crypto.subtle.generateKey(gcm, false, ["encrypt"])) as CryptoKey,
    fingerprint: (await crypto.subtle.generateKey(hmac, false, ["sign"])) as CryptoKey,
  };
}

const encrypt = (key: CryptoKey, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> => {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  return crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: BINDING }, key, data);
};

/** One card's worth; the lengths of what came out, so that nobody can leave it out. */
export async function sealOnce(): Promise<number> {
  keys ??= makeKeys();
  const { card, fingerprint } = await keys;
  const raw = crypto.getRandomValues(new Uint8Array(DATA_KEY_BYTES));
  const dataKey = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
  const [sealed, wrapped, print] = await Promise.all([
    encrypt(dataKey, DIGITS),
    encrypt(card, raw),
    crypto.subtle.sign("HMAC", fingerprint, DIGITS),
  ]);
  return sealed.byteLength + wrapped.byteLength + print.byteLength;
}

/** 16 digits and a 32-byte key, each with a 16-byte tag, and 32 bytes of HMAC. */
export const SEALED_BYTES = 16 + 16 + 32 + 16 + 32;

export class CryptoFloor extends WorkerEntrypoint {
  seal(): Promise<number> {
    return sealOnce();
  }
}
