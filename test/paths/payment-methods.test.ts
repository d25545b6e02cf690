// Payment methods as the official SDK makes, reads, changes, attaches and detaches them, and what makes none.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { verdictOf } from "../limits/refusal.ts";
import { type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

const VISA = { number: "4242424242424242", exp_month: 12, exp_year: 2034, cvc: "123" };
const PERSON = {
  name: "Ada",
  email: "ada@example.com",
  phone: "+49 30 1",
  address: { line1: "Row 7", postal_code: "10115", city: "Berlin", country: "DE" },
} satisfies Stripe.PaymentMethodCreateParams.BillingDetails;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const create = (over: Partial<Stripe.PaymentMethodCreateParams> = {}) =>
  m.stripe.paymentMethods.create({ type: "card", card: VISA, ...over });

/** Without what the SDK adds. */
function bare<T extends { lastResponse?: unknown }>({ lastResponse: _, ...object }: T) {
  return object;
}

const typedForm = (parent: string) =>
  Object.fromEntries(
    Object.entries(VISA).map(([name, value]) => [`${parent}[${name}]`, String(value)]),
  );

describe("a payment method", () => {
  test("of a typed card has every field of Stripe's", async () => {
    const made = await create({
      billing_details: PERSON,
      metadata: { b: "2", a: "1" },
      allow_redisplay: "always",
    });
    expect(bare(made)).toEqual({
      id: expect.stringMatching(/^pm_[0-9A-Za-z]{22}$/),
      object: "payment_method",
      allow_redisplay: "always",
      billing_details: {
        address: { ...PERSON.address, line2: null, state: null },
        email: PERSON.email,
        name: PERSON.name,
        phone: PERSON.phone,
        tax_id: null,
      },
      card: {
        brand: "visa",
        checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: null },
        country: null,
        display_brand: "visa",
        exp_month: 12,
        exp_year: 2034,
        fingerprint: expect.stringMatching(/^[0-9A-Za-z]{16}$/),
        funding: "unknown",
        generated_from: null,
        last4: "4242",
        networks: { available: ["visa"], preferred: null },
        regulated_status: null,
        three_d_secure_usage: { supported: true },
        wallet: null,
      },
      created: expect.any(Number),
      customer: null,
      customer_account: null,
      livemode: false,
      metadata: { a: "1", b: "2" },
      type: "card",
    });
    expect(bare(await m.stripe.paymentMethods.retrieve(made.id))).toEqual(bare(made));
    expect(JSON.stringify(made)).not.toContain("42424242");
  });

  test.each([
    ["378282246310005", "amex", "american_express"],
    ["3056930009020004", "diners", "diners_club"],
    ["5555555555554444", "mastercard", "mastercard"],
    ["6200000000000005", "unionpay", "union_pay"],
    ["6011111111111117", "discover", "discover"],
    ["3566002020360505", "jcb", "jcb"],
  ])("of %s is of the brand %s, shown as %s", async (number, brand, display_brand) => {
    const { card } = await create({ card: { ...VISA, number } });
    expect(card).toMatchObject({ brand, display_brand, last4: number.slice(-4) });
  });

  test("of a token bills whom the token was made for, and uses the token up", async () => {
    const token = await m.stripe.tokens.create({
      card: { ...VISA, exp_month: "12", exp_year: "2034", name: "Ada", address_zip: "10115" },
    });
    const made = await create({ card: { token: token.id } });
    expect(made.billing_details).toMatchObject({ name: "Ada", address: { postal_code: "10115" } });
    expect(made.card?.fingerprint).toBe(token.card?.fingerprint);
    const used = { statusCode: 400, code: "token_already_used" };
    expect(await refused(create({ card: { token: token.id } }))).toMatchObject({
      ...used,
      param: "card[token]",
    });
    const charge = { amount: 100, currency: "usd", source: token.id };
    expect(await refused(m.stripe.charges.create(charge))).toMatchObject(used);
    expect((await create({ card: { token: "tok_amex" } })).card?.brand).toBe("amex");
  });

  test("is made in a page with the publishable key, which may do no more with it", async () => {
    const form = { type: "card", ...typedForm("card") };
    const headers = { origin: "https://shop.example" };
    const made = await system.call("/v1/payment_methods", { key: m.publishable, form, headers });
    expect(made.status).toBe(200);
    const { id } = made.body as Stripe.PaymentMethod;
    expect((await m.stripe.paymentMethods.retrieve(id)).card?.last4).toBe("4242");
    const read = await system.call(`/v1/payment_methods/${id}`, { key: m.publishable });
    expect(read.status).toBe(401);
  });

  test("of a page does not take a key that the merchant's server uses", async () => {
    const form = { type: "card", ...typedForm("card") };
    const headers = { "idempotency-key": "order-17" };
    const page = await system.call("/v1/payment_methods", { key: m.publishable, form, headers });
    expect(page.status).toBe(200);
    const server = await system.call("/v1/payment_methods", {
      key: m.secret,
      form: { type: "card", "card[token]": "tok_visa" },
      headers,
    });
    expect(server.status).toBe(200);
    expect((server.body as { id: string }).id).not.toBe((page.body as { id: string }).id);
  });

  test("is made once for a key, and another token is another request", async () => {
    const options = { idempotencyKey: "pm-once" };
    const params = { type: "card", card: { token: "tok_visa" } } as const;
    const first = await m.stripe.paymentMethods.create(params, options);
    expect(bare(await m.stripe.paymentMethods.create(params, options))).toEqual(bare(first));
    const other = { type: "card", card: { token: "tok_amex" } } as const;
    expect(await refused(m.stripe.paymentMethods.create(other, options))).toMatchObject({
      type: "StripeIdempotencyError",
    });
  });

  test("is changed: expiry, billing details, metadata", async () => {
    const made = await create({ billing_details: PERSON, metadata: { a: "1", b: "2" } });
    const changed = await m.stripe.paymentMethods.update(made.id, {
      card: { exp_month: 3, exp_year: 2040 },
      billing_details: { email: "", address: { line1: "Row 8" } },
      metadata: { a: "", c: "3" },
      allow_redisplay: "limited",
    } as Stripe.PaymentMethodUpdateParams);
    expect(changed).toMatchObject({
      card: { exp_month: 3, exp_year: 2040, last4: "4242" },
      billing_details: { name: "Ada", email: null, address: { line1: "Row 8", city: "Berlin" } },
      metadata: { b: "2", c: "3" },
      allow_redisplay: "limited",
    });
    expect(changed.metadata).not.toHaveProperty("a");
    expect(bare(await m.stripe.paymentMethods.retrieve(made.id))).toEqual(bare(changed));
    const unset = { metadata: "", billing_details: { address: "" } } as const;
    const emptied = await m.stripe.paymentMethods.update(made.id, unset);
    expect(emptied).toMatchObject({ metadata: {}, billing_details: { name: "Ada" } });
    expect(Object.values(emptied.billing_details.address ?? {})).toEqual(Array(6).fill(null));
  });
});

