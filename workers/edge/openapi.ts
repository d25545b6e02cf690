// The OpenAPI 3.1 document, made from the same schemas that check requests (zod gives JSON Schema
// 2020-12, which is what OpenAPI 3.1 takes).

import * as z from "zod";
import { DECLINES } from "../../protocol/decline.ts";
import { API_VERSION } from "../../protocol/object.ts";
import { shownPermission } from "../../protocol/permission.ts";
import type { Route } from "./route.ts";

type Json = Record<string, unknown>;

const ERROR_SCHEMA: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["type", "message"],
      properties: {
        type: { enum: ["invalid_request_error", "card_error", "idempotency_error", "api_error"] },
        code: { type: "string" },
        decline_code: { type: "string" },
        param: { type: "string" },
        charge: { type: "string" },
        advice_code: { enum: [...new Set(DECLINES.map(({ advice }) => advice))] },
        network_decline_code: { type: "string" },
        message: { type: "string" },
        doc_url: { type: "string", format: "uri" },
      },
    },
  },
};

const IDEMPOTENCY_HEADER: Json = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "The same key with the same parameters gets the same answer and is executed once.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

const jsonSchemaOf = (schema: z.ZodType): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
  }) as Json;
  return rest;
};

const operationId = ({ method, path }: Pick<Route, "method" | "path">): string =>
  method.toLowerCase() + path.replaceAll(/[/:_]+(\w)/g, (_, c: string) => c.toUpperCase());

function operationOf(route: Route): Json {
  const schema = jsonSchemaOf(route.params);
  const names = [...route.path.matchAll(/:([a-z]+)/g)].map(([, name]) => name ?? "");
  const properties = (schema["properties"] ?? {}) as Record<string, Json>;
  const parameters: Json[] = names.map((name) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  if (route.method === "POST") parameters.push(IDEMPOTENCY_HEADER);
  else {
    for (const [name, inner] of Object.entries(properties)) {
      parameters.push({ name, in: "query", style: "deepObject", explode: true, schema: inner });
    }
  }
  return {
    operationId: operationId(route),
    summary: route.summary,
    security: [{ [route.access]: [] }],
    ...(route.permission === null ? {} : { "x-permission": shownPermission(route.permission) }),
    parameters,
    ...(route.method === "POST"
      ? {
          requestBody: {
            content: {
              "application/x-www-form-urlencoded": { schema },
              "application/json": { schema },
            },
          },
        }
      : {}),
    responses: responsesOf(route.answers),
  };
}

const responsesOf = (answers: string, schema: Json = { type: "object", title: answers }): Json => ({
  "200": { description: answers, content: { "application/json": { schema } } },
  "4XX": { $ref: "#/components/responses/Refused" },
  "5XX": { $ref: "#/components/responses/Refused" },
});

/** Something anybody may get, without a key. */
export type Published = Pick<Route, "path" | "summary" | "answers"> & { readonly schema: Json };

/** The document for these routes and what is published beside them, served from this origin. */
export function openApi(
  routes: readonly Route[],
  published: readonly Published[],
  origin: string,
): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:([a-z]+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  for (const { path, summary, answers, schema } of published) {
    const responses = responsesOf(answers, schema);
    const id = operationId({ method: "GET", path });
    paths[path] = { get: { operationId: id, summary, security: [], parameters: [], responses } };
  }
  const bearer = (description: string): Json => ({ type: "http", scheme: "bearer", description });
  return {
    openapi: "3.1.0",
    info: {
      title: "Tessera",
      version: API_VERSION,
      description: "Card tokenization and payment routing on Stripe's v1 wire format.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: origin }],
    paths,
    components: {
      securitySchemes: {
        secret: bearer(
          "A secret key, sk_…, of a merchant's server, or a restricted one, rk_…, with the permission that `x-permission` names.",
        ),
        publishable: bearer("A publishable key, pk_…, or a secret key."),
        platform: bearer("The platform key."),
      },
      responses: {
        Refused: {
          description: "What was refused and what to do about it.",
          content: { "application/json": { schema: ERROR_SCHEMA } },
        },
      },
    },
  };
}
