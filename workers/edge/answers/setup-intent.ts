// The intention to keep a card for payments to come.

import * as z from "zod";
import { lastError } from "./error.ts";
import { metadata, nothing, text, time } from "./field.ts";
import { linked, linkedOrDeleted, object } from "./object.ts";
import {
  automaticPaymentMethods,
  cardOptions,
  clientSecret,
  nextAction,
} from "./payment-intent.ts";

export const setupIntent = object("setup_intent", "The intention to keep a card for later", {
  allowed_payment_method_types: z.array(z.string()).nullable().optional(),
  application: nothing,
  attach_to_self: z.boolean().optional(),
  automatic_payment_methods: automaticPaymentMethods.nullable(),
  cancellation_reason: z.enum(["abandoned", "duplicate", "requested_by_customer"]).nullable(),
  client_secret: clientSecret("seti").nullable().optional(),
  created: time,
  customer: linkedOrDeleted("customer").nullable(),
  customer_account: nothing.optional(),
  description: text,
  excluded_payment_method_types: nothing.optional(),
  flow_directions: z.array(z.enum(["inbound", "outbound"])).nullable(),
  last_setup_error: lastError,
  latest_attempt: text,
  livemode: z.boolean(),
  managed_payments: nothing.optional(),
  mandate: nothing,
  metadata,
  next_action: nextAction.nullable(),
  on_behalf_of: nothing,
  payment_method: linked("payment_method").nullable(),
  payment_method_configuration_details: nothing.optional(),
  payment_method_options: cardOptions.nullable(),
  payment_method_types: z.array(z.string()),
  single_use_mandate: nothing,
  status: z.enum([
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "canceled",
    "succeeded",
  ]),
  usage: z.enum(["off_session", "on_session"]),
});
