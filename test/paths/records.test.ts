// What a merchant looks up afterwards: customers, lists, events and the balance.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { AT_ONCE, type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

describe("customers", () => {
  test("are made with a card, changed, listed, charged and deleted", async () => {
    const made = await m.stripe.customers.create({
      email: "ada@example.com",
      name: "Ada",
      source: "tok_visa",
      metadata: { a: "1", b: "2" },
    });
    expect(made).toMatchObject({ object: "customer", email: "ada@example.com", name: "Ada" });
    expect(made.default_source).toMatch(/^card_/);
    const changed = await m.stripe.customers.update(made.id, {
      name: "",
      metadata: { a: "", c: "3" },
    } as Stripe.CustomerUpdateParams);
    expect(changed).toMatchObject({
      email: "ada@example.com",
      name: null,
      metadata: { b: "2", c: "3" },
    });
    expect(changed.metadata).not.toHaveProperty("a");
    expect((await m.stripe.customers.update(made.id, { metadata: "" })).metadata).toEqual({});
    const shown = (await m.stripe.customers.retrieve(made.id, {
      expand: ["sources"],
    })) as Stripe.Customer;
    expect(shown.sources?.data[0]).toMatchObject({
      object: "card",
      last4: "4242",
      customer: made.id,
    });
    const charge = await m.stripe.charges.create({
      amount: 400,
      currency: "usd",
      customer: made.id,
    });
    expect(charge).toMatchObject({ customer: made.id, source: { id: made.default_source } });
    const listed = await m.stripe.charges.list({ customer: made.id });
    expect(listed.data.map((c) => c.id)).toEqual([charge.id]);
    expect((await m.stripe.customers.list({ limit: 1 })).data[0]?.id).toBe(made.id);
    expect(await m.stripe.customers.del(made.id)).toEqual(
      expect.objectContaining({ id: made.id, deleted: true }),
    );
    expect(await m.stripe.customers.retrieve(made.id)).toMatchObject({ deleted: true });
    expect(
      await refused(m.stripe.charges.create({ amount: 400, currency: "usd", customer: made.id })),
    ).toMatchObject({ code: "resource_missing", param: "customer" });
    const events = await m.stripe.events.list({ type: "customer.created" });
    expect(JSON.stringify(events.data)).not.toContain("ada@example.com");
  });
});

describe("lists", () => {
  test("page through 250 charges by themselves, newest first, without gap or repeat", async () => {
    const busy = await system.merchant(undefined, AT_ONCE);
    const customer = await busy.stripe.customers.create({ source: "tok_visa" });
    const before = Math.floor(Date.now() / 1000) - 1;
    const made = new Set<string>();
    for (let round = 0; round < 10; round++) {
      const charges = await Promise.all(
        Array.from({ length: 25 }, (_, i) =>
          busy.stripe.charges.create({ amount: 100 + i, currency: "usd", customer: customer.id }),
        ),
      );
      for (const charge of charges) made.add(charge.id);
    }
    const seen: string[] = [];
    let last = Number.POSITIVE_INFINITY;
    for await (const charge of busy.stripe.charges.list({
      customer: customer.id,
      limit: 100,
      created: { gt: before },
    })) {
      seen.push(charge.id);
      expect(charge.created).toBeLessThanOrEqual(last);
      last = charge.created;
    }
    expect(seen.length).toBe(250);
    expect(new Set(seen)).toEqual(made);
    const [first, second] = seen;
    const back = await busy.stripe.charges.list({ ending_before: second ?? "", limit: 5 });
    expect(back.data.map((c) => c.id)).toEqual([first]);
    expect(
      (await busy.stripe.charges.list({ created: { gt: Math.floor(Date.now() / 1000) + 60 } }))
        .data,
    ).toEqual([]);
    const balance = await busy.stripe.balance.retrieve();
    const total = 10 * Array.from({ length: 25 }, (_, i) => 100 + i).reduce((a, b) => a + b, 0);
    expect(balance.available[0]).toMatchObject({ amount: total, currency: "usd" });
    let sum = 0;
    for await (const transaction of busy.stripe.balanceTransactions.list({ limit: 100 })) {
      sum += transaction.net;
    }
    expect(sum).toBe(total);
  });

  test("refuse a cursor that is nobody's", async () => {
    const error = await refused(m.stripe.charges.list({ starting_after: "ch_nothing" }));
    expect(error).toMatchObject({
      statusCode: 404,
      code: "resource_missing",
      param: "starting_after",
    });
  });
});

describe("events and the balance", () => {
  test("tell a payment's story in order and add up", async () => {
    const one = await system.merchant(undefined, AT_ONCE);
    const charge = await one.stripe.charges.create({
      amount: 5000,
      currency: "usd",
      source: "tok_visa",
    });
    await one.stripe.refunds.create({ charge: charge.id, amount: 1500 });
    await refused(
      one.stripe.charges.create({ amount: 100, currency: "usd", source: "tok_chargeDeclined" }),
    );
    const events = await one.stripe.events.list();
    expect(events.data.map((e) => e.type)).toEqual([
      "charge.failed",
      "charge.refunded",
      "refund.created",
      "charge.succeeded",
    ]);
    const succeeded = events.data.at(-1);
    expect(succeeded?.data.object).toMatchObject({ id: charge.id, amount_refunded: 0 });
    expect(succeeded?.request?.id).toMatch(/^req_/);
    expect((await one.stripe.events.retrieve(succeeded?.id ?? "")).id).toBe(succeeded?.id);
    const balance = await one.stripe.balance.retrieve();
    expect(balance.available).toEqual([
      { amount: 3500, currency: "usd", source_types: { card: 3500 } },
    ]);
    const history = await one.stripe.balanceTransactions.list();
    expect(history.data.map((t) => [t.type, t.amount])).toEqual([
      ["refund", -1500],
      ["charge", 5000],
    ]);
    const transaction = await one.stripe.balanceTransactions.retrieve(history.data[1]?.id ?? "");
    expect(transaction.source).toBe(charge.id);
  });
});
