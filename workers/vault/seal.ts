// Envelope encryption of one card number (NIST SP 800-38D, AES-256-GCM, 96-bit random IVs). A fresh
// data key seals the number; the account's key wraps the data key. Both layers are bound to where they
// belong, so a record moved to another account, mode or token does not open. Text form:
// v2.<born>.<iv>.<sealed>.<key version>.<wrap iv>.<wrapped key>. `born` is the key version of the sealing,
// which binds the number for ever; the key version after it is that of the wrapping, and changes with it.

import type { Scope } from "../../protocol/command.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { fromBase64url, toBase64url } from "./base64url.ts";
import type { KeyFailure, KeyProvider } from "./key-provider.ts";

const FORMAT = "v2";
const IV_BYTES = 12;
const DATA_KEY_BYTES = 32;
/** Of an HMAC-SHA-256, so that a fingerprint has 16 characters. */
const FINGERPRINT_BYTES = 12;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Why a record does not open is told to nobody: one failure for all causes. Only that its key could not be
 * had is another matter, since later it may open.
 */
export type SealFailure = "does_not_open" | "key_unavailable";

/** What a sealed record belongs to. */
export type Belonging = Scope & { readonly token: string };

/** A sealed card number, and the version of the account's key that wraps its data key. */
export type SealedNumber = { readonly text: string; readonly version: number };

export async function seal(
  digits: string,
  to: Belonging,
  keys: KeyProvider,
): Promise<Result<SealedNumber, KeyFailure>> {
  if (to.livemode && !keys.holdsLive) return refuse({ kind: "live_refused" });
  const ring = await keys.ring(to.account, "card");
  if (!ring.ok) return ring;
  const { current } = ring.value;
  const cardKey = await keys.key(to.account, "card", current);
  if (!cardKey.ok) return cardKey;
  const fresh = crypto.getRandomValues(new Uint8Array(DATA_KEY_BYTES + 2 * IV_BYTES));
  const raw = fresh.subarray(0, DATA_KEY_BYTES);
  const iv = fresh.subarray(DATA_KEY_BYTES, DATA_KEY_BYTES + IV_BYTES);
  const wrapIv = fresh.subarray(DATA_KEY_BYTES + IV_BYTES);
  const bound = binding(FORMAT, to, current);
  const dataKey = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
  const number = crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: bound("number") },
    dataKey,
    encoder.encode(digits),
  );
  const wrapped = await wrap(raw, wrapIv, bound, current, cardKey.value);
  raw.fill(0);
  const head = `${FORMAT}.${current}.${toBase64url(iv)}.${toBase64url(new Uint8Array(await number))}`;
  return ok({ text: `${head}.${wrapped}`, version: current });
}

export async function unseal(
  text: string,
  from: Belonging,
  keys: KeyProvider,
): Promise<Result<string, SealFailure>> {
  const record = parse(text);
  if (record === undefined || (from.livemode && !keys.holdsLive)) return refuse("does_not_open");
  const raw = await unwrap(record, from, keys);
  if (!raw.ok) return raw;
  const { format, born, iv, number } = record;
  try {
    const dataKey = await crypto.subtle.importKey("raw", raw.value, "AES-GCM", false, ["decrypt"]);
    const digits = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv, additionalData: binding(format, from, born)("number") },
      dataKey,
      number,
    );
    return ok(decoder.decode(digits));
  } catch {
    return refuse("does_not_open");
  }
}

/**
 * Wraps the data key of a record with the account's current key. The number is not touched: its half of the
 * text stays as it is, byte for byte. A record of an older format is opened and sealed anew.
 */
export async function rewrap(
  text: string,
  of: Belonging,
  keys: KeyProvider,
): Promise<Result<SealedNumber, SealFailure>> {
  const record = parse(text);
  if (record === undefined) return refuse("does_not_open");
  if (record.format !== FORMAT) {
    const digits = await unseal(text, of, keys);
    if (!digits.ok) return digits;
    const again = await seal(digits.value, of, keys);
    return again.ok ? again : refuse("key_unavailable");
  }
  const ring = await keys.ring(of.account, "card");
  if (!ring.ok) return refuse("key_unavailable");
  const { current } = ring.value;
  const [raw, cardKey] = await Promise.all([
    unwrap(record, of, keys),
    keys.key(of.account, "card", current),
  ]);
  if (!raw.ok) return raw;
  if (!cardKey.ok) return refuse("key_unavailable");
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const bound = binding(FORMAT, of, current);
  const wrapped = await wrap(new Uint8Array(raw.value), iv, bound, current, cardKey.value);
  new Uint8Array(raw.value).fill(0);
  return ok({ text: `${text.split(".", 4).join(".")}.${wrapped}`, version: current });
}

