// /v1/payment_methods: cards that are kept under a name, to be charged once, or again by whoever attaches
// them to a customer.

import * as z from "zod";
import { eventCode } from "../../protocol/event.ts";
import { type CardId, type CustomerId, uuidOf } from "../../protocol/ids.ts";
import { keptObject } from "../../protocol/kept-object.ts";
import { mergedMetadata } from "../../protocol/metadata.ts";
import { listObject } from "../../protocol/object.ts";
import {
  billed,
  cardAsMethod,
  detached,
  expiryFault,
  type MethodDocument,
  methodOf,
  REDISPLAYS,
} from "../../protocol/payment-method.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import { customerId, readCustomer } from "./customer.ts";
import { answered, answerOf, endedBefore, readObject, saveObject, stepOf } from "./kept-objects.ts";
import { attachedTo, methodsOfCustomer } from "./method-list.ts";
import { attachMethod, createPaymentMethod, methodFields } from "./payment-method.ts";
import { billingDetails } from "./person.ts";
import { find } from "./reading.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { choice, expand, integer, metadata, page, pageOf, required, text } from "./schema.ts";
import { execute, forget } from "./shard-call.ts";
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
  const read = await readObject(call, "payment_method", call.path["id"] ?? "");
  if (!read.ok) return read;
  const method = methodOf(read.value);
  assert(method !== undefined, "what stands has a document");
  const fault = expiryFault({ ...method.card, ...call.params.card }, new Date());
  if (call.params.card !== undefined && fault !== undefined) return refuse(fault);
  const pairs = mergedMetadata(method.metadata, call.params.metadata);
  const saved = await saveObject(call, call.claim, {
    type: "payment_method",
    from: read.value,
    document: updated(method, pairs, call.params),
    event: eventCode("payment_method.updated"),
    ...(read.value.customer === null ? {} : { customer: read.value.customer }),
  });
  return answered(saved, call);
}

function updated(
  method: MethodDocument,
  metadata: Readonly<Record<string, string>>,
  { billing_details, card, allow_redisplay }: z.output<typeof updateParams>,
): MethodDocument {
  const { exp_month = method.card.exp_month, exp_year = method.card.exp_year } = card ?? {};
  return {
    ...method,
    card: { ...method.card, exp_month, exp_year },
    billing_details: billed(method.billing_details, billing_details ?? {}),
    metadata,
    allow_redisplay: allow_redisplay ?? method.allow_redisplay,
  };
}

const listParams = {
  ...page,
  type: text(40).optional(),
};

/** Of every other type than card there is none. */
const isOfCards = ({ type = "card" }: { readonly type?: string | undefined }) => type === "card";

async function listOf(
  call: Call<z.output<z.ZodObject<typeof listParams>>>,
  customer: { readonly id: string; readonly param: string } | undefined,
): Promise<Result<Answered, Refused>> {
  if (!isOfCards(call.params)) return ok({ object: listObject(call.url, [], false) });
  const asked = pageOf(call.params);
  const found =
    customer === undefined
      ? await attachedTo(call, undefined, asked)
      : await methodsOfCustomer(call, asked, customer);
  if (!found.ok) return found;
  const { data, more, servedBy, word } = found.value;
  return ok({ object: listObject(call.url, data, more), servedBy, word });
}

/** A payment method, or a customer's card as one. */
async function retrieve(call: Call<unknown>, id: string): Promise<Result<Answered, Refused>> {
  if (uuidOf("card", id) === undefined) {
    const read = await readObject(call, "payment_method", id);
    return read.ok ? ok({ object: keptObject(read.value, call.scope) }) : read;
  }
  const found = await find(call.env, call.scope, call.continent, {
    kind: "card",
    id: id as CardId,
  });
  if (!found.ok) return found;
  const [row] = found.value.rows;
  const { servedBy, word } = found.value;
  return row?.kind === "card"
    ? ok({ object: cardAsMethod(row, call.scope), servedBy, word })
    : missing(id);
}

const missing = (id: string, param = "id") =>
  refuse<Refused>({ kind: "resource_missing", object: "payment_method", id, param });

async function attach(
  call: Call<{ readonly customer: string }>,
): Promise<Result<Answered, Refused>> {
  const customer = customerId(call, call.params.customer, "customer");
  if (!customer.ok) return customer;
  const id = call.path["id"] ?? "";
  const saved = await attachMethod(call, call.claim, id, customer.value);
  return answered(saved, call);
}

/** A customer does not keep by default what it cannot pay with any more; done first, so that a retry ends it. */
async function noMoreDefault(
  call: Call<unknown>,
  id: string,
  customer: CustomerId | null,
): Promise<Result<undefined, Refused>> {
  if (customer === null) return ok(undefined);
  const read = await readCustomer(call, customer, "customer");
  if (!read.ok) return read;
  if (read.value.row.document["default_payment_method"] !== id) return ok(undefined);
  const unset = await execute(call.env, {
    kind: "customer",
    change: "update",
    ...call.scope,
    ...stepOf(call.claim, "default"),
    id: customer,
    patch: { default_payment_method: null },
  });
  return unset.ok ? ok(undefined) : unset;
}

