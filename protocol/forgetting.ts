// The right to be forgotten, as the edge, the shard and an origin speak of it: what is asked, what is owed
// to the card box, and until when a copy of a store that was taken before could bring a card back.

import type { Scope, Unfinished } from "./command.ts";
import type { Document } from "./facts.ts";
import { type CustomerId, idOf, type RequestId, type TokenId } from "./ids.ts";

const DAY_SECONDS = 86_400;
/**
 * A SQLite-backed Durable Object can be taken back to any moment of its last 30 days
 * (Cloudflare, SQLite storage API, point-in-time recovery); this cannot be switched off.
 */
const OBJECT_HISTORY_SECONDS = 30 * DAY_SECONDS;
/** The longest history window that a Neon project can be given (30 days, plan Scale); one day is usual. */
const LEDGER_HISTORY_SECONDS = 30 * DAY_SECONDS;

/** Unix seconds at which no store can be taken back any more to a time before `forgottenSeconds`. */
export const effectiveAt = (forgottenSeconds: number): number =>
  forgottenSeconds + Math.max(OBJECT_HISTORY_SECONDS, LEDGER_HISTORY_SECONDS);

/** The fields of a document in which words about a person stand; as in the ledger's function `words`. */
export const WORDS = [
  "description",
  "metadata",
  "receipt_email",
  "shipping",
  "billing_details",
  "evidence",
] as const;

/** Whether words about a person stand in a document, or did when it was read. */
export const hasWords = (document: Document): boolean => WORDS.some((name) => name in document);

/** Forget a token for ever, and the card it became, which must be this customer's if one is named. */
export type ForgetAsk = Scope & {
  readonly token: TokenId;
  readonly customer?: CustomerId;
  readonly request: RequestId;
};

/** The ledger's word on a `ForgetAsk`; `seq` as in a `Verdict`. */
export type ForgetVerdict =
  | { readonly outcome: "forgotten"; readonly seq: number }
  | { readonly outcome: "missing" | "account_unknown" };

/** Tokens the ledger has forgotten and whose sealed cards nobody has said to be destroyed. */
export type Owed = Scope & { readonly tokens: readonly TokenId[] };

/** What a crash may have left of a slot: between its two phases, or between ledger and card box. */
export type LeftOpen = {
  readonly unfinished: readonly Unfinished[];
  readonly owed: readonly Owed[];
};

export const owedOf = (row: Scope & { readonly tokens: readonly string[] }): Owed => ({
  account: row.account,
  livemode: row.livemode,
  tokens: row.tokens.map((uuid) => idOf("tok", uuid)),
});
