// /v1/payment_methods: cards that are kept under a name, to be charged once, or again by whoever attaches
// them to a customer.

import * as z from "zod";
import { eventCode } from "../../protocol/event.ts";
import {
  billed,
  changed,
  type MethodDocument,
  methodOf,
  REDISPLAYS,
} from "../../protocol/payment-method.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { answerOf, claimOfCaller, readObject, saveObject } from "./kept-objects.ts";
import { createPaymentMethod, methodFields } from "./payment-method.ts";
import { billingDetails } from "./person.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { choice, expand, integer, metadata, text } from "./schema.ts";
import { PROOF_CHARACTERS_MAX } from "./tokens.ts";

const createParams = z.strictObject({
  ...methodFields,
  challenge: text(PROOF_CHARACTERS_MAX).optional(),
  expand: expand.optional(),
});

const updateParams = z.strictObject({
  billing_details: billingDetails.optional(),
  card: z
    .strictObject({
      exp_month: integer(1, 12).optional(),
      exp_year: integer(2000, 2099).optional(),
    })
    .optional(),
  metadata: metadata.optional(),
  allow_redisplay: choice(...REDISPLAYS).optional(),
  expand: expand.optional(),
});

async function update(
  call: Call<z.output<typeof updateParams>>,
): Promise<Result<Answered, Refused>> {
  const id = call.path["id"] ?? "";
  const read = await readObject(call, "payment_method", id);
  if (!read.ok) return read;
  const method = methodOf(read.value);
  if (method === undefined) {
    return refuse({ kind: "resource_missing", object: "payment_method", id, param: "id" });
  }
  const saved = await saveObject(call, call.claim, {
    type: "payment_method",
    from: read.value,
    document: updated(method, call.params),
    event: eventCode("payment_method.updated"),
    ...(read.value.customer === null ? {} : { customer: read.value.customer }),
  });
  return saved.ok ? ok(answerOf(saved.value, call)) : saved;
}

function updated(
  method: MethodDocument,
  { billing_details, card, metadata: pairs, allow_redisplay }: z.output<typeof updateParams>,
): MethodDocument {
  const { exp_month = method.card.exp_month, exp_year = method.card.exp_year } = card ?? {};
  return {
    ...method,
    card: { ...method.card, exp_month, exp_year },
    billing_details: billed(method.billing_details, billing_details ?? {}),
    metadata: pairs === null ? {} : changed(method.metadata, pairs ?? {}),
    allow_redisplay: allow_redisplay ?? method.allow_redisplay,
  };
}

export const paymentMethodRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/payment_methods",
    summary: "Keep a card as a payment method",
    access: "publishable",
    permission: "payment_method_write",
    params: createParams,
    answers: "payment_method",
    handle: async (call) => {
      const { challenge, expand: _, ...data } = call.params;
      const made = await createPaymentMethod(call, claimOfCaller(call), data, { challenge });
      return made.ok ? ok(answerOf(made.value, call)) : made;
    },
  }),
  route({
    method: "GET",
    path: "/v1/payment_methods/:id",
    summary: "Retrieve a payment method",
    access: "secret",
    permission: "payment_method_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "payment_method",
    handle: async (call) => {
      const read = await readObject(call, "payment_method", call.path["id"] ?? "");
      if (!read.ok) return read;
      const saved = { facts: read.value, replayed: false, original: call.request };
      return ok({ object: answerOf(saved, call).object });
    },
  }),
  route({
    method: "POST",
    path: "/v1/payment_methods/:id",
    summary: "Update a payment method's expiry, billing details or metadata",
    access: "secret",
    permission: "payment_method_write",
    params: updateParams,
    answers: "payment_method",
    handle: update,
  }),
];
