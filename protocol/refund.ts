// A refund as the API shows it, and what may become of one after the processor has taken it: it settles, it
// comes back, or it is canceled while it is under way. That is kept as its object's document.

import type { Scope } from "./command.ts";
import type { Document, OperationFacts } from "./facts.ts";
import type { Failure } from "./failure.ts";
import { sequenceId } from "./ids.ts";
import { metadataOf, type StripeObject } from "./object.ts";
import { ok, type Result, refuse } from "./result.ts";

export type RefundStatus = "pending" | "succeeded" | "failed" | "canceled";

export type RefundMove = "settle" | "come_back" | "cancel";

/** Where each move leads from each status; a pair that is not here is illegal. */
export const REFUND_MOVES: Readonly<
  Record<RefundStatus, Readonly<Partial<Record<RefundMove, RefundStatus>>>>
> = {
  pending: { settle: "succeeded", come_back: "failed", cancel: "canceled" },
  succeeded: { come_back: "failed" },
  failed: {},
  canceled: {},
};

/** What its object's document holds; fields that were not changed are left out. */
export type RefundDocument = Document & {
  readonly status?: RefundStatus;
  readonly failure_reason?: string;
  readonly metadata?: Readonly<Record<string, string>>;
};

const changesOf = (r: OperationFacts): RefundDocument => (r.changes ?? {}) as RefundDocument;

export function refundStatus(r: OperationFacts): RefundStatus {
  const { status } = changesOf(r);
  if (status !== undefined) return status;
  return r.state === "opened" || (r.state === "succeeded" && r.pending) ? "pending" : r.state;
}

/** Its document after a move; refused where it does not lead on. Its money comes back unless it settles. */
export function movedRefund(
  r: OperationFacts,
  move: RefundMove,
  failureReason?: string,
): Result<{ readonly document: RefundDocument; readonly comesBack: boolean }, Failure> {
  const from = refundStatus(r);
  const status = r.state === "succeeded" ? REFUND_MOVES[from][move] : undefined;
  // What is open here may be settled there already: its close is on its way.
  if (r.state === "opened") return refuse({ kind: "object_locked" });
  if (status === undefined) return refuse({ kind: "refund_final", status: from });
  const document: RefundDocument = {
    ...changesOf(r),
    status,
    ...(failureReason === undefined ? {} : { failure_reason: failureReason }),
  };
  return ok({ document, comesBack: status !== "succeeded" });
}

/** Its metadata as it is now. */
export const refundMetadata = (r: OperationFacts): Readonly<Record<string, string>> =>
  changesOf(r).metadata ?? r.metadata;

export function refundObject(r: OperationFacts, scope: Scope): StripeObject {
  const status = refundStatus(r);
  const transaction = (seq: number) => sequenceId("txn", scope.account, scope.livemode, seq);
  const failureReason =
    r.state === "failed" ? "declined" : (changesOf(r).failure_reason ?? undefined);
  return {
    id: r.id,
    object: "refund",
    amount: r.amount,
    balance_transaction: r.balance_seq === null ? null : transaction(r.balance_seq),
    charge: r.charge,
    created: r.created,
    currency: r.currency,
    destination_details: { card: { type: "refund" }, type: "card" },
    ...(r.reversed_seq === null
      ? {}
      : { failure_balance_transaction: transaction(r.reversed_seq) }),
    ...(failureReason === undefined ? {} : { failure_reason: failureReason }),
    metadata: metadataOf(refundMetadata(r)),
    payment_intent: r.intent,
    ...(status === "pending" ? { pending_reason: "processing" } : {}),
    reason: r.reason,
    receipt_number: null,
    source_transfer_reversal: null,
    status,
    transfer_reversal: null,
  };
}
