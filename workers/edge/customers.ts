// Customers: who they are, and what each is charged with.

import * as z from "zod";
import type { Json } from "../../protocol/facts.ts";
import { type CardId, type CustomerId, uuidOf } from "../../protocol/ids.ts";
import { customerObject } from "../../protocol/object.ts";
import { isObjectId } from "../../protocol/object-type.ts";
import { attached, methodOf } from "../../protocol/payment-method.ts";
import type { CustomerRow } from "../../protocol/query.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import { customerId } from "./customer.ts";
import { endedBefore, readObject, stepOf } from "./kept-objects.ts";
import { list, one } from "./lookup.ts";
import { attachMethod, isAlias, paymentMethodOf } from "./payment-method.ts";
import { address, shipping } from "./person.ts";
import { type Call, type Refused, type Route, route } from "./route.ts";
import {
  created,
  expand,
  metadata,
  page,
  pageOf,
  setMetadata,
  source,
  text,
  unsettable,
} from "./schema.ts";
import { cardSource, deletedObject, execute } from "./shard-call.ts";

const fields = {
  address: address.optional(),
  description: unsettable(5000).optional(),
  email: unsettable(512).optional(),
  metadata: metadata.optional(),
  name: unsettable(256).optional(),
  phone: unsettable(50).optional(),
  shipping: shipping.optional(),
  source: source.optional(),
  invoice_settings: z
    .strictObject({ default_payment_method: unsettable(100).optional() })
    .optional(),
  expand: expand.optional(),
};

const createParams = z.strictObject({ ...fields, payment_method: text(100).optional() });
const updateParams = z.strictObject({ ...fields, default_source: text(100).optional() });

type Fields = Omit<z.output<typeof updateParams>, "expand"> & {
  readonly payment_method?: string | undefined;
};

const PATCHED = ["address", "description", "email", "name", "phone", "shipping"] as const;

function patchOf(params: Fields): Record<string, Json> {
  const patch: Record<string, Json> = {};
  for (const name of PATCHED) {
    if (params[name] !== undefined) patch[name] = params[name] as Json;
  }
  if (params.metadata !== undefined) patch["metadata"] = params.metadata;
  const method = params.invoice_settings?.default_payment_method;
  if (method !== undefined) patch["default_payment_method"] = method;
  return patch;
}

async function save(call: Call<Fields>, change: "create" | "update") {
  const id = change === "create" ? ok(undefined) : customerId(call);
  if (!id.ok) return id;
  const { default_source: kept, source: given, payment_method } = call.params;
  if (kept !== undefined && uuidOf("card", kept) === undefined) {
    return refuse({
      kind: "resource_missing" as const,
      object: "card",
      id: kept,
      param: "default_source",
    });
  }
  const method = await methodToKeep(call, id.value);
  if (!method.ok) return method;
  const card = given === undefined ? undefined : await cardSource(call.env, call.scope, given);
  if (card !== undefined && !card.ok) return card;
  const patch = patchOf(call.params);
  if (change === "create" && call.params.metadata !== undefined) {
    patch["metadata"] = setMetadata(call.params.metadata) ?? {};
  }
  const saved = await execute(call.env, {
    kind: "customer",
    change,
    ...call.scope,
    ...call.claim,
    patch,
    ...(id.value === undefined ? {} : { id: id.value }),
    ...(card === undefined ? {} : { source: card.value }),
    ...(kept === undefined ? {} : { default_source: kept as CardId }),
  });
  if (!saved.ok || payment_method === undefined) return saved;
  const claim = stepOf(call.claim, "attach");
  const made = saved.value.object["id"] as CustomerId;
  const attached = await attachMethod(call, claim, payment_method, made);
  return attached.ok ? saved : attached;
}

/**
 * Whether the payment methods that a customer is to have can be had: a new one's must be nobody's, the default
 * one's its own. Asked before anything is done, so that what cannot be done in full is not done.
 */
async function methodToKeep(
  call: Call<Fields>,
  customer: CustomerId | undefined,
): Promise<Result<undefined, Refused>> {
  const { payment_method: given, invoice_settings } = call.params;
  const wanted = invoice_settings?.default_payment_method ?? undefined;
  const param = "invoice_settings[default_payment_method]";
  if (wanted !== undefined && !(wanted === given && isObjectId("payment_method", wanted))) {
    const found = await paymentMethodOf(call, wanted, param);
    if (!found.ok) return found;
    if (customer === undefined || found.value.customer !== customer) {
      return refuse({ kind: "resource_missing", object: "payment_method", id: wanted, param });
    }
  }
  if (given === undefined || isAlias(given)) return ok(undefined);
  const read = await readObject(call, "payment_method", given, "payment_method");
  if (!read.ok) return read;
  const method = methodOf(read.value);
  assert(method !== undefined, "what stands has a document");
  if (method.customer === undefined && method.detached !== true) return ok(undefined);
  // It may be attached because this request has attached it before.
  const before = await endedBefore(call, stepOf(call.claim, "attach"));
  if (before !== undefined) return before.ok ? ok(undefined) : before;
  const next = attached(method, "cus_");
  return next.ok ? ok(undefined) : next;
}

export const customerRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/customers",
    summary: "Create a customer, with a card if a `source` is given",
    access: "secret",
    permission: "customer_write",
    params: createParams,
    answers: "customer",
    handle: (call) => save(call, "create"),
  }),
  route({
    method: "GET",
    path: "/v1/customers",
    summary: "List customers, newest first",
    access: "secret",
    permission: "customer_read",
    params: z.strictObject({ ...page, created: created.optional(), email: text(512).optional() }),
    answers: "list of customers",
    handle: (call) => {
      const { email, created: span } = call.params;
      return list(
        call,
        {
          kind: "customers",
          page: pageOf(call.params),
          ...(span === undefined ? {} : { created: span }),
          ...(email === undefined ? {} : { email }),
        },
        (row: CustomerRow) => customerObject(row, call.scope),
      );
    },
  }),
  route({
    method: "GET",
    path: "/v1/customers/:id",
    summary: "Retrieve a customer",
    access: "secret",
    permission: "customer_read",
    ephemeral: "path",
    params: z.strictObject({ expand: expand.optional() }),
    answers: ["customer", "deleted customer"],
    handle: (call) => {
      const id = customerId(call);
      return one(
        call,
        "customer",
        id.ok ? { kind: "customer", id: id.value } : undefined,
        (row: CustomerRow) => customerObject(row, call.scope),
      );
    },
  }),
  route({
    method: "POST",
    path: "/v1/customers/:id",
    summary: "Update a customer; an empty value unsets a field",
    access: "secret",
    permission: "customer_write",
    params: updateParams,
    answers: "customer",
    handle: (call) => save(call, "update"),
  }),
  route({
    method: "DELETE",
    path: "/v1/customers/:id",
    summary: "Delete a customer and destroy the cards kept for it",
    access: "secret",
    permission: "customer_write",
    params: z.strictObject({}),
    answers: "deleted customer",
    handle: async (call) => {
      const id = customerId(call);
      if (!id.ok) return id;
      const ask = {
        kind: "customer" as const,
        change: "delete" as const,
        ...call.scope,
        ...call.claim,
        id: id.value,
      };
      return execute(call.env, ask, () => deletedObject("customer", id.value));
    },
  }),
];
