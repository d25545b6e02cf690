// The OpenAPI 3.1 document, made from the same schemas that check requests and from those of the answers
// (zod gives JSON Schema 2020-12, which is what OpenAPI 3.1 takes). A test holds every answer to it.

import * as z from "zod";
import { ERROR_CATALOGUE } from "../../protocol/error-catalogue.ts";
import { API_VERSION } from "../../protocol/object.ts";
import { shownPermission } from "../../protocol/permission.ts";
import { idPattern, type ObjectName, PREFIXES, singular } from "./answers/object.ts";
import { IDEMPOTENCY_KEY } from "./idempotency.ts";
import type { Route } from "./route.ts";

type Json = Record<string, unknown>;
type Described = typeof import("./answers/index.ts");

const IDEMPOTENCY_HEADER: Json = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "The same key with the same parameters gets the same answer and is executed once.",
  schema: {
    type: "string",
    minLength: 1,
    maxLength: IDEMPOTENCY_KEY.charactersMax,
    pattern: IDEMPOTENCY_KEY.form.source,
  },
};

/** Statuses that only a request which changes something can be refused with. */
const OF_WRITES = new Set([402, 409]);

/** Every status that a refusal may have, ascending. */
const ERROR_STATUSES = [...new Set(ERROR_CATALOGUE.map(({ status }) => status))].sort(
  (a, b) => a - b,
);

const errorsWith = (status: number): string =>
  ERROR_CATALOGUE.filter((entry) => entry.status === status)
    .map(({ name }) => `[${name}](/docs/errors#${name})`)
    .join(", ");

const jsonSchemaOf = (schema: z.ZodType): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
  }) as Json;
  return rest;
};

const operationId = ({ method, path }: Pick<Route, "method" | "path">): string =>
  method.toLowerCase() + path.replaceAll(/[/:_]+(\w)/g, (_, c: string) => c.toUpperCase());

/** Where a route stands in the reference: `/v1/balance_transactions/:id` under "Balance transactions". */
function tagOf(path: string): string {
  const noun = (path.split("/")[2] ?? "").replace(/^account$/, "accounts").replaceAll("_", " ");
  return noun.charAt(0).toUpperCase() + noun.slice(1);
}

/** Collections whose names are not those of what is in them. */
const COLLECTIONS: Readonly<Record<string, ObjectName>> = {
  history: "balance_transaction",
  sources: "card",
};

// `/v1/charges/:id` takes the id of a charge, `/v1/customers/:id/sources/:card` that of a card.
function pathParameter(path: string, name: string): Json {
  const collection = path.split("/").at(path.split("/").indexOf(`:${name}`) - 1) ?? "";
  const noun = name in PREFIXES ? name : (COLLECTIONS[collection] ?? singular(collection));
  const schema = noun in PREFIXES ? { pattern: idPattern(noun as ObjectName) } : {};
  return { name, in: "path", required: true, schema: { type: "string", ...schema } };
}

const isNested = (schema: Json): boolean =>
  "anyOf" in schema || schema["type"] === "object" || schema["type"] === "array";

const NESTED = { style: "deepObject", explode: true } as const;

const queryParameter = ([name, schema]: [string, Json]): Json => ({
  name,
  in: "query",
  ...(isNested(schema) ? NESTED : {}),
  schema,
});

function requestBody(schema: Json, properties: Record<string, Json>): Json {
  const nested = Object.entries(properties).filter(([, inner]) => isNested(inner));
  const encoding = Object.fromEntries(nested.map(([name]) => [name, NESTED]));
  return {
    required: Array.isArray(schema["required"]) && schema["required"].length > 0,
    content: {
      "application/x-www-form-urlencoded": { schema, encoding },
      "application/json": { schema },
    },
  };
}

function operationOf(route: Route, described: Described): Json {
  const schema = jsonSchemaOf(route.params);
  const properties = (schema["properties"] ?? {}) as Record<string, Json>;
  const names = [...route.path.matchAll(/:([a-z_]+)/g)].map(([, name]) => name ?? "");
  const writes = route.method === "POST";
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [tagOf(route.path)],
    security: [{ [route.access]: [] }],
    ...(route.permission === null ? {} : { "x-permission": shownPermission(route.permission) }),
    parameters: [
      ...names.map((name) => pathParameter(route.path, name)),
      ...(writes ? [IDEMPOTENCY_HEADER] : Object.entries(properties).map(queryParameter)),
    ],
    ...(writes ? { requestBody: requestBody(schema, properties) } : {}),
    responses: responsesOf(
      [route.answers].flat().join(" or "),
      described.answerSchema(route.answers),
      writes ? () => true : (status) => !OF_WRITES.has(status),
    ),
  };
}

const responsesOf = (description: string, schema: Json, mayBe: (status: number) => boolean) => ({
  "200": {
    description,
    headers: { "Request-Id": { schema: { type: "string" } } },
    content: { "application/json": { schema } },
  },
  ...Object.fromEntries(
    ERROR_STATUSES.filter(mayBe).map((status) => [
      String(status),
      { $ref: `#/components/responses/${status}` },
    ]),
  ),
});

/** Something anybody may get, without a key. */
export type Published = Pick<Route, "path" | "summary"> & {
  readonly answers: string;
  readonly schema: Json;
};

function pathsOf(
  routes: readonly Route[],
  published: readonly Published[],
  described: Described,
): Record<string, Json> {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:([a-z_]+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, described) };
  }
  for (const { path, summary, answers, schema } of published) {
    paths[path] = {
      get: {
        operationId: operationId({ method: "GET", path }),
        summary,
        tags: [tagOf(path)],
        security: [],
        parameters: [],
        responses: responsesOf(answers, schema, (status) => status === 426 || status >= 500),
      },
    };
  }
  return paths;
}

const bearer = (description: string): Json => ({ type: "http", scheme: "bearer", description });

const DESCRIPTION = `Card tokenization and payment routing on Stripe's v1 wire format: an official \`stripe\` SDK works
with its host pointed here. Parameters are sent as a form, as the SDKs do, or as JSON. Amounts are whole
numbers of the currency's smallest unit, times are unix seconds. A POST with an \`Idempotency-Key\` is
executed once, however often it is sent.

Every refusal, and what to do about it, is in the [error catalogue](/docs/errors).`;

/** The document for these routes and what is published beside them, served from this origin. */
export async function openApi(
  routes: readonly Route[],
  published: readonly Published[],
  origin: string,
): Promise<Json> {
  const described = await import("./answers/index.ts");
  const paths = pathsOf(routes, published, described);
  // What only the platform's operator does stands last.
  const isAside = (of: Route | Published) => Number(!("access" in of) || of.access === "platform");
  const ordered = [...routes, ...published].sort((a, b) => isAside(a) - isAside(b));
  const tags = [...new Set(ordered.map(({ path }) => tagOf(path)))];
  const responses = Object.fromEntries(
    ERROR_STATUSES.map((status) => [
      String(status),
      {
        description: errorsWith(status),
        content: { "application/json": { schema: described.ERROR_SCHEMA } },
      },
    ]),
  );
  return {
    openapi: "3.1.0",
    info: {
      title: "Tessera",
      version: API_VERSION,
      description: DESCRIPTION,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: origin }],
    tags: tags.map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        secret: bearer(
          "A secret key, sk_…, of a merchant's server, or a restricted one, rk_…, with the permission that `x-permission` names.",
        ),
        publishable: bearer("A publishable key, pk_…, or a secret key."),
        platform: bearer("The platform key."),
      },
      responses,
      schemas: described.components([paths, responses]),
    },
  };
}
