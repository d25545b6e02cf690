// A dispute: the cardholder's bank takes a payment back, or asks about it first. What its document holds, what it
// may become, and how it looks on the wire. The money it moves is in the entries that change it.

import { transactionObject } from "./balance.ts";
import { brandCode } from "./card-brand.ts";
import type { Scope } from "./command.ts";
import type { ChargeFacts, Document, ObjectFacts } from "./facts.ts";
import type { Failure } from "./failure.ts";
import type { DisputeOutcome, NoticeAbout } from "./notice.ts";
import { metadataOf, type StripeObject } from "./object.ts";
import { ok, type Result, refuse } from "./result.ts";
import { transactionOf } from "./transaction.ts";

export type DisputeStatus =
  | "warning_needs_response"
  | "warning_under_review"
  | "warning_closed"
  | "needs_response"
  | "under_review"
  | "won"
  | "lost";

export type DisputeMove = "submit" | "accept" | DisputeOutcome;

/** Where each move leads from each status; a pair that is not here is illegal. */
export const DISPUTE_MOVES: Readonly<
  Record<DisputeStatus, Readonly<Partial<Record<DisputeMove, DisputeStatus>>>>
> = {
  warning_needs_response: {
    submit: "warning_under_review",
    accept: "warning_closed",
    closed: "warning_closed",
  },
  warning_under_review: { closed: "warning_closed" },
  warning_closed: {},
  needs_response: { submit: "under_review", accept: "lost", won: "won", lost: "lost" },
  under_review: { won: "won", lost: "lost" },
  won: {},
  // The processor may have decided before it heard that the merchant accepts: its word is the last.
  lost: { won: "won" },
};

/** The texts that a merchant may give, in Stripe's names. */
export const EVIDENCE_TEXTS = [
  "access_activity_log",
  "billing_address",
  "cancellation_policy_disclosure",
  "cancellation_rebuttal",
  "customer_email_address",
  "customer_name",
  "customer_purchase_ip",
  "duplicate_charge_explanation",
  "duplicate_charge_id",
  "product_description",
  "refund_policy_disclosure",
  "refund_refusal_explanation",
  "service_date",
  "shipping_address",
  "shipping_carrier",
  "shipping_date",
  "shipping_tracking_number",
  "uncategorized_text",
] as const;

/** The files; none can be given, since there is nowhere to upload one. */
export const EVIDENCE_FILES = [
  "cancellation_policy",
  "customer_communication",
  "customer_signature",
  "duplicate_charge_documentation",
  "receipt",
  "refund_policy",
  "service_documentation",
  "shipping_documentation",
  "uncategorized_file",
] as const;

/** Stripe's limits: of each text, and of all of them together. */
export const EVIDENCE_CHARACTERS_MAX = 20_000;
const EVIDENCE_CHARACTERS_IN_ALL_MAX = 150_000;

export type EvidenceText = (typeof EVIDENCE_TEXTS)[number];
export type Evidence = { readonly [K in EvidenceText]?: string };

/** What the document holds; fields that are not set are left out. */
export type DisputeDocument = Document & {
  readonly status: DisputeStatus;
  readonly amount: number;
  readonly currency: string;
  readonly reason: string;
  readonly network_reason_code: string;
  /** As the card's scheme is named in `payment_method_details`. */
  readonly brand: string;
  /** The processor's name for it. */
  readonly processor_ref: string;
  readonly due_by: number;
  readonly payment_intent?: string;
  readonly evidence?: Evidence;
  readonly submissions?: number;
  readonly metadata?: Readonly<Record<string, string>>;
};

export const disputeOf = (facts: ObjectFacts): DisputeDocument | undefined =>
  facts.document === null ? undefined : (facts.document as DisputeDocument);

