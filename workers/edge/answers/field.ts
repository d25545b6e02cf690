// What fields of answers are made of. As answers are exact, each says all that may be relied on.

import * as z from "zod";

/** Unix seconds. */
export const time = z.int().min(0).meta({ description: "Unix seconds" });

/** A whole number of a currency's smallest unit; `amount` is never below zero. */
export const money = z.int().meta({ description: "In the currency's smallest unit" });
export const amount = z.int().min(0).meta({ description: "In the currency's smallest unit" });

export const currency = z
  .string()
  .regex(/^[a-z]{3}$/)
  .meta({ description: "ISO 4217 code, in lower case" });

/** Text that is there, or null. */
export const text = z.string().nullable();

/** Stripe has this field and Tessera nothing to put into it. */
export const nothing = z.null();

/** The merchant's own pairs: the one place in an answer where names are free. */
export const metadata = z.record(z.string().max(40), z.string().max(500));

export const address = z.strictObject({
  city: text,
  country: text,
  line1: text,
  line2: text,
  postal_code: text,
  state: text,
});

export const billingDetails = z.strictObject({
  address,
  email: text,
  name: text,
  phone: text,
  tax_id: text.optional(),
});

/** Where goods go; a field that was never set is null or not there. */
export const shipping = z.strictObject({
  address: address.partial().nullable().optional(),
  carrier: text.optional(),
  name: text.optional(),
  phone: text.optional(),
  tracking_number: text.optional(),
});

/** How an address or security code compared with what the issuer knows. */
export const check = z.enum(["pass", "fail", "unavailable", "unchecked"]).nullable();

export const funding = z.enum(["credit", "debit", "prepaid", "unknown"]);

/** Of two digits and four; the vault lets nothing else in. */
export const expiry = {
  exp_month: z.int().min(1).max(12),
  exp_year: z.int().min(1970).max(9999),
};

export const last4 = z.string().regex(/^[0-9]{4}$/);

/** The same card has the same one at one account, and another at any other. */
export const fingerprint = z
  .string()
  .min(1)
  .meta({ description: "The same for the same card of one account" });
