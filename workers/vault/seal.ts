// Envelope encryption of one card number (NIST SP 800-38D, AES-256-GCM, 96-bit random IVs). A fresh
// data key seals the number; the account's key wraps the data key. Both layers are bound to where they
// belong, so a record moved to another account, mode or token does not open. Text form:
// v1.<key version>.<iv>.<sealed>.<wrap iv>.<wrapped key>, each part base64url.

import type { Scope } from "../../protocol/command.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { KeyProvider } from "./key-provider.ts";

const FORMAT = "v1";
const IV_BYTES = 12;
const DATA_KEY_BYTES = 32;

/** Why a record does not open is told to nobody: one failure for all causes. */
export type SealFailure = "does_not_open";

/** What a sealed record belongs to. */
export type Belonging = Scope & { readonly token: string };

export async function seal(digits: string, to: Belonging, keys: KeyProvider): Promise<string> {
  const version = keys.version;
  const raw = crypto.getRandomValues(new Uint8Array(DATA_KEY_BYTES));
  const dataKey = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const wrapIv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const [sealed, wrapped] = await Promise.all([
    crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: binding(to, version, "number") },
      dataKey,
      new TextEncoder().encode(digits),
    ),
    crypto.subtle.encrypt(
      { name: "AES-GCM", iv: wrapIv, additionalData: binding(to, version, "data key") },
      await keys.cardKey(to.account, version),
      raw,
    ),
  ]);
  raw.fill(0);
  return [
    FORMAT,
    String(version),
    base64(iv),
    base64(sealed),
    base64(wrapIv),
    base64(wrapped),
  ].join(".");
}

export async function unseal(
  text: string,
  from: Belonging,
  keys: KeyProvider,
): Promise<Result<string, SealFailure>> {
  const [format, versionText = "", iv = "", sealed = "", wrapIv = "", wrapped = "", ...rest] =
    text.split(".");
  if (format !== FORMAT || rest.length > 0 || !/^[1-9][0-9]{0,5}$/.test(versionText)) {
    return refuse("does_not_open");
  }
  const version = Number(versionText);
  try {
    // One record has one text: no spaces, no padding, no other spelling of its last bits.
    if ([iv, sealed, wrapIv, wrapped].some((part) => base64(bytes(part)) !== part)) {
      return refuse("does_not_open");
    }
    const raw = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: bytes(wrapIv), additionalData: binding(from, version, "data key") },
      await keys.cardKey(from.account, version),
      bytes(wrapped),
    );
    const dataKey = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
    const digits = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: bytes(iv), additionalData: binding(from, version, "number") },
      dataKey,
      bytes(sealed),
    );
    return ok(new TextDecoder().decode(digits));
  } catch {
    return refuse("does_not_open");
  }
}

/** The same PAN gives the same 16 characters within one account, and nothing across accounts. */
export async function fingerprint(digits: string, account: string, keys: KeyProvider) {
  const mac = await crypto.subtle.sign(
    "HMAC",
    await keys.fingerprintKey(account),
    new TextEncoder().encode(digits),
  );
  // 12 bytes give 16 characters; the two that base64url adds to base62 are folded away.
  return base64(mac.slice(0, IV_BYTES)).replaceAll("-", "A").replaceAll("_", "B");
}

// Each part is preceded by its length, so no two different bindings have the same bytes.
function binding(to: Belonging, version: number, field: string): Uint8Array<ArrayBuffer> {
  const parts = [FORMAT, to.account, to.livemode ? "live" : "test", to.token, `${version}`, field];
  const text = parts.map((part) => `${part.length}:${part}`).join("");
  return new Uint8Array(new TextEncoder().encode(text));
}

function base64(data: ArrayBuffer | Uint8Array): string {
  return btoa(String.fromCharCode(...new Uint8Array(data)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
    c.charCodeAt(0),
  );
}
