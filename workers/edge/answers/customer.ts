// A merchant's customer, and the cards kept for it.

import * as z from "zod";
import { address, metadata, nothing, shipping, text, time } from "./field.ts";
import { linked, listOf, object } from "./object.ts";

/** Stripe has such lists and Tessera nothing to put into them. */
const emptyList = z.strictObject({
  object: z.literal("list"),
  data: z.array(z.never()).max(0),
  has_more: z.literal(false),
  url: z.string(),
});

export const customer = object("customer", "Somebody who pays, and the cards kept for it", {
  address: address.partial().nullable(),
  balance: z.int(),
  created: time,
  currency: text,
  default_source: linked("card").nullable(),
  delinquent: z.boolean(),
  description: text,
  discount: nothing,
  email: text,
  invoice_prefix: z.string(),
  invoice_settings: z.strictObject({
    custom_fields: nothing,
    default_payment_method: linked("payment_method").nullable(),
    footer: text,
    rendering_options: nothing,
  }),
  livemode: z.boolean(),
  metadata,
  name: text,
  next_invoice_sequence: z.int().min(1),
  phone: text,
  preferred_locales: z.array(z.string()),
  shipping: shipping.nullable(),
  sources: listOf("card")
    .optional()
    .meta({ description: "Where the customer is read; not in what a write answers with" }),
  subscriptions: emptyList.optional(),
  tax_exempt: z.enum(["none", "exempt", "reverse"]),
  tax_ids: emptyList.optional(),
  test_clock: nothing,
});
