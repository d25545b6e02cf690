// What a merchant says to the bank of something that is under way: evidence against a dispute, that he accepts
// it, that a refund which has not settled is not to be made. Each runs inside the caller's transaction, once per key.

import type { DisputeOutcome } from "../../protocol/notice.ts";
import { type Answer, answered, refused } from "./answer.ts";
import type { File } from "./notices.ts";
import type { Keyed } from "./operations.ts";

export type ResponseOrder = Keyed &
  (
    | {
        readonly verb: "contest";
        readonly dispute: string;
        /** What the evidence, which is not kept, will lead to; null where nobody will ever say. */
        readonly outcome: "won" | "lost" | null;
      }
    | { readonly verb: "accept"; readonly dispute: string }
    | { readonly verb: "cancel"; readonly refund: string }
  );

type DisputeRow = { inquiry: number; status: string };
type RefundRow = { id: string; authorization: string; amount_minor: number; status: string };

const UNKNOWN_DISPUTE = refused(404, "unknown_dispute", "There is no such dispute.");
const DECIDED = refused(409, "dispute_decided", "The dispute was decided or answered already.");
const UNKNOWN_REFUND = refused(404, "unknown_refund", "There is no such refund.");
const SETTLED = refused(409, "refund_settled", "The refund is not under way any more.");

/** The texts that test evidence is told by; any other is under review for ever. */
export function outcomeOf(text: string | undefined): "won" | "lost" | null {
  if (text === "winning_evidence") return "won";
  return text === "losing_evidence" ? "lost" : null;
}

export function respond(sql: SqlStorage, order: ResponseOrder, file: File): Answer {
  if (order.verb === "cancel") return cancel(sql, order.refund, file);
  const { dispute } = order;
  const row = sql
    .exec<DisputeRow>("SELECT inquiry, status FROM disputes WHERE id = ?", dispute)
    .toArray()[0];
  if (row === undefined) return UNKNOWN_DISPUTE;
  if (row.status !== "open") return DECIDED;
  const accepted = order.verb === "accept";
  const outcome = accepted ? "lost" : order.outcome;
  const told: DisputeOutcome | null = outcome !== null && row.inquiry === 1 ? "closed" : outcome;
  sql.exec(
    "UPDATE disputes SET status = ?, outcome = ? WHERE id = ?",
    accepted ? "decided" : "reviewed",
    told,
    dispute,
  );
  if (!accepted && told !== null) file("dispute.decided", dispute);
  return answered({ id: dispute, object: "dispute", status: accepted ? "decided" : "reviewed" });
}

function cancel(sql: SqlStorage, refund: string, file: File): Answer {
  const row = sql
    .exec<RefundRow>(
      `SELECT id, authorization, amount_minor, status FROM movements
        WHERE key = ? AND kind = 'refund'`,
      refund,
    )
    .toArray()[0];
  if (row === undefined) return UNKNOWN_REFUND;
  if (row.status !== "pending") return SETTLED;
  sql.exec("UPDATE movements SET status = 'canceled' WHERE id = ?", row.id);
  sql.exec(
    "UPDATE authorizations SET refunded_minor = refunded_minor - ? WHERE id = ?",
    row.amount_minor,
    row.authorization,
  );
  // Whoever asked may be gone before it hears: then the notice says it.
  file("refund.canceled", row.id);
  return answered({ id: row.id, object: "refund", status: "canceled" });
}
