// /v1/payment_intents: made, read, changed and listed here; confirmed by payment-confirmation.ts, incremented by
// payment-increment.ts, captured and canceled by payment-conclusion.ts. What may become of one is decided in protocol/intent-moves.ts.

import * as z from "zod";
import { amountFailure } from "../../protocol/currency.ts";
import { eventCode } from "../../protocol/event.ts";
import type { CustomerId } from "../../protocol/ids.ts";
import { type IntentPatch, paidWith, updated } from "../../protocol/intent-moves.ts";
import { paymentIntentObject } from "../../protocol/payment-intent.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { customerMissing } from "./customer.ts";
import { readIntent, seenBy, showing } from "./intent-access.ts";
import { automaticOf, CONFIRMED_WITHOUT_METHOD, clientSecret, holderOf } from "./intent-fields.ts";
import { answered, type Change, listObjects, saveObject, stepOf } from "./kept-objects.ts";
import { type FoundMethod, methodChosen } from "./method-choice.ts";
import { cancelIntent, captureIntent } from "./payment-conclusion.ts";
import {
  confirmIntent,
  orAnswerBefore,
  proceed,
  saveIntent,
  standing,
} from "./payment-confirmation.ts";
import { incrementIntent, incrementParams } from "./payment-increment.ts";
import {
  confirmationOf,
  confirmParams,
  createParams,
  newDocument,
  patchOf,
  updateParams,
} from "./payment-intent-fields.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { amount, choice, created, expand, flag, metadata, page, pageOf, text } from "./schema.ts";

type CreateCall = Call<z.output<typeof createParams>>;

async function create(call: CreateCall): Promise<Result<Answered, Refused>> {
  const p = call.params;
  const missing = customerMissing(p.customer);
  if (missing !== undefined) return missing;
  const refusal = amountFailure(p.amount, p.currency);
  if (refusal !== undefined) return refuse(refusal);
  const automatic = automaticOf(p);
  if ("refused" in automatic) return refuse(automatic.refused);
  const early = p.confirm === true ? undefined : onlyConfirming(p);
  if (early !== undefined) return early;
  const ready = await readied(call, automatic.document);
  // What is found amiss now may have been well when the key was first used.
  if (!ready.ok) return orAnswerBefore(call, call.claim, ready);
  const { change, method } = ready.value;
  if (p.confirm !== true || method === undefined) {
    const saved = await saveObject(call, call.claim, change);
    return answered(saved, call);
  }
  const saved = await saveObject(call, stepOf(call.claim, "create"), change);
  if (!saved.ok) return orAnswerBefore(call, call.claim, saved);
  const at = standing(saved.value.facts);
  return proceed(call, call.claim, { at, method }, confirmationOf(p));
}

/** What speaks of the confirmation says nothing where there is none. */
function onlyConfirming(p: CreateCall["params"]) {
  for (const param of ["off_session", "error_on_requires_action", "return_url"] as const) {
    if (p[param] === undefined || p[param] === false) continue;
    const why = `${param} may be sent when the intent is confirmed. Send confirm=true, or send it to the confirmation.`;
    return refuse({ kind: "parameter_invalid" as const, param, why });
  }
  return undefined;
}

/** The intent that is to be made, and with what it is paid. */
async function readied(
  call: CreateCall,
  automatic: Readonly<Record<string, unknown>>,
): Promise<Result<{ change: Change; method: FoundMethod | undefined }, Refused>> {
  const p = call.params;
  const holder = holderOf(p.customer);
  const chosen = await methodChosen(call, call.claim, p, holder);
  if (!chosen.ok) return chosen;
  const method = chosen.value;
  if (p.confirm === true && method === undefined) return refuse(CONFIRMED_WITHOUT_METHOD);
  const change = {
    type: "payment_intent",
    document: newDocument(p, automatic, method),
    event: eventCode("payment_intent.created"),
    ...holder,
  } as const;
  return ok({ change, method });
}

async function update(
  call: Call<z.output<typeof updateParams>>,
): Promise<Result<Answered, Refused>> {
  const missing = customerMissing(call.params.customer);
  if (missing !== undefined) return missing;
  const read = await readIntent(call, "payment_intent", undefined);
  if (!read.ok) return read;
  const outcome = await changed(call, standing(read.value));
  return outcome.ok ? outcome : orAnswerBefore(call, call.claim, outcome);
}

async function changed(
  call: Call<z.output<typeof updateParams>>,
  at: ReturnType<typeof standing>,
): Promise<Result<Answered, Refused>> {
  const patch = patchOf(call.params);
  const holder = holderOf(patch.customer ?? at.intent.document.customer);
  const { payment_method, payment_method_data } = call.params;
  const chosen = await methodChosen(
    call,
    call.claim,
    { payment_method, payment_method_data },
    holder,
  );
  if (!chosen.ok) return chosen;
  const next = updated(at.intent, { ...patch, ...paidWith(chosen.value) } as IntentPatch);
  if (!next.ok) {
    return showing(next.failure, "payment_intent", paymentIntentObject(at.intent, call.scope));
  }
  const { amount, currency } = next.value;
  const refusal = amountFailure(amount, currency);
  if (refusal !== undefined) return refuse(refusal);
  const saved = await saveIntent(call, call.claim, at, next.value);
  return answered(saved, call);
}

