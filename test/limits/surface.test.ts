import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";
import { errorOf, verdictOf } from "./refusal.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const ROUTES = [
  "POST /v1/accounts",
  "POST /v1/accounts/{id}/keys",
  "GET /v1/account",
  "GET /v1/vault/keys",
  "POST /v1/tokens",
  "GET /v1/tokens/{id}",
  "POST /v1/customers",
  "GET /v1/customers",
  "GET /v1/customers/{id}",
  "POST /v1/customers/{id}",
  "DELETE /v1/customers/{id}",
  ...["sources", "cards"].flatMap((name) => [
    `POST /v1/customers/{id}/${name}`,
    `GET /v1/customers/{id}/${name}`,
    `GET /v1/customers/{id}/${name}/{card}`,
    `POST /v1/customers/{id}/${name}/{card}`,
    `DELETE /v1/customers/{id}/${name}/{card}`,
  ]),
  "GET /v1/customers/{id}/payment_methods",
  "GET /v1/customers/{id}/payment_methods/{method}",
  "DELETE /v1/tokens/{id}",
  "POST /v1/payment_methods",
  "POST /v1/ephemeral_keys",
  "DELETE /v1/ephemeral_keys/{id}",
  "GET /v1/payment_methods",
  "DELETE /v1/payment_methods/{id}",
  "GET /v1/payment_methods/{id}",
  "POST /v1/payment_methods/{id}",
  "POST /v1/payment_intents",
  "GET /v1/payment_intents",
  "GET /v1/payment_intents/{id}",
  "POST /v1/payment_intents/{id}",
  "POST /v1/payment_intents/{id}/confirm",
  "POST /v1/payment_intents/{id}/capture",
  "POST /v1/payment_intents/{id}/increment_authorization",
  "POST /v1/payment_intents/{id}/cancel",
  "POST /v1/setup_intents",
  "GET /v1/setup_intents",
  "GET /v1/setup_intents/{id}",
  "POST /v1/setup_intents/{id}",
  "POST /v1/setup_intents/{id}/confirm",
  "POST /v1/setup_intents/{id}/cancel",
  "POST /v1/challenges/{id}",
  "POST /v1/payment_methods/{id}/attach",
  "POST /v1/payment_methods/{id}/detach",
  "POST /v1/charges",
  "GET /v1/charges",
  "GET /v1/charges/{id}",
  "POST /v1/charges/{id}",
  "GET /v1/charges/search",
  "GET /v1/customers/search",
  "GET /v1/payment_intents/search",
  "POST /v1/charges/{id}/capture",
  "POST /v1/charges/{id}/refunds",
  "POST /v1/refunds",
  "GET /v1/refunds",
  "GET /v1/refunds/{id}",
  "POST /v1/refunds/{id}",
  "POST /v1/refunds/{id}/cancel",
  "GET /v1/disputes",
  "GET /v1/disputes/{id}",
  "POST /v1/disputes/{id}",
  "POST /v1/disputes/{id}/close",
  "GET /v1/events",
  "GET /v1/events/{id}",
  "GET /v1/balance",
  "GET /v1/balance/history",
  "GET /v1/balance/history/{id}",
  "GET /v1/balance_transactions",
  "GET /v1/balance_transactions/{id}",
  "GET /v1/payouts",
  "POST /v1/payouts",
  "GET /v1/payouts/{id}",
  "POST /v1/payouts/{id}",
  "POST /v1/payouts/{id}/cancel",
  "POST /v1/card_keys",
  "DELETE /v1/card_keys/{account}",
  "POST /v1/webhook_endpoints",
  "GET /v1/webhook_endpoints",
  "GET /v1/webhook_endpoints/{id}",
  "POST /v1/webhook_endpoints/{id}",
  "DELETE /v1/webhook_endpoints/{id}",
  "POST /v1/webhook_endpoints/{id}/roll_secret",
  "POST /v1/webhook_endpoints/{id}/redeliver",
  "GET /v1/webhook_endpoints/{id}/deliveries",
];