async function remove(call: Call<unknown>): Promise<Result<Answered, Refused>> {
  const read = await readObject(call, "payment_method", call.path["id"] ?? "");
  if (!read.ok) return read;
  const { id, token, customer } = read.value;
  if (token === null) return missing(id);
  const unset = await noMoreDefault(call, id, customer);
  if (!unset.ok) return unset;
  const ask = { ...call.scope, token, request: call.request };
  return forget(call.env, ask, "payment_method", id);
}

async function detach(call: Call<unknown>): Promise<Result<Answered, Refused>> {
  const read = await readObject(call, "payment_method", call.path["id"] ?? "", "payment_method");
  if (!read.ok) return read;
  const method = methodOf(read.value);
  assert(method !== undefined, "what stands has a document");
  const { customer = method.former_customer } = method;
  const isOthers = call.onlyFor !== undefined && customer !== call.onlyFor;
  if (isOthers) return missing(read.value.id, "payment_method");
  const next = detached(method);
  if (!next.ok) {
    const before = await endedBefore(call, call.claim);
    if (before?.ok === true) return ok(answerOf(before.value, call));
    return before ?? next;
  }
  const unset = await noMoreDefault(call, read.value.id, read.value.customer);
  if (!unset.ok) return unset;
  const saved = await saveObject(call, call.claim, {
    type: "payment_method",
    from: read.value,
    document: next.value,
    event: eventCode("payment_method.detached"),
  });
  return answered(saved, call);
}

export const paymentMethodRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/payment_methods",
    summary: "Keep a card as a payment method",
    access: "publishable",
    permission: "payment_method_write",
    params: createParams,
    answers: ["payment_method", "deleted payment_method"],
    handle: async (call) => {
      const { challenge, expand: _, ...data } = call.params;
      const made = await createPaymentMethod(call, call.claim, data, { challenge });
      return answered(made, call);
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
    handle: (call) => retrieve(call, call.path["id"] ?? ""),
  }),
  route({
    method: "POST",
    path: "/v1/payment_methods/:id",
    summary: "Update a payment method's expiry, billing details or metadata",
    access: "secret",
    permission: "payment_method_write",
    params: updateParams,
    answers: ["payment_method", "deleted payment_method"],
    handle: update,
  }),
  route({
    method: "POST",
    path: "/v1/payment_methods/:id/attach",
    summary: "Attach a payment method to a customer, to be charged again",
    access: "secret",
    permission: "payment_method_write",
    ephemeral: "params",
    params: z.strictObject({ customer: required(100), expand: expand.optional() }),
    answers: ["payment_method", "deleted payment_method"],
    handle: attach,
  }),
  route({
    method: "POST",
    path: "/v1/payment_methods/:id/detach",
    summary: "Detach a payment method from its customer, for good",
    access: "secret",
    permission: "payment_method_write",
    ephemeral: "handler",
    params: z.strictObject({ expand: expand.optional() }),
    answers: ["payment_method", "deleted payment_method"],
    handle: detach,
  }),
  route({
    method: "GET",
    path: "/v1/payment_methods",
    summary: "List payment methods, newest first; those of a customer with its cards",
    access: "secret",
    permission: "payment_method_read",
    ephemeral: "params",
    params: z.strictObject({ ...listParams, customer: text(100).optional() }),
    answers: "list of payment_methods",
    handle: (call) => {
      const { customer } = call.params;
      return listOf(call, customer === undefined ? undefined : { id: customer, param: "customer" });
    },
  }),
  route({
    method: "GET",
    path: "/v1/customers/:id/payment_methods",
    summary: "List a customer's payment methods, newest first, and after them its cards",
    access: "secret",
    permission: "payment_method_read",
    ephemeral: "path",
    params: z.strictObject(listParams),
    answers: "list of payment_methods",
    handle: (call) => listOf(call, { id: call.path["id"] ?? "", param: "id" }),
  }),
  route({
    method: "GET",
    path: "/v1/customers/:id/payment_methods/:method",
    summary: "Retrieve a payment method of a customer",
    access: "secret",
    permission: "payment_method_read",
    ephemeral: "path",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "payment_method",
    handle: async (call) => {
      const customer = customerId(call);
      if (!customer.ok) return customer;
      const id = call.path["method"] ?? "";
      const found = await retrieve(call, id);
      const isOf = found.ok && found.value.object["customer"] === customer.value;
      return found.ok && !isOf ? missing(id.slice(0, 100)) : found;
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/payment_methods/:id",
    summary: "Delete a payment method for ever and destroy its card",
    access: "secret",
    permission: "payment_method_write",
    params: z.strictObject({}),
    answers: "deleted payment_method",
    handle: remove,
  }),
];
