// Rows of the ledger as facts and verdicts: the one place where `uuid`s become public ids.
// What comes out of the database was checked on its way in, so it is cast, not parsed.

import type { Answer, Unfinished, Verdict } from "./command.ts";
import type {
  AccountFacts,
  CardChange,
  CardSummary,
  ChargeFacts,
  ChargeState,
  Check,
  CustomerFacts,
  Document,
  Facts,
  IntentOfCharge,
  Json,
  KeptCard,
  ObjectFacts,
  ObjectType,
  OperationFacts,
  Outcome,
  PostingFacts,
} from "./facts.ts";
import type { Failure } from "./failure.ts";
import { type AccountId, createdOf, idOf, type ObjectPrefix, type RequestId } from "./ids.ts";
import { OBJECT_PREFIXES, objectIdOf, parentIdOf } from "./object-type.ts";
import { assert } from "./result.ts";
import { type KeptTerms, termsOf } from "./terms.ts";

/** A row of the view `charge_facts`; one of `charges` alone when the processor has not spoken. */
export type ChargeRow = {
  id: string;
  state: ChargeState;
  amount: number;
  currency: string;
  capture: boolean;
  request: string;
  token: string;
  card_id: string | null;
  customer: string | null;
  brand: string;
  last4: string;
  exp_month: number;
  exp_year: number;
  fingerprint: string;
  funding: string;
  country: string | null;
  card_name: string | null;
  address_line1: string | null;
  address_zip: string | null;
  description: string | null;
  receipt_email: string | null;
  statement_descriptor: string | null;
  statement_descriptor_suffix: string | null;
  transfer_group: string | null;
  shipping: Document | null;
  metadata: Record<string, string> | null;
  processor_ref?: string | null;
  network_code?: string | null;
  risk_level?: Outcome["risk_level"] | null;
  cvc_check?: Check | null;
  address_line1_check?: Check | null;
  address_zip_check?: Check | null;
  decline?: NonNullable<Outcome["decline"]> | null;
  amount_captured: number;
  amount_refunded: number;
  balance_seq?: number | null;
  intent: string | null;
  intent_seq: number | null;
  intent_attempt: number | null;
  /** Not there where only what was asked for is told. */
  intent_document?: Document | null;
  card_form: "pm" | null;
  authentication: string | null;
  changes?: Document | null;
  dispute?: string | null;
};

export type OperationRow = {
  id: string;
  charge: string;
  kind: "capture" | "refund" | "release" | "increment";
  state: "opened" | "succeeded" | "failed";
  amount: number;
  currency: string;
  request: string;
  reason: string | null;
  metadata: Record<string, string> | null;
  balance_seq: number | null;
  intent?: string | null;
  pending?: boolean | null;
  reversed_seq?: number | null;
  changes?: Document | null;
  charge_processor_ref?: string | null;
};

export type CustomerVersionRow = {
  customer: string;
  deleted?: boolean;
  document?: Record<string, Json>;
  default_source?: string | null;
  card_id?: string | null;
  card_change?: CardChange["change"] | null;
  card?: KeptCard | null;
};

export type ObjectRow = {
  id: string;
  type: ObjectType;
  seq: number;
  customer: string | null;
  parent: string | null;
  token: string | null;
  document: Document | null;
  charge: ChargeRow | null;
  operation?: OperationRow | null;
  postings?: readonly PostingFacts[] | null;
};

export type AccountRow = {
  id: string;
  name: string | null;
  email: string | null;
  created_at: string;
  terms: KeptTerms | null;
};

const nullable = <P extends ObjectPrefix>(prefix: P, uuid: string | null | undefined) =>
  uuid == null ? null : idOf(prefix, uuid);

