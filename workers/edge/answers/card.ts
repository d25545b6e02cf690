// A card as it may be shown: no number, no code.

import * as z from "zod";
import { check, expiry, fingerprint, funding, last4, metadata, nothing, text } from "./field.ts";
import { linkedOrDeleted, object } from "./object.ts";

export const card = object("card", "A card as it may be shown", {
  address_city: text.optional(),
  address_country: text.optional(),
  address_line1: text,
  address_line1_check: check,
  address_line2: text.optional(),
  address_state: text.optional(),
  address_zip: text,
  address_zip_check: check,
  allow_redisplay: z.enum(["always", "limited", "unspecified"]).nullable().optional(),
  brand: z.string(),
  country: text,
  customer: linkedOrDeleted("customer").nullable(),
  cvc_check: check,
  dynamic_last4: text,
  ...expiry,
  fingerprint,
  funding,
  last4,
  metadata,
  name: text,
  networks: z
    .strictObject({ available: z.array(z.string()).optional(), preferred: text })
    .optional(),
  regulated_status: text.optional(),
  tokenization_method: text,
  wallet: nothing.optional(),
});
