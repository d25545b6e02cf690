import type Stripe from "stripe";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { errorOf, verdictOf } from "../limits/refusal.ts";
import { type Doorway, startDoorway } from "../recovery/doorway.ts";
import { type Merchant, refused, type System, startSystem } from "../system.ts";

let doorway: Doorway;
let system: System;
let m: Merchant;
let customer: Stripe.Customer;
let charge: Stripe.Charge;
let refund: Stripe.Refund;

const AMOUNTS = { amount: 900, currency: "usd" } as const;

beforeAll(async () => {
  doorway = await startDoorway(inject("bindings")["SQL_ENDPOINT"] ?? "");
  system = await startSystem({ ...inject("bindings"), SQL_ENDPOINT: doorway.url });
  m = await system.merchant();
  customer = await m.stripe.customers.create({ source: "tok_visa", email: "ada@example.com" });
  const made = await m.stripe.charges.create({ ...AMOUNTS, customer: customer.id });
  refund = await m.stripe.refunds.create({ charge: made.id, amount: 100 });
  charge = await m.stripe.charges.retrieve(made.id);
});
afterEach(() => doorway?.decide(() => "pass"));
afterAll(async () => {
  await system?.close();
  await doorway?.close();
});

describe("a charge that is retrieved", () => {
  test("holds its customer, balance transaction and refunds where that is asked", async () => {
    const shown = await m.stripe.charges.retrieve(charge.id, {
      expand: ["customer", "balance_transaction", "refunds"],
    });
    expect(shown.customer).toEqual(await m.stripe.customers.retrieve(customer.id));
    expect(shown.balance_transaction).toEqual(
      await m.stripe.balanceTransactions.retrieve(charge.balance_transaction as string),
    );
    expect(shown.refunds).toMatchObject({
      object: "list",
      has_more: false,
      url: `/v1/charges/${charge.id}/refunds`,
    });
    expect(shown.refunds?.data).toEqual([await m.stripe.refunds.retrieve(refund.id)]);
    expect({
      ...shown,
      customer: customer.id,
      balance_transaction: charge.balance_transaction,
      refunds: undefined,
    }).toEqual({ ...charge, refunds: undefined });
  });

  test("is as it was without being asked", async () => {
    const shown = await m.stripe.charges.retrieve(charge.id);
    expect(shown.customer).toBe(customer.id);
    expect(shown).not.toHaveProperty("refunds");
  });

  test("holds what is four levels down", async () => {
    const shown = await m.stripe.charges.retrieve(charge.id, {
      expand: ["refunds.data.balance_transaction.source", "customer.sources.data.customer"],
    });
    expect(shown.refunds?.data[0]?.balance_transaction).toMatchObject({
      object: "balance_transaction",
      amount: -100,
      source: { object: "refund", id: refund.id },
    });
    const { sources } = shown.customer as Stripe.Customer;
    expect(sources?.data[0]).toMatchObject({
      id: customer.default_source,
      customer: { object: "customer", id: customer.id, email: "ada@example.com" },
    });
  });

  test("shows a customer that was deleted as deleted", async () => {
    const gone = await m.stripe.customers.create({ source: "tok_visa" });
    const paid = await m.stripe.charges.create({ ...AMOUNTS, customer: gone.id });
    await m.stripe.customers.del(gone.id);
    const shown = await m.stripe.charges.retrieve(paid.id, { expand: ["customer.sources"] });
    expect(shown.customer).toEqual({ id: gone.id, object: "customer", deleted: true });
  });

  test("shows nothing of what Stripe has and Tessera has not", async () => {
    const shown = await m.stripe.charges.retrieve(charge.id, {
      expand: ["review", "on_behalf_of"],
    });
    expect(shown).toMatchObject({ review: null, on_behalf_of: null });
  });
});

