// The cards that a customer keeps: /v1/customers/:id/sources, and /cards, which older clients say. A customer
// is charged by its default one; the others by their ids.

import * as z from "zod";
import type { Json } from "../../protocol/facts.ts";
import { type CardId, type CustomerId, uuidOf } from "../../protocol/ids.ts";
import {
  cardObject,
  cardOfChange,
  listObject,
  objectOf,
  tokenOfCard,
} from "../../protocol/object.ts";
import { expiryFault } from "../../protocol/payment-method.ts";
import type { CardRow, CustomerRow, Page } from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { customerId, readCustomer } from "./customer.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import {
  expand,
  integer,
  metadata,
  page,
  pageOf,
  setMetadata,
  source,
  text,
  unsettable,
} from "./schema.ts";
import { cardSource, execute, forget } from "./shard-call.ts";

const createParams = z.strictObject({
  source: source.optional(),
  card: source.optional(),
  metadata: metadata.optional(),
  expand: expand.optional(),
});

const listParams = z.strictObject({ ...page, object: text(40).optional() });

const updateParams = z.strictObject({
  name: unsettable(200).optional(),
  address_line1: unsettable(200).optional(),
  address_line2: unsettable(200).optional(),
  address_city: unsettable(100).optional(),
  address_state: unsettable(100).optional(),
  address_zip: unsettable(20).optional(),
  address_country: unsettable(2).optional(),
  exp_month: integer(1, 12).optional(),
  exp_year: integer(2000, 2099).optional(),
  metadata: metadata.optional(),
  expand: expand.optional(),
});

const missingSource = (id: string, param = "id") =>
  refuse<Refused>({ kind: "resource_missing", object: "source", id: id.slice(0, 100), param });

function cardId(call: Call<unknown>): Result<CardId, Refused> {
  const id = call.path["card"] ?? "";
  return uuidOf("card", id) === undefined ? missingSource(id) : ok(id as CardId);
}

const shown = ({ id, card, customer }: CardRow) => cardObject(id, card, customer);

async function create(
  call: Call<z.output<typeof createParams>>,
): Promise<Result<Answered, Refused>> {
  const id = customerId(call);
  if (!id.ok) return id;
  const { source: given = call.params.card, metadata: pairs } = call.params;
  if (given === undefined) return refuse({ kind: "parameter_missing", param: "source" });
  const card = await cardSource(call.env, call.scope, given);
  if (!card.ok) return card;
  const written = setMetadata(pairs);
  return change(call, id.value, {
    source: card.value,
    keeps_default: true,
    ...(written === undefined ? {} : { source_metadata: written }),
  });
}

async function update(
  call: Call<z.output<typeof updateParams>>,
): Promise<Result<Answered, Refused>> {
  const id = customerId(call);
  if (!id.ok) return id;
  const card = cardId(call);
  if (!card.ok) return card;
  const { expand: _, ...fields } = call.params;
  const fault = expiryFault(fields, new Date());
  if (fault !== undefined) return refuse(fault);
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return change(call, id.value, {
    card_id: card.value,
    card_patch: Object.fromEntries(given) as Record<string, Json>,
  });
}

/** Changes a card of a customer, and answers with the card. */
const change = (
  call: Call<unknown>,
  id: CustomerId,
  what: Pick<
    Extract<Parameters<typeof execute>[1], { kind: "customer" }>,
    "source" | "source_metadata" | "keeps_default" | "card_id" | "card_patch"
  >,
) =>
  execute(
    call.env,
    { kind: "customer", change: "update", ...call.scope, ...call.claim, id, ...what },
    (facts) =>
      facts.kind === "customer" && facts.card !== null
        ? cardOfChange(facts)
        : objectOf(facts, call.scope),
  );

/** A page of a customer's cards, all of which were read. */
function pageOfCards(
  cards: readonly CardRow[],
  { limit, starting_after, ending_before }: Page,
): Result<{ readonly data: readonly CardRow[]; readonly more: boolean }, Refused> {
  const cursor = starting_after ?? ending_before;
  const at = cards.findIndex(({ id }) => id === cursor);
  if (cursor !== undefined && at < 0) {
    return missingSource(cursor, starting_after === undefined ? "ending_before" : "starting_after");
  }
  if (ending_before !== undefined) {
    return ok({ data: cards.slice(Math.max(0, at - limit), at), more: at > limit });
  }
  const rest = cards.slice(at + 1);
  return ok({ data: rest.slice(0, limit), more: rest.length > limit });
}

async function list(call: Call<z.output<typeof listParams>>): Promise<Result<Answered, Refused>> {
  const customer = await readCustomer(call);
  if (!customer.ok) return customer;
  const { object = "card" } = call.params;
  // A customer keeps cards only, so of every other kind it has none.
  const cards = object === "card" ? customer.value.row.cards : [];
  const asked = pageOf(call.params);
  if (asked.starting_after !== undefined && asked.ending_before !== undefined) {
    const why = "Send starting_after or ending_before, not both.";
    return refuse({ kind: "parameter_invalid", param: "ending_before", why });
  }
  const found = pageOfCards(cards, asked);
  if (!found.ok) return found;
  const { data, more } = found.value;
  const { servedBy, word } = customer.value;
  return ok({ object: listObject(call.url, data.map(shown), more), servedBy, word });
}

async function retrieve(call: Call<unknown>): Promise<Result<Answered, Refused>> {
  const customer = await readCustomer(call);
  if (!customer.ok) return customer;
  const id = call.path["card"] ?? "";
  const card = (customer.value.row satisfies CustomerRow).cards.find((held) => held.id === id);
  const { servedBy, word } = customer.value;
  return card === undefined ? missingSource(id) : ok({ object: shown(card), servedBy, word });
}

async function remove(call: Call<unknown>): Promise<Result<Answered, Refused>> {
  const id = customerId(call);
  if (!id.ok) return id;
  const card = cardId(call);
  if (!card.ok) return card;
  const token = tokenOfCard(card.value);
  const ask = { ...call.scope, token, customer: id.value, request: call.request };
  return forget(call.env, ask, "card", card.value);
}

const routesAt = (path: string, word: string): readonly Route[] => [
  route({
    method: "POST",
    path,
    summary: `Keep a card for a customer ${word}`,
    access: "secret",
    permission: "customer_write",
    params: createParams,
    answers: "card",
    handle: create,
  }),
  route({
    method: "GET",
    path,
    summary: `List a customer's cards, newest first ${word}`,
    access: "secret",
    permission: "customer_read",
    params: listParams,
    answers: "list of cards",
    handle: list,
  }),
  route({
    method: "GET",
    path: `${path}/:card`,
    summary: `Retrieve a customer's card ${word}`,
    access: "secret",
    permission: "customer_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "card",
    handle: retrieve,
  }),
  route({
    method: "POST",
    path: `${path}/:card`,
    summary: `Update a customer's card; an empty value unsets a field ${word}`,
    access: "secret",
    permission: "customer_write",
    params: updateParams,
    answers: "card",
    handle: update,
  }),
  route({
    method: "DELETE",
    path: `${path}/:card`,
    summary: `Delete a customer's card and destroy it ${word}`,
    access: "secret",
    permission: "customer_write",
    params: z.strictObject({}),
    answers: "deleted card",
    handle: remove,
  }),
];

export const sourceRoutes: readonly Route[] = [
  ...routesAt("/v1/customers/:id/sources", "(sources)"),
  ...routesAt("/v1/customers/:id/cards", "(cards)"),
];
