// Opens a card that a browser sealed to the vault: a compact JWE (RFC 7516), ECDH-ES on P-256 agreed for
// the content key itself (RFC 7518, section 4.6), A256GCM (section 5.3). Account, mode, time and a name
// used once stand in the protected header, which the tag covers; `crit` names them, so that nobody opens
// the card and does not know of them. Whatever is wrong has one answer.

import type { Scope } from "../../protocol/command.ts";
import type { Failure } from "../../protocol/failure.ts";
import { looksLikePan } from "../../protocol/pan-detection.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { SEALED_CARD_CHARACTERS_MAX, type SealUse, type TypedCard } from "../../protocol/vault.ts";
import { fromBase64url } from "./base64url.ts";
import type { SealingKeys } from "./sealing-keys.ts";

/** How old a seal may be: five minutes for the keys it was made with, five for a slow phone. */
export const SEAL_AGE_S_MAX = 600;
/** How far ahead of ours the clock of who sealed may be. */
export const SEAL_SKEW_S_MAX = 60;
const ALGORITHM = "A256GCM";
const KEY_BITS = 256;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Header parameters that RFC 7516 does not know and that must be obeyed (its section 4.1.13). */
const CRITICAL = ["account", "iat", "jti", "livemode"];
/** A name used once: a UUID, or 96 random bits and more in base64url. */
const JTI = /^[0-9A-Za-z_-]{16,64}$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const CLOSED = refuse<Failure>({ kind: "sealed_card_invalid" });

/** A card as it was typed, and what its seal may be used for but once. */
export type OpenedCard = { readonly card: TypedCard; readonly use: SealUse };

/** Opens a card sealed for this scope, at this time. Whether it was opened before is told by the box. */
export async function openSealedCard(
  text: string,
  scope: Scope,
  keys: SealingKeys,
  now: Date,
): Promise<Result<OpenedCard, Failure>> {
  if (text.length > SEALED_CARD_CHARACTERS_MAX) return CLOSED;
  const [head = "", wrapped, ...parts] = text.split(".");
  const [iv, sealed, tag] = parts.map(fromBase64url);
  if (parts.length !== 3 || wrapped !== "") return CLOSED;
  if (iv?.length !== IV_BYTES || sealed === undefined || tag?.length !== TAG_BYTES) return CLOSED;
  const header = headerIn(head);
  if (header === undefined || !isOpenTo(header, scope, now)) return CLOSED;
  const key = await keys.privateKey(header.kid);
  if (key === undefined) return CLOSED;
  try {
    const contentKey = await agreedKey(key, header);
    const card = cardIn(await decrypt(contentKey, head, { iv, sealed, tag }));
    contentKey.fill(0);
    const untilMs = (header.iat + SEAL_AGE_S_MAX) * 1000;
    return card.ok ? ok({ card: card.value, use: { jti: header.jti, untilMs } }) : card;
  } catch {
    // A point that is not on the curve, a tag that is not right, a text that is none.
    return CLOSED;
  }
}

type Header = {
  readonly kid: string;
  readonly epk: { readonly x: string; readonly y: string };
  readonly apu: Uint8Array;
  readonly apv: Uint8Array;
  readonly account: string;
  readonly livemode: boolean;
  readonly iat: number;
  readonly jti: string;
};

/** The protected header, when it is one of ours; parameters that nobody needs to know are passed over. */
function headerIn(text: string): Header | undefined {
  const json = objectIn(fromBase64url(text));
  if (json === undefined) return undefined;
  const { alg, enc, crit, kid, epk, apu = "", apv = "", account, livemode, iat, jti } = json;
  const point = (epk ?? {}) as Record<string, unknown>;
  const { x, y } = point;
  const [apuBytes, apvBytes] = [apu, apv].map((info) =>
    typeof info === "string" ? fromBase64url(info) : undefined,
  );
  if (
    alg !== "ECDH-ES" ||
    enc !== ALGORITHM ||
    "zip" in json ||
    !namesAllCritical(crit) ||
    typeof kid !== "string" ||
    point["kty"] !== "EC" ||
    point["crv"] !== "P-256" ||
    typeof x !== "string" ||
    typeof y !== "string" ||
    apuBytes === undefined ||
    apvBytes === undefined ||
    typeof account !== "string" ||
    typeof livemode !== "boolean" ||
    !Number.isSafeInteger(iat) ||
    typeof jti !== "string"
  ) {
    return undefined;
  }
  const agreed = { kid, epk: { x, y }, apu: apuBytes, apv: apvBytes };
  return { ...agreed, account, livemode, iat: iat as number, jti };
}

