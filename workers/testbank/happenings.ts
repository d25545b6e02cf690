// What happens at the bank without being asked, each in one transaction: a cardholder disputes a payment, a
// dispute is decided, a refund that was under way settles or is sent back. Says what is to be told of it, or
// nothing when it can no longer happen.

import type { DisputeOutcome, NoticeKind, NoticeOf } from "../../protocol/notice.ts";
import type { Dispute } from "./cards.ts";

/** The kinds of happenings and what each is about: an authorization, a dispute, a movement. */
export type HappeningKind = NoticeKind;

type Told = { [K in NoticeKind]: NoticeOf[K] }[NoticeKind] & {
  readonly merchant: string;
  readonly reference: string;
};

type DisputedRow = {
  key: string;
  merchant: string | null;
  open_minor: number;
  dispute: Dispute | null;
};

type DisputeRow = { key: string; merchant: string | null; outcome: DisputeOutcome | null };

type RefundRow = {
  authorization: string;
  key: string;
  merchant: string | null;
  amount_minor: number;
  status: string;
};

export const DISPUTES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS disputes (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    authorization TEXT NOT NULL UNIQUE,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    inquiry INTEGER NOT NULL CHECK (inquiry IN (0, 1)),
    status TEXT NOT NULL CHECK (status IN ('open', 'reviewed', 'decided')),
    outcome TEXT CHECK (outcome IN ('won', 'lost', 'closed')),
    created_at INTEGER NOT NULL
  ) STRICT;
`;

const DAY_S = 86_400;
/** How long a merchant may answer; the networks give one to three weeks. */
const ANSWER_DAYS = 9;

const REASONS = {
  fraudulent: { reason: "fraudulent", network_reason_code: "10.4" },
  product_not_received: { reason: "product_not_received", network_reason_code: "13.1" },
  inquiry: { reason: "fraudulent", network_reason_code: "10.4" },
} as const satisfies Record<Dispute, object>;

export function happen(
  sql: SqlStorage,
  kind: HappeningKind,
  subject: string,
  nowMs: number,
): Told | undefined {
  switch (kind) {
    case "dispute.opened":
      return openDispute(sql, subject, nowMs);
    case "dispute.decided":
      return decideDispute(sql, subject);
    case "refund.settled":
      return endRefund(sql, subject, "pending", "approved");
    case "refund.failed":
      return endRefund(sql, subject, "approved", "declined");
    case "refund.canceled":
      return toldOfRefund(sql, subject);
  }
}

function openDispute(sql: SqlStorage, authorization: string, nowMs: number): Told | undefined {
  const row = sql
    .exec<DisputedRow>(
      `SELECT key, merchant, captured_minor - refunded_minor AS open_minor, dispute
         FROM authorizations WHERE id = ?`,
      authorization,
    )
    .one();
  // Money that was given back is not disputed.
  if (row.dispute === null || row.merchant === null || row.open_minor <= 0) return undefined;
  const inquiry = row.dispute === "inquiry";
  const dispute = `dsp_${crypto.randomUUID().replaceAll("-", "")}`;
  sql.exec(
    `INSERT INTO disputes (id, authorization, amount_minor, inquiry, status, created_at)
     VALUES (?, ?, ?, ?, 'open', ?)`,
    dispute,
    authorization,
    row.open_minor,
    Number(inquiry),
    nowMs,
  );
  return {
    merchant: row.merchant,
    reference: row.key,
    dispute,
    amount: row.open_minor,
    ...REASONS[row.dispute],
    inquiry,
    // The last second of a day, as the networks count.
    due_by: (Math.floor(nowMs / 1000 / DAY_S) + ANSWER_DAYS) * DAY_S - 1,
  };
}

function decideDispute(sql: SqlStorage, dispute: string): Told | undefined {
  const row = sql
    .exec<DisputeRow>(
      `SELECT a.key, a.merchant, d.outcome FROM disputes d
         JOIN authorizations a ON a.id = d.authorization WHERE d.id = ?`,
      dispute,
    )
    .one();
  if (row.merchant === null || row.outcome === null) return undefined;
  sql.exec("UPDATE disputes SET status = 'decided' WHERE id = ?", dispute);
  return { merchant: row.merchant, reference: row.key, dispute, outcome: row.outcome };
}

function endRefund(
  sql: SqlStorage,
  movement: string,
  from: "pending" | "approved",
  to: "approved" | "declined",
): Told | undefined {
  const row = refundOf(sql, movement);
  // It was canceled in the meantime.
  if (row.status !== from || row.merchant === null) return undefined;
  sql.exec("UPDATE movements SET status = ? WHERE id = ?", to, movement);
  const told = { merchant: row.merchant, reference: row.key };
  if (to === "approved") return told;
  sql.exec(
    "UPDATE authorizations SET refunded_minor = refunded_minor - ? WHERE id = ?",
    row.amount_minor,
    row.authorization,
  );
  return { ...told, failure_reason: "expired_or_canceled_card" };
}

function toldOfRefund(sql: SqlStorage, movement: string): Told | undefined {
  const { merchant, key } = refundOf(sql, movement);
  return merchant === null ? undefined : { merchant, reference: key };
}

const refundOf = (sql: SqlStorage, movement: string): RefundRow =>
  sql
    .exec<RefundRow>(
      `SELECT m.authorization, m.key, m.amount_minor, m.status, a.merchant FROM movements m
         JOIN authorizations a ON a.id = m.authorization WHERE m.id = ?`,
      movement,
    )
    .one();
