// Customers, and the card each keeps by `source`.

import * as z from "zod";
import type { Json } from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import { type CardId, type CustomerId, uuidOf } from "../../protocol/ids.ts";
import { customerObject, tokenOfCard } from "../../protocol/object.ts";
import type { CustomerRow } from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { list, one } from "./lookup.ts";
import { address, shipping } from "./person.ts";
import { type Call, type Route, route } from "./route.ts";
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
import { cardSource, deletedObject, execute, forget } from "./shard-call.ts";

const fields = {
  address: address.optional(),
  description: unsettable(5000).optional(),
  email: unsettable(512).optional(),
  metadata: metadata.optional(),
  name: unsettable(256).optional(),
  phone: unsettable(50).optional(),
  shipping: shipping.optional(),
  source: source.optional(),
  expand: expand.optional(),
};

const createParams = z.strictObject(fields);
const updateParams = z.strictObject({ ...fields, default_source: text(100).optional() });

type Fields = Omit<z.output<typeof updateParams>, "expand">;

const PATCHED = ["address", "description", "email", "name", "phone", "shipping"] as const;

function patchOf(params: Fields): Record<string, Json> {
  const patch: Record<string, Json> = {};
  for (const name of PATCHED) {
    if (params[name] !== undefined) patch[name] = params[name] as Json;
  }
  if (params.metadata !== undefined) patch["metadata"] = params.metadata;
  return patch;
}

function customerId(call: Call<unknown>): Result<CustomerId, Failure> {
  const id = call.path["id"] ?? "";
  return uuidOf("cus", id) === undefined
    ? refuse({ kind: "resource_missing", object: "customer", id: id.slice(0, 100), param: "id" })
    : ok(id as CustomerId);
}

async function save(call: Call<Fields>, change: "create" | "update") {
  const id = change === "create" ? ok(undefined) : customerId(call);
  if (!id.ok) return id;
  const { default_source: kept, source: given } = call.params;
  if (kept !== undefined && uuidOf("card", kept) === undefined) {
    return refuse({
      kind: "resource_missing" as const,
      object: "card",
      id: kept,
      param: "default_source",
    });
  }
  const card = given === undefined ? undefined : await cardSource(call.env, call.scope, given);
  if (card !== undefined && !card.ok) return card;
  const patch = patchOf(call.params);
  if (change === "create" && call.params.metadata !== undefined) {
    patch["metadata"] = setMetadata(call.params.metadata) ?? {};
  }
  return execute(call.env, {
    kind: "customer",
    change,
    ...call.scope,
    ...call.claim,
    patch,
    ...(id.value === undefined ? {} : { id: id.value }),
    ...(card === undefined ? {} : { source: card.value }),
    ...(kept === undefined ? {} : { default_source: kept as CardId }),
  });
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
    params: z.strictObject({ expand: expand.optional() }),
    answers: "customer",
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
  route({
    method: "DELETE",
    path: "/v1/customers/:id/sources/:card",
    summary: "Delete a customer's card and destroy it",
    access: "secret",
    permission: "customer_write",
    params: z.strictObject({}),
    answers: "deleted card",
    handle: async (call) => {
      const id = customerId(call);
      if (!id.ok) return id;
      const card = call.path["card"] ?? "";
      if (uuidOf("card", card) === undefined) {
        const shown = card.slice(0, 100);
        return refuse({ kind: "resource_missing", object: "source", id: shown, param: "id" });
      }
      const token = tokenOfCard(card as CardId);
      const ask = { ...call.scope, token, customer: id.value, request: call.request };
      return forget(call.env, ask, "card", card);
    },
  }),
];
