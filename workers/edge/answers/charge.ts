// A charge: what became of an attempt to take money from a card.

import * as z from "zod";
import {
  amount,
  billingDetails,
  check,
  currency,
  expiry,
  fingerprint,
  funding,
  last4,
  metadata,
  nothing,
  shipping,
  text,
  time,
} from "./field.ts";
import { linked, linkedOrDeleted, listOf, object, whole } from "./object.ts";

const outcome = z.strictObject({
  advice_code: text,
  network_advice_code: text,
  network_decline_code: text,
  network_status: z.enum([
    "approved_by_network",
    "declined_by_network",
    "not_sent_to_network",
    "reversed_after_approval",
  ]),
  reason: text,
  risk_level: z.enum(["normal", "elevated", "highest", "not_assessed", "unknown"]),
  risk_score: z.int().min(0).max(100).optional(),
  rule: z.string().optional(),
  seller_message: text,
  type: z.enum(["authorized", "manual_review", "issuer_declined", "blocked", "invalid"]),
});

/** What the card's issuer heard of the cardholder, once 3-D Secure was asked for. */
const threeDSecure = z.strictObject({
  authentication_flow: text,
  electronic_commerce_indicator: text,
  exemption_indicator: text,
  exemption_indicator_applied: z.boolean().optional(),
  result: text,
  result_reason: text,
  transaction_id: text,
  version: text,
});

const feature = z.strictObject({ status: z.enum(["available", "unavailable"]) });

const paidWith = z.strictObject({
  card: z.strictObject({
    amount_authorized: amount.nullable(),
    authorization_code: text.optional(),
    brand: z.string(),
    capture_before: time.optional(),
    checks: z.strictObject({
      address_line1_check: check,
      address_postal_code_check: check,
      cvc_check: check,
    }),
    country: text,
    ...expiry,
    extended_authorization: z.strictObject({ status: z.enum(["enabled", "disabled"]) }).optional(),
    fingerprint,
    funding,
    incremental_authorization: feature.optional(),
    installments: nothing,
    last4,
    mandate: nothing,
    multicapture: feature.optional(),
    network: text,
    network_token: z.strictObject({ used: z.boolean() }).optional(),
    network_transaction_id: text.optional(),
    overcapture: feature.extend({ maximum_amount_capturable: amount }).optional(),
    regulated_status: text.optional(),
    three_d_secure: threeDSecure.partial().nullable(),
    wallet: nothing,
  }),
  type: z.literal("card"),
});

export const charge = object("charge", "An attempt to take money from a card", {
  amount,
  amount_captured: amount,
  amount_refunded: amount,
  application: nothing,
  application_fee: nothing,
  application_fee_amount: nothing,
  balance_transaction: linked("balance_transaction").nullable(),
  billing_details: billingDetails,
  calculated_statement_descriptor: text,
  captured: z.boolean(),
  created: time,
  currency,
  customer: linkedOrDeleted("customer").nullable(),
  description: text,
  dispute: linked("dispute").nullable().optional(),
  disputed: z.boolean(),
  failure_balance_transaction: linked("balance_transaction").nullable(),
  failure_code: text,
  failure_message: text,
  fraud_details: z.strictObject({
    stripe_report: z.string().optional(),
    user_report: z.enum(["fraudulent", "safe"]).optional(),
  }),
  invoice: nothing.optional(),
  livemode: z.boolean(),
  metadata,
  on_behalf_of: nothing,
  order: nothing,
  outcome: outcome.nullable(),
  paid: z.boolean(),
  payment_intent: linked("payment_intent").nullable(),
  payment_method: z.string().nullable(),
  payment_method_details: paidWith.nullable(),
  radar_options: z.strictObject({}).optional(),
  receipt_email: text,
  receipt_number: text,
  receipt_url: text,
  refunded: z.boolean(),
  refunds: listOf("refund")
    .optional()
    .meta({ description: "Where `expand` or an early `Stripe-Version` asks for them" }),
  review: nothing,
  shipping: shipping.nullable(),
  source: whole("card").nullable(),
  source_transfer: nothing,
  statement_descriptor: text,
  statement_descriptor_suffix: text,
  status: z.enum(["succeeded", "pending", "failed"]),
  transfer_data: nothing,
  transfer_group: text,
});
