// Random bytes, forms and JSON against every route that takes a body. Whatever comes, the edge answers
// for itself: no 5xx, Stripe's shape, and never the canary card.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { AT_ONCE, type Merchant, type System, startSystem } from "../system.ts";

const RUNS = { numRuns: 150 };
const CANARY = "4000056655665556";

let system: System;
let m: Merchant;
let charge: string;
let customer: string;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant(undefined, AT_ONCE);
  charge = (await m.stripe.charges.create({ amount: 9999, currency: "usd", source: "tok_visa" }))
    .id;
  customer = (await m.stripe.customers.create({})).id;
});
afterAll(() => system?.close());

const PATHS = [
  "/v1/charges",
  "/v1/tokens",
  "/v1/customers",
  "/v1/customers/{customer}",
  "/v1/refunds",
  "/v1/charges/{charge}/capture",
  "/v1/charges/{charge}/refunds",
] as const;
const TYPES = ["application/x-www-form-urlencoded", "application/json", "text/plain", ""];

const path = fc.constantFrom(...PATHS);
const name = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      "amount",
      "currency",
      "source",
      "card",
      "customer",
      "capture",
      "description",
      "metadata",
      "expand",
      "number",
      "exp_month",
      "exp_year",
      "cvc",
      "name",
      "address",
      "shipping",
      "line1",
      "charge",
      "reason",
      "receipt_email",
      "email",
      "default_source",
      "key",
      "object",
      "order_id",
      "attempt_number",
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("__proto__", "constructor", "toString", "", "]", "[", "0"),
  },
);
const canary = fc.constantFrom(
  CANARY,
  "4000 0566 5566 5556",
  "4000-0566-5566-5556",
  `x ${CANARY} 12/34`,
  "４００００５６６５５６６５５５６",
);
const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
  { weight: 2, arbitrary: canary },
  {
    weight: 3,
    arbitrary: fc.constantFrom("100", "usd", "tok_visa", "true", "12", "2034", "123", "", "null"),
  },
  { weight: 2, arbitrary: fc.constantFrom("\ud800", "a\udfff", "\u0000", "\ud83d x") },
  // Code units, so also halves of characters.
  {
    weight: 1,
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 5 })
      .map((codes) => String.fromCharCode(...codes)),
  },
  { weight: 1, arbitrary: fc.string({ minLength: 300, maxLength: 6000 }) },
);
const scalar = fc.oneof(text, fc.double(), fc.integer(), fc.boolean(), fc.constant(null));
const { tree } = fc.letrec<{ tree: unknown; value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    { weight: 4, arbitrary: scalar },
    { weight: 2, arbitrary: tie("tree") },
    { weight: 1, arbitrary: fc.array(tie("value"), { maxLength: 4 }) },
  ),
  tree: fc.dictionary(name, tie("value"), { maxKeys: 6 }),
}));
const pairs = fc.array(
  fc.tuple(name, fc.array(name, { maxLength: 7 }), text).map(([head, rest, value]) => {
    const full = head + rest.map((part) => `[${part}]`).join("");
    return `${encodeURIComponent(full.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`;
  }),
  { maxLength: 12 },
);

const CHARGE = { amount: 100, currency: "usd", source: "tok_visa" };
const CARD = { number: "5555555555554444", exp_month: "12", exp_year: "2034" };

