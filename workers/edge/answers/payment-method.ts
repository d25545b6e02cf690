// A way to pay that may be used again: here, a card.

import * as z from "zod";
import {
  billingDetails,
  check,
  expiry,
  fingerprint,
  funding,
  last4,
  metadata,
  nothing,
  text,
  time,
} from "./field.ts";
import { linked, object } from "./object.ts";

const card = z.strictObject({
  brand: z.string(),
  checks: z
    .strictObject({
      address_line1_check: check,
      address_postal_code_check: check,
      cvc_check: check,
    })
    .nullable(),
  country: text,
  display_brand: text,
  ...expiry,
  fingerprint: fingerprint.nullable(),
  funding,
  generated_from: z
    .strictObject({
      charge: text,
      payment_method_details: z.record(z.string(), z.unknown()).nullable(),
      setup_attempt: text,
    })
    .nullable(),
  last4,
  networks: z.strictObject({ available: z.array(z.string()), preferred: text }).nullable(),
  regulated_status: z.enum(["regulated", "unregulated"]).nullable().optional(),
  three_d_secure_usage: z.strictObject({ supported: z.boolean() }).nullable(),
  wallet: nothing,
});

export const paymentMethod = object("payment_method", "A card that may be used again", {
  allow_redisplay: z.enum(["always", "limited", "unspecified"]).optional(),
  billing_details: billingDetails,
  card,
  created: time,
  customer: linked("customer").nullable(),
  customer_account: nothing.optional(),
  livemode: z.boolean(),
  metadata,
  radar_options: z.strictObject({}).optional(),
  type: z.literal("card"),
});
