// A key that lives for an hour and opens one customer.

import * as z from "zod";
import { time } from "./field.ts";
import { object } from "./object.ts";

export const ephemeralKey = object("ephemeral_key", "A key to one customer, for an hour", {
  associated_objects: z.array(z.strictObject({ id: z.string(), type: z.string() })).optional(),
  created: time,
  expires: time,
  livemode: z.boolean(),
  secret: z.string().optional(),
});
