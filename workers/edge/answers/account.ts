// A merchant.

import * as z from "zod";
import { amount, currency, text, time } from "./field.ts";
import { object } from "./object.ts";

export const account = object("account", "A merchant of this platform", {
  business_profile: z.strictObject({ name: text }),
  charges_enabled: z.boolean(),
  created: time,
  email: text,
  fees: z
    .strictObject({
      basis_points: z.int().min(0),
      dispute: z.record(currency, amount),
      fixed: z.record(currency, amount),
    })
    .optional()
    .meta({ description: "What is kept of each charge, and of each dispute" }),
  keys: z
    .strictObject({ secret: z.string(), publishable: z.string() })
    .optional()
    .meta({ description: "Only in the answer that makes the account, and never again" }),
  settings: z.strictObject({
    payouts: z.strictObject({
      schedule: z.strictObject({ interval: z.enum(["manual", "daily"]) }),
    }),
  }),
  settlement_days: z.int().min(0).optional(),
});
