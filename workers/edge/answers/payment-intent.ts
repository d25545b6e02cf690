// The intention to collect a payment, over as many attempts as it takes.

import * as z from "zod";
import { lastError } from "./error.ts";
import { amount, currency, metadata, nothing, shipping, text, time } from "./field.ts";
import { linked, linkedOrDeleted, listOf, object } from "./object.ts";

export const clientSecret = (prefix: string) =>
  z.string().regex(new RegExp(`^${prefix}_[0-9A-Za-z]{22}_secret_[0-9A-Za-z]+$`));

/** What the payer has to do: here, to prove that the card is his. */
export const nextAction = z.strictObject({
  redirect_to_url: z.strictObject({ return_url: text, url: z.string() }).optional(),
  type: z.enum(["redirect_to_url", "use_stripe_sdk"]),
  use_stripe_sdk: z.record(z.string(), z.unknown()).optional(),
});

export const automaticPaymentMethods = z.strictObject({
  allow_redirects: z.enum(["always", "never"]).optional(),
  enabled: z.boolean(),
});

const request = z.enum(["if_available", "never"]).optional();

export const cardOptions = z.strictObject({
  card: z
    .strictObject({
      capture_method: z.enum(["manual", "automatic", "automatic_async"]).optional(),
      installments: nothing.optional(),
      mandate_options: nothing.optional(),
      network: text.optional(),
      request_extended_authorization: request,
      request_incremental_authorization: request,
      request_multicapture: request,
      request_overcapture: request,
      request_three_d_secure: z.enum(["any", "automatic", "challenge"]).nullable(),
      require_cvc_recollection: z.boolean().optional(),
      setup_future_usage: z.enum(["none", "off_session", "on_session"]).optional(),
    })
    .optional(),
});

export const paymentIntent = object("payment_intent", "The intention to collect a payment", {
  allowed_payment_method_types: z.array(z.string()).nullable().optional(),
  amount,
  amount_capturable: amount,
  amount_details: z.strictObject({ tip: z.strictObject({}).optional() }).optional(),
  amount_received: amount,
  application: nothing,
  application_fee_amount: nothing,
  automatic_payment_methods: automaticPaymentMethods.nullable(),
  canceled_at: time.nullable(),
  cancellation_reason: z
    .enum([
      "abandoned",
      "automatic",
      "duplicate",
      "expired",
      "failed_invoice",
      "fraudulent",
      "requested_by_customer",
      "void_invoice",
    ])
    .nullable(),
  capture_method: z.enum(["automatic", "automatic_async", "manual"]),
  charges: listOf("charge")
    .optional()
    .meta({ description: "Where an early `Stripe-Version` asks for them" }),
  client_secret: clientSecret("pi").nullable().optional().meta({
    description: "With it and the publishable key a page may see and confirm the payment",
  }),
  confirmation_method: z.enum(["automatic", "manual"]),
  created: time,
  currency,
  customer: linkedOrDeleted("customer").nullable(),
  customer_account: nothing.optional(),
  description: text,
  excluded_payment_method_types: nothing.optional(),
  invoice: nothing.optional(),
  last_payment_error: lastError,
  latest_charge: linked("charge").nullable(),
  livemode: z.boolean(),
  managed_payments: nothing.optional(),
  metadata,
  next_action: nextAction.nullable(),
  on_behalf_of: nothing,
  payment_method: linked("payment_method").nullable(),
  payment_method_configuration_details: nothing.optional(),
  payment_method_options: cardOptions.nullable(),
  payment_method_types: z.array(z.string()),
  payment_record: nothing.optional(),
  processing: nothing,
  receipt_email: text,
  review: nothing,
  setup_future_usage: z.enum(["off_session", "on_session"]).nullable(),
  shipping: shipping.nullable(),
  source: nothing.optional(),
  statement_descriptor: text,
  statement_descriptor_suffix: text,
  status: z.enum([
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "canceled",
    "succeeded",
  ]),
  transfer_data: nothing.optional(),
  transfer_group: text,
});
