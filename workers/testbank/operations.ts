// What each operation asks of the book and writes into it: one authorization, increments of it, at most one capture
// or void, and refunds up to what was captured. Each function runs inside the caller's
// transaction, in one turn, and answers with what a replay will hear too. It knows nothing of
// idempotency keys beyond noting them beside the rows, and nothing of faults.

import type { Answer } from "./answer.ts";
import {
  answered,
  CAPTURED,
  DECLINED,
  DISPUTED,
  NOT_CAPTURED,
  OVER_AUTHORIZED,
  OVER_CAPTURED,
  UNKNOWN_AUTHORIZATION,
  VOIDED,
} from "./answer.ts";
import {
  type AnswerOrder,
  type AuthenticateOrder,
  answer,
  authenticate,
  type CardPrint,
  proofOf,
} from "./authentication.ts";
import { type Decision, declineOf, type Proof } from "./authorization.ts";
import type { DeclineReason } from "./cards.ts";
import type { File } from "./notices.ts";
import { type ResponseOrder, respond } from "./responses.ts";

export interface Keyed {
  readonly key: string;
  readonly fingerprint: string;
  /** Of the same parameters under other versions of the processor key. */
  readonly others: readonly string[];
}

export interface AuthorizeOrder extends Keyed {
  readonly amount: number;
  readonly currency: string;
  readonly capture: boolean;
  readonly reference: string | null;
  /** Whose it is, to be said back in notices. */
  readonly merchant: string | null;
  readonly decision: Decision;
  /** What the cardholder was asked to prove, and what is decided if he has. */
  readonly proof?: {
    readonly authentication: string;
    readonly card: CardPrint;
    readonly decisions: Readonly<Record<Proof, Decision>>;
  };
}

export interface VoidOrder extends Keyed {
  readonly authorization: string;
}

export interface AmountOrder extends VoidOrder {
  readonly amount: number;
}

/** What the bank may be asked to do, once per key. */
export type BankOrder =
  | (AuthorizeOrder & { readonly verb: "authorize" })
  /** An increment is of `amount` more. */
  | (AmountOrder & { readonly verb: "capture" | "refund" | "increment" })
  | (VoidOrder & { readonly verb: "void" })
  | ResponseOrder
  | (AuthenticateOrder & { readonly verb: "authenticate" })
  | (AnswerOrder & { readonly verb: "answer" });

type AuthorizationRow = {
  amount_minor: number;
  status: string;
  captured_minor: number;
  refunded_minor: number;
  voided: number;
  refund_behaviour: string | null;
  increment_decline: DeclineReason | null;
  dispute: string | null;
  disputed: number;
};

type MovementKind = "capture" | "void" | "refund" | "increment";

const ID_PREFIXES: Readonly<Record<MovementKind, string>> = {
  capture: "cap",
  void: "void",
  refund: "rfnd",
  increment: "incr",
};

/** `file` says what is to happen later of it. */
export function execute(sql: SqlStorage, order: BankOrder, nowMs: number, file: File): Answer {
  switch (order.verb) {
    case "authorize":
      return authorize(sql, order, nowMs, file);
    case "capture":
      return capture(sql, order, nowMs, file);
    case "increment":
      return increment(sql, order, nowMs);
    case "void":
      return voidAuthorization(sql, order, nowMs);
    case "refund":
      return refund(sql, order, nowMs, file);
    case "authenticate":
      return authenticate(sql, order, newId("authn", nowMs), nowMs);
    case "answer":
      return answer(sql, order);
    default:
      return respond(sql, order, file);
  }
}