const namesAllCritical = (crit: unknown): boolean =>
  Array.isArray(crit) &&
  crit.length === CRITICAL.length &&
  CRITICAL.every((name) => crit.includes(name));

function isOpenTo({ account, livemode, iat, jti }: Header, scope: Scope, now: Date): boolean {
  const ageS = now.getTime() / 1000 - iat;
  return (
    account === scope.account &&
    livemode === scope.livemode &&
    ageS <= SEAL_AGE_S_MAX &&
    ageS >= -SEAL_SKEW_S_MAX &&
    JTI.test(jti)
  );
}

async function agreedKey(key: CryptoKey, { epk, apu, apv }: Header) {
  const point = await crypto.subtle.importKey(
    "jwk",
    { kty: "EC", crv: "P-256", x: epk.x, y: epk.y },
    { name: "ECDH", namedCurve: "P-256" },
    false,
    [],
  );
  // The generated types call this parameter `$public`; Web Crypto, and workerd with it, does not.
  const agreement = { name: "ECDH", public: point } as { name: string };
  const secret = new Uint8Array(await crypto.subtle.deriveBits(agreement, key, KEY_BITS));
  const agreed = await concatKdf(secret, ALGORITHM, KEY_BITS, apu, apv);
  secret.fill(0);
  return agreed;
}

/**
 * The key that both sides derive from their shared secret: the Concat KDF of NIST SP 800-56A as RFC 7518,
 * section 4.6.2 uses it. One round of SHA-256, so at most 256 bits.
 */
export async function concatKdf(
  secret: Uint8Array,
  algorithm: string,
  bits: 128 | 256,
  apu: Uint8Array,
  apv: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const name = encoder.encode(algorithm);
  const pieces = [word(1), secret, word(name.length), name];
  pieces.push(word(apu.length), apu, word(apv.length), apv, word(bits));
  const hash = await crypto.subtle.digest("SHA-256", joined(pieces));
  return new Uint8Array(hash, 0, bits / 8);
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The content of a JWE under A256GCM (RFC 7516, section 5.2, step 15); throws when the tag is wrong. */
export async function decrypt(
  contentKey: Uint8Array<ArrayBuffer>,
  header: string,
  parts: {
    readonly iv: Uint8Array<ArrayBuffer>;
    readonly sealed: Uint8Array;
    readonly tag: Uint8Array;
  },
): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", contentKey, "AES-GCM", false, ["decrypt"]);
  const additionalData = encoder.encode(header);
  const plain = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: parts.iv, additionalData, tagLength: TAG_BYTES * 8 },
    key,
    joined([parts.sealed, parts.tag]),
  );
  return new Uint8Array(plain);
}

/** Longest values of the fields, as of a card that comes unsealed. */
const FIELDS = {
  number: 50,
  exp_month: 4,
  exp_year: 4,
  cvc: 10,
  name: 200,
  address_line1: 200,
  address_zip: 20,
} as const;
type Field = keyof typeof FIELDS;
/** Fields that are stored as they are typed. */
const SHOWN: readonly Field[] = ["name", "address_line1", "address_zip"];

/** The typed card in an opened text; what is wrong with its numbers is said by `checkCard`. */
function cardIn(plain: Uint8Array): Result<TypedCard, Failure> {
  const json = objectIn(plain);
  plain.fill(0);
  if (json === undefined) return CLOSED;
  const typed: Partial<Record<Field, string>> = {};
  for (const [field, max] of Object.entries(FIELDS) as [Field, number][]) {
    const value = json[field] ?? "";
    if (typeof value !== "string" && typeof value !== "number") return CLOSED;
    const text = String(value);
    if (text.length > max || text.includes("\u0000") || !text.isWellFormed()) return CLOSED;
    if (text !== "") typed[field] = text;
  }
  const disclosing = SHOWN.find((field) => looksLikePan(typed[field] ?? ""));
  if (disclosing !== undefined)
    return refuse({ kind: "pan_detected", param: `card[${disclosing}]` });
  const { number = "", exp_month = "", exp_year = "", ...optional } = typed;
  return ok({ number, exp_month, exp_year, ...optional });
}

function objectIn(bytes: Uint8Array | undefined): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(decoder.decode(bytes));
    const isObject = typeof json === "object" && json !== null && !Array.isArray(json);
    return isObject ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