export const chargeFacts = (r: ChargeRow): ChargeFacts => ({
  kind: "charge",
  id: idOf("ch", r.id),
  created: createdOf(r.id),
  state: r.state,
  amount: r.amount,
  currency: r.currency,
  capture: r.capture,
  request: r.request as RequestId,
  token: idOf("tok", r.token),
  card_id: nullable(r.card_form ?? "card", r.card_id),
  customer: nullable("cus", r.customer),
  intent: intentOf(r),
  authentication: r.authentication ?? null,
  card: cardOf(r),
  description: r.description,
  receipt_email: r.receipt_email,
  statement_descriptor: r.statement_descriptor,
  statement_descriptor_suffix: r.statement_descriptor_suffix ?? null,
  transfer_group: r.transfer_group ?? null,
  shipping: r.shipping ?? null,
  metadata: r.metadata ?? {},
  processor_ref: r.processor_ref ?? null,
  outcome: outcomeOf(r),
  amount_captured: r.amount_captured,
  amount_refunded: r.amount_refunded,
  balance_seq: r.balance_seq ?? null,
  changes: r.changes ?? null,
  dispute: nullable("dp", r.dispute),
});

// Rows written before there were intents have none of the columns.
function intentOf(r: ChargeRow): IntentOfCharge | null {
  if (r.intent == null || r.intent_seq == null || r.intent_attempt == null) return null;
  const document = r.intent_document ?? {};
  return { id: idOf("pi", r.intent), seq: r.intent_seq, attempt: r.intent_attempt, document };
}

const cardOf = (r: ChargeRow): CardSummary => ({
  brand: r.brand,
  last4: r.last4,
  exp_month: r.exp_month,
  exp_year: r.exp_year,
  fingerprint: r.fingerprint,
  funding: r.funding,
  country: r.country,
  ...(r.card_name === null ? {} : { name: r.card_name }),
  ...(r.address_line1 === null ? {} : { address_line1: r.address_line1 }),
  ...(r.address_zip === null ? {} : { address_zip: r.address_zip }),
});

function outcomeOf(r: ChargeRow): Outcome | null {
  if (r.network_code == null || r.risk_level == null) return null;
  return {
    checks: {
      cvc: r.cvc_check ?? null,
      address_line1: r.address_line1_check ?? null,
      address_zip: r.address_zip_check ?? null,
    },
    network_code: r.network_code,
    risk_level: r.risk_level,
    ...(r.decline == null ? {} : { decline: r.decline }),
  };
}

export const operationFacts = (r: OperationRow): OperationFacts => ({
  kind: "operation",
  id: r.kind === "capture" || r.kind === "increment" ? idOf("op", r.id) : idOf("re", r.id),
  created: createdOf(r.id),
  charge: idOf("ch", r.charge),
  operation: r.kind,
  state: r.state,
  amount: r.amount,
  currency: r.currency,
  request: r.request as RequestId,
  reason: r.reason,
  metadata: r.metadata ?? {},
  balance_seq: r.balance_seq,
  intent: nullable("pi", r.intent),
  pending: r.pending ?? false,
  reversed_seq: r.reversed_seq ?? null,
  changes: r.changes ?? null,
  authorization: r.charge_processor_ref ?? null,
});

export const customerFacts = (r: CustomerVersionRow): CustomerFacts => ({
  kind: "customer",
  id: idOf("cus", r.customer),
  created: createdOf(r.customer),
  deleted: r.deleted ?? false,
  default_source: nullable("card", r.default_source),
  document: r.document ?? {},
  card: cardChangeOf(r),
});

function cardChangeOf(r: CustomerVersionRow): CardChange | null {
  if (r.card_id == null || r.card_change == null) return null;
  const card = r.card == null ? null : keptCardOf(r.card);
  return { id: idOf("card", r.card_id), change: r.card_change, card };
}

/** A patched card has lost what was null. */
export const keptCardOf = (card: KeptCard): KeptCard => ({
  ...card,
  country: card.country ?? null,
});

export const objectFacts = (r: ObjectRow): ObjectFacts => ({
  kind: "object",
  type: r.type,
  id: objectIdOf(r.type, r.id),
  created: createdOf(r.id),
  seq: r.seq,
  customer: nullable("cus", r.customer),
  parent: r.parent === null ? null : parentIdOf(r.type, r.parent),
  token: nullable("tok", r.token),
  document: r.document,
  charge: r.charge === null ? null : chargeFacts(r.charge),
  operation: r.operation == null ? null : operationFacts(r.operation),
  postings: r.postings ?? [],
});

