// Money that goes to the merchant's bank.

import * as z from "zod";
import { amount, currency, metadata, nothing, text, time } from "./field.ts";
import { linked, object } from "./object.ts";

export const payout = object("payout", "Money that goes to the merchant's bank", {
  amount,
  application_fee: nothing,
  application_fee_amount: nothing,
  arrival_date: time,
  automatic: z.boolean(),
  balance_transaction: linked("balance_transaction").nullable(),
  created: time,
  currency,
  description: text,
  destination: text,
  failure_balance_transaction: linked("balance_transaction").nullable(),
  failure_code: text,
  failure_message: text,
  livemode: z.boolean(),
  metadata,
  method: z.enum(["standard", "instant"]),
  original_payout: linked("payout").nullable(),
  payout_method: text.optional(),
  reconciliation_status: z.enum(["completed", "in_progress", "not_applicable"]),
  reversed_by: linked("payout").nullable(),
  source_type: z.enum(["bank_account", "card", "fpx"]),
  statement_descriptor: text,
  status: z.enum(["paid", "pending", "in_transit", "canceled", "failed"]),
  trace_id: z.strictObject({ status: z.string(), value: text }).nullable().optional(),
  type: z.enum(["bank_account", "card"]),
});