/** A dispute as the processor tells of it. */
export const openedDispute = (
  notice: NoticeAbout<"dispute.opened">,
  charge: ChargeFacts,
): DisputeDocument => ({
  status: notice.inquiry ? "warning_needs_response" : "needs_response",
  amount: notice.amount,
  currency: charge.currency,
  reason: notice.reason,
  network_reason_code: notice.network_reason_code,
  brand: brandCode(charge.card.brand),
  processor_ref: notice.dispute,
  due_by: notice.due_by,
  ...(charge.intent === null ? {} : { payment_intent: charge.intent.id }),
});

/** Moves a dispute on; a move that is not declared is refused. */
export function movedDispute(
  held: DisputeDocument,
  move: DisputeMove,
): Result<DisputeDocument, Failure> {
  const status = DISPUTE_MOVES[held.status][move];
  return status === undefined
    ? refuse({ kind: "dispute_closed", status: held.status })
    : ok({ ...held, status });
}

/** Evidence and metadata merged in; with `submit`, the evidence goes to the bank and is the last word. */
export function answeredDispute(
  held: DisputeDocument,
  given: {
    readonly evidence: Readonly<Record<string, string | null>>;
    readonly metadata: Readonly<Record<string, string>>;
    readonly submit: boolean;
  },
  nowS: number,
): Result<DisputeDocument, Failure> {
  const { evidence, metadata, submit } = given;
  const changed = { ...held, metadata };
  if (Object.keys(evidence).length === 0 && !submit) return ok(changed);
  if (DISPUTE_MOVES[held.status].submit === undefined || nowS > held.due_by) {
    return refuse({ kind: "dispute_closed", status: held.status });
  }
  const merged = Object.entries({ ...held.evidence, ...evidence }).filter(
    ([, text]) => text !== null,
  );
  const characters = merged.reduce((sum, [, text]) => sum + String(text).length, 0);
  if (characters > EVIDENCE_CHARACTERS_IN_ALL_MAX) {
    const why = `Invalid evidence: all texts together have at most ${EVIDENCE_CHARACTERS_IN_ALL_MAX} characters, those given before counted.`;
    return refuse({ kind: "parameter_invalid", param: "evidence", why });
  }
  const staged: DisputeDocument = { ...changed, evidence: Object.fromEntries(merged) };
  if (!submit) return ok(staged);
  return movedDispute({ ...staged, submissions: (held.submissions ?? 0) + 1 }, "submit");
}

/** Whether its money is the merchant's to give back: a question takes none. */
const isRefundable = (status: DisputeStatus): boolean =>
  status === "warning_needs_response" || status === "warning_under_review";

export function disputeObject(facts: ObjectFacts, d: DisputeDocument, scope: Scope): StripeObject {
  const submissions = d.submissions ?? 0;
  const evidence: Readonly<Record<string, string>> = d.evidence ?? {};
  const field = (name: string) => [name, evidence[name] ?? null] as const;
  return {
    id: facts.id,
    object: "dispute",
    amount: d.amount,
    balance_transactions: facts.postings.map((p) =>
      transactionObject(transactionOf(p, facts.id, facts.parent ?? ""), scope),
    ),
    charge: facts.parent,
    created: facts.created,
    currency: d.currency,
    enhanced_eligibility_types: [],
    evidence: {
      ...Object.fromEntries([...EVIDENCE_TEXTS, ...EVIDENCE_FILES].toSorted().map(field)),
      enhanced_evidence: {},
    },
    evidence_details: {
      due_by: d.due_by,
      enhanced_eligibility: {},
      has_evidence: Object.keys(evidence).length > 0,
      past_due: false,
      submission_count: submissions,
      submission_method: submissions === 0 ? "not_submitted" : "manual",
    },
    intended_submission_method: null,
    is_charge_refundable: isRefundable(d.status),
    livemode: scope.livemode,
    metadata: metadataOf(d.metadata ?? {}),
    network_reason_code: d.network_reason_code,
    payment_intent: d.payment_intent ?? null,
    payment_method_details: {
      card: {
        brand: d.brand,
        case_type: d.status.startsWith("warning_") ? "inquiry" : "chargeback",
        network: d.brand,
        network_reason_code: d.network_reason_code,
      },
      type: "card",
    },
    reason: d.reason,
    status: d.status,
  };
}
