// What every refusal looks like.

import * as z from "zod";
import { DECLINES } from "../../../protocol/decline.ts";
import { ERROR_CATALOGUE } from "../../../protocol/error-catalogue.ts";
import { SHOWN_TO_BROWSERS } from "../../../protocol/payment-intent.ts";
import { publicPart, schemas, whole } from "./object.ts";

const [first = "", ...others] = ERROR_CATALOGUE.flatMap(({ coded, name }) => (coded ? name : []));
const [advice, ...advices] = [...new Set(DECLINES.map((decline) => decline.advice))];

/** An intent, or what a page in a browser sees of it. */
const shown = (name: "payment_intent" | "setup_intent") =>
  z.union([whole(name), z.lazy(() => publicPart(name, SHOWN_TO_BROWSERS))]);

/** Stripe's `error` object, also as a payment intent remembers it. */
export const errorObject = z.strictObject({
  advice_code: z.enum([advice ?? "try_again_later", ...advices]).optional(),
  charge: z.string().optional(),
  code: z
    .enum([first, ...others])
    .optional()
    .meta({ description: "See /docs/errors" }),
  decline_code: z.string().optional(),
  doc_url: z.string().optional(),
  message: z.string().min(1).meta({ description: "For people: what is wrong and what to do" }),
  network_advice_code: z.string().optional(),
  network_decline_code: z.string().optional(),
  param: z.string().optional().meta({ description: "The parameter at fault" }),
  payment_intent: shown("payment_intent").optional(),
  payment_method: whole("payment_method").optional(),
  payment_method_type: z.literal("card").optional(),
  request_log_url: z.string().optional(),
  setup_intent: shown("setup_intent").optional(),
  source: whole("card").optional(),
  type: z.enum(["api_error", "card_error", "idempotency_error", "invalid_request_error"]),
});
schemas.add(errorObject, { id: "error_object", description: "Why something was refused" });

/** What an intent last failed by; named, since errors show intents and intents show errors. */
export const lastError = errorObject.nullable();
schemas.add(lastError, { id: "last_error", description: "What it last failed by" });

export const error = z.strictObject({ error: errorObject });
schemas.add(error, { id: "error", description: "What was refused and what to do about it" });