export const accountFacts = (r: AccountRow): AccountFacts => ({
  kind: "account",
  id: r.id as AccountId,
  created: Math.floor(Date.parse(r.created_at) / 1000),
  name: r.name,
  email: r.email,
  terms: termsOf(r.terms),
});

export function factsOf(kind: string, row: unknown): Facts {
  switch (kind) {
    case "charge":
      return chargeFacts(row as ChargeRow);
    case "operation":
      return operationFacts(row as OperationRow);
    case "customer":
      return customerFacts(row as CustomerVersionRow);
    case "object":
      return objectFacts(row as ObjectRow);
    default:
      assert(kind === "account", `the ledger speaks of five kinds, not of ${kind}`);
      return accountFacts(row as AccountRow);
  }
}

/** One row of `apply_batch`; `i` is the place of its command in the batch. */
export type VerdictRow = readonly [i: number, outcome: string, seq: number, detail: unknown];
type PaidWithRow = { token: string; card_id: string; card: KeptCard };
type DoneRow = { kind: string; facts: unknown; forgotten?: string[] };
type AnswerRow = {
  request: string;
  ended?: boolean;
  failure?: Failure;
  kind?: string;
  facts?: unknown;
};

/** The verdicts in the order of the commands. */
export function verdictsOf(rows: readonly VerdictRow[]): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const row of rows) verdicts[row[0]] = verdictOf(row);
  return verdicts;
}

function verdictOf([, outcome, seq, detail]: VerdictRow): Verdict {
  switch (outcome) {
    case "charge_opened":
      return detail === null
        ? { outcome, seq }
        : { outcome, seq, paid_with: paidWithOf(detail as PaidWithRow) };
    case "charge_closed":
      return { outcome, seq };
    case "operation_opened":
      return { outcome, seq, facts: operationFacts(detail as OperationRow) };
    case "done": {
      const { kind, facts, forgotten = [] } = detail as DoneRow;
      const tokens = forgotten.map((uuid) => idOf("tok", uuid));
      return { outcome, seq, facts: factsOf(kind, facts), forgotten: tokens };
    }
    case "refused":
      return { outcome, seq, failure: failureWithIds(detail as Failure) };
    default:
      assert(outcome === "known", `the ledger has six verdicts, ${outcome} is none`);
      return { outcome, seq, answer: answerOf(detail as AnswerRow) };
  }
}

const paidWithOf = ({ token, card_id, card }: PaidWithRow) => ({
  token: idOf("tok", token),
  card_id: idOf("card", card_id),
  card: summaryOf(card),
});

/** What a charge keeps of a customer's card. */
export function summaryOf(card: KeptCard): CardSummary {
  const {
    address_city: _,
    address_country,
    address_line2,
    address_state,
    metadata,
    ...rest
  } = card;
  return { ...rest, country: rest.country ?? null };
}

function answerOf(a: AnswerRow): Answer {
  const request = a.request as RequestId;
  if (a.failure !== undefined) {
    return { request, end: { kind: "failure", failure: failureWithIds(a.failure) } };
  }
  const facts = factsOf(a.kind ?? "", a.facts);
  return { request, end: { kind: a.ended === true ? "facts" : "unfinished", facts } };
}

const PREFIXES: Record<string, ObjectPrefix> = {
  ...OBJECT_PREFIXES,
  customer: "cus",
  card: "card",
  source: "card",
};

function failureWithIds(f: Failure): Failure {
  if (f.kind === "resource_missing") {
    const prefix = PREFIXES[f.object];
    return prefix === undefined ? f : { ...f, id: idOf(prefix, f.id) };
  }
  if (f.kind === "card_declined") return { ...f, charge: idOf("ch", f.charge) };
  return f.kind === "token_already_used" ? { ...f, token: idOf("tok", f.token) } : f;
}

export const unfinishedOf = (r: {
  kind: string;
  account: string;
  livemode: boolean;
  facts: unknown;
}): Unfinished => ({
  account: r.account as AccountId,
  livemode: r.livemode,
  facts: factsOf(r.kind, r.facts),
});
