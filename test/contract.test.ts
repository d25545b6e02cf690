// That the contract test can fail: answers that differ from the document in one thing each.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Answer, breaches, Contract, type Document } from "./contract.ts";
import { type Merchant, type System, startSystem, stripeAt } from "./system.ts";

let system: System;
let m: Merchant;
let document: Document;
let contract: Contract;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  document = (await system.call("/openapi.json")).body as Document;
  contract = new Contract(document);
});
afterAll(() => system?.close());

const answer = (path: string, body: unknown, more: Partial<Answer> = {}): Answer => ({
  method: "GET",
  path,
  status: 200,
  contentType: "application/json",
  body,
  ...more,
});

describe("an answer", () => {
  let charge: Record<string, unknown>;

  beforeAll(async () => {
    const { lastResponse: _, ...made } = await m.stripe.charges.create({
      amount: 1200,
      currency: "usd",
      source: "tok_visa",
      metadata: { anything: "goes here" },
    });
    charge = made;
  });
  const retrieved = (body: unknown, more: Partial<Answer> = {}) =>
    contract.complaint(answer("/v1/charges/ch_1", body, more));

  test("as it is has nothing to complain of", () => {
    expect(retrieved(charge)).toBeUndefined();
    expect(retrieved(undefined, { method: "HEAD" })).toBeUndefined();
  });

  test("with a field that is not documented is a breach", () => {
    expect(retrieved({ ...charge, secret: 1 })).toContain('"additionalProperty":"secret"');
    const source = { ...(charge["source"] as object), number: "4242" };
    expect(retrieved({ ...charge, source })).toContain('"additionalProperty":"number"');
  });

  test("without a field that is documented is a breach", () => {
    const { paid: _, ...rest } = charge;
    expect(retrieved(rest)).toContain('"missingProperty":"paid"');
  });

  test.each([
    ["amount", "1200"],
    ["amount", -1],
    ["amount", 1.5],
    ["captured", null],
    ["currency", "USD"],
    ["id", "pi_0000000000000000000001"],
    ["status", "paid"],
    ["metadata", { a: 1 }],
    ["customer", "somebody"],
    ["object", "refund"],
  ])("with %s of %j is a breach", (name, value) => {
    expect(retrieved({ ...charge, [name]: value })).toContain(`/${name}`);
  });

  test("with a status, a type or a route that is not documented is a breach", () => {
    expect(retrieved(charge, { status: 201 })).toContain("is a status that");
    expect(retrieved({}, { status: 402 })).toContain("is a status that");
    expect(retrieved(charge, { contentType: "text/html" })).toContain("is text/html");
    expect(contract.complaint(answer("/v1/unicorns", {}))).toContain("is a route that");
    expect(contract.complaint(answer("/v1/charges", {}, { method: "PUT" }))).toContain("route");
  });

  test("of one route is none of another", () => {
    expect(contract.complaint(answer("/v1/refunds/re_1", charge))).toContain('"reason"');
    const list = { object: "list", data: [charge], has_more: false, url: "/v1/charges" };
    expect(contract.complaint(answer("/v1/charges", list))).toBeUndefined();
    expect(contract.complaint(answer("/v1/refunds", list))).toContain("/data/0 ");
  });
});

describe("a refusal", () => {
  const refusal = (error: unknown, status = 400) =>
    contract.complaint(answer("/v1/charges/ch_1", { error }, { status }));
  const good = { type: "invalid_request_error", message: "No.", code: "parameter_unknown" };

  test("as it is has nothing to complain of", () => {
    expect(refusal(good)).toBeUndefined();
    expect(refusal({ type: "api_error", message: "No." }, 503)).toBeUndefined();
  });

  test.each([
    { ...good, code: "code_of_no_catalogue" },
    { ...good, type: "odd_error" },
    { ...good, stack: "at index.ts:1" },
    { type: "api_error" },
    "invalid_request",
  ])("of %j is a breach", (error) => {
    expect(refusal(error)).toContain("/error");
  });

  test("of a route that is not there must look like any other", () => {
    const unknown = answer("/v1/unicorns", { error: good }, { status: 404 });
    expect(contract.complaint(unknown)).toBeUndefined();
    expect(contract.complaint({ ...unknown, body: "Not found" })).toContain("/v1/unicorns");
  });
});

describe("the ways in", () => {
  /** The edge behind somebody who adds a field to every balance. */
  async function embellished<T>(use: (url: URL) => Promise<T>): Promise<T> {
    const server = createServer(async (request, response) => {
      const { authorization = "" } = request.headers;
      const inner = await fetch(new URL(request.url ?? "", system.url), {
        headers: { authorization },
      });
      const body = (await inner.json()) as object;
      response.writeHead(inner.status, { "content-type": "application/json" });
      response.end(JSON.stringify({ ...body, extra: true }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      return await use(new URL(`http://127.0.0.1:${port}`));
    } finally {
      server.close();
    }
  }

  test("notice a breach that an SDK is content with", async () => {
    await embellished((url) => stripeAt(url, m.secret).balance.retrieve());
    expect(breaches()).toEqual([expect.stringContaining('"additionalProperty":"extra"')]);
    await m.stripe.balance.retrieve();
    expect(breaches()).toEqual([]);
  });

  test("notice a breach in an error that is caught", async () => {
    await embellished((url) => stripeAt(url, "sk_test_nobody").balance.retrieve()).catch(() => {});
    expect(breaches()).toEqual([expect.stringContaining("401")]);
  });
});
