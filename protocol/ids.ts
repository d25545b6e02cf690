// The names of things. An id is a prefix, `_` and base62 text, as in Stripe's API. Three families:
// accounts are 16 random characters; objects (ch_, re_, cus_, pi_, op_, …) are a UUIDv7, so that newest
// first is one range of an index; tokens are 128 random bits, so that nothing can be told from them;
// events and balance transactions are their account and sequence number, so that no index is needed.

import {
  BASE62_OF_128_BITS,
  base62OfHex,
  decodeBase62,
  encodeBase62,
  hexOfBase62,
  randomBase62,
} from "./base62.ts";

export type AccountId = `acct_${string}`;
export type ChargeId = `ch_${string}`;
export type RefundId = `re_${string}`;
export type CaptureId = `op_${string}`;
export type CustomerId = `cus_${string}`;
export type CardId = `card_${string}`;
export type PaymentIntentId = `pi_${string}`;
export type SetupIntentId = `seti_${string}`;
export type PaymentMethodId = `pm_${string}`;
export type DisputeId = `dp_${string}`;
export type PayoutId = `po_${string}`;
export type WebhookEndpointId = `we_${string}`;
export type TokenId = `tok_${string}`;
export type RequestId = `req_${string}`;
export type EventId = `evt_${string}`;
export type TransactionId = `txn_${string}`;

/** Prefixes of ids that stand for 128 bits, a `uuid` in SQL. */
export type ObjectPrefix =
  | "ch"
  | "re"
  | "op"
  | "cus"
  | "card"
  | "tok"
  | "pi"
  | "seti"
  | "pm"
  | "dp"
  | "po"
  | "we";

/** Fresh random bytes of the asked length. */
export type Random = (length: number) => Uint8Array;

const ACCOUNT_CHARACTERS = 16; // 95 bits
const REQUEST_CHARACTERS = 16;
const SEQUENCE_CHARACTERS = 8; // 62^7 ≈ 3 × 10^12 entries of one account, 62 events for each

export const mintAccountId = (random: Random): AccountId =>
  `acct_${randomBase62(ACCOUNT_CHARACTERS, random)}`;

export const mintRequestId = (random: Random): RequestId =>
  `req_${randomBase62(REQUEST_CHARACTERS, random)}`;

export function parseAccountId(text: string): AccountId | undefined {
  return /^acct_[0-9A-Za-z]{16}$/.test(text) ? (text as AccountId) : undefined;
}

export const isTokenId = (value: unknown): value is TokenId =>
  typeof value === "string" && /^tok_[0-9A-Za-z]{22}$/.test(value);

/** A token id: 128 random bits that say nothing of the card (PCI DSS scope: not derived from it). */
export function mintTokenId(random: Random): TokenId {
  return `tok_${base62OfHex(hexOf(random(16)))}`;
}

/**
 * Mints ids that ascend within one process even when several fall in one millisecond or the clock
 * steps back (RFC 9562 UUIDv7, method 1: a 12-bit counter in rand_a).
 */
export class IdMint {
  #lastMs = 0;
  #counter = 0;
  readonly #now: () => number;
  readonly #random: Random;

  constructor(now: () => number, random: Random) {
    this.#now = now;
    this.#random = random;
  }

  mint<P extends ObjectPrefix>(prefix: P): `${P}_${string}` {
    const ms = this.#now();
    if (ms > this.#lastMs) {
      this.#lastMs = ms;
      this.#counter = 0;
    } else if (++this.#counter === 0x1000) {
      this.#lastMs += 1;
      this.#counter = 0;
    }
    const time = this.#lastMs.toString(16).padStart(12, "0");
    const counter = (0x7000 | this.#counter).toString(16);
    const tail = this.#random(8);
    // The two bits of RFC 9562's variant.
    tail[0] = ((tail[0] as number) & 0x3f) | 0x80;
    return `${prefix}_${base62OfHex(time + counter + hexOf(tail))}`;
  }
}

/** The `uuid` behind an id of the given prefix, or undefined when it is no such id. */
export function uuidOf(prefix: ObjectPrefix, id: string): string | undefined {
  const from = prefix.length + 1;
  if (id.length !== from + BASE62_OF_128_BITS || !id.startsWith(`${prefix}_`)) return undefined;
  const hex = hexOfBase62(id.slice(from));
  return hex === undefined ? undefined : dashed(hex);
}

/** The id of a `uuid`. */
export function idOf<P extends ObjectPrefix>(prefix: P, uuid: string): `${P}_${string}` {
  return `${prefix}_${base62OfHex(uuid)}`;
}

/** When a UUIDv7 was made, in whole unix seconds. */
export function createdOf(uuid: string): number {
  return Math.floor(Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16) / 1000);
}

/** The least `uuid` an object made at this unix second could have. */
export function firstUuidAt(unixSeconds: number): string {
  const ms = Math.max(0, Math.floor(unixSeconds)) * 1000;
  return dashed(ms.toString(16).padStart(12, "0").padEnd(32, "0"));
}

/** An entry may be told by several events: they share its number, and the first character counts them. */
const PARTS = 62n ** BigInt(SEQUENCE_CHARACTERS - 1);

/** The id of the event or balance transaction with this number in an account's sequence. */
export function sequenceId<P extends "evt" | "txn">(
  prefix: P,
  account: AccountId,
  livemode: boolean,
  seq: number,
  part = 0,
): `${P}_${string}` {
  const number = encodeBase62(BigInt(seq) + BigInt(part) * PARTS, SEQUENCE_CHARACTERS);
  return `${prefix}_${livemode ? "1" : "0"}${account.slice(5)}${number}`;
}

/** The number behind such an id, or undefined when it is not an id of this account and mode. */
export function sequenceOf(
  prefix: "evt" | "txn",
  account: AccountId,
  livemode: boolean,
  id: string,
): number | undefined {
  const head = `${prefix}_${livemode ? "1" : "0"}${account.slice(5)}`;
  if (!id.startsWith(head) || id.length !== head.length + SEQUENCE_CHARACTERS) return undefined;
  const value = decodeBase62(id.slice(head.length));
  if (value === undefined || (prefix === "txn" && value >= PARTS)) return undefined;
  return Number(value % PARTS);
}

/** Which of the events of its entry an event id names; 0 is the first. */
export const partOf = (id: string): number =>
  Number((decodeBase62(id.slice(-SEQUENCE_CHARACTERS)) ?? 0n) / PARTS);

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hexOf(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}

function dashed(hex: string): string {
  const [a, b, c] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16)];
  return `${a}-${b}-${c}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
