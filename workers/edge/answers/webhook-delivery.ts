// Attempts to tell an endpoint of an event, and having one told again. Both are Tessera's own.

import * as z from "zod";
import { text, time } from "./field.ts";
import { idOf, object } from "./object.ts";

export const webhookDelivery = object(
  "webhook_delivery",
  "An attempt to tell a server of an event",
  {
    attempt: z.int().min(1).meta({ description: "Counts the attempts at this event" }),
    created: time,
    duration_ms: z.int().min(0),
    event: idOf("event"),
    event_type: z.string(),
    failure: z.enum(["status", "timeout", "unreachable", "url_refused", "event_gone"]).nullable(),
    livemode: z.boolean(),
    next_attempt: time.nullable(),
    redelivery: z.boolean(),
    response_status: z.int().min(100).max(999).nullable(),
    status: z.enum(["succeeded", "failed"]),
    webhook_endpoint: idOf("webhook_endpoint"),
  },
);

export const webhookRedelivery = object("webhook_redelivery", "Events that are to be told again", {
  // Before 0 is up to -1.
  created: z.strictObject({ gte: time.nullable(), lte: z.int().min(-1).nullable() }).nullable(),
  event: text,
  livemode: z.boolean(),
  status: z.literal("pending"),
  webhook_endpoint: idOf("webhook_endpoint"),
});
