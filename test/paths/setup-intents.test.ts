// Setup intents as the official SDK drives them: a card is checked and kept for later, its holder proves himself where
// the issuer wants it, and what is kept can be charged while he is away.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, refused, type System, startSystem, stripeAt } from "../system.ts";

let system: System;
let m: Merchant;
let browser: Stripe;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  browser = stripeAt(system.url, m.publishable);
});
afterAll(() => system?.close());

type Setup = Stripe.SetupIntent;
const plain = <T>(object: T & { lastResponse?: unknown }): T => {
  const { lastResponse: _, ...rest } = object;
  return rest as T;
};

async function method(number: string): Promise<string> {
  const card = { number, exp_month: 12, exp_year: 2034, cvc: "123" };
  return (await m.stripe.paymentMethods.create({ type: "card", card })).id;
}

const create = (over: Stripe.SetupIntentCreateParams = {}) => m.stripe.setupIntents.create(over);
const confirmed = async (number: string, over: Stripe.SetupIntentCreateParams = {}) =>
  create({ payment_method: await method(number), confirm: true, ...over });

async function answer(setup: Setup, outcome: "complete" | "fail") {
  const { redirect_to_url: to, use_stripe_sdk: sdk } = setup.next_action ?? {};
  const url = new URL(to?.url ?? String((sdk as { stripe_js?: string })?.stripe_js));
  return system.call(`/v1/challenges/${url.searchParams.get("intent")}`, {
    key: url.searchParams.get("key") ?? "",
    form: { client_secret: url.hash.slice(1), outcome },
  });
}

const pay = (customer: string, payment_method: string) =>
  m.stripe.paymentIntents.create({
    amount: 2000,
    currency: "usd",
    customer,
    payment_method,
    off_session: true,
    confirm: true,
  });

const VISA = "4242424242424242";
const ONCE = "4000002500003155";
const ALWAYS = "4000002760003184";

describe("a setup intent", () => {
  test("is made with every field that Stripe's has", async () => {
    const setup = await create({ description: "For later", metadata: { a: "1" } });
    expect(plain(setup)).toEqual({
      id: expect.stringMatching(/^seti_/),
      object: "setup_intent",
      allowed_payment_method_types: null,
      application: null,
      automatic_payment_methods: { allow_redirects: "always", enabled: true },
      cancellation_reason: null,
      client_secret: expect.stringMatching(new RegExp(`^${setup.id}_secret_[0-9A-Za-z]{25}$`)),
      created: expect.any(Number),
      customer: null,
      customer_account: null,
      description: "For later",
      excluded_payment_method_types: null,
      flow_directions: null,
      last_setup_error: null,
      latest_attempt: null,
      livemode: false,
      managed_payments: null,
      mandate: null,
      metadata: { a: "1" },
      next_action: null,
      on_behalf_of: null,
      payment_method: null,
      payment_method_configuration_details: null,
      payment_method_options: {
        card: { mandate_options: null, network: null, request_three_d_secure: "automatic" },
      },
      payment_method_types: ["card"],
      single_use_mandate: null,
      status: "requires_payment_method",
      usage: "off_session",
    });
    expect(plain(await m.stripe.setupIntents.retrieve(setup.id))).toEqual(plain(setup));
  });

  test("keeps a card for its customer, to be charged while he is away", async () => {
    const customer = await m.stripe.customers.create();
    const setup = await create({ customer: customer.id });
    const done = await m.stripe.setupIntents.confirm(setup.id, {
      payment_method: await method(VISA),
    });
    expect(done).toMatchObject({ status: "succeeded", customer: customer.id });
    const id = String(done.payment_method);
    expect(await m.stripe.paymentMethods.retrieve(id)).toMatchObject({ customer: customer.id });
    expect(await pay(customer.id, id)).toMatchObject({ status: "succeeded" });
  });

  test("of a card that is kept already keeps what its holder proves now", async () => {
    const customer = await m.stripe.customers.create();
    const id = await method(ONCE);
    await m.stripe.paymentMethods.attach(id, { customer: customer.id });
    const error = await refused(pay(customer.id, id));
    expect(error).toMatchObject({ code: "authentication_required" });
    const setup = await create({ customer: customer.id, payment_method: id, confirm: true });
    expect((await answer(setup, "complete")).body).toMatchObject({ status: "succeeded" });
    expect(await pay(customer.id, id)).toMatchObject({ status: "succeeded" });
  });

  test("is updated, and canceled with its reason", async () => {
    const setup = await create({ metadata: { a: "1", b: "2" } });
    const next = await m.stripe.setupIntents.update(setup.id, {
      description: "b",
      metadata: { a: "", c: "3" },
      payment_method: "pm_card_visa",
    });
    expect(next).toMatchObject({
      description: "b",
      metadata: { b: "2", c: "3" },
      status: "requires_confirmation",
    });
    const done = await m.stripe.setupIntents.cancel(setup.id, { cancellation_reason: "abandoned" });
    expect(done).toMatchObject({ status: "canceled", cancellation_reason: "abandoned" });
    for (const call of [
      () => m.stripe.setupIntents.cancel(setup.id),
      () => m.stripe.setupIntents.confirm(setup.id, { payment_method: "pm_card_visa" }),
      () => m.stripe.setupIntents.update(setup.id, { payment_method: "pm_card_amex" }),
    ]) {
      expect(await refused(call())).toMatchObject({
        code: "setup_intent_unexpected_state",
        setup_intent: { id: setup.id, status: "canceled" },
      });
    }
  });

  test("is listed by customer and by method", async () => {
    const customer = await m.stripe.customers.create();
    const first = await create({ customer: customer.id });
    const second = await confirmed(VISA, { customer: customer.id });
    const of = async (params: Stripe.SetupIntentListParams) =>
      (await m.stripe.setupIntents.list(params)).data.map(({ id }) => id);
    expect(await of({ customer: customer.id })).toEqual([second.id, first.id]);
    expect(await of({ payment_method: String(second.payment_method) })).toEqual([second.id]);
  });
});

