// docs/compatibility.md against Stripe's types and our own description of what is taken.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type System, startSystem } from "../system.ts";
import { compatibilityPage, type OpenApi, parametersOf } from "./page.ts";
import { STRIPE_PATHS } from "./paths.ts";

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const { version } = JSON.parse(read("node_modules/stripe/package.json")) as { version: string };

let system: System;
let document: OpenApi;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  document = (await system.call("/openapi.json")).body;
});
afterAll(() => system?.close());

/** Rows without the padding that a formatter may give them. */
const rowsOf = (page: string): string[] =>
  page
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\| -+ /.test(line))
    .map((line) => line.replaceAll(/ +/g, " "));

describe("the page of compatibility", () => {
  test("says of every path what the types and the document say", () => {
    const page = compatibilityPage(document, version);
    if (process.env["TESSERA_WRITE_COMPATIBILITY"] !== undefined) {
      writeFileSync(new URL("../../docs/compatibility.md", import.meta.url), page);
    }
    expect(rowsOf(read("docs/compatibility.md"))).toEqual(rowsOf(page));
  });

  test("knows the parameters of a path from the SDK's own types", () => {
    expect(parametersOf("Charges", "ChargeCapture")).toContain("amount");
    expect(parametersOf("Charges", "ChargeList")).toContain("starting_after");
    const unknown = STRIPE_PATHS.filter(
      ({ method, params }) =>
        method === "POST" && params !== undefined && parametersOf(...params).length === 0,
    );
    expect(unknown).toEqual([]);
  });

  test("names every route that is answered, but Tessera's own and those that have another name on it", () => {
    const named = new Set(STRIPE_PATHS.map(({ method, path }) => `${method} ${path}`));
    const own = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, "{id}")}`)
        .filter((name) => !named.has(name)),
    );
    expect(own.sort()).toEqual(OWN);
  });
});

/** Tessera's own routes, and other names that Stripe has or had for what is on the page. */
const OWN = [
  "DELETE /v1/card_keys/{id}",
  "DELETE /v1/customers/{id}/cards/{id}",
  "DELETE /v1/payment_methods/{id}",
  "DELETE /v1/tokens/{id}",
  "GET /v1/account",
  "GET /v1/balance/history/{id}",
  "GET /v1/customers/{id}/cards",
  "GET /v1/customers/{id}/cards/{id}",
  "GET /v1/vault/keys",
  "GET /v1/webhook_endpoints/{id}/deliveries",
  "POST /v1/accounts",
  "POST /v1/accounts/{id}/keys",
  "POST /v1/card_keys",
  "POST /v1/challenges/{id}",
  "POST /v1/charges/{id}/refunds",
  "POST /v1/customers/{id}/cards",
  "POST /v1/customers/{id}/cards/{id}",
  "POST /v1/webhook_endpoints/{id}/redeliver",
  "POST /v1/webhook_endpoints/{id}/roll_secret",
];
