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

export const billingDetails = z.strictObject({
  address: address.optional(),
  email: unsettable(512).optional(),
  name: unsettable(256).optional(),
  phone: unsettable(50).optional(),
  tax_id: unsettable(50).optional(),
});