describe("a customer's payment method", () => {
  const attach = (id: string, customer: string, options?: Stripe.RequestOptions) =>
    m.stripe.paymentMethods.attach(id, { customer }, options);
  const unusable = { statusCode: 400, code: "payment_method_unexpected_state" };

  test("is attached, found attached, and told of", async () => {
    const one = await system.merchant();
    const { id: customer } = await one.stripe.customers.create({});
    const made = await one.stripe.paymentMethods.create({ type: "card", card: VISA });
    const held = await one.stripe.paymentMethods.attach(made.id, { customer });
    expect(bare(held)).toEqual({ ...bare(made), customer });
    expect(bare(await one.stripe.paymentMethods.retrieve(made.id))).toEqual(bare(held));
    await one.stripe.paymentMethods.update(made.id, { metadata: { a: "1" } });
    const gone = await one.stripe.paymentMethods.detach(made.id);
    expect(bare(gone)).toEqual({ ...bare(made), metadata: { a: "1" } });
    const events = await one.stripe.events.list({ type: "payment_method.*" });
    expect(
      events.data.map(({ type, data }) => [type, Reflect.get(data.object, "customer")]),
    ).toEqual([
      ["payment_method.detached", null],
      ["payment_method.updated", customer],
      ["payment_method.attached", customer],
    ]);
  });

  test("is attached again to the same customer without harm, and not to another", async () => {
    const [a, b] = [await m.stripe.customers.create({}), await m.stripe.customers.create({})];
    const { id } = await create();
    const first = await attach(id, a.id);
    expect(bare(await attach(id, a.id))).toEqual(bare(first));
    expect(await refused(attach(id, b.id))).toMatchObject(unusable);
  });

  test("is gone for good when it was detached", async () => {
    const { id: customer } = await m.stripe.customers.create({});
    const { id } = await create();
    expect(await refused(m.stripe.paymentMethods.detach(id))).toMatchObject(unusable);
    await attach(id, customer);
    await m.stripe.paymentMethods.detach(id);
    expect(await refused(attach(id, customer))).toMatchObject(unusable);
    expect(await refused(m.stripe.paymentMethods.detach(id))).toMatchObject(unusable);
  });

  test("has the answer of each key for ever, whatever became of it", async () => {
    const { id: customer } = await m.stripe.customers.create({});
    const { id } = await create();
    const held = await attach(id, customer, { idempotencyKey: `attach-${id}` });
    const gone = await m.stripe.paymentMethods.detach(id, {}, { idempotencyKey: `detach-${id}` });
    const again = await attach(id, customer, { idempotencyKey: `attach-${id}` });
    expect(bare(again)).toEqual(bare(held));
    expect(again.lastResponse.headers["idempotent-replayed"]).toBe("true");
    expect(
      bare(await m.stripe.paymentMethods.detach(id, {}, { idempotencyKey: `detach-${id}` })),
    ).toEqual(bare(gone));
  });

  test("is attached once when many ask at once", async () => {
    const customers = await Promise.all(
      Array.from({ length: 6 }, () => m.stripe.customers.create({})),
    );
    const { id } = await create();
    const ends = await Promise.allSettled(customers.map((customer) => attach(id, customer.id)));
    const done = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value.customer] : []));
    expect(done).toHaveLength(1);
    expect((await m.stripe.paymentMethods.retrieve(id)).customer).toBe(done[0]);
  });

  test("is not attached to a customer who is not there", async () => {
    const { id } = await create();
    const missing = { code: "resource_missing", param: "customer" };
    expect(await refused(attach(id, "cus_nobody"))).toMatchObject(missing);
    const deleted = await m.stripe.customers.create({});
    await m.stripe.customers.del(deleted.id);
    expect(await refused(attach(id, deleted.id))).toMatchObject(missing);
    expect((await m.stripe.paymentMethods.retrieve(id)).customer).toBeNull();
  });
});