function authorize(sql: SqlStorage, order: AuthorizeOrder, nowMs: number, file: File): Answer {
  const { amount, currency } = order;
  const decision = decisionOf(sql, order);
  const id = newId("auth", nowMs);
  const captured = order.capture && decision.status === "approved" ? amount : 0;
  sql.exec(
    `INSERT INTO authorizations (id, key, reference, amount_minor, currency, status,
                                 captured_minor, brand, last4, refund_behaviour,
                                 increment_decline, merchant, dispute, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    order.key,
    order.reference,
    amount,
    currency,
    decision.status,
    captured,
    decision.card.brand,
    decision.card.last4,
    decision.refund_behaviour ?? null,
    decision.increment_decline ?? null,
    order.merchant,
    decision.dispute ?? null,
    nowMs,
  );
  if (captured > 0 && decision.dispute !== undefined) file("dispute.opened", id);
  const { status, ...rest } = decision;
  return answered({ id, object: "authorization", status, amount, currency, captured, ...rest });
}

function decisionOf(sql: SqlStorage, { proof, ...order }: AuthorizeOrder): Decision {
  if (proof === undefined) return order.decision;
  const proved = proofOf(sql, proof.authentication, { ...order, card: proof.card });
  return proved === undefined ? order.decision : proof.decisions[proved];
}

function capture(sql: SqlStorage, order: AmountOrder, nowMs: number, file: File): Answer {
  const row = find(sql, order.authorization);
  if (row === undefined) return UNKNOWN_AUTHORIZATION;
  if (row.status === "declined") return DECLINED;
  if (row.voided === 1) return VOIDED;
  if (row.captured_minor > 0) return CAPTURED;
  if (order.amount > row.amount_minor) return OVER_AUTHORIZED;
  sql.exec(
    "UPDATE authorizations SET captured_minor = ? WHERE id = ?",
    order.amount,
    order.authorization,
  );
  const id = move(sql, "capture", order, order.amount, "approved", nowMs);
  if (row.dispute !== null) file("dispute.opened", order.authorization);
  const { authorization, amount } = order;
  return answered({ id, object: "capture", authorization, amount, status: "approved" });
}

function increment(sql: SqlStorage, order: AmountOrder, nowMs: number): Answer {
  const row = find(sql, order.authorization);
  if (row === undefined) return UNKNOWN_AUTHORIZATION;
  if (row.status === "declined") return DECLINED;
  if (row.voided === 1) return VOIDED;
  if (row.captured_minor > 0) return CAPTURED;
  const { authorization, amount } = order;
  const reason = row.increment_decline;
  const status = reason === null ? "approved" : "declined";
  if (reason === null) {
    sql.exec(
      "UPDATE authorizations SET amount_minor = amount_minor + ? WHERE id = ?",
      amount,
      authorization,
    );
  }
  const id = move(sql, "increment", order, amount, status, nowMs);
  const said = { id, object: "increment", authorization, amount, status };
  return answered(reason === null ? said : { ...said, decline: declineOf(reason) });
}

function voidAuthorization(sql: SqlStorage, order: VoidOrder, nowMs: number): Answer {
  const row = find(sql, order.authorization);
  if (row === undefined) return UNKNOWN_AUTHORIZATION;
  if (row.status === "declined") return DECLINED;
  if (row.voided === 1) return VOIDED;
  if (row.captured_minor > 0) return CAPTURED;
  sql.exec("UPDATE authorizations SET voided = 1 WHERE id = ?", order.authorization);
  const id = move(sql, "void", order, row.amount_minor, "approved", nowMs);
  const { authorization } = order;
  return answered({ id, object: "void", authorization, status: "approved" });
}

function refund(sql: SqlStorage, order: AmountOrder, nowMs: number, file: File): Answer {
  const row = find(sql, order.authorization);
  if (row === undefined) return UNKNOWN_AUTHORIZATION;
  if (row.status === "declined") return DECLINED;
  if (row.voided === 1) return VOIDED;
  if (row.captured_minor === 0) return NOT_CAPTURED;
  if (row.disputed === 1) return DISPUTED;
  if (order.amount > row.captured_minor - row.refunded_minor) return OVER_CAPTURED;
  const { authorization, amount } = order;
  // One is said to be under way and settles later, the other is said to be made and comes back.
  const status = row.refund_behaviour === "async_success" ? "pending" : "approved";
  sql.exec(
    "UPDATE authorizations SET refunded_minor = refunded_minor + ? WHERE id = ?",
    amount,
    authorization,
  );
  const id = move(sql, "refund", order, amount, status, nowMs);
  if (row.refund_behaviour === "async_success") file("refund.settled", id);
  if (row.refund_behaviour === "async_failure") file("refund.failed", id);
  return answered({ id, object: "refund", authorization, amount, status });
}

function move(
  sql: SqlStorage,
  kind: MovementKind,
  order: VoidOrder,
  amount: number,
  status: "approved" | "pending" | "declined",
  nowMs: number,
): string {
  const id = newId(ID_PREFIXES[kind], nowMs);
  sql.exec(
    `INSERT INTO movements (id, authorization, key, kind, amount_minor, status, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    id,
    order.authorization,
    order.key,
    kind,
    amount,
    status,
    nowMs,
  );
  return id;
}

function find(sql: SqlStorage, id: string): AuthorizationRow | undefined {
  return sql
    .exec<AuthorizationRow>(
      `SELECT amount_minor, status, captured_minor, refunded_minor, voided, refund_behaviour,
              increment_decline, dispute,
              EXISTS (SELECT 1 FROM disputes d WHERE d.authorization = a.id AND d.inquiry = 0
                        AND d.outcome IS NOT 'won') AS disputed
         FROM authorizations a WHERE id = ?`,
      id,
    )
    .toArray()[0];
}

// The time comes first, so that rows are added at the end of the index and a batch dirties few pages.
function newId(prefix: string, nowMs: number): string {
  const random = crypto.randomUUID().replaceAll("-", "").slice(12);
  return `${prefix}_${nowMs.toString(16).padStart(12, "0")}${random}`;
}
