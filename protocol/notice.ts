// What a processor tells us without being asked: something happened later to a charge or refund. A notice is
// signed, and says in our own words what it is about: the merchant and the key of the order that we sent with
// it. Pure: the bank signs with this, the edge verifies with it.

import { equalBytes } from "./constant-time.ts";
import { ok, type Result, refuse } from "./result.ts";
import { versionsOf } from "./secret.ts";

/** Where notices are sent to. */
export const NOTICES_PATH = "/processor/notices";

/** `t=<unix seconds>,v1=<hex of HMAC-SHA-256 over "<t>.<body>">`. */
export const NOTICE_SIGNATURE_HEADER = "processor-signature";

/** How far a notice's time may be from the reader's clock; each delivery is signed anew. */
export const NOTICE_TOLERANCE_S = 300;

/** A notice is some 400 bytes; what is longer is not read. */
export const NOTICE_BYTES_MAX = 16 * 1024;

/** Why a cardholder's bank takes a payment back, in the words that merchants know. */
export type DisputeReason = "fraudulent" | "product_not_received";

/** How a dispute ends: for the merchant, against him, or, of an inquiry, without one. */
export type DisputeOutcome = "won" | "lost" | "closed";

type Nothing = Readonly<Record<never, never>>;

export type NoticeOf = {
  readonly "dispute.opened": {
    /** The processor's name for it. */
    readonly dispute: string;
    /** Minor units of the charge's currency. */
    readonly amount: number;
    readonly reason: DisputeReason;
    /** The network's own code of the reason. */
    readonly network_reason_code: string;
    /** A question that takes no money. */
    readonly inquiry: boolean;
    /** Unix seconds until which evidence is taken. */
    readonly due_by: number;
  };
  readonly "dispute.decided": { readonly dispute: string; readonly outcome: DisputeOutcome };
  readonly "refund.settled": Nothing;
  readonly "refund.canceled": Nothing;
  readonly "refund.failed": { readonly failure_reason: string };
};

export type NoticeKind = keyof NoticeOf;

/** One thing that happened; what it is about is named by us. */
export type NoticeAbout<K extends NoticeKind> = {
  /** The same at each delivery. */
  readonly id: string;
  readonly kind: K;
  /** Unix seconds. */
  readonly created: number;
  /** Account and mode, as the authorization named them: `acct_…/test`. */
  readonly merchant: string;
  /** The key of the order: `ch_….authorize.1`, `re_….refund.1`. */
  readonly reference: string;
} & NoticeOf[K];

export type Notice = { [K in NoticeKind]: NoticeAbout<K> }[NoticeKind];

const HMAC = { name: "HMAC", hash: "SHA-256" };
const encoder = new TextEncoder();

/** The header for a body that leaves now, signed with the current version of the key. */
export async function signNotice(secret: string, body: string, nowS: number): Promise<string> {
  const [current] = versionsOf(secret);
  // An empty key would let anybody sign.
  if (current === "") throw new Error("NOTICE_KEY is empty");
  const mac = await macOf(current, nowS, encoder.encode(body));
  return `t=${nowS},v1=${hexOf(mac)}`;
}

/** Verifies a header over the bytes of a body that nobody has read yet. */
export async function verifyNotice(
  secret: string,
  header: string | null,
  body: Uint8Array,
  nowS: number,
): Promise<Result<void, "unsigned" | "stale">> {
  const parts = /^t=([0-9]{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? "");
  if (parts === null) return refuse("unsigned");
  const [, seconds = "", hex = ""] = parts;
  const presented = bytesOfHex(hex);
  let known = false;
  for (const version of versionsOf(secret)) {
    if (version === "") continue;
    const mac = await macOf(version, Number(seconds), body);
    known = equalBytes(mac, presented) || known;
  }
  if (!known) return refuse("unsigned");
  return Math.abs(nowS - Number(seconds)) <= NOTICE_TOLERANCE_S ? ok(undefined) : refuse("stale");
}

async function macOf(version: string, seconds: number, body: Uint8Array): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", encoder.encode(version), HMAC, false, ["sign"]);
  const head = encoder.encode(`${seconds}.`);
  const text = new Uint8Array(head.length + body.length);
  text.set(head);
  text.set(body, head.length);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, text));
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const bytesOfHex = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
