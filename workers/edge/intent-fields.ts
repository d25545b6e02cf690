// The parameters that payment intents and setup intents have in common, and what they become.

import * as z from "zod";
import type { Failure } from "../../protocol/failure.ts";
import type { CustomerId } from "../../protocol/ids.ts";
import { choice, flag, text } from "./schema.ts";

type Json = Readonly<Record<string, unknown>>;

const issue = (ctx: z.core.$RefinementCtx, failure: (param: string) => Failure): never => {
  ctx.addIssue({ code: "custom", params: { failure } });
  return z.NEVER;
};

/** A list of kinds of payment methods; there is one kind. */
export const methodTypes = z
  .unknown()
  .transform((value, ctx): "card"[] => {
    const given = typeof value === "object" && value !== null ? Object.values(value) : [value];
    if (given.length > 0 && given.every((type) => type === "card")) return ["card"];
    return issue(ctx, (param) => ({
      kind: "parameter_invalid",
      param,
      why: `Invalid ${param}: the only payment method type is card.`,
    }));
  })
  .meta({ type: "array", items: { enum: ["card"] } });

/** Whether the buyer is away; Stripe's older words for why say the same. */
export const offSession = z
  .unknown()
  .transform((value, ctx): boolean => {
    if (value === "one_off" || value === "recurring") return true;
    const given = flag.safeParse(value);
    return given.success
      ? given.data
      : issue(ctx, (param) => ({
          kind: "parameter_invalid",
          param,
          why: `Invalid ${param}: must be true, false, one_off or recurring.`,
        }));
  })
  .meta({ anyOf: [{ type: "boolean" }, { enum: ["one_off", "recurring"] }] });

const URL_CHARACTERS_MAX = 2048;
/** Schemes that a browser would run or read instead of going there. */
const NO_PLACE = /^(?:javascript|data|vbscript|blob|file|about|view-source):/i;

/** Where a cardholder is sent back to: a page, or an app by a scheme of its own. */
export const returnUrl = text(URL_CHARACTERS_MAX)
  .transform((value, ctx): string | undefined => {
    if (value === undefined) return undefined;
    if (URL.canParse(value) && !NO_PLACE.test(value.trim()) && /^[\x21-\x7e]+$/.test(value)) {
      return value;
    }
    return issue(ctx, (param) => ({
      kind: "parameter_invalid",
      param,
      why: `Invalid ${param}: must be a URL such as https://shop.example/done.`,
    }));
  })
  .meta({ type: "string", format: "uri", maxLength: URL_CHARACTERS_MAX });

export const automaticMethods = z.strictObject({
  enabled: flag,
  allow_redirects: choice("always", "never").optional(),
});

const cardOptions = { request_three_d_secure: choice("automatic", "any", "challenge").optional() };

export const methodOptions = z.strictObject({ card: z.strictObject(cardOptions).optional() });

/** Those of a payment; setting a card up holds nothing that could be added to. */
export const paymentOptions = z.strictObject({
  card: z
    .strictObject({
      ...cardOptions,
      request_incremental_authorization: choice("if_available", "never").optional(),
    })
    .optional(),
});

export const usage = choice("on_session", "off_session");

/** What says how a method is chosen; one of the two, and automatic when neither is said. */
export const choosing = {
  automatic_payment_methods: automaticMethods.optional(),
  payment_method_types: methodTypes.optional(),
};

export function automaticOf(p: {
  automatic_payment_methods?: z.output<typeof automaticMethods> | undefined;
  payment_method_types?: readonly string[] | undefined;
}): { refused: Failure } | { document: Json } {
  const { automatic_payment_methods: automatic, payment_method_types: types } = p;
  if (types !== undefined) {
    if (automatic?.enabled !== true) return { document: {} };
    const why = "Send automatic_payment_methods or payment_method_types, not both.";
    return {
      refused: { kind: "parameter_invalid", param: "automatic_payment_methods", why },
    };
  }
  if (automatic?.enabled === false) return { document: {} };
  const allow_redirects = automatic?.allow_redirects ?? "always";
  return { document: { automatic_payment_methods: { enabled: true, allow_redirects } } };
}

/** Whose an intent is, of which its document speaks only where it is somebody's. */
export const holderOf = (customer: string | undefined): { readonly customer?: CustomerId } =>
  customer === undefined ? {} : { customer: customer as CustomerId };

export const CONFIRMED_WITHOUT_METHOD: Failure = {
  kind: "parameter_invalid",
  param: "payment_method",
  why: "An intent is confirmed with a payment method. Send payment_method with confirm=true.",
};

const SECRET_CHARACTERS_MAX = 200;
export const clientSecret = text(SECRET_CHARACTERS_MAX);