describe.each([
  ["pm_card_visa", "visa", "4242"],
  ["pm_card_amex", "amex", "0005"],
  ["pm_card_mastercard_prepaid", "mastercard", "5100"],
  ["pm_card_chargeDeclined", "visa", "0002"],
  ["pm_card_visa_chargeDeclined", "visa", "0002"],
  ["pm_card_visa_chargeDeclinedLostCard", "visa", "9987"],
  ["pm_card_chargeCustomerFail", "visa", "0341"],
  ["pm_card_authenticationRequired", "visa", "3184"],
  ["pm_card_threeDSecure2Required", "visa", "3220"],
  ["pm_card_bypassPending", "visa", "0077"],
  ["pm_card_createDisputeInquiry", "visa", "1976"],
])("the test name %s", (alias, brand, last4) => {
  test("is a fresh payment method each time, and the same one for the same request", async () => {
    const { id: customer } = await m.stripe.customers.create({});
    const attach = (key: string) =>
      m.stripe.paymentMethods.attach(alias, { customer }, { idempotencyKey: `${alias}-${key}` });
    const first = await attach("1");
    expect(first).toMatchObject({ customer, card: { brand, last4 } });
    expect(first.id).toMatch(/^pm_[0-9A-Za-z]{22}$/);
    expect((await attach("2")).id).not.toBe(first.id);
    expect(bare(await attach("1"))).toEqual(bare(first));
  });
});

