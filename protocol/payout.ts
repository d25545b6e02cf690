// A payout: money that leaves the merchant's balance for his bank. Its document says where it stands; the
// merchant makes and cancels it, the clock of the ledger does the rest (move_payouts in migrations/0014_payouts.sql).

import type { Scope } from "./command.ts";
import type { Document, ObjectFacts } from "./facts.ts";
import type { Failure } from "./failure.ts";
import { sequenceId } from "./ids.ts";
import { metadataOf, type StripeObject } from "./object.ts";
import { ok, type Result, refuse } from "./result.ts";
import { dayOf, startOf } from "./terms.ts";

export type PayoutStatus = "pending" | "in_transit" | "paid" | "failed" | "canceled";
export type PayoutMove = "submit" | "pay" | "fail" | "cancel";

/** Where each move leads from each state; a pair that is not here is illegal. */
export const PAYOUT_MOVES: Readonly<
  Record<PayoutStatus, Readonly<Partial<Record<PayoutMove, PayoutStatus>>>>
> = {
  pending: { submit: "in_transit", cancel: "canceled" },
  in_transit: { pay: "paid", fail: "failed" },
  paid: {},
  failed: {},
  canceled: {},
};

/** The codes of its entries in `EVENT_TYPES`. */
export const PAYOUT_EVENTS = {
  created: 60,
  updated: 61,
  paid: 62,
  failed: 63,
  canceled: 64,
} as const;

/** What becomes of payouts to these banks of Stripe's test mode; to every other they arrive. */
export const TEST_BANKS: Readonly<Record<string, string>> = {
  btok_us_verified: "",
  btok_us_verified_noAccount: "no_account",
  btok_us_verified_accountClosed: "account_closed",
  btok_us_verified_insufficientFunds: "insufficient_funds",
  btok_us_verified_debitNotAuthorized: "debit_not_authorized",
  btok_us_verified_invalidCurrency: "invalid_currency",
};

const FAILURES: Readonly<Record<string, string>> = {
  no_account: "The bank has no account of this number.",
  account_closed: "The bank account has been closed.",
  insufficient_funds: "The account that was to be debited had not enough money.",
  debit_not_authorized: "The bank does not let this account be debited.",
  invalid_currency: "The bank cannot take this currency.",
};

export type PayoutDocument = Document & {
  readonly amount: number;
  readonly currency: string;
  readonly status: PayoutStatus;
  /** Unix seconds, midnight UTC. */
  readonly arrival_date: number;
  /** When the clock moves it on. */
  readonly due?: number;
  readonly automatic: boolean;
  /** The numbers of the entries that sent the money and that brought it back, once another entry follows them. */
  readonly posted?: number;
  readonly returned?: number;
  /** Why it will not arrive, and once it has not, why it did not. */
  readonly fails?: string;
  readonly failure_code?: string;
};

/** What is asked for; the words were checked. */
export type PayoutWish = {
  readonly amount: number;
  readonly currency: string;
  readonly description?: string | undefined;
  readonly statement_descriptor?: string | undefined;
  readonly destination?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
};

/** Sent to the bank at the next midnight (UTC), there at the one after it; until then it can be canceled. */
export function newPayout(wish: PayoutWish, nowSeconds: number): PayoutDocument {
  const { description, statement_descriptor, destination, metadata } = wish;
  const day = dayOf(nowSeconds);
  const fails = destination === undefined ? "" : (TEST_BANKS[destination] ?? "");
  return {
    amount: wish.amount,
    currency: wish.currency,
    status: "pending",
    automatic: false,
    due: startOf(day + 1),
    arrival_date: startOf(day + 2),
    ...(description === undefined ? {} : { description }),
    ...(statement_descriptor === undefined ? {} : { statement_descriptor }),
    ...(destination === undefined ? {} : { destination }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(fails === "" ? {} : { fails }),
  };
}

const documentOf = (facts: ObjectFacts): PayoutDocument => facts.document as PayoutDocument;

/** The numbers of its postings: they are the object's own version until another follows. */
function postingsOf({ seq }: ObjectFacts, document: PayoutDocument) {
  const { status, posted = seq } = document;
  const isBack = status === "failed" || status === "canceled";
  return { posted, returned: document.returned ?? (isBack ? seq : undefined) };
}

/** The document of a payout after a change that is not its first. */
function changed(facts: ObjectFacts, changes: Partial<PayoutDocument>): PayoutDocument {
  const document = documentOf(facts);
  const { posted, returned } = postingsOf(facts, document);
  return { ...document, posted, ...(returned === undefined ? {} : { returned }), ...changes };
}

export const withMetadata = (
  facts: ObjectFacts,
  metadata: Readonly<Record<string, string>>,
): PayoutDocument => changed(facts, { metadata });

/** A payout taken back by the merchant; refused once the bank has it. */
export function canceled(facts: ObjectFacts): Result<PayoutDocument, Failure> {
  const { status: before } = documentOf(facts);
  const status = PAYOUT_MOVES[before].cancel;
  if (status === undefined) return refuse({ kind: "payout_not_pending", status: before });
  const { due: _, ...rest } = changed(facts, { status });
  return ok(rest as PayoutDocument);
}

export function payoutObject(facts: ObjectFacts, scope: Scope): StripeObject {
  const document = documentOf(facts);
  const { posted, returned } = postingsOf(facts, document);
  const field = (name: string) => document[name] ?? null;
  const transaction = (seq: number) => sequenceId("txn", scope.account, scope.livemode, seq);
  return {
    id: facts.id,
    object: "payout",
    amount: document.amount,
    application_fee: null,
    application_fee_amount: null,
    arrival_date: document.arrival_date,
    automatic: document.automatic,
    balance_transaction: transaction(posted),
    created: facts.created,
    currency: document.currency,
    description: field("description"),
    destination: field("destination"),
    failure_balance_transaction: returned === undefined ? null : transaction(returned),
    failure_code: field("failure_code"),
    failure_message: FAILURES[document.failure_code ?? ""] ?? null,
    livemode: scope.livemode,
    metadata: metadataOf((field("metadata") ?? {}) as object),
    method: "standard",
    original_payout: null,
    payout_method: null,
    reconciliation_status: "not_applicable",
    reversed_by: null,
    source_type: "card",
    statement_descriptor: field("statement_descriptor"),
    status: document.status,
    trace_id: null,
    type: "bank_account",
  };
}
