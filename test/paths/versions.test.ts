import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { errorOf, verdictOf } from "../limits/refusal.ts";
import { type Call, type Merchant, type System, startSystem, stripeAt } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const AMOUNTS = { amount: 900, currency: "usd" } as const;

/** The SDK of a merchant that was written against an old version. */
const sdkOf = (version: string): Stripe =>
  stripeAt(system.url, m.secret, { apiVersion: version as Stripe.LatestApiVersion });

describe("a merchant of 2020-03-02", () => {
  test("finds refunds in its charges, wherever they stand", async () => {
    const old = sdkOf("2020-03-02");
    const paid = await old.charges.create({ ...AMOUNTS, source: "tok_visa" });
    expect(paid.refunds).toEqual({
      object: "list",
      data: [],
      has_more: false,
      url: `/v1/charges/${paid.id}/refunds`,
    });
    const refund = await old.refunds.create({ charge: paid.id, amount: 300, expand: ["charge"] });
    expect((refund.charge as Stripe.Charge).refunds?.data).toMatchObject([{ id: refund.id }]);
    expect((await old.charges.retrieve(paid.id)).refunds?.data).toMatchObject([{ amount: 300 }]);
    const listed = await old.charges.list({ limit: 1 });
    expect(listed.data[0]?.refunds?.data).toMatchObject([{ id: refund.id }]);
  });

  test("finds sources in its customers, and may expand within them", async () => {
    const old = sdkOf("2020-03-02");
    const made = await old.customers.create({ source: "tok_visa" });
    expect(made.sources?.data).toMatchObject([{ id: made.default_source, last4: "4242" }]);
    expect(made).toMatchObject({ subscriptions: { data: [] }, tax_ids: { data: [] } });
    const shown = await old.customers.retrieve(made.id, { expand: ["sources.data.customer"] });
    expect((shown as Stripe.Customer).sources?.data[0]).toMatchObject({
      customer: { id: made.id, sources: { data: [{ customer: made.id }] } },
    });
    expect((await old.customers.list({ limit: 1 })).data[0]?.sources?.data).toHaveLength(1);
    await old.customers.del(made.id);
    expect(await old.customers.retrieve(made.id)).not.toHaveProperty("sources");
  });
});

test.each([
  ["2020-08-27", true],
  ["2022-08-01", true],
  ["2022-11-15", false],
  ["2024-06-20", false],
  ["2026-10-28.endive", false],
  ["2026-11-25.endive", false],
])("in %s refunds are embedded: %s, and sources are not", async (version, embedded) => {
  const sdk = sdkOf(version);
  const customer = await sdk.customers.create({ source: "tok_visa" });
  expect(customer).not.toHaveProperty("sources");
  const paid = await sdk.charges.create({ ...AMOUNTS, customer: customer.id });
  expect("refunds" in paid).toBe(embedded);
  expect(paid.lastResponse.headers["stripe-version"]).toBe(version);
});

describe("a version that Stripe never published", () => {
  test.each(["2020-08-28", "latest", "2019-12-03, 2019-12-03"])("%s is refused", async (named) => {
    const headers = { "stripe-version": named };
    const form = { amount: "900", currency: "usd", source: "tok_visa" };
    const fresh = await system.merchant();
    const call = await system.call("/v1/charges", { key: fresh.secret, form, headers });
    expect(verdictOf(call)).toBe("400 - -");
    expect(errorOf(call)).toMatchObject({ type: "invalid_request_error" });
    expect(errorOf(call).message).toContain(`Invalid Stripe API version: ${named}`);
    expect(call.headers.get("stripe-version")).toBe("2026-10-28.endive");
    expect((await fresh.stripe.charges.list()).data).toEqual([]);
  });

  test("is told to nobody without a key", async () => {
    const call = await system.call("/v1/balance", { headers: { "stripe-version": "latest" } });
    expect(call.status).toBe(401);
  });
});

describe("a key", () => {
  const pay = (key: string, version: string): Promise<Call> =>
    system.call("/v1/charges", {
      key: m.secret,
      form: { amount: "900", currency: "usd", source: "tok_visa" },
      headers: { "idempotency-key": key, "stripe-version": version },
    });

  test("is answered again in the shapes of its first request", async () => {
    for (const version of ["2020-03-02", "2022-08-01", "2026-10-28.endive"]) {
      const first = await pay(`again-${version}`, version);
      const again = await pay(`again-${version}`, version);
      expect(again.body).toEqual(first.body);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
    }
  });

  test("is answered again to a version of the same shapes", async () => {
    const first = await pay("near", "2023-10-16");
    expect((await pay("near", "2026-10-28.endive")).body).toEqual(first.body);
  });

  test("is not answered in other shapes", async () => {
    await pay("far", "2020-03-02");
    for (const version of ["2022-08-01", "2026-10-28.endive"]) {
      const call = await pay("far", version);
      expect(call.status).toBe(400);
      expect(errorOf(call).type).toBe("idempotency_error");
    }
  });
});