test.each(["pm_card_nothing", "pm_card_tok_visa", "pm_card_visa_visa", "pm_card_toString"])(
  "the name %s is none",
  async (alias) => {
    const { id: customer } = await m.stripe.customers.create({});
    expect(await refused(m.stripe.paymentMethods.attach(alias, { customer }))).toMatchObject({
      code: "resource_missing",
      param: "payment_method",
    });
  },
);

describe("what makes no payment method", () => {
  const FORM = { type: "card", ...typedForm("card") };
  const without = (name: string) =>
    Object.fromEntries(Object.entries(FORM).filter(([key]) => key !== name));
  test.each([
    [{}, "400 parameter_missing type"],
    [{ type: "card" }, "400 parameter_missing card"],
    [{ ...FORM, type: "klarna" }, "400 parameter_invalid type"],
    [without("card[number]"), "400 parameter_missing card[number]"],
    [without("card[exp_month]"), "400 parameter_missing card[exp_month]"],
    [without("card[exp_year]"), "400 parameter_missing card[exp_year]"],
    [{ ...FORM, "card[token]": "tok_visa" }, "400 parameter_invalid card[token]"],
    [{ type: "card", "card[token]": "tok_none" }, "404 resource_missing card[token]"],
    [{ ...FORM, sealed_card: "a.b.c.d.e" }, "400 parameter_invalid sealed_card"],
    [{ type: "card", sealed_card: "a.b.c.d.e" }, "400 sealed_card_invalid sealed_card"],
    [{ ...FORM, "card[number]": "4242424242424241" }, "402 incorrect_number number"],
    [{ ...FORM, "card[exp_year]": "2020" }, "402 invalid_expiry_year exp_year"],
    [{ ...FORM, "card[cvc]": "12" }, "402 invalid_cvc cvc"],
    [{ ...FORM, "card[pin]": "1" }, "400 parameter_unknown card[pin]"],
    [{ ...FORM, allow_redisplay: "never" }, "400 parameter_invalid allow_redisplay"],
    [{ ...FORM, "billing_details[ssn]": "1" }, "400 parameter_unknown billing_details[ssn]"],
    [{ ...FORM, "billing_details[name]": VISA.number }, "400 pan_detected billing_details[name]"],
    [
      { ...FORM, "payment_method_data[card][number]": VISA.number },
      "400 parameter_unknown payment_method_data",
    ],
  ])("is %j", async (form, verdict) => {
    const call = await system.call("/v1/payment_methods", {
      key: m.secret,
      form: form as Record<string, string>,
    });
    expect(verdictOf(call)).toBe(verdict);
    expect(JSON.stringify(call.body)).not.toContain("42424242");
  });

  test.each(["pm_x", "pm_card_visa", "cus_0000000000000000000000", "card"])(
    "as %s, and it is found by no such name",
    async (id) => {
      const call = await system.call(`/v1/payment_methods/${id}`, { key: m.secret });
      expect(verdictOf(call)).toBe("404 resource_missing id");
    },
  );

  test("at an account of sealed cards: a typed one, while a token and an expiry are taken", async () => {
    const keys = await system.merchant(undefined, { sealed_only: "true" });
    for (const key of [keys.secret, keys.publishable]) {
      const typed = await system.call("/v1/payment_methods", { key, form: FORM });
      expect(verdictOf(typed)).toBe("400 sealed_card_required card");
    }
    const form = { type: "card", "card[token]": "tok_visa" };
    const taken = await system.call("/v1/payment_methods", { key: keys.secret, form });
    expect(taken.status).toBe(200);
    const { id } = taken.body as { id: string };
    const changed = await system.call(`/v1/payment_methods/${id}`, {
      key: keys.secret,
      form: { "card[exp_month]": "5" },
    });
    expect(changed.body).toMatchObject({ card: { exp_month: 5 } });
  });
});
