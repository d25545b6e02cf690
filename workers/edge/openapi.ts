// The OpenAPI 3.1 document, made from the same schemas that check requests (zod gives JSON Schema
// 2020-12, which is what OpenAPI 3.1 takes).

import * as z from "zod";
import { API_VERSION } from "../../protocol/object.ts";
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
        message: { type: "string" },
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
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/[/:_]+(\w)/g, (_, c: string) => c.toUpperCase())}`,
    summary: route.summary,
    security: [{ [route.access]: [] }],
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
    responses: {
      "200": {
        description: route.answers,
        content: { "application/json": { schema: { type: "object", title: route.answers } } },
      },
      "4XX": { $ref: "#/components/responses/Refused" },
      "5XX": { $ref: "#/components/responses/Refused" },
    },
  };
}

/** The document for these routes, served from this origin. */
export function openApi(routes: readonly Route[], origin: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:([a-z]+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
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
        secret: bearer("A secret key, sk_test_… or sk_live_…, of a merchant's server."),
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
