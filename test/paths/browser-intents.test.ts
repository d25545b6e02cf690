// A payment intent in a browser, with a publishable key and the intent's client secret: what it is told and may do,
// and all that is the merchant's server's alone.

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

const create = (over: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
  m.stripe.paymentIntents.create({ amount: 2000, currency: "usd", ...over });

describe("a browser", () => {
  test("sees an intent with its client secret, and of it what is not the merchant's alone", async () => {
    const intent = await create({ metadata: { cost: "7" } });
    const secret = String(intent.client_secret);
    const seen = await browser.paymentIntents.retrieve(intent.id, { client_secret: secret });
    expect(seen).toMatchObject({ id: intent.id, amount: 2000, client_secret: secret });
    for (const field of ["metadata", "customer", "latest_charge"]) {
      expect(seen).not.toHaveProperty(field);
    }
  });

  test("confirms with its client secret and a card of its own", async () => {
    const intent = await create();
    const done = await browser.paymentIntents.confirm(intent.id, {
      client_secret: String(intent.client_secret),
      payment_method_data: { type: "card", card: { token: "tok_visa" } },
      return_url: "https://shop.example/done",
    } as never);
    expect(done).toMatchObject({ status: "succeeded" });
    expect(done).not.toHaveProperty("latest_charge");
    expect(await m.stripe.paymentIntents.retrieve(intent.id)).toMatchObject({
      status: "succeeded",
    });
  });

  test("is told of a decline without what is the merchant's alone", async () => {
    const intent = await create({ metadata: { cost: "7" } });
    const error = await refused(
      browser.paymentIntents.confirm(intent.id, {
        client_secret: String(intent.client_secret),
        payment_method: "pm_card_chargeDeclined",
      } as never),
    );
    expect(error).toMatchObject({
      code: "card_declined",
      payment_intent: { status: "requires_payment_method" },
    });
    expect(error.payment_intent).not.toHaveProperty("metadata");
    expect(error.payment_intent).not.toHaveProperty("latest_charge");
  });

  test("learns nothing of an intent without its secret, nor by that of another", async () => {
    const [intent, other] = [await create(), await create()];
    const wrong = { client_secret: String(other.client_secret) };
    const unknown = await refused(
      browser.paymentIntents.retrieve(`${intent.id.slice(0, -4)}0000`, wrong),
    );
    expect(unknown).toMatchObject({ statusCode: 404, code: "resource_missing" });
    for (const call of [
      () => browser.paymentIntents.retrieve(intent.id, wrong),
      () => browser.paymentIntents.confirm(intent.id, wrong as never),
    ]) {
      expect(await refused(call())).toMatchObject({ statusCode: 404, code: "resource_missing" });
    }
    expect(await refused(browser.paymentIntents.retrieve(intent.id))).toMatchObject({
      code: "parameter_missing",
      param: "client_secret",
    });
    for (const call of [
      () => browser.paymentIntents.list(),
      () => browser.paymentIntents.create({ amount: 1, currency: "usd" }),
      () => browser.paymentIntents.capture(intent.id),
      () => browser.paymentIntents.cancel(intent.id),
      () => browser.paymentIntents.update(intent.id, { amount: 1 }),
    ]) {
      expect(await refused(call())).toMatchObject({ code: "secret_key_required" });
    }
  });

  test("sees of what is expanded the method and nothing behind it", async () => {
    const customer = await m.stripe.customers.create();
    const intent = await create({ customer: customer.id, payment_method: "pm_card_visa" });
    const client_secret = String(intent.client_secret);
    const ask = (expand: string[]) =>
      browser.paymentIntents.retrieve(intent.id, { client_secret, expand });
    expect((await ask(["payment_method"])).payment_method).toMatchObject({
      card: { brand: "visa" },
    });
    for (const path of ["customer", "latest_charge", "payment_method.customer"]) {
      expect(await refused(ask([path])), path).toMatchObject({ param: "expand" });
    }
    const old = { "stripe-version": "2020-08-27" };
    const { body } = await system.call(
      `/v1/payment_intents/${intent.id}?client_secret=${client_secret}`,
      { key: m.publishable, headers: old },
    );
    expect(body).not.toHaveProperty("charges");
    const whole = await system.call(`/v1/payment_intents/${intent.id}`, {
      key: m.secret,
      headers: old,
    });
    expect(whole.body).toMatchObject({ charges: { object: "list", data: [] } });
  });

  test("may say nothing that only the merchant's server may", async () => {
    const intent = await create();
    const client_secret = String(intent.client_secret);
    for (const [name, value] of Object.entries({ off_session: true, capture_method: "manual" })) {
      const confirming = { client_secret, payment_method: "pm_card_visa", [name]: value };
      expect(
        await refused(browser.paymentIntents.confirm(intent.id, confirming as never)),
      ).toMatchObject({ code: "parameter_unknown", param: name });
    }
    const manual = await create({ confirmation_method: "manual" });
    const error = await refused(
      browser.paymentIntents.confirm(manual.id, {
        client_secret: String(manual.client_secret),
        payment_method: "pm_card_visa",
      } as never),
    );
    expect(error).toMatchObject({ statusCode: 400, param: "confirmation_method" });
  });
});
