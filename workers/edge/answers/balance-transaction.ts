// A move of a merchant's balance.

import * as z from "zod";
import { currency, money, text, time } from "./field.ts";
import { linked, object } from "./object.ts";

const fee = z.strictObject({
  amount: money,
  application: text,
  currency,
  description: text,
  type: z.string(),
});

const TYPES = [
  "adjustment",
  "charge",
  "payment",
  "payment_refund",
  "payout",
  "payout_cancel",
  "payout_failure",
  "refund",
  "refund_failure",
  "stripe_fee",
] as const;

export const balanceTransaction = object("balance_transaction", "A move of the account's balance", {
  amount: money,
  available_on: time,
  balance_type: z.string().optional(),
  created: time,
  currency,
  description: text,
  exchange_rate: z.number().nullable(),
  fee: money,
  fee_details: z.array(fee),
  net: money,
  reporting_category: z.string(),
  source: z
    .union([linked("charge"), linked("refund"), linked("dispute"), linked("payout")])
    .nullable(),
  status: z.enum(["available", "pending"]),
  type: z.enum(TYPES),
});