/** The same PAN gives the same 16 characters within one account, and nothing across accounts. */
export async function fingerprint(
  digits: string,
  account: string,
  version: number,
  keys: KeyProvider,
): Promise<Result<string, KeyFailure>> {
  const key = await keys.key(account, "fingerprint", version);
  if (!key.ok) return key;
  const mac = await crypto.subtle.sign("HMAC", key.value, encoder.encode(digits));
  // The two characters that base64url adds to base62 are folded away.
  const text = toBase64url(new Uint8Array(mac, 0, FINGERPRINT_BYTES));
  return ok(text.replaceAll("-", "A").replaceAll("_", "B"));
}

type Bytes = Uint8Array<ArrayBuffer>;

type SealedRecord = {
  readonly format: string;
  readonly born: number;
  readonly iv: Bytes;
  readonly number: Bytes;
  readonly version: number;
  readonly wrapIv: Bytes;
  readonly wrapped: Bytes;
};

function parse(text: string): SealedRecord | undefined {
  const parts = text.split(".");
  const [format = "", bornText = "", ivText = "", numberText = ""] = parts;
  // v1.<key version>.<iv>.<sealed>.<wrap iv>.<wrapped key>: before keys were rotated, both were one.
  const isFirst = format === "v1" && parts.length === 6;
  if (!isFirst && !(format === FORMAT && parts.length === 7)) return undefined;
  const [versionText = "", wrapIvText = "", wrappedText = ""] = isFirst
    ? [bornText, ...parts.slice(4)]
    : parts.slice(4);
  const [born, version] = [versionOf(bornText), versionOf(versionText)];
  const [iv, number] = [fromBase64url(ivText), fromBase64url(numberText)];
  const [wrapIv, wrapped] = [fromBase64url(wrapIvText), fromBase64url(wrappedText)];
  if (born === undefined || version === undefined || iv === undefined) return undefined;
  if (number === undefined || wrapIv === undefined || wrapped === undefined) return undefined;
  return { format, born, iv, number, version, wrapIv, wrapped };
}

const versionOf = (text: string): number | undefined =>
  /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : undefined;

async function wrap(
  raw: Bytes,
  iv: Bytes,
  bound: Binding,
  version: number,
  cardKey: CryptoKey,
): Promise<string> {
  const wrapped = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: bound("data key") },
    cardKey,
    raw,
  );
  return `${version}.${toBase64url(iv)}.${toBase64url(new Uint8Array(wrapped))}`;
}

async function unwrap(
  { format, version, wrapIv, wrapped }: SealedRecord,
  from: Belonging,
  keys: KeyProvider,
): Promise<Result<ArrayBuffer, SealFailure>> {
  const key = await keys.key(from.account, "card", version);
  if (!key.ok) {
    return refuse(key.failure.kind === "no_such_key" ? "does_not_open" : "key_unavailable");
  }
  try {
    const additionalData = binding(format, from, version)("data key");
    const how = { name: "AES-GCM", iv: wrapIv, additionalData };
    return ok(await crypto.subtle.decrypt(how, key.value, wrapped));
  } catch {
    return refuse("does_not_open");
  }
}

/** What each field of one record is bound to. */
type Binding = ReturnType<typeof binding>;

// Each part is preceded by its length, so no two different bindings have the same bytes.
function binding(format: string, to: Belonging, version: number) {
  let text = "";
  for (const part of [format, to.account, to.livemode ? "live" : "test", to.token, `${version}`]) {
    text += `${part.length}:${part}`;
  }
  return (field: "number" | "data key") => encoder.encode(`${text}${field.length}:${field}`);
}
