// Rows of the ledger as facts, and commands as rows: the one place where `uuid`s become public ids.
// What comes out of the database was checked on its way in, so it is cast, not parsed.

import type { Answer, Command, Unfinished, Verdict } from "../protocol/command.ts";
import type {
  AccountFacts,
  CardSummary,
  ChargeFacts,
  ChargeState,
  CustomerFacts,
  Facts,
  Json,
  OperationFacts,
  Outcome,
} from "../protocol/facts.ts";
import type { Failure } from "../protocol/failure.ts";
import {
  type AccountId,
  createdOf,
  idOf,
  type ObjectPrefix,
  type RequestId,
  uuidOf,
} from "../protocol/ids.ts";
import { assert } from "../protocol/result.ts";

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
  card: CardSummary;
  description: string | null;
  receipt_email: string | null;
  statement_descriptor: string | null;
  metadata: Record<string, string>;
  processor_ref: string | null;
  outcome: Outcome | null;
  amount_captured: number;
  amount_refunded: number;
  balance_seq: number | null;
};

export type OperationRow = {
  id: string;
  charge: string;
  kind: "capture" | "refund" | "release";
  state: "opened" | "succeeded" | "failed";
  amount: number;
  currency: string;
  request: string;
  reason: string | null;
  metadata: Record<string, string>;
  balance_seq: number | null;
  charge_processor_ref?: string | null;
};

export type CustomerVersionRow = {
  customer: string;
  deleted?: boolean;
  document?: Record<string, Json>;
  default_source?: string | null;
};

export type AccountRow = {
  id: string;
  name: string | null;
  email: string | null;
  created_at: string;
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
  card_id: nullable("card", r.card_id),
  customer: nullable("cus", r.customer),
  card: r.card,
  description: r.description,
  receipt_email: r.receipt_email,
  statement_descriptor: r.statement_descriptor,
  metadata: r.metadata,
  processor_ref: r.processor_ref,
  outcome: r.outcome,
  amount_captured: r.amount_captured,
  amount_refunded: r.amount_refunded,
  balance_seq: r.balance_seq,
});

export const operationFacts = (r: OperationRow): OperationFacts => ({
  kind: "operation",
  id: r.kind === "capture" ? idOf("op", r.id) : idOf("re", r.id),
  created: createdOf(r.id),
  charge: idOf("ch", r.charge),
  operation: r.kind,
  state: r.state,
  amount: r.amount,
  currency: r.currency,
  request: r.request as RequestId,
  reason: r.reason,
  metadata: r.metadata,
  balance_seq: r.balance_seq,
  authorization: r.charge_processor_ref ?? null,
});

export const customerFacts = (r: CustomerVersionRow): CustomerFacts => ({
  kind: "customer",
  id: idOf("cus", r.customer),
  created: createdOf(r.customer),
  deleted: r.deleted ?? false,
  default_source: nullable("card", r.default_source),
  document: r.document ?? {},
});

export const accountFacts = (r: AccountRow): AccountFacts => ({
  kind: "account",
  id: r.id as AccountId,
  created: Math.floor(Date.parse(r.created_at) / 1000),
  name: r.name,
  email: r.email,
});

export function factsOf(kind: string, row: unknown): Facts {
  switch (kind) {
    case "charge":
      return chargeFacts(row as ChargeRow);
    case "operation":
      return operationFacts(row as OperationRow);
    case "customer":
      return customerFacts(row as CustomerVersionRow);
    default:
      assert(kind === "account", `the ledger speaks of four kinds, not of ${kind}`);
      return accountFacts(row as AccountRow);
  }
}

/** What one command's row of `apply_batch` holds. */
export type VerdictRow = {
  outcome: string;
  seq: number;
  kind?: string;
  facts?: unknown;
  failure?: Failure;
  forgotten?: string[];
  answer?: AnswerRow;
};
type AnswerRow = {
  request: string;
  seq: number | null;
  failure: Failure | null;
  kind: string;
  facts: unknown;
};

export function verdictOf(r: VerdictRow): Verdict {
  switch (r.outcome) {
    case "opened":
      return { outcome: "opened", facts: factsOf(r.kind ?? "", r.facts), seq: r.seq };
    case "closed":
      return {
        outcome: "closed",
        facts: factsOf(r.kind ?? "", r.facts),
        seq: r.seq,
        forgotten: (r.forgotten ?? []).map((uuid) => idOf("tok", uuid)),
      };
    case "refused":
      assert(r.failure !== undefined, "a refusal names its failure");
      return { outcome: "refused", failure: failureWithIds(r.failure), seq: r.seq ?? 0 };
    default:
      assert(r.answer !== undefined, "a known key has an answer");
      return { outcome: "known", answer: answerOf(r.answer), seq: r.seq };
  }
}

function answerOf(a: AnswerRow): Answer {
  const request = a.request as RequestId;
  if (a.failure !== null) {
    return { request, end: { kind: "failure", failure: failureWithIds(a.failure) } };
  }
  const facts = factsOf(a.kind, a.facts);
  return { request, end: { kind: a.seq === null ? "unfinished" : "facts", facts } };
}

const PREFIXES: Record<string, ObjectPrefix> = { charge: "ch", customer: "cus", card: "card" };

function failureWithIds(f: Failure): Failure {
  if (f.kind === "resource_missing") {
    const prefix = PREFIXES[f.object];
    return prefix === undefined ? f : { ...f, id: idOf(prefix, f.id) };
  }
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

const ID_FIELDS: Record<string, readonly ObjectPrefix[]> = {
  id: ["ch", "re", "op", "cus"],
  charge: ["ch"],
  customer: ["cus"],
  card_id: ["card"],
  default_source: ["card"],
  token: ["tok"],
};

export type CommandRow = { kind: Command["kind"]; i: number; [field: string]: unknown };

/** A command as the row that `apply_batch` reads, `i` being its place in the request. */
export function rowOf(command: Command, i: number): CommandRow {
  const row: CommandRow = { ...command, i };
  if (command.kind === "create_account") return row;
  for (const [field, prefixes] of Object.entries(ID_FIELDS)) {
    const id = row[field];
    if (typeof id !== "string") continue;
    const uuid = prefixes.map((prefix) => uuidOf(prefix, id)).find((u) => u !== undefined);
    assert(uuid !== undefined, `the edge parsed ${field} before it was sent`);
    row[field] = uuid;
  }
  return row;
}