describe("a card at its setup", () => {
  test.each([
    ["4000000000000002", "card_declined", "generic_decline"],
    ["4000000000009995", "card_declined", "insufficient_funds"],
    ["4000000000000069", "expired_card", undefined],
    ["4000000000000127", "incorrect_cvc", undefined],
  ])("%s is declined: %s, and is kept by nobody", async (number, code, decline_code) => {
    const customer = await m.stripe.customers.create();
    const error = await refused(confirmed(number, { customer: customer.id }));
    expect(error).toMatchObject({
      statusCode: 402,
      code,
      setup_intent: {
        status: "requires_payment_method",
        payment_method: null,
        last_setup_error: { code, type: "card_error" },
      },
      payment_method: { object: "payment_method", card: { last4: number.slice(-4) } },
    });
    expect(error.decline_code || undefined).toBe(decline_code);
    const tried = (error.payment_method as Stripe.PaymentMethod).id;
    expect(await m.stripe.paymentMethods.retrieve(tried)).toMatchObject({ customer: null });
    expect((await system.bank<{ authorizations: number }>("/book")).authorizations).toBeDefined();
  });

  test("4000000000000341 is kept, and is declined when it is charged", async () => {
    const customer = await m.stripe.customers.create();
    const setup = await confirmed("4000000000000341", { customer: customer.id });
    expect(setup).toMatchObject({ status: "succeeded" });
    const error = await refused(pay(customer.id, String(setup.payment_method)));
    expect(error).toMatchObject({ code: "card_declined" });
  });

  test.each([
    [ONCE, "succeeded"],
    [ALWAYS, "authentication_required"],
  ])("%s asks its holder, and a later payment without him is %s", async (number, later) => {
    const customer = await m.stripe.customers.create();
    const setup = await confirmed(number, {
      customer: customer.id,
      return_url: "https://shop.example/kept",
    });
    expect(setup).toMatchObject({
      status: "requires_action",
      next_action: {
        type: "redirect_to_url",
        redirect_to_url: { return_url: "https://shop.example/kept" },
      },
    });
    const id = String(setup.payment_method);
    expect(await m.stripe.paymentMethods.retrieve(id)).toMatchObject({ customer: null });
    const { status, body } = await answer(setup, "complete");
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: setup.id, status: "succeeded", next_action: null });
    expect(await m.stripe.paymentMethods.retrieve(id)).toMatchObject({ customer: customer.id });
    if (later === "succeeded") expect(await pay(customer.id, id)).toMatchObject({ status: later });
    else expect(await refused(pay(customer.id, id))).toMatchObject({ code: later });
  });

  test("whose holder fails is kept by nobody, and can be tried again", async () => {
    const customer = await m.stripe.customers.create();
    const setup = await confirmed(ONCE, { customer: customer.id });
    expect((await answer(setup, "fail")).body).toMatchObject({
      status: "requires_payment_method",
      last_setup_error: { code: "setup_intent_authentication_failure" },
    });
    const again = await m.stripe.setupIntents.confirm(setup.id, {
      payment_method: await method(ONCE),
    });
    expect(again).toMatchObject({ status: "requires_action", last_setup_error: null });
    expect((await answer(again, "complete")).body).toMatchObject({ status: "succeeded" });
  });
});

