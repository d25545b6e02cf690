// Where a merchant's server hears of events.

import * as z from "zod";
import { metadata, text, time } from "./field.ts";
import { object } from "./object.ts";

export const webhookEndpoint = object("webhook_endpoint", "Where a server hears of events", {
  api_version: text,
  application: text,
  created: time,
  description: text,
  enabled_events: z.array(z.string()),
  livemode: z.boolean(),
  metadata,
  secret: z
    .string()
    .regex(/^whsec_/)
    .optional()
    .meta({ description: "Only in the answer that makes the endpoint or a new secret" }),
  status: z.enum(["enabled", "disabled"]),
  url: z.string(),
});
