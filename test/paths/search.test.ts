// Searches by the official SDK: what a query finds is what fits it, newest first, page by page, and of nobody else.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { SaveObject } from "../../protocol/command.ts";
import { SEARCH_ROWS_MAX } from "../../protocol/search-query.ts";
import { apply, applyOne, closing, connect, keeping, opening, saving } from "../ledger/region.ts";
import { type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;
const made: Stripe.Charge[] = [];
let ada: Stripe.Customer;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant("us");
  const { charges, customers, refunds } = m.stripe;
  ada = await customers.create({
    name: "Ada O'Neill",
    email: "ada@example.com",
    phone: "+49 30 1234",
    metadata: { tier: "gold" },
    source: "tok_visa",
  });
  await customers.create({ name: "Bob", email: "bob@example.org" });
  const pay = { currency: "usd", source: "tok_visa" } as const;
  made.push(
    await charges.create({ ...pay, amount: 1000, metadata: { order: "A-1", note: "50% off_" } }),
    await charges.create({ amount: 2000, currency: "eur", customer: ada.id }),
    await charges.create({ ...pay, amount: 3000, source: "tok_amex", metadata: { order: "A-2" } }),
    await charges.create({ ...pay, amount: 4000 }),
  );
  const whole = made[3] as Stripe.Charge;
  await refunds.create({ charge: whole.id });
  await refused(charges.create({ ...pay, amount: 5000, source: "tok_chargeDeclined" }));
  const foreign = await system.merchant("us");
  await foreign.stripe.charges.create({ ...pay, amount: 1000, metadata: { order: "A-1" } });
  await charges.update(whole.id, { metadata: { order: "changed" } });
});
afterAll(() => system?.close());

const amounts = async (query: string) =>
  (await m.stripe.charges.search({ query })).data.map(({ amount }) => amount);

/** Customers in one batch. */
const SAVED_AT_ONCE = 1_000;
const METHOD = `pm_${"1".repeat(22)}`;
/** An intent as the edge writes one. */
const INTENT = {
  amount: 700,
  currency: "usd",
  attempts: 0,
  secret: "0123456789abcdefghijklmn",
  capture_method: "automatic",
  confirmation_method: "automatic",
};

describe("charges", () => {
  test.each([
    ['status:"succeeded"', [4000, 3000, 2000, 1000]],
    ['status:"failed"', [5000]],
    ["amount>2000", [5000, 4000, 3000]],
    ["amount>=2000 AND amount<4000", [3000, 2000]],
    ['amount:1000 OR amount:"3000"', [3000, 1000]],
    ['currency:"EUR"', [2000]],
    ['-currency:"usd"', [2000]],
    ["refunded:true", [4000]],
    ['refunded:"false" AND status:"succeeded"', [3000, 2000, 1000]],
    ["disputed:true", []],
    ["customer:null", [5000, 4000, 3000, 1000]],
    ['metadata["order"]:"A-1"', [1000]],
    ['metadata["order"]~"a-2"', [3000]],
    ['metadata["order"]:"changed"', [4000]],
    ['metadata["order"]:null', [5000, 2000]],
    ['-metadata["order"]:null', [4000, 3000, 1000]],
    ['-metadata["order"]:"A-1"', [5000, 4000, 3000, 2000]],
    // Signs that mean something to SQL's own patterns mean nothing here.
    ['metadata["note"]~"50%"', [1000]],
    ['metadata["note"]~"_%_"', []],
    ['payment_method_details.card.brand:"amex"', [3000]],
    ['payment_method_details.card.last4:"4242"', [4000, 2000, 1000]],
    ["created>0 AND amount:1000", [1000]],
    ["created<1000", []],
  ] as const)("%s", async (query, expected) => {
    expect(await amounts(query)).toEqual(expected);
  });

  test("of a customer, also of one that was given later", async () => {
    const query = `customer:"${ada.id}"`;
    expect(await amounts(query)).toEqual([2000]);
    const [first] = made;
    await m.stripe.charges.update(first?.id ?? "", { customer: ada.id });
    expect(await amounts(query)).toEqual([2000, 1000]);
    expect(await amounts(`-${query}`)).toEqual([5000, 4000, 3000]);
  });

  test("are what a list shows, page by page", async () => {
    const query = 'status:"succeeded"';
    const first = await m.stripe.charges.search({ query, limit: 3 });
    expect(first).toMatchObject({
      object: "search_result",
      url: "/v1/charges/search",
      has_more: true,
      next_page: expect.any(String),
    });
    const page = String(first.next_page);
    const second = await m.stripe.charges.search({ query, limit: 3, page });
    expect(second).toMatchObject({ has_more: false, next_page: null });
    const { data } = await m.stripe.charges.list({ limit: 100 });
    expect([...first.data, ...second.data]).toEqual(
      data.filter(({ status }) => status === "succeeded"),
    );
    const all: string[] = [];
    for await (const { id } of m.stripe.charges.search({ query, limit: 1 })) all.push(id);
    expect(all).toEqual(data.filter(({ paid }) => paid).map(({ id }) => id));
  });

  test("can be expanded", async () => {
    const { data } = await m.stripe.charges.search({
      query: "amount:2000",
      expand: ["data.customer"],
    });
    expect(data[0]?.customer).toMatchObject({ id: ada.id, name: "Ada O'Neill" });
  });
});

