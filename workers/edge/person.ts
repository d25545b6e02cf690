// What may be said of a person: addresses, and who is billed or shipped to. Every field can be unset.

import * as z from "zod";
import { unsettable } from "./schema.ts";

/** The empty string, or null in JSON, unsets a whole object of fields. */
const unset = z.union([z.literal(""), z.null()]).transform(() => null);

const addressFields = z.strictObject({
  city: unsettable(200).optional(),
  country: unsettable(2).optional(),
  line1: unsettable(500).optional(),
  line2: unsettable(500).optional(),
  postal_code: unsettable(50).optional(),
  state: unsettable(200).optional(),
});

export const address = z.union([unset, addressFields]);

export const shipping = z.union([
  unset,
  z.strictObject({
    address: addressFields.optional(),
    name: unsettable(500).optional(),
    phone: unsettable(50).optional(),
  }),
]);

/** A parcel under way, as payment intents know it. */
export const shipment = z.union([
  unset,
  z.strictObject({
    address: addressFields.optional(),
    carrier: unsettable(500).optional(),
    name: unsettable(500).optional(),
    phone: unsettable(50).optional(),
    tracking_number: unsettable(500).optional(),
  }),
]);

type Said = { readonly [field: string]: string | null | undefined | Said };
export type Compact = { readonly [field: string]: string | Compact };

/** What was said, without what was unset. */
export function compact(said: Said | null): Compact | null {
  if (said === null) return null;
  return Object.fromEntries(
    Object.entries(said).flatMap(([name, value]) =>
      value == null ? [] : [[name, typeof value === "string" ? value : (compact(value) ?? {})]],
    ),
  );
}

export const billingDetails = z.strictObject({
  address: address.optional(),
  email: unsettable(512).optional(),
  name: unsettable(256).optional(),
  phone: unsettable(50).optional(),
  tax_id: unsettable(50).optional(),
});
