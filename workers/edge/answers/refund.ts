// Money that goes back to a card.

import * as z from "zod";
import { amount, currency, metadata, nothing, text, time } from "./field.ts";
import { linked, linkedOrDeleted, object } from "./object.ts";

const destination = z.strictObject({
  card: z.strictObject({
    reference: z.string().optional(),
    reference_status: z.enum(["available", "pending", "unavailable"]).optional(),
    reference_type: z.string().optional(),
    type: z.enum(["pending", "refund", "reversal"]),
  }),
  type: z.literal("card"),
});

export const refund = object("refund", "Money that goes back to a card", {
  amount,
  balance_transaction: linked("balance_transaction").nullable(),
  charge: linked("charge").nullable(),
  created: time,
  currency,
  customer: linkedOrDeleted("customer").nullable().optional(),
  description: z.string().optional(),
  destination_details: destination.optional(),
  failure_balance_transaction: linked("balance_transaction").nullable().optional(),
  failure_reason: z.string().optional(),
  metadata,
  payment_intent: linked("payment_intent").nullable(),
  payment_method: z.string().nullable().optional(),
  pending_reason: z.enum(["charge_pending", "insufficient_funds", "processing"]).optional(),
  reason: z
    .enum(["duplicate", "expired_uncaptured_charge", "fraudulent", "requested_by_customer"])
    .nullable(),
  receipt_number: text,
  source_transfer_reversal: nothing,
  status: z.enum(["pending", "requires_action", "succeeded", "failed", "canceled"]),
  transfer_reversal: nothing,
});