describe("customers", () => {
  test.each([
    ['email:"ADA@example.com"', ["Ada O'Neill"]],
    ['email~"example"', ["Bob", "Ada O'Neill"]],
    ['name:"Ada O\'Neill"', ["Ada O'Neill"]],
    ['name~"bob" OR metadata["tier"]:"gold"', ["Bob", "Ada O'Neill"]],
    ["phone:null", ["Bob"]],
    ['-metadata["tier"]:"gold"', ["Bob"]],
  ])("%s", async (query, names) => {
    const { data } = await m.stripe.customers.search({ query });
    expect(data.map(({ name }) => name)).toEqual(names);
  });
});

test("a page looks at so many things and no more, and the next one goes on", async () => {
  const many = await system.merchant("us");
  const scope = { account: many.account, livemode: false };
  const client = await connect(inject("bindings")["DATABASE_URL_US"] ?? "");
  try {
    const named = (name: string) => saving(scope, { patch: { name } });
    await applyOne(client, named("Needle"));
    for (let left = SEARCH_ROWS_MAX; left > 0; left -= SAVED_AT_ONCE) {
      const hay = Array.from({ length: Math.min(left, SAVED_AT_ONCE) }, () => named("Hay"));
      await apply(client, hay);
    }
  } finally {
    await client.end();
  }
  const query = 'name:"Needle"';
  const first = await many.stripe.customers.search({ query });
  expect(first).toMatchObject({ data: [], has_more: true });
  const page = String(first.next_page);
  const second = await many.stripe.customers.search({ query, page });
  expect(second).toMatchObject({ data: [{ name: "Needle" }], has_more: false });
});

describe("payment intents", () => {
  test("are found by where they stand, as it is told of each", async () => {
    const client = await connect(inject("bindings")["DATABASE_URL_US"] ?? "");
    const scope = { account: m.account, livemode: false };
    const make = async (document: object) => {
      const held = { ...INTENT, ...document };
      const command = keeping(scope, { document: held } as Partial<SaveObject>);
      return [command.id, await applyOne(client, command)] as const;
    };
    try {
      await make({});
      await make({ payment_method: METHOD, amount: 800 });
      await make({ canceled_at: 1 });
      await make({ payment_method: METHOD, action: { authentication: "a" } });
      for (const [capture, approved] of [
        [true, true],
        [false, true],
        [true, false],
      ] as const) {
        const [id, { seq }] = await make({ payment_method: METHOD });
        const document = INTENT;
        const open = {
          ...opening(scope, { amount: 700, capture }),
          intent: { id: id as `pi_${string}`, seq, attempt: 1, document },
        };
        await applyOne(client, open);
        await applyOne(client, closing(scope, open.id, approved));
      }
    } finally {
      await client.end();
    }
    const { data: all } = await m.stripe.paymentIntents.search({ query: "amount>0" });
    expect(all).toHaveLength(7);
    const statuses = new Set(all.map(({ status }) => status));
    expect(statuses.size).toBe(6);
    for (const status of statuses) {
      const { data } = await m.stripe.paymentIntents.search({ query: `status:"${status}"` });
      expect(data).toEqual(all.filter((intent) => intent.status === status));
    }
    const { data } = await m.stripe.paymentIntents.search({ query: "amount:800" });
    expect(data.map(({ amount }) => amount)).toEqual([800]);
  });
});

describe("a query", () => {
  test.each([
    'status:"x\' or 1=1 --"',
    "metadata[\"a' or '1'='1\"]:null AND amount<0",
    'metadata["\');drop table charges;--"]:"x"',
    'customer:"cus_\' or 1=1"',
    'metadata["$1"]:"$2"',
  ])("of SQL is no SQL: %s", async (query) => {
    expect(await amounts(query)).toEqual([]);
    expect(await amounts("amount:2000")).toEqual([2000]);
  });

  test.each([
    ["status", "query"],
    ['status:"a" AND amount>1 OR amount<0', "query"],
    ['nothing:"x"', "query"],
  ])("that means nothing is refused: %s", async (query, param) => {
    const error = await refused(m.stripe.charges.search({ query }));
    expect(error).toMatchObject({ statusCode: 400, param });
    expect(error.message).toMatch(/\.$/);
  });

  test("goes on from nothing but a page's own name", async () => {
    const page = "cus_0000000000000000000001";
    expect(await refused(m.stripe.charges.search({ query: "amount>1", page }))).toMatchObject({
      statusCode: 400,
      param: "page",
    });
    expect(await refused(m.stripe.charges.search({} as never))).toMatchObject({ param: "query" });
  });
});
