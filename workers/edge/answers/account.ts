// A merchant.

import * as z from "zod";
import { text, time } from "./field.ts";
import { object } from "./object.ts";

export const account = object("account", "A merchant of this platform", {
  business_profile: z.strictObject({ name: text }),
  charges_enabled: z.boolean(),
  created: time,
  email: text,
  keys: z
    .strictObject({ secret: z.string(), publishable: z.string() })
    .optional()
    .meta({ description: "Only in the answer that makes the account, and never again" }),
});
