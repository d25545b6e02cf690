// docs/compatibility.md against Stripe's types and our own description of what is taken.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { verdictOf } from "../limits/refusal.ts";
import { type System, startSystem } from "../system.ts";
import { compatibilityPage, type OpenApi, ourOperation, parametersOf, takenBy } from "./page.ts";
import { STRIPE_PATHS } from "./paths.ts";

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const { version } = JSON.parse(read("node_modules/stripe/package.json")) as { version: string };

const FORM = { "content-type": "application/x-www-form-urlencoded" };

let system: System;
let document: OpenApi;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  document = (await system.call("/openapi.json")).body;
});
afterAll(() => system?.close());

/** A page without the padding that a formatter may give its table. */
const plain = (page: string): string[] =>
  page
    .split("\n")
    .map((line) =>
      line.startsWith("|") ? line.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---") : line,
    );

describe("the page of compatibility", () => {
  test("says what the types and the document say, of this version of the SDK", () => {
    const page = compatibilityPage(document, version);
    if (process.env["TESSERA_WRITE_COMPATIBILITY"] !== undefined) {
      writeFileSync(new URL("../../docs/compatibility.md", import.meta.url), page);
    }
    expect(plain(read("docs/compatibility.md"))).toEqual(plain(page));
  });

  test("knows the parameters of a path from the SDK's own types", () => {
    expect(parametersOf("Charges", "ChargeCapture")).toContain("amount");
    expect(parametersOf("Charges", "ChargeList")).toContain("starting_after");
    expect(parametersOf("Charges", "ChargeSearch")).toEqual(["expand", "limit", "page", "query"]);
    expect(() => parametersOf("Charges", "ChargeLst")).toThrow("ChargeLstParams");
    const empty = STRIPE_PATHS.filter(
      ({ params }) => params !== undefined && parametersOf(...params).length === 0,
    );
    expect(empty.map(({ method, path }) => `${method} ${path}`)).toEqual(WITHOUT);
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

  test("leaves no parameter out that is taken: what the types do not name is Tessera's own", () => {
    const own = STRIPE_PATHS.flatMap((stripe) => {
      const operation = ourOperation(document, stripe);
      const theirs = stripe.params === undefined ? [] : parametersOf(...stripe.params);
      return (operation === undefined ? [] : takenBy(operation))
        .filter((name) => !theirs.includes(name))
        .map((name) => `${stripe.method} ${stripe.path} ${name}`);
    });
    expect(own.sort()).toEqual(OWN_PARAMETERS);
  });

  test("says the truth of what is not taken: no path takes a parameter that it does not know", async () => {
    const { secret: key } = await system.merchant();
    const wrong: string[] = [];
    for (const stripe of STRIPE_PATHS) {
      const operation = ourOperation(document, stripe);
      if (operation === undefined) continue;
      const { method, path } = stripe;
      const misspelled = method === "GET" ? takenBy(operation).map((name) => `${name}_x`) : [];
      for (const name of ["colour", ...misspelled]) {
        const params = new URLSearchParams({ ...NEEDED[`${method} ${path}`], [name]: "1" });
        const form = method === "GET" ? {} : { body: params.toString(), headers: FORM };
        const query = method === "GET" ? `?${params}` : "";
        const url = `${path.replaceAll("{id}", "x")}${query}`;
        const call = await system.call(url, { key, method, ...form });
        const verdict = verdictOf(call);
        if (verdict !== `400 parameter_unknown ${name}`) {
          wrong.push(`${method} ${path} ${name}: ${verdict}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

/** What is asked for before anything else is looked at. */
const NEEDED: Readonly<Record<string, Record<string, string>>> = {
  "GET /v1/customers/search": { query: "email:'a'" },
  "GET /v1/charges/search": { query: "amount:1" },
  "GET /v1/payment_intents/search": { query: "amount:1" },
  "POST /v1/payment_methods/{id}/attach": { customer: "x" },
  "POST /v1/charges": { amount: "100", currency: "usd" },
  "POST /v1/payment_intents": { amount: "100", currency: "usd" },
  "POST /v1/payment_intents/{id}/increment_authorization": { amount: "100" },
  "POST /v1/payouts": { amount: "100", currency: "usd" },
  "POST /v1/webhook_endpoints": { "enabled_events[]": "*", url: "https://hooks.example.com/in" },
  "POST /v1/ephemeral_keys": { customer: "x" },
};

/** Paths whose interface in the SDK's types is empty. */
const WITHOUT = ["DELETE /v1/customers/{id}", "DELETE /v1/webhook_endpoints/{id}"];

/** What is taken of Stripe's paths that the SDK's types do not name. */
const OWN_PARAMETERS = [
  "POST /v1/charges card",
  "POST /v1/customers/{id}/sources card",
  "POST /v1/payment_intents payment_method_types",
  "POST /v1/payment_intents/{id} payment_method_types",
  "POST /v1/payment_intents/{id}/confirm client_secret",
  "POST /v1/payment_intents/{id}/confirm payment_method_types",
  "POST /v1/payment_methods challenge",
  "POST /v1/payment_methods sealed_card",
  "POST /v1/setup_intents payment_method_types",
  "POST /v1/setup_intents/{id} payment_method_types",
  "POST /v1/setup_intents/{id}/confirm client_secret",
  "POST /v1/tokens challenge",
  "POST /v1/tokens sealed_card",
  "POST /v1/webhook_endpoints ordered",
  "POST /v1/webhook_endpoints/{id} ordered",
];

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
