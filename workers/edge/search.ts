// Searches in Stripe's query language, for charges, customers and payment intents.

import * as z from "zod";
import type { ChargeFacts, ObjectFacts } from "../../protocol/facts.ts";
import { uuidOf } from "../../protocol/ids.ts";
import { keptObject } from "../../protocol/kept-object.ts";
import { chargeObject, customerObject, type StripeObject } from "../../protocol/object.ts";
import type { Permission } from "../../protocol/permission.ts";
import type { CustomerRow, Row } from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import {
  parseSearch,
  SEARCH_CHARACTERS_MAX,
  type SearchResource,
} from "../../protocol/search-query.ts";
import type { AnswerName } from "./answers/object.ts";
import { find, findSeveral } from "./reading.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { expand, integer, required, text } from "./schema.ts";

const LIMIT_MAX = 100;
const LIMIT_DEFAULT = 10;

const searchParams = z.strictObject({
  query: required(SEARCH_CHARACTERS_MAX),
  limit: integer(1, LIMIT_MAX).optional(),
  page: text(100).optional(),
  expand: expand.optional(),
});

type SearchCall = Call<z.output<typeof searchParams>>;

type Searched = {
  readonly resource: SearchResource;
  readonly prefix: "ch" | "cus" | "pi";
  readonly path: string;
  readonly permission: Permission;
  readonly answers: AnswerName;
  readonly render: (row: Row, call: SearchCall) => StripeObject;
};

const SEARCHED: readonly Searched[] = [
  {
    resource: "charge",
    prefix: "ch",
    path: "/v1/charges/search",
    permission: "charge_read",
    answers: "search of charges",
    render: (row, { scope }) => chargeObject(row as ChargeFacts, scope),
  },
  {
    resource: "customer",
    prefix: "cus",
    path: "/v1/customers/search",
    permission: "customer_read",
    answers: "search of customers",
    render: (row, { scope }) => customerObject(row as CustomerRow, scope),
  },
  {
    resource: "payment_intent",
    prefix: "pi",
    path: "/v1/payment_intents/search",
    permission: "payment_intent_read",
    answers: "search of payment_intents",
    render: (row, { scope }) => keptObject(row as ObjectFacts, scope),
  },
];

async function search(
  { resource, prefix, render }: Searched,
  call: SearchCall,
): Promise<Result<Answered, Refused>> {
  const { limit = LIMIT_DEFAULT, page } = call.params;
  const parsed = parseSearch(resource, call.params.query);
  if (!parsed.ok) {
    return refuse({ kind: "parameter_invalid", param: "query", why: parsed.failure });
  }
  // A page is named by the last thing of the one before it.
  if (page !== undefined && uuidOf(prefix, page) === undefined) {
    const why = "Invalid page: send the `next_page` of the page before.";
    return refuse({ kind: "parameter_invalid", param: "page", why });
  }
  const of = { resource, ...(page === undefined ? {} : { after: page }) };
  const query = { kind: "search", ...of, search: parsed.value, limit } as const;
  const found = await find(call.env, call.scope, call.continent, query, "search");
  if (!found.ok) return found;
  const { rows, more, servedBy, word } = found.value;
  let next = more ? (rows.at(-1) as { id: string } | undefined)?.id : undefined;
  if (!more) {
    // All that was looked at gave no full page; older things may not have been looked at.
    const end = { kind: "search_end", ...of } as const;
    const ended = await findSeveral(call.env, call.scope, call.continent, word.minSeq, [end]);
    if (!ended.ok) return ended;
    const row = ended.value[0]?.rows[0];
    next = row?.kind === "search_end" ? row.id : undefined;
  }
  return ok({
    object: {
      object: "search_result",
      data: rows.map((row) => render(row, call)),
      has_more: next !== undefined,
      next_page: next ?? null,
      url: call.url,
    },
    servedBy,
    word,
  });
}

/** Before the routes that take an id, which `search` would pass for. */
export const searchRoutes: readonly Route[] = SEARCHED.map((searched) =>
  route({
    method: "GET",
    path: searched.path,
    summary: `Search ${searched.answers.replace("search of ", "").replace("_", " ")} in Stripe's query language`,
    access: "secret",
    permission: searched.permission,
    params: searchParams,
    answers: searched.answers,
    handle: (call) => search(searched, call),
  }),
);