describe("a customer", () => {
  test("holds its sources and its default one where that is asked", async () => {
    const shown = (await m.stripe.customers.retrieve(customer.id, {
      expand: ["default_source", "sources", "subscriptions", "tax_ids"],
    })) as Stripe.Customer;
    expect(shown.default_source).toMatchObject({ id: customer.default_source, object: "card" });
    expect(shown.sources).toMatchObject({
      object: "list",
      data: [{ id: customer.default_source, last4: "4242", customer: customer.id }],
      url: `/v1/customers/${customer.id}/sources`,
    });
    expect(shown).toMatchObject({ subscriptions: { data: [] }, tax_ids: { data: [] } });
    expect(await m.stripe.customers.retrieve(customer.id)).not.toHaveProperty("sources");
  });
});

describe("a list", () => {
  test("expands in each thing on it, and pages as before", async () => {
    const listed = await m.stripe.charges.list({
      limit: 1,
      expand: ["data.customer.default_source", "data.balance_transaction"],
    });
    expect(listed.data).toHaveLength(1);
    expect(listed.has_more).toBe(true);
    const all = await m.stripe.balanceTransactions.list({ expand: ["data.source"] });
    expect(all.data.length).toBeGreaterThanOrEqual(3);
    for (const { type, source, amount } of all.data) {
      expect(source).toMatchObject({ object: type, amount: Math.abs(amount) });
    }
    const refunds = await m.stripe.refunds.list({
      charge: charge.id,
      expand: ["data.charge.customer"],
    });
    expect(refunds.data[0]?.charge).toMatchObject({
      id: charge.id,
      amount_refunded: 100,
      customer: { id: customer.id },
    });
  });

  test("of a hundred with all that can be is answered", async () => {
    const busy = await system.merchant();
    const buyers = await Promise.all(
      Array.from({ length: 5 }, () => busy.stripe.customers.create({ source: "tok_visa" })),
    );
    for (const buyer of buyers) {
      await Promise.all(
        Array.from({ length: 20 }, () =>
          busy.stripe.charges.create({ ...AMOUNTS, customer: buyer.id }),
        ),
      );
    }
    const listed = await busy.stripe.charges.list({
      limit: 100,
      expand: ["data.customer.sources", "data.balance_transaction.source", "data.refunds"],
    });
    expect(listed.data).toHaveLength(100);
    for (const shown of listed.data) {
      expect(shown.balance_transaction).toMatchObject({ source: { id: shown.id } });
      const { sources, default_source } = shown.customer as Stripe.Customer;
      expect(sources?.data).toMatchObject([{ id: default_source }]);
      expect(shown.refunds?.data).toEqual([]);
    }
  });
});

describe("a write", () => {
  test("is answered with what it made and what belongs to that", async () => {
    const paid = await m.stripe.charges.create({
      ...AMOUNTS,
      customer: customer.id,
      expand: ["balance_transaction", "customer", "refunds"],
    });
    expect(paid.balance_transaction).toMatchObject({ amount: 900, source: paid.id });
    expect(paid.customer).toMatchObject({ email: "ada@example.com" });
    expect(paid.refunds?.data).toEqual([]);
    const back = await m.stripe.refunds.create({ charge: paid.id, expand: ["charge"] });
    expect(back.charge).toMatchObject({ id: paid.id, refunded: true });
  });

  test("with a path that leads nowhere is not done", async () => {
    const fresh = await system.merchant();
    const create = fresh.stripe.charges.create({
      ...AMOUNTS,
      source: "tok_visa",
      expand: ["customer", "amount"],
    });
    expect(await refused(create)).toMatchObject({
      statusCode: 400,
      type: "StripeInvalidRequestError",
      param: "expand",
      message: expect.stringContaining("This property cannot be expanded (amount)."),
    });
    expect((await fresh.stripe.charges.list()).data).toEqual([]);
    expect((await fresh.stripe.events.list()).data).toEqual([]);
  });

  test("that is asked again tells what it made then and what belongs to that now", async () => {
    const params = { ...AMOUNTS, customer: customer.id, expand: ["customer", "refunds"] };
    const key = { idempotencyKey: "expanded" };
    const first = await m.stripe.charges.create(params, key);
    await m.stripe.refunds.create({ charge: first.id, amount: 1 });
    await m.stripe.customers.update(customer.id, { name: "Ada" });
    const again = await m.stripe.charges.create(params, key);
    expect(again.lastResponse.headers["idempotent-replayed"]).toBe("true");
    expect(again).toMatchObject({ id: first.id, amount_refunded: 0, customer: { name: "Ada" } });
    expect(again.refunds?.data).toMatchObject([{ amount: 1 }]);
  });

  test("with other paths under a key is another request", async () => {
    const key = { idempotencyKey: "paths" };
    await m.stripe.charges.create({ ...AMOUNTS, source: "tok_visa", expand: ["customer"] }, key);
    const other = m.stripe.charges.create({ ...AMOUNTS, source: "tok_visa" }, key);
    expect(await refused(other)).toMatchObject({ type: "StripeIdempotencyError" });
  });
});