type ConfirmCall = Call<z.output<typeof confirmParams>>;

/** What only the merchant's server may say of a confirmation. */
const SERVERS_ONLY = ["off_session", "error_on_requires_action", "capture_method"] as const;
const INCREMENTS = "request_incremental_authorization";

async function confirm(call: ConfirmCall): Promise<Result<Answered, Refused>> {
  const p = call.params;
  const foreign = call.fromBrowser
    ? SERVERS_ONLY.find((param) => p[param] !== undefined)
    : undefined;
  if (foreign !== undefined) return refuse({ kind: "parameter_unknown", param: foreign });
  if (call.fromBrowser && p.payment_method_options?.card?.[INCREMENTS] !== undefined) {
    const param = `payment_method_options[card][${INCREMENTS}]`;
    return refuse({ kind: "parameter_unknown", param });
  }
  const read = await readIntent(call, "payment_intent", p.client_secret);
  if (!read.ok) return read;
  const at = standing(read.value);
  if (call.fromBrowser && at.intent.document.confirmation_method === "manual") {
    const why =
      "This PaymentIntent is confirmed by the merchant's server, as its confirmation_method says.";
    return refuse({ kind: "parameter_invalid", param: "confirmation_method", why });
  }
  const how = confirmationOf(p);
  return seenBy(call, await confirmIntent(call, call.claim, at, how));
}

export const paymentIntentRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/payment_intents",
    summary: "Make a payment intent, and confirm it at once if so asked",
    access: "secret",
    permission: "payment_intent_write",
    params: createParams,
    answers: "payment_intent",
    handle: create,
  }),
  route({
    method: "GET",
    path: "/v1/payment_intents",
    summary: "List payment intents, newest first",
    access: "secret",
    permission: "payment_intent_read",
    params: z.strictObject({
      ...page,
      created: created.optional(),
      customer: text(100).optional(),
    }),
    answers: "list of payment_intents",
    handle: async (call) =>
      customerMissing(call.params.customer) ??
      listObjects(call, "payment_intent", {
        page: pageOf(call.params),
        created: call.params.created,
        customer: call.params.customer as CustomerId | undefined,
      }),
  }),
  route({
    method: "GET",
    path: "/v1/payment_intents/:id",
    summary: "Retrieve a payment intent; in a browser, with its client secret",
    access: "publishable",
    permission: "payment_intent_read",
    params: z.strictObject({ client_secret: clientSecret.optional(), expand: expand.optional() }),
    answers: ["payment_intent", "public payment_intent"],
    handle: async (call) => {
      const read = await readIntent(call, "payment_intent", call.params.client_secret);
      if (!read.ok) return read;
      const object = paymentIntentObject(standing(read.value).intent, call.scope);
      return seenBy(call, ok({ object }));
    },
  }),
  route({
    method: "POST",
    path: "/v1/payment_intents/:id",
    summary: "Update a payment intent",
    access: "secret",
    permission: "payment_intent_write",
    params: updateParams,
    answers: "payment_intent",
    handle: update,
  }),
  route({
    method: "POST",
    path: "/v1/payment_intents/:id/confirm",
    summary: "Confirm a payment intent; in a browser, with its client secret",
    access: "publishable",
    permission: "payment_intent_write",
    params: confirmParams,
    answers: ["payment_intent", "public payment_intent"],
    handle: confirm,
  }),
  route({
    method: "POST",
    path: "/v1/payment_intents/:id/capture",
    summary: "Capture what a payment intent holds, in full or in part",
    access: "secret",
    permission: "payment_intent_write",
    params: z.strictObject({
      amount_to_capture: amount.optional(),
      final_capture: flag.optional(),
      metadata: metadata.optional(),
      expand: expand.optional(),
    }),
    answers: "payment_intent",
    handle: async (call) => {
      const { amount_to_capture, final_capture, metadata: pairs } = call.params;
      if (final_capture === false) {
        const why = "An authorization is captured once. Leave final_capture out, or send true.";
        return refuse({ kind: "parameter_invalid", param: "final_capture", why });
      }
      return captureIntent(call, amount_to_capture, pairs);
    },
  }),
  route({
    method: "POST",
    path: "/v1/payment_intents/:id/increment_authorization",
    summary: "Hold more than a payment intent holds",
    access: "secret",
    permission: "payment_intent_write",
    params: incrementParams,
    answers: "payment_intent",
    handle: incrementIntent,
  }),
  route({
    method: "POST",
    path: "/v1/payment_intents/:id/cancel",
    summary: "Cancel a payment intent, and let go of what it holds",
    access: "secret",
    permission: "payment_intent_write",
    params: z.strictObject({
      cancellation_reason: choice(
        "duplicate",
        "fraudulent",
        "requested_by_customer",
        "abandoned",
      ).optional(),
      expand: expand.optional(),
    }),
    answers: "payment_intent",
    handle: (call) => cancelIntent(call, call.params.cancellation_reason),
  }),
];
