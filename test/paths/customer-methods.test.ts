// All that a customer can pay with, in one list, and which of it he pays with by default.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const VISA = { number: "4242424242424242", exp_month: 12, exp_year: 2034, cvc: "123" };

const create = () => m.stripe.paymentMethods.create({ type: "card", card: VISA });

/** Without what the SDK adds. */
function bare<T extends { lastResponse?: unknown }>({ lastResponse: _, ...object }: T) {
  return object;
}

describe("what a customer can pay with", () => {
  let customer: string;
  let expected: string[];

  beforeAll(async () => {
    ({ id: customer } = await m.stripe.customers.create({}));
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      const { id } = await m.stripe.paymentMethods.attach("pm_card_visa", { customer });
      ids.unshift(id);
    }
    const cards: string[] = [];
    for (let i = 0; i < 4; i++) {
      const { id } = await m.stripe.customers.createSource(customer, { source: "tok_amex" });
      cards.unshift(id);
    }
    const gone = await m.stripe.paymentMethods.attach("pm_card_visa", { customer });
    await m.stripe.paymentMethods.detach(gone.id);
    expected = [...ids, ...cards];
  });

  const list = (params: object) => m.stripe.customers.listPaymentMethods(customer, params);

  test("is one list of payment methods and cards, newest first of each", async () => {
    const all = await m.stripe.paymentMethods.list({ customer, type: "card", limit: 100 });
    expect(all).toMatchObject({ object: "list", has_more: false, url: "/v1/payment_methods" });
    expect(all.data.map(({ id }) => id)).toEqual(expected);
    for (const method of all.data) {
      expect(method).toMatchObject({ object: "payment_method", type: "card", customer });
      expect(bare(await m.stripe.paymentMethods.retrieve(method.id))).toEqual(method);
      const own = await m.stripe.customers.retrievePaymentMethod(customer, method.id);
      expect(bare(own)).toEqual(method);
    }
    expect((await list({ type: "sepa_debit" })).data).toEqual([]);
  });

  test.each([1, 2, 3, 4, 5, 6, 9, 10])(
    "is paged through by %i, forwards and backwards, without gap or repeat",
    async (limit) => {
      const seen: string[] = [];
      for (let after: string | undefined; ; after = seen.at(-1)) {
        const page = await list({
          limit,
          ...(after === undefined ? {} : { starting_after: after }),
        });
        seen.push(...page.data.map(({ id }) => id));
        expect(page.has_more).toBe(seen.length < expected.length);
        if (!page.has_more) break;
      }
      expect(seen).toEqual(expected);
      const back: string[] = [expected.at(-1) ?? ""];
      for (;;) {
        const page = await list({ limit, ending_before: back[0] });
        back.unshift(...page.data.map(({ id }) => id));
        expect(page.has_more).toBe(back.length < expected.length);
        if (!page.has_more) break;
      }
      expect(back).toEqual(expected);
    },
  );

  test("is not told of a customer who is not there, nor found at another", async () => {
    const other = await m.stripe.customers.create({});
    const missing = { statusCode: 404, code: "resource_missing" };
    expect(await refused(m.stripe.customers.listPaymentMethods("cus_x"))).toMatchObject(missing);
    expect((await m.stripe.customers.listPaymentMethods(other.id)).data).toEqual([]);
    for (const id of [expected[0] ?? "", expected.at(-1) ?? ""]) {
      const elsewhere = m.stripe.customers.retrievePaymentMethod(other.id, id);
      expect(await refused(elsewhere)).toMatchObject(missing);
    }
  });
});

describe("a customer's default payment method", () => {
  const defaultOf = async (id: string) =>
    ((await m.stripe.customers.retrieve(id)) as Stripe.Customer).invoice_settings
      .default_payment_method;
  const settings = (default_payment_method: string) => ({
    invoice_settings: { default_payment_method },
  });

  test("comes with the customer, once for a key", async () => {
    const { id: payment_method } = await create();
    const params = { payment_method, ...settings(payment_method) };
    const options = { idempotencyKey: `with-${payment_method}` };
    const made = await m.stripe.customers.create(params, options);
    expect(made.invoice_settings.default_payment_method).toBe(payment_method);
    expect((await m.stripe.paymentMethods.retrieve(payment_method)).customer).toBe(made.id);
    expect(bare(await m.stripe.customers.create(params, options))).toEqual(bare(made));
    const again = m.stripe.customers.create(params);
    expect(await refused(again)).toMatchObject({ code: "payment_method_unexpected_state" });
    const listed = await m.stripe.customers.list({ limit: 1 });
    expect(listed.data[0]?.id).toBe(made.id);
    const named = await m.stripe.customers.create({ payment_method: "pm_card_visa" });
    expect((await m.stripe.customers.listPaymentMethods(named.id)).data).toHaveLength(1);
  });

  test("is one of its own, and gone when it is detached or deleted", async () => {
    const { id } = await m.stripe.customers.create({ source: "tok_visa" });
    const attach = async () =>
      (await m.stripe.paymentMethods.attach("pm_card_visa", { customer: id })).id;
    const [first, second] = [await attach(), await attach()];
    const { id: loose } = await create();
    for (const unknown of [loose, "pm_x", "card_x"]) {
      const setting = m.stripe.customers.update(id, settings(unknown));
      expect(await refused(setting)).toMatchObject({
        code: "resource_missing",
        param: "invoice_settings[default_payment_method]",
      });
    }
    await m.stripe.customers.update(id, settings(first));
    await m.stripe.paymentMethods.detach(second);
    expect(await defaultOf(id)).toBe(first);
    await m.stripe.paymentMethods.detach(first);
    expect(await defaultOf(id)).toBeNull();
    const third = await attach();
    await m.stripe.customers.update(id, settings(third));
    await system.call(`/v1/payment_methods/${third}`, { method: "DELETE", key: m.secret });
    expect(await defaultOf(id)).toBeNull();
    const customer = (await m.stripe.customers.retrieve(id)) as Stripe.Customer;
    const card = String(customer.default_source);
    const path = "invoice_settings.default_payment_method";
    await m.stripe.customers.update(id, settings(card));
    expect(await defaultOf(id)).toBe(card);
    const shown = await m.stripe.customers.retrieve(id, { expand: [path] });
    expect(shown).toMatchObject({
      invoice_settings: { default_payment_method: { id: card, object: "payment_method" } },
    });
    await m.stripe.customers.update(id, settings(""));
    expect(await defaultOf(id)).toBeNull();
  });
});