/** Where a text is kept or shown when everything around it is good. */
const PLACES: readonly ((value: string) => readonly [string, object])[] = [
  (value) => ["/v1/charges", { ...CHARGE, description: value }],
  (value) => ["/v1/charges", { ...CHARGE, receipt_email: value }],
  (value) => ["/v1/charges", { ...CHARGE, statement_descriptor: value }],
  (value) => ["/v1/charges", { ...CHARGE, statement_descriptor_suffix: value }],
  (value) => ["/v1/charges", { ...CHARGE, transfer_group: value }],
  (value) => ["/v1/charges", { ...CHARGE, shipping: { name: value } }],
  (value) => ["/v1/charges", { ...CHARGE, metadata: { note: value } }],
  (value) => ["/v1/charges", { ...CHARGE, metadata: { [value]: "note" } }],
  (value) => ["/v1/charges", { ...CHARGE, metadata: { order_id: value, attempt_number: 1 } }],
  (value) => ["/v1/charges", { ...CHARGE, source: value }],
  (value) => ["/v1/customers", { name: value }],
  (value) => ["/v1/customers", { email: value }],
  (value) => ["/v1/customers", { address: { city: value } }],
  (value) => ["/v1/customers", { shipping: { name: value } }],
  (value) => ["/v1/customers/{customer}", { metadata: { [value]: value } }],
  (value) => ["/v1/tokens", { card: { ...CARD, name: value } }],
  (value) => ["/v1/tokens", { card: { ...CARD, address_line1: value } }],
  (value) => ["/v1/refunds", { charge, amount: 1, metadata: { note: value } }],
  (value) => ["/v1/charges/{charge}/refunds", { amount: 1, reason: value }],
];

async function answersForItself(at: string, body: BodyInit, type: string): Promise<void> {
  const response = await fetch(
    new URL(at.replace("{charge}", charge).replace("{customer}", customer), system.url),
    {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${m.secret}`, "content-type": type },
    },
  );
  const answer = await response.text();
  expect(response.status, answer).toBeLessThan(500);
  expect(response.headers.get("request-id")).toMatch(/^req_/);
  const all = `${answer} ${[...response.headers].join(" ")}`
    .normalize("NFKC")
    .replaceAll(/[\s-]/g, "");
  expect(all).not.toContain(CANARY);
  const parsed = JSON.parse(answer) as { error?: { type: string; message: string } };
  if (response.status !== 200) {
    expect(parsed.error).toMatchObject({ type: expect.any(String), message: expect.any(String) });
  }
  expect(response.status === 200).toBe(parsed.error === undefined);
}

describe("a body of", () => {
  test("random bytes gets an answer of the edge's own", async () => {
    await fc.assert(
      fc.asyncProperty(
        path,
        fc.uint8Array({ maxLength: 500 }),
        fc.constantFrom(...TYPES),
        (at, bytes, type) => answersForItself(at, new Uint8Array(bytes), type),
      ),
      RUNS,
    );
  });

  test("random pairs gets an answer of the edge's own", async () => {
    await fc.assert(
      fc.asyncProperty(path, pairs, (at, all) =>
        answersForItself(at, all.join("&"), "application/x-www-form-urlencoded"),
      ),
      RUNS,
    );
  });

  test("random JSON gets an answer of the edge's own", async () => {
    await fc.assert(
      fc.asyncProperty(path, tree, (at, value) =>
        answersForItself(at, JSON.stringify(value), "application/json"),
      ),
      { ...RUNS, numRuns: 200 },
    );
  });

  test("good fields and one random text that would be kept gets an answer of the edge's own", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PLACES), text, (place, value) => {
        const [at, body] = place(value);
        return answersForItself(at, JSON.stringify(body), "application/json");
      }),
      { ...RUNS, numRuns: 250 },
    );
  });

  test("none of these left a card number or a broken ledger", async () => {
    const balance = await m.stripe.balance.retrieve();
    let sum = 0;
    for await (const posting of m.stripe.balanceTransactions.list({ limit: 100 })) {
      if (posting.currency === "usd") sum += posting.net;
    }
    expect(balance.available.find(({ currency }) => currency === "usd")?.amount).toBe(sum);
    for await (const kept of m.stripe.charges.list({ limit: 100 })) {
      expect(JSON.stringify(kept).replaceAll(/[\s-]/g, "")).not.toContain(CANARY);
    }
    for await (const kept of m.stripe.customers.list({ limit: 100 })) {
      expect(JSON.stringify(kept).replaceAll(/[\s-]/g, "")).not.toContain(CANARY);
    }
  });
});