describe("an unknown route", () => {
  test.each([
    ["GET", "/v1/unicorns"],
    ["POST", "/v1/payment_intents/pi_1/unicorns"],
    ["GET", "/v1/charges/"],
    ["GET", "/v1"],
    ["GET", "/v2/charges"],
    ["GET", "/V1/charges"],
    ["PUT", "/v1/charges"],
    ["PATCH", "/v1/charges"],
    ["DELETE", "/v1/charges"],
    ["DELETE", "/v1/charges/ch_1"],
    ["GET", "/v1/accounts"],
    ["POST", "/v1/balance"],
    ["POST", "/v1/events/evt_1"],
    ["POST", "/healthz"],
    ["POST", "/openapi.json"],
  ])("%s %s is not recognized", async (method, path) => {
    const call = await system.call(path, { method, key: m.secret });
    expect(verdictOf(call)).toBe("404 - -");
    expect(errorOf(call)).toMatchObject({
      type: "invalid_request_error",
      message: `Unrecognized request URL (${method}: ${path}).`,
    });
  });

  test("is told in brief, without the query", async () => {
    const call = await system.call(`/v1/${"x".repeat(3000)}?secret=1`);
    expect(errorOf(call).message.length).toBeLessThan(300);
    expect(errorOf(call).message).not.toContain("secret");
  });
});

describe("an answer", () => {
  test("echoes the version asked for, and tells its own otherwise", async () => {
    const ask = (headers: Record<string, string>) =>
      system.call("/v1/balance", { key: m.secret, headers });
    for (const version of ["2020-08-27", "2026-10-28.endive", "2020-08-27; orders_beta=v4"]) {
      const call = await ask({ "stripe-version": version });
      expect(call.status).toBe(200);
      expect(call.headers.get("stripe-version")).toBe(version);
    }
    expect((await ask({})).headers.get("stripe-version")).toBe("2026-10-28.endive");
  });

  test("carries what Stripe's clients and browsers read", async () => {
    const { headers } = await system.call("/v1/balance", { key: m.secret });
    expect(headers.get("request-id")).toMatch(/^req_/);
    expect(headers.get("cache-control")).toBe("no-cache, no-store");
    expect(headers.get("vary")).toContain("Origin");
    expect(headers.get("strict-transport-security")).toMatch(/max-age=\d{8}/);
    expect(headers.get("access-control-expose-headers")).toContain("Request-Id");
    expect(headers.get("set-cookie")).toBeNull();
  });

  test("to HEAD is that to GET without a body", async () => {
    const url = new URL("/v1/balance", system.url);
    const headers = { authorization: `Bearer ${m.secret}` };
    const head = await fetch(url, { method: "HEAD", headers });
    expect(head.status).toBe(200);
    expect(head.headers.get("request-id")).toMatch(/^req_/);
    expect(await head.text()).toBe("");
    expect((await fetch(url, { method: "HEAD" })).status).toBe(401);
  });
});

describe("a preflight", () => {
  test.each(["/v1/tokens", "/v1/charges", "/v1/charges/ch_1", "/v1/unicorns"])(
    "of %s is answered for any page, without credentials",
    async (path) => {
      const { status, headers, body } = await system.call(path, {
        method: "OPTIONS",
        headers: {
          origin: "https://shop.example",
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization, idempotency-key",
        },
      });
      expect(status).toBe(204);
      expect(body).toBe("");
      expect(headers.get("access-control-allow-origin")).toBe("*");
      expect(headers.get("access-control-allow-methods")).toContain("POST");
      for (const name of ["authorization", "content-type", "idempotency-key", "stripe-version"]) {
        expect(headers.get("access-control-allow-headers")).toContain(name);
      }
      expect(headers.get("access-control-max-age")).toBe("300");
      expect(headers.get("access-control-allow-credentials")).toBeNull();
    },
  );
});

describe("a connection", () => {
  const over = (tlsVersion: string, path: string) =>
    system.worker.fetch(new URL(path, system.url).href, {
      method: "GET",
      headers: { authorization: `Bearer ${m.secret}` },
      cf: { tlsVersion },
    });

  test.each(["TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3", "none"])(
    "over %s is refused",
    async (version) => {
      for (const path of ["/v1/balance", "/healthz", "/v1/unicorns"]) {
        const { status, headers, body } = await over(version, path).then(async (answer) => ({
          status: answer.status,
          headers: new Headers([...answer.headers]),
          body: (await answer.json()) as never,
        }));
        expect(verdictOf({ status, headers, body })).toBe("426 tls_too_old -");
      }
    },
  );

  test("over TLS 1.3 is served", async () => {
    expect((await over("TLSv1.3", "/v1/balance")).status).toBe(200);
  });
});

