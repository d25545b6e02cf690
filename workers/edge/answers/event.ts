// Something that happened, and the object it happened to as it stood then.

import * as z from "zod";
import { EVENT_TYPES } from "../../../protocol/event.ts";
import { text, time } from "./field.ts";
import { deleted, object, whole } from "./object.ts";

const [first = "", ...others] = EVENT_TYPES.filter((type) => type.public).map(({ name }) => name);

/** All that events tell of. */
const subject = z.union([
  whole("charge"),
  whole("refund"),
  whole("customer"),
  deleted("customer"),
  whole("card"),
  whole("payment_intent"),
  whole("payment_method"),
  whole("setup_intent"),
  whole("dispute"),
  whole("payout"),
  whole("balance"),
]);

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