describe("a browser", () => {
  test("confirms with its client secret, and sees what is not the merchant's alone", async () => {
    const customer = await m.stripe.customers.create();
    const setup = await create({ customer: customer.id, metadata: { a: "1" } });
    const client_secret = String(setup.client_secret);
    const seen = await browser.setupIntents.retrieve(setup.id, { client_secret });
    expect(seen).toMatchObject({ id: setup.id, usage: "off_session" });
    const done = await browser.setupIntents.confirm(setup.id, {
      client_secret,
      payment_method_data: { type: "card", card: { token: "tok_visa" } },
    } as never);
    expect(done).toMatchObject({ status: "succeeded" });
    for (const shown of [seen, done]) {
      for (const field of ["metadata", "customer"]) expect(shown).not.toHaveProperty(field);
    }
    const kept = await m.stripe.setupIntents.retrieve(setup.id);
    expect(kept).toMatchObject({ status: "succeeded", customer: customer.id });
    const wrong = { client_secret: `${setup.id}_secret_0` };
    expect(await refused(browser.setupIntents.retrieve(setup.id, wrong))).toMatchObject({
      statusCode: 404,
    });
  });
});

describe("a request asked again", () => {
  test("has the same answer for its key, whatever became of the setup", async () => {
    const customer = await m.stripe.customers.create();
    const params = { customer: customer.id, payment_method: await method(VISA), confirm: true };
    const key = { idempotencyKey: "setup-1" };
    const first = await m.stripe.setupIntents.create(params, key);
    await m.stripe.setupIntents.update(first.id, { description: "later" });
    expect(await m.stripe.setupIntents.create(params, key)).toEqual(first);
    const setup = await create({ customer: customer.id });
    const confirm = { payment_method: await method(ONCE) };
    const again = { idempotencyKey: "setup-2" };
    const asked = await m.stripe.setupIntents.confirm(setup.id, confirm, again);
    await answer(asked, "complete");
    expect(await m.stripe.setupIntents.confirm(setup.id, confirm, again)).toEqual(asked);
  });

  test("by many at once is confirmed by one", async () => {
    const setup = await create({ payment_method: await method(VISA) });
    const ends = await Promise.allSettled(
      Array.from({ length: 6 }, () => m.stripe.setupIntents.confirm(setup.id)),
    );
    expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const { data } = await m.stripe.events.list({ type: "setup_intent.succeeded" });
    const of = data.filter(({ data: { object } }) => (object as Setup).id === setup.id);
    expect(of).toHaveLength(1);
  });
});

test("what is told of setups: each once, in order, as they stood then", async () => {
  const own = await system.merchant();
  const customer = await own.stripe.customers.create();
  const card = (number: string) => ({ number, exp_month: 12, exp_year: 2034, cvc: "123" });
  const kept = async (number: string) =>
    (await own.stripe.paymentMethods.create({ type: "card", card: card(number) })).id;
  const setup = await own.stripe.setupIntents.create({ customer: customer.id });
  await refused(
    own.stripe.setupIntents.confirm(setup.id, { payment_method: await kept("4000000000000002") }),
  );
  const asked = await own.stripe.setupIntents.confirm(setup.id, {
    payment_method: await kept(ONCE),
  });
  await answer(asked, "complete");
  const other = await own.stripe.setupIntents.create();
  await own.stripe.setupIntents.cancel(other.id);
  const { data } = await own.stripe.events.list({ limit: 100 });
  const told = data
    .reverse()
    .filter(({ type }) => type.startsWith("setup_intent.") || type.startsWith("payment_method."))
    .map(({ type, data: { object } }) => [type, (object as { status?: string }).status]);
  expect(told).toEqual([
    ["setup_intent.created", "requires_payment_method"],
    ["setup_intent.setup_failed", "requires_payment_method"],
    ["setup_intent.requires_action", "requires_action"],
    ["payment_method.attached", undefined],
    ["setup_intent.succeeded", "succeeded"],
    ["setup_intent.created", "requires_payment_method"],
    ["setup_intent.canceled", "canceled"],
  ]);
});

test.each([
  [{ usage: "never" }, "usage"],
  [{ customer: "cus_0" }, "customer"],
  [{ confirm: true }, "payment_method"],
  [{ payment_method: "pm_0" }, "payment_method"],
  [{ return_url: "https://shop.example" }, "return_url"],
  [{ amount: 1 }, "amount"],
])("a setup intent with %o names %s and is not made", async (over, param) => {
  expect(await refused(create(over as never))).toMatchObject({ param });
});
