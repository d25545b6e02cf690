// Envelope encryption of one card number (NIST SP 800-38D, AES-256-GCM, 96-bit random IVs). A fresh
// data key seals the number; the account's key wraps the data key. Both layers are bound to where they
// belong, so a record moved to another account, mode or token does not open. Text form:
// v1.<key version>.<iv>.<sealed>.<wrap iv>.<wrapped key>, each part base64url.

import type { Scope } from "../../protocol/command.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { fromBase64url, toBase64url } from "./base64url.ts";
import type { KeyProvider } from "./key-provider.ts";

const FORMAT = "v1";
const IV_BYTES = 12;
const DATA_KEY_BYTES = 32;
/** Of an HMAC-SHA-256, so that a fingerprint has 16 characters. */
const FINGERPRINT_BYTES = 12;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Why a record does not open is told to nobody: one failure for all causes. */
export type SealFailure = "does_not_open";

/** What a sealed record belongs to. */
export type Belonging = Scope & { readonly token: string };

export async function seal(digits: string, to: Belonging, keys: KeyProvider): Promise<string> {
  const version = keys.version;
  const fresh = crypto.getRandomValues(new Uint8Array(DATA_KEY_BYTES + 2 * IV_BYTES));
  const raw = fresh.subarray(0, DATA_KEY_BYTES);
  const iv = fresh.subarray(DATA_KEY_BYTES, DATA_KEY_BYTES + IV_BYTES);
  const wrapIv = fresh.subarray(DATA_KEY_BYTES + IV_BYTES);
  const bound = binding(to, version);
  const [dataKey, cardKey] = await Promise.all([
    crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]),
    keys.cardKey(to.account, version),
  ]);
  const [sealed, wrapped] = await Promise.all([
    crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: bound("number") },
      dataKey,
      encoder.encode(digits),
    ),
    crypto.subtle.encrypt(
      { name: "AES-GCM", iv: wrapIv, additionalData: bound("data key") },
      cardKey,
      raw,
    ),
  ]);
  raw.fill(0);
  const [first, second] = [new Uint8Array(sealed), new Uint8Array(wrapped)].map(toBase64url);
  return `${FORMAT}.${version}.${toBase64url(iv)}.${first}.${toBase64url(wrapIv)}.${second}`;
}

export async function unseal(
  text: string,
  from: Belonging,
  keys: KeyProvider,
): Promise<Result<string, SealFailure>> {
  const [format, versionText = "", ...parts] = text.split(".");
  if (format !== FORMAT || parts.length !== 4 || !/^[1-9][0-9]{0,5}$/.test(versionText)) {
    return refuse("does_not_open");
  }
  const version = Number(versionText);
  const [iv, sealed, wrapIv, wrapped] = parts.map(fromBase64url);
  if (iv === undefined || sealed === undefined || wrapIv === undefined || wrapped === undefined) {
    return refuse("does_not_open");
  }
  const bound = binding(from, version);
  try {
    const raw = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: wrapIv, additionalData: bound("data key") },
      await keys.cardKey(from.account, version),
      wrapped,
    );
    const dataKey = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
    const digits = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv, additionalData: bound("number") },
      dataKey,
      sealed,
    );
    return ok(decoder.decode(digits));
  } catch {
    return refuse("does_not_open");
  }
}

/** The same PAN gives the same 16 characters within one account, and nothing across accounts. */
export async function fingerprint(digits: string, account: string, keys: KeyProvider) {
  const key = await keys.fingerprintKey(account);
  const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(digits));
  // The two characters that base64url adds to base62 are folded away.
  const text = toBase64url(new Uint8Array(mac, 0, FINGERPRINT_BYTES));
  return text.replaceAll("-", "A").replaceAll("_", "B");
}

// Each part is preceded by its length, so no two different bindings have the same bytes.
function binding(to: Belonging, version: number) {
  const parts = [FORMAT, to.account, to.livemode ? "live" : "test", to.token, `${version}`];
  let text = "";
  for (const part of parts) text += `${part.length}:${part}`;
  return (field: string) => encoder.encode(`${text}${field.length}:${field}`);
}
