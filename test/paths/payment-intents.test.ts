// Payment intents as the official SDK drives them: made, confirmed, captured, canceled, refunded, and told of.

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

type Intent = Stripe.PaymentIntent;
const plain = <T>(object: T & { lastResponse?: unknown }): T => {
  const { lastResponse: _, ...rest } = object;
  return rest as T;
};
const create = (over: Partial<Stripe.PaymentIntentCreateParams> = {}, key?: string) =>
  m.stripe.paymentIntents.create(
    { amount: 2000, currency: "usd", ...over },
    key === undefined ? {} : { idempotencyKey: key },
  );
const paid = (over: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
  create({ payment_method: "pm_card_visa", confirm: true, ...over });
const chargeOf = (intent: Intent) => m.stripe.charges.retrieve(String(intent.latest_charge));

describe("an intent", () => {
  test("is made with every field that Stripe's has", async () => {
    const intent = await create({
      description: "Two tesserae",
      metadata: { order: "A-17", 2: "b" },
      receipt_email: "livia@example.com",
      setup_future_usage: "off_session",
      shipping: { name: "Ada", address: { line1: "1 Mosaic Street", city: "Berlin" } },
      statement_descriptor_suffix: "BLUE",
      transfer_group: "g1",
    });
    expect(plain(intent)).toEqual({
      id: expect.stringMatching(/^pi_/),
      object: "payment_intent",
      allowed_payment_method_types: null,
      amount: 2000,
      amount_capturable: 0,
      amount_details: { tip: {} },
      amount_received: 0,
      application: null,
      application_fee_amount: null,
      automatic_payment_methods: { allow_redirects: "always", enabled: true },
      canceled_at: null,
      cancellation_reason: null,
      capture_method: "automatic_async",
      client_secret: expect.stringMatching(new RegExp(`^${intent.id}_secret_[0-9A-Za-z]{25}$`)),
      confirmation_method: "automatic",
      created: expect.any(Number),
      currency: "usd",
      customer: null,
      customer_account: null,
      description: "Two tesserae",
      excluded_payment_method_types: null,
      last_payment_error: null,
      latest_charge: null,
      livemode: false,
      managed_payments: null,
      metadata: { 2: "b", order: "A-17" },
      next_action: null,
      on_behalf_of: null,
      payment_method: null,
      payment_method_configuration_details: null,
      payment_method_options: {
        card: {
          installments: null,
          mandate_options: null,
          network: null,
          request_three_d_secure: "automatic",
        },
      },
      payment_method_types: ["card"],
      payment_record: null,
      processing: null,
      receipt_email: "livia@example.com",
      review: null,
      setup_future_usage: "off_session",
      shipping: {
        address: {
          city: "Berlin",
          country: null,
          line1: "1 Mosaic Street",
          line2: null,
          postal_code: null,
          state: null,
        },
        carrier: null,
        name: "Ada",
        phone: null,
        tracking_number: null,
      },
      source: null,
      statement_descriptor: null,
      statement_descriptor_suffix: "BLUE",
      status: "requires_payment_method",
      transfer_data: null,
      transfer_group: "g1",
    });
    expect(plain(await m.stripe.paymentIntents.retrieve(intent.id))).toEqual(plain(intent));
  });

  test("is updated field by field; an empty value unsets", async () => {
    const intent = await create({ description: "a", metadata: { a: "1", b: "2" } });
    const next = await m.stripe.paymentIntents.update(intent.id, {
      amount: 900,
      currency: "eur",
      description: "",
      metadata: { a: "", c: "3" },
      payment_method: "pm_card_mastercard",
      shipping: { name: "Ada", address: { line1: "1 Mosaic Street" }, tracking_number: "7" },
    });
    expect(next).toMatchObject({
      amount: 900,
      currency: "eur",
      description: null,
      metadata: { b: "2", c: "3" },
      payment_method: expect.stringMatching(/^pm_/),
      shipping: { tracking_number: "7" },
      status: "requires_confirmation",
    });
    expect(await m.stripe.paymentIntents.update(intent.id, { shipping: "" })).toMatchObject({
      shipping: null,
    });
  });

  test("is paid at once with confirm=true, and its charge names it", async () => {
    const intent = await paid({
      description: "Blue",
      metadata: { order: "7" },
      receipt_email: "livia@example.com",
    });
    expect(intent).toMatchObject({
      status: "succeeded",
      amount_received: 2000,
      latest_charge: expect.stringMatching(/^ch_/),
      payment_method: expect.stringMatching(/^pm_/),
    });
    expect(await chargeOf(intent)).toMatchObject({
      payment_intent: intent.id,
      payment_method: intent.payment_method,
      description: "Blue",
      metadata: { order: "7" },
      receipt_email: "livia@example.com",
      captured: true,
      amount: 2000,
    });
    expect(plain(await m.stripe.paymentIntents.retrieve(intent.id))).toEqual(plain(intent));
  });

  test.each([
    ["a payment method of its own", { payment_method: "pm_card_amex" }],
    [
      "card data, by token",
      { payment_method_data: { type: "card" as const, card: { token: "tok_visa" } } },
    ],
  ])("is confirmed later with %s", async (_, method) => {
    const intent = await create();
    const done = await m.stripe.paymentIntents.confirm(intent.id, method as never);
    expect(done).toMatchObject({ id: intent.id, status: "succeeded", amount_received: 2000 });
  });

  test("pays with the card of its customer, and with a method attached to it", async () => {
    const customer = await m.stripe.customers.create({ source: "tok_visa" });
    const card = String(customer.default_source);
    const intent = await paid({ customer: customer.id, payment_method: card });
    expect(intent).toMatchObject({ status: "succeeded", payment_method: card });
    expect(await chargeOf(intent)).toMatchObject({ customer: customer.id });
    const other = await m.stripe.customers.create();
    expect(await refused(paid({ customer: other.id, payment_method: card }))).toMatchObject({
      statusCode: 404,
      code: "resource_missing",
    });
  });

  test("attaches its method to the customer when it is to be used again", async () => {
    const customer = await m.stripe.customers.create();
    const intent = await paid({ customer: customer.id, setup_future_usage: "off_session" });
    const id = String(intent.payment_method);
    expect(await m.stripe.paymentMethods.retrieve(id)).toMatchObject({ customer: customer.id });
    const again = await paid({ customer: customer.id, payment_method: id, off_session: true });
    expect(again).toMatchObject({ status: "succeeded", payment_method: id });
    expect(await refused(paid({ payment_method: id }))).toMatchObject({
      statusCode: 400,
      param: "payment_method",
    });
    const declined = await m.stripe.customers.create();
    const error = await refused(
      paid({
        customer: declined.id,
        setup_future_usage: "off_session",
        payment_method: "pm_card_visa_chargeDeclined",
      }),
    );
    const tried = (error.payment_method as Stripe.PaymentMethod).id;
    expect(await m.stripe.paymentMethods.retrieve(tried)).toMatchObject({ customer: null });
  });

  test("says that it is declined with the charge, the method and itself", async () => {
    const error = await refused(
      paid({ payment_method: "pm_card_chargeDeclinedInsufficientFunds", metadata: { a: "1" } }),
    );
    expect(error).toMatchObject({
      statusCode: 402,
      type: "StripeCardError",
      code: "card_declined",
      decline_code: "insufficient_funds",
      charge: expect.stringMatching(/^ch_/),
      payment_method: { object: "payment_method", card: { last4: "9995" } },
      payment_intent: {
        object: "payment_intent",
        status: "requires_payment_method",
        payment_method: null,
        latest_charge: error.charge,
        metadata: { a: "1" },
        last_payment_error: {
          charge: error.charge,
          code: "card_declined",
          decline_code: "insufficient_funds",
          payment_method: { card: { last4: "9995" } },
          type: "card_error",
        },
      },
    });
    const id = String(error.payment_intent?.id);
    const charge = await m.stripe.charges.retrieve(String(error.charge));
    expect(charge).toMatchObject({ status: "failed", payment_intent: id });
    const done = await m.stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" });
    expect(done).toMatchObject({ status: "succeeded", last_payment_error: null });
    expect(done.latest_charge).not.toBe(charge.id);
    const charges = await m.stripe.charges.list({ payment_intent: id });
    expect(charges.data.map((c) => c.status)).toEqual(["succeeded", "failed"]);
  });

  test("is listed by customer and by time", async () => {
    const customer = await m.stripe.customers.create();
    const first = await create({ customer: customer.id });
    const second = await paid({ customer: customer.id });
    const all = await m.stripe.paymentIntents.list({ customer: customer.id });
    expect(all.data.map((i) => i.id)).toEqual([second.id, first.id]);
    expect(all.data[0]).toEqual(plain(second));
    const page = await m.stripe.paymentIntents.list({
      customer: customer.id,
      starting_after: second.id,
    });
    expect(page.data.map((i) => i.id)).toEqual([first.id]);
    const later = { gt: first.created + 1_000 };
    expect((await m.stripe.paymentIntents.list({ created: later })).data).toEqual([]);
  });
});

describe("a hold", () => {
  const held = (over: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
    paid({ capture_method: "manual", ...over });

  test("is captured in part, and the rest is let go of", async () => {
    const intent = await held();
    expect(intent).toMatchObject({
      status: "requires_capture",
      amount_capturable: 2000,
      amount_received: 0,
    });
    expect(await chargeOf(intent)).toMatchObject({ captured: false, paid: true });
    const done = await m.stripe.paymentIntents.capture(intent.id, {
      amount_to_capture: 1500,
      metadata: { shipped: "yes" },
    });
    expect(done).toMatchObject({
      status: "succeeded",
      amount: 2000,
      amount_capturable: 0,
      amount_received: 1500,
      metadata: { shipped: "yes" },
    });
    expect(await chargeOf(done)).toMatchObject({ amount_captured: 1500, amount_refunded: 500 });
  });

  test("is captured once, and no more than it is", async () => {
    const intent = await held();
    const over = await refused(
      m.stripe.paymentIntents.capture(intent.id, { amount_to_capture: 2001 }),
    );
    expect(over).toMatchObject({ code: "amount_too_large", param: "amount_to_capture" });
    await m.stripe.paymentIntents.capture(intent.id);
    expect(await refused(m.stripe.paymentIntents.capture(intent.id))).toMatchObject({
      statusCode: 400,
      code: "payment_intent_unexpected_state",
      payment_intent: { id: intent.id, status: "succeeded" },
    });
  });

  test("is canceled with its reason, and can be neither captured nor refunded then", async () => {
    const intent = await held();
    expect(await refused(m.stripe.refunds.create({ payment_intent: intent.id }))).toMatchObject({
      statusCode: 400,
      param: "payment_intent",
    });
    const done = await m.stripe.paymentIntents.cancel(intent.id, {
      cancellation_reason: "requested_by_customer",
    });
    expect(done).toMatchObject({
      status: "canceled",
      canceled_at: expect.any(Number),
      cancellation_reason: "requested_by_customer",
      amount_capturable: 0,
    });
    expect(plain(await m.stripe.paymentIntents.retrieve(intent.id))).toEqual(plain(done));
    expect(await chargeOf(done)).toMatchObject({ refunded: true, captured: false });
    for (const call of [
      () => m.stripe.paymentIntents.capture(intent.id),
      () => m.stripe.paymentIntents.cancel(intent.id),
      () => m.stripe.paymentIntents.confirm(intent.id, { payment_method: "pm_card_visa" }),
      () => m.stripe.paymentIntents.update(intent.id, { amount: 1 }),
    ]) {
      expect(await refused(call())).toMatchObject({
        code: "payment_intent_unexpected_state",
        payment_intent: { status: "canceled" },
      });
    }
  });

  test("that is canceled and captured at once ends as one of the two, and nothing is refunded", async () => {
    for (let round = 0; round < 5; round++) {
      const intent = await held();
      const ends = await Promise.allSettled([
        m.stripe.paymentIntents.capture(intent.id),
        m.stripe.paymentIntents.cancel(intent.id),
      ]);
      expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      const after = await m.stripe.paymentIntents.retrieve(intent.id);
      const charge = await chargeOf(after);
      expect(charge).toMatchObject(
        after.status === "succeeded"
          ? { amount_captured: 2000, amount_refunded: 0 }
          : { amount_captured: 0, captured: false, refunded: true },
      );
    }
  });
});

describe("a refund by payment intent", () => {
  test("is of its charge, names both, and is found by it", async () => {
    const intent = await paid();
    const refund = await m.stripe.refunds.create({ payment_intent: intent.id, amount: 500 });
    expect(refund).toMatchObject({
      amount: 500,
      charge: intent.latest_charge,
      payment_intent: intent.id,
      status: "succeeded",
    });
    expect(plain(await m.stripe.refunds.retrieve(refund.id))).toEqual(plain(refund));
    const other = await paid();
    await m.stripe.refunds.create({ payment_intent: other.id });
    const found = await m.stripe.refunds.list({ payment_intent: intent.id });
    expect(found.data.map((r) => r.id)).toEqual([refund.id]);
    expect(await m.stripe.paymentIntents.retrieve(intent.id)).toMatchObject({
      status: "succeeded",
      amount_received: 2000,
    });
  });

  test("needs a charge that was captured", async () => {
    const intent = await create();
    expect(await refused(m.stripe.refunds.create({ payment_intent: intent.id }))).toMatchObject({
      statusCode: 400,
      param: "payment_intent",
    });
    expect(await refused(m.stripe.refunds.create({ payment_intent: "pi_no" }))).toMatchObject({
      statusCode: 404,
      param: "payment_intent",
    });
    expect(await refused(m.stripe.refunds.create({}))).toMatchObject({
      code: "parameter_missing",
    });
  });
});

describe("a request", () => {
  test.each([
    [{ amount: 0 }, "amount"],
    [{ amount: 49 }, "amount"],
    [{ currency: "xx" }, "currency"],
    [{ capture_method: "later" }, "capture_method"],
    [{ confirmation_method: "x" }, "confirmation_method"],
    [{ payment_method_types: ["card", "sepa_debit"] }, "payment_method_types"],
    [
      { payment_method_types: ["card"], automatic_payment_methods: { enabled: true } },
      "automatic_payment_methods",
    ],
    [{ setup_future_usage: "always" }, "setup_future_usage"],
    [{ off_session: true }, "off_session"],
    [{ confirm: true }, "payment_method"],
    [
      { confirm: true, payment_method: "pm_card_visa", return_url: "javascript:alert(1)" },
      "return_url",
    ],
    [{ confirm: true, payment_method: "pm_card_visa", return_url: "done" }, "return_url"],
    [
      { payment_method: "pm_card_visa", payment_method_data: { type: "card" } },
      "payment_method_data",
    ],
    [{ payment_method_data: { type: "card" } }, "payment_method_data[card]"],
    [{ payment_method: "pm_0" }, "payment_method"],
    [{ customer: "cus_0" }, "customer"],
    [{ shipping: { name: "Ada", colour: "red" } }, "shipping[colour]"],
    [{ statement_descriptor: "x".repeat(23) }, "statement_descriptor"],
  ])("with %o names %s and makes nothing", async (over, param) => {
    const error = await refused(create(over as never));
    expect(error).toMatchObject({ param });
    expect([400, 404]).toContain(error.statusCode);
  });

  test("for an intent that is not there, or another merchant's, finds nothing", async () => {
    const other = await system.merchant();
    const intent = await other.stripe.paymentIntents.create({ amount: 100, currency: "usd" });
    for (const id of [intent.id, "pi_0", "pi_0000000000000000000001"]) {
      for (const call of [
        () => m.stripe.paymentIntents.retrieve(id),
        () => m.stripe.paymentIntents.update(id, { amount: 5 }),
        () => m.stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" }),
        () => m.stripe.paymentIntents.capture(id),
        () => m.stripe.paymentIntents.cancel(id),
      ]) {
        expect(await refused(call())).toMatchObject({ statusCode: 404, code: "resource_missing" });
      }
    }
  });
});
