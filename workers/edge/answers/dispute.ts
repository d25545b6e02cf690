// A cardholder's bank takes a payment back, or asks about it.

import * as z from "zod";
import { amount, currency, metadata, text, time } from "./field.ts";
import { linked, object, whole } from "./object.ts";

/** All that a merchant may say in its defence. Files are named by id. */
const EVIDENCE = [
  "access_activity_log",
  "billing_address",
  "cancellation_policy",
  "cancellation_policy_disclosure",
  "cancellation_rebuttal",
  "customer_communication",
  "customer_email_address",
  "customer_name",
  "customer_purchase_ip",
  "customer_signature",
  "duplicate_charge_documentation",
  "duplicate_charge_explanation",
  "duplicate_charge_id",
  "product_description",
  "receipt",
  "refund_policy",
  "refund_policy_disclosure",
  "refund_refusal_explanation",
  "service_date",
  "service_documentation",
  "shipping_address",
  "shipping_carrier",
  "shipping_date",
  "shipping_documentation",
  "shipping_tracking_number",
  "uncategorized_file",
  "uncategorized_text",
] as const;

const evidence = z.strictObject({
  ...Object.fromEntries(EVIDENCE.map((name) => [name, text])),
  enhanced_evidence: z.strictObject({}).optional(),
});

export const dispute = object("dispute", "A payment that the cardholder's bank takes back", {
  amount,
  balance_transactions: z.array(whole("balance_transaction")),
  charge: linked("charge"),
  created: time,
  currency,
  enhanced_eligibility_types: z.array(z.string()).optional(),
  evidence,
  evidence_details: z.strictObject({
    due_by: time.nullable(),
    enhanced_eligibility: z.strictObject({}).optional(),
    has_evidence: z.boolean(),
    past_due: z.boolean(),
    submission_count: z.int().min(0),
    submission_method: z.string().optional(),
  }),
  intended_submission_method: text.optional(),
  is_charge_refundable: z.boolean(),
  livemode: z.boolean(),
  metadata,
  network_reason_code: text.optional(),
  payment_intent: linked("payment_intent").nullable(),
  payment_method_details: z
    .strictObject({
      card: z.strictObject({
        brand: z.string(),
        case_type: z.enum(["block", "chargeback", "compliance", "inquiry", "resolution"]),
        network: z.string().optional(),
        network_reason_code: text,
      }),
      type: z.literal("card"),
    })
    .optional(),
  reason: z.string(),
  status: z.enum([
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
    "prevented",
  ]),
});
