// Something that happened, and the object it happened to as it stood then.

import * as z from "zod";
import { PUBLIC_EVENT_NAMES } from "../../../protocol/event.ts";
import { text, time } from "./field.ts";
import { deleted, type ObjectName, object, whole } from "./object.ts";

const [first = "", ...others] = PUBLIC_EVENT_NAMES;

/** All that events tell of; what has been deleted or erased since tells no more than that. */
const SUBJECTS = [
  "charge",
  "refund",
  "customer",
  "card",
  "payment_intent",
  "payment_method",
  "setup_intent",
  "dispute",
  "payout",
] as const satisfies readonly ObjectName[];

const subject = z.union(SUBJECTS.flatMap((name) => [whole(name), deleted(name)]));

export const event = object("event", "Something that happened", {
  api_version: text,
  created: time,
  data: z.strictObject({
    object: subject,
    previous_attributes: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: "What the changed fields were before" }),
  }),
  livemode: z.boolean(),
  pending_webhooks: z.int().min(0),
  request: z.strictObject({ id: text, idempotency_key: text }).nullable(),
  type: z.enum([first, ...others]),
});
