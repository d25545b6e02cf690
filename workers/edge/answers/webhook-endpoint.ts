// Where a merchant's server hears of events.

import * as z from "zod";
import { metadata, text, time } from "./field.ts";
import { object } from "./object.ts";

export const webhookEndpoint = object("webhook_endpoint", "Where a server hears of events", {
  api_version: text,
  application: text,
  created: time,
  description: text,
  disabled_reason: z
    .string()
    .nullable()
    .optional()
    .meta({ description: "Of Tessera: why it is disabled" }),
  former_secret_expires_at: time
    .nullable()
    .optional()
    .meta({ description: "Of Tessera: until when the former secret signs as well" }),
  enabled_events: z.array(z.string()),
  livemode: z.boolean(),
  metadata,
  ordered: z
    .boolean()
    .optional()
    .meta({ description: "Of Tessera: whether events come one after another" }),
  secret: z
    .string()
    .regex(/^whsec_/)
    .optional()
    .meta({ description: "Only in the answer that makes the endpoint or a new secret" }),
  status: z.enum(["enabled", "disabled"]),
  url: z.string(),
});