describe("a far merchant", () => {
  test("reads what it expands as fresh as the rest", async () => {
    const far = await system.merchant("eu");
    for (let i = 0; i < 20; i++) {
      const buyer = await far.stripe.customers.create({ source: "tok_visa", name: String(i) });
      const paid = await far.stripe.charges.create({
        ...AMOUNTS,
        customer: buyer.id,
        expand: ["customer", "balance_transaction"],
      });
      expect(paid).toMatchObject({ customer: { name: String(i) } });
      const shown = await far.stripe.charges.retrieve(paid.id, { expand: ["balance_transaction"] });
      expect(shown.balance_transaction).toEqual(paid.balance_transaction);
    }
  });
});

describe("the ways to write it", () => {
  const get = (query: string) =>
    system.call(`/v1/charges/${charge.id}?${query}`, { key: m.secret });

  test.each([
    "expand[]=customer&expand[]=balance_transaction",
    "expand[0]=customer&expand[1]=balance_transaction",
    "expand%5B%5D=customer&expand%5B%5D=balance_transaction",
    "expand%5B0%5D=customer&expand%5B1%5D=balance_transaction",
    "expand[7]=balance_transaction&expand[3]=customer",
  ])("%s is taken", async (query) => {
    expect(await get(query)).toMatchObject({
      status: 200,
      body: { customer: { object: "customer" }, balance_transaction: { amount: 900 } },
    });
  });

  test.each([
    ["expand=customer", "must be an array"],
    ["expand[a]=customer", "must be an array"],
    ["expand[0][a]=customer", "must be an array of strings"],
    ["expand[]=data.customer", "cannot be expanded (data.customer)"],
    ["expand[]=customer.default_source.customer.default_source.customer", "more than 4 levels"],
    [Array.from({ length: 51 }, () => "expand[]=customer").join("&"), "at most 50 of them"],
  ])("%.60s is refused", async (query, why) => {
    const call = await get(query);
    expect(verdictOf(call)).toBe("400 parameter_invalid expand");
    expect(errorOf(call).message).toContain(why);
  });

  test("an empty one asks for nothing", async () => {
    for (const query of ["expand=", "expand[]="]) {
      expect(await get(query)).toMatchObject({ status: 200, body: { customer: customer.id } });
    }
  });
});

describe("a ledger that cannot be read after a write", () => {
  test("has whoever sent a key ask again, and nobody else told that nothing was done", async () => {
    const near = await system.merchant("us");
    const buyer = await near.stripe.customers.create({ source: "tok_visa" });
    const form = {
      amount: "700",
      currency: "usd",
      customer: buyer.id,
      "expand[]": "customer",
    };
    const pay = (headers: Record<string, string> = {}) =>
      system.call("/v1/charges", { key: near.secret, form, headers });
    const keyed = { "idempotency-key": "unread" };
    // Only reads name the table of what is told of customers.
    doorway.decide((sent) => (sent.includes("customer_versions") ? "lose_question" : "pass"));
    const told = await pay(keyed);
    expect(told.status).toBe(503);
    expect(told.headers.get("stripe-should-retry")).toBe("true");
    expect(await pay()).toMatchObject({ status: 200, body: { customer: buyer.id } });
    expect(doorway.lost()).toBeGreaterThan(0);
    doorway.decide(() => "pass");
    expect(await pay(keyed)).toMatchObject({ status: 200, body: { customer: { id: buyer.id } } });
    expect((await near.stripe.charges.list()).data).toHaveLength(2);
  });
});