describe("health", () => {
  test.each(["GET", "HEAD"])("is told to %s without a key", async (method) => {
    for (const path of ["/healthz", "/readyz"]) {
      const call = await system.call(path, { method });
      expect(call.status).toBe(200);
      if (method === "HEAD") expect(call.body).toBe("");
    }
  });

  test("names the regions that answer and no more", async () => {
    expect((await system.call("/healthz")).body).toEqual({ status: "ok" });
    expect((await system.call("/readyz")).body).toEqual({
      status: "ok",
      regions: { us: "ok", eu: "ok" },
    });
  });
});

type Schema = { [name: string]: unknown; properties?: Record<string, Schema>; required?: string[] };
type Operation = {
  operationId: string;
  summary: string;
  security: Record<string, []>[];
  parameters: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, unknown>;
};
type Document = {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { securitySchemes: Record<string, unknown>; responses: Record<string, unknown> };
};

describe("the OpenAPI document", () => {
  let document: Document;
  let operations: (readonly [string, Operation])[];

  beforeAll(async () => {
    document = (await system.call("/openapi.json")).body as Document;
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, o]) => [`${method.toUpperCase()} ${path}`, o] as const),
    );
  });
  const operation = (name: string): Operation => {
    const found = operations.find(([is]) => is === name)?.[1];
    if (found === undefined) throw new Error(`no operation ${name}`);
    return found;
  };
  const form = (name: string): Schema =>
    operation(name).requestBody?.content["application/x-www-form-urlencoded"]?.schema ?? {};

  test("has every route and no other", () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/);
    expect(operations.map(([name]) => name).sort()).toEqual([...ROUTES].sort());
    expect(document.servers).toEqual([{ url: system.url.origin }]);
  });

  test("gives every operation a name of its own, a key and answers", () => {
    const names = operations.map(([, o]) => o.operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const [name, o] of operations) {
      expect(o.operationId).toMatch(/^[a-z][A-Za-z0-9]+$/);
      expect(o.summary).toMatch(/\S/);
      for (const scheme of o.security.flatMap((s) => Object.keys(s))) {
        expect(document.components.securitySchemes).toHaveProperty(scheme);
      }
      expect(Object.keys(o.responses)).toEqual(expect.arrayContaining(["200", "500", "503"]));
      expect(Object.keys(o.responses).every((status) => /^[2-5]\d\d$/.test(status))).toBe(true);
      const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, part]) => part);
      const declared = o.parameters.filter((p) => p.in === "path");
      expect(declared.map((p) => p.name)).toEqual(inPath);
      expect(declared.every((p) => p.required === true)).toBe(true);
    }
  });

  test("refers to nothing that is not there", () => {
    for (const [, ref] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      let at: unknown = document;
      for (const part of (ref ?? "").split("/")) at = (at as Record<string, unknown>)[part];
      expect(at, ref).toBeDefined();
    }
  });

  test("describes what the edge checks", () => {
    const charge = form("POST /v1/charges");
    expect(charge["additionalProperties"]).toBe(false);
    expect(charge.required).toEqual(expect.arrayContaining(["amount", "currency"]));
    expect(charge.required).not.toContain("description");
    expect(charge.properties?.["amount"]).toMatchObject({
      type: "integer",
      minimum: 1,
      maximum: 99_999_999,
    });
    expect(charge.properties?.["currency"]).toMatchObject({ type: "string" });
    expect(charge.properties?.["capture"]).toMatchObject({ type: "boolean" });
    expect(charge.properties?.["metadata"]).toMatchObject({ type: "object", maxProperties: 50 });
    expect(form("POST /v1/payment_intents").required).toEqual(["amount", "currency"]);
    const card = form("POST /v1/tokens").properties?.["card"];
    expect(card?.required).toEqual(expect.arrayContaining(["number", "exp_month", "exp_year"]));
    const limit = operation("GET /v1/charges").parameters.find((p) => p.name === "limit");
    expect(limit).toMatchObject({
      in: "query",
      schema: { type: "integer", minimum: 1, maximum: 100 },
    });
    const key = operation("POST /v1/charges").parameters.find((p) => p.in === "header");
    expect(key).toMatchObject({ name: "Idempotency-Key", schema: { maxLength: 255 } });
  });
});
