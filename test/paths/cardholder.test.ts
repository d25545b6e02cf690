// Cardholders who are asked to prove themselves: every test card that asks, with the buyer there and away, and what is
// told of each. The challenge is answered as its page answers it.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, refused, type System, startSystem, stripeAt } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

type Intent = Stripe.PaymentIntent;

async function method(number: string): Promise<string> {
  const card = { number, exp_month: 12, exp_year: 2034, cvc: "123" };
  return (await m.stripe.paymentMethods.create({ type: "card", card })).id;
}

async function confirmed(
  number: string,
  over: Partial<Stripe.PaymentIntentCreateParams> = {},
): Promise<Intent> {
  return m.stripe.paymentIntents.create({
    amount: 2000,
    currency: "usd",
    payment_method: await method(number),
    confirm: true,
    return_url: "https://shop.example/done?cart=7",
    ...over,
  });
}

const urlOf = (intent: Intent): URL =>
  new URL(
    intent.next_action?.redirect_to_url?.url ??
      String((intent.next_action?.use_stripe_sdk as { stripe_js?: string })?.stripe_js),
  );

/** What the page at the challenge's address does. */
async function answer(intent: Intent, outcome: "complete" | "fail") {
  const url = urlOf(intent);
  return system.call(`/v1/challenges/${url.searchParams.get("intent")}`, {
    key: url.searchParams.get("key") ?? "",
    form: { client_secret: url.hash.slice(1), outcome },
    headers: { origin: system.url.origin },
  });
}

const ALWAYS = "4000002760003184";
const ONCE = "4000002500003155";
const OPTIONAL = "4000000000003055";

const retrieve = (intent: Intent) => m.stripe.paymentIntents.retrieve(intent.id);
const chargeOf = async (intent: Intent) =>
  m.stripe.charges.retrieve(String((await retrieve(intent)).latest_charge));

describe("a card that asks its cardholder", () => {
  test.each([ALWAYS, ONCE, "4000000000003220", "4000000000003063"])(
    "%s is paid with once he has proved himself",
    async (number) => {
      const intent = await confirmed(number);
      expect(intent).toMatchObject({
        status: "requires_action",
        amount_received: 0,
        latest_charge: null,
        next_action: {
          type: "redirect_to_url",
          redirect_to_url: { return_url: "https://shop.example/done?cart=7" },
        },
      });
      const url = urlOf(intent);
      expect(url.origin + url.pathname).toBe(`${system.url.origin}/challenge`);
      expect(url.hash.slice(1)).toBe(intent.client_secret);
      const { status, body } = await answer(intent, "complete");
      expect(status).toBe(200);
      expect(body).toMatchObject({ id: intent.id, status: "succeeded", next_action: null });
      expect(body).not.toHaveProperty("latest_charge");
      expect(await chargeOf(intent)).toMatchObject({
        status: "succeeded",
        payment_method_details: {
          card: { three_d_secure: { result: "authenticated", version: "2.2.0" } },
        },
      });
    },
  );

  test.each([
    ["4000008260003178", "insufficient_funds"],
    ["4000008400001629", "generic_decline"],
  ])("%s is declined afterwards: %s", async (number, decline_code) => {
    const intent = await confirmed(number);
    const { status, body } = await answer(intent, "complete");
    expect(status).toBe(402);
    expect(body).toMatchObject({
      error: { code: "card_declined", decline_code, payment_intent: { id: intent.id } },
    });
    expect(await retrieve(intent)).toMatchObject({
      status: "requires_payment_method",
      last_payment_error: { decline_code },
    });
  });

  test("is not charged when he fails, and can be tried again", async () => {
    const intent = await confirmed(ALWAYS);
    const { status, body } = await answer(intent, "fail");
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: "requires_payment_method" });
    expect(await retrieve(intent)).toMatchObject({
      status: "requires_payment_method",
      payment_method: null,
      next_action: null,
      latest_charge: null,
      last_payment_error: {
        type: "invalid_request_error",
        code: "payment_intent_authentication_failure",
        payment_method: { object: "payment_method", card: { last4: "3184" } },
      },
    });
    // The first answer counts.
    await answer(intent, "complete");
    expect(await retrieve(intent)).toMatchObject({ status: "requires_payment_method" });
    const again = await m.stripe.paymentIntents.confirm(intent.id, {
      payment_method: await method(ALWAYS),
      return_url: "https://shop.example/done",
    });
    expect(again).toMatchObject({ status: "requires_action", last_payment_error: null });
    expect((await answer(again, "complete")).body).toMatchObject({ status: "succeeded" });
  });

  test("keeps its security code for the charge", async () => {
    const intent = await confirmed(ALWAYS);
    await answer(intent, "complete");
    expect(await chargeOf(intent)).toMatchObject({
      payment_method_details: { card: { checks: { cvc_check: "pass" } } },
    });
  });

  test("asks by the page of the caller where none is to go back to", async () => {
    const intent = await confirmed(ALWAYS, { return_url: undefined as never });
    expect(intent.next_action).toMatchObject({
      type: "use_stripe_sdk",
      use_stripe_sdk: { type: "three_d_secure_redirect" },
    });
    const sdk = await confirmed(ALWAYS, { use_stripe_sdk: true });
    expect(sdk.next_action?.type).toBe("use_stripe_sdk");
    expect((await answer(sdk, "complete")).body).toMatchObject({ status: "succeeded" });
  });

  test("holds money for a later capture too", async () => {
    const intent = await confirmed(ALWAYS, { capture_method: "manual" });
    expect((await answer(intent, "complete")).body).toMatchObject({ status: "requires_capture" });
    const done = await m.stripe.paymentIntents.capture(intent.id);
    expect(done).toMatchObject({ status: "succeeded", amount_received: 2000 });
  });

  test("waits for the merchant's server where that is to confirm", async () => {
    const intent = await confirmed(ALWAYS, { confirmation_method: "manual" });
    expect((await answer(intent, "complete")).body).toMatchObject({
      status: "requires_confirmation",
    });
    const done = await m.stripe.paymentIntents.confirm(intent.id);
    expect(done).toMatchObject({ status: "succeeded" });
  });

  test("asks again when the amount is another", async () => {
    const intent = await confirmed(ALWAYS, { confirmation_method: "manual" });
    await answer(intent, "complete");
    await m.stripe.paymentIntents.update(intent.id, { amount: 9000 });
    expect(await m.stripe.paymentIntents.confirm(intent.id)).toMatchObject({
      status: "requires_action",
    });
  });

  test("can be left for another card, or be canceled", async () => {
    const intent = await confirmed(ALWAYS);
    const done = await m.stripe.paymentIntents.confirm(intent.id, {
      payment_method: "pm_card_visa",
    });
    expect(done).toMatchObject({ status: "succeeded" });
    expect((await answer(intent, "complete")).body).toMatchObject({ status: "succeeded" });
    const other = await confirmed(ALWAYS);
    expect(await m.stripe.paymentIntents.cancel(other.id)).toMatchObject({
      status: "canceled",
      next_action: null,
    });
    expect((await answer(other, "complete")).body).toMatchObject({ status: "canceled" });
  });

  test("is declined at once where no turn of his is wanted", async () => {
    const error = await refused(confirmed(ALWAYS, { error_on_requires_action: true }));
    expect(error).toMatchObject({
      statusCode: 402,
      code: "authentication_required",
      decline_code: "authentication_not_handled",
      payment_intent: {
        status: "requires_payment_method",
        last_payment_error: { code: "authentication_required" },
      },
      payment_method: { card: { last4: "3184" } },
    });
  });
});

describe("a buyer who is away", () => {
  test.each([ALWAYS, ONCE])("cannot prove himself: %s is declined", async (number) => {
    const customer = await m.stripe.customers.create();
    const error = await refused(confirmed(number, { off_session: true, customer: customer.id }));
    expect(error).toMatchObject({
      statusCode: 402,
      code: "authentication_required",
      decline_code: "authentication_required",
      charge: expect.stringMatching(/^ch_/),
      payment_intent: {
        status: "requires_payment_method",
        last_payment_error: {
          code: "authentication_required",
          decline_code: "authentication_required",
        },
      },
    });
  });

  test("has proved himself once for the card that is kept, unless it always asks", async () => {
    const customer = await m.stripe.customers.create();
    for (const number of [ONCE, ALWAYS]) {
      const first = await confirmed(number, {
        customer: customer.id,
        setup_future_usage: "off_session",
      });
      await answer(first, "complete");
      const paid = await retrieve(first);
      const kept = await m.stripe.paymentMethods.retrieve(String(paid.payment_method));
      expect(kept).toMatchObject({ customer: customer.id });
      const later = m.stripe.paymentIntents.create({
        amount: 700,
        currency: "usd",
        customer: customer.id,
        payment_method: kept.id,
        off_session: true,
        confirm: true,
      });
      if (number === ONCE) expect(await later).toMatchObject({ status: "succeeded" });
      else expect(await refused(later)).toMatchObject({ code: "authentication_required" });
    }
  });
});

describe("a card that need not ask", () => {
  test("is paid with at once, and asks when the merchant wants it", async () => {
    expect(await confirmed(OPTIONAL)).toMatchObject({ status: "succeeded" });
    const wanted = { payment_method_options: { card: { request_three_d_secure: "any" as const } } };
    const intent = await confirmed(OPTIONAL, wanted);
    expect(intent).toMatchObject({ status: "requires_action" });
    expect((await answer(intent, "complete")).body).toMatchObject({ status: "succeeded" });
    expect(await confirmed("4242424242424242", wanted)).toMatchObject({ status: "succeeded" });
  });
});

describe("an answer", () => {
  test("given many times at once makes one charge", async () => {
    for (let round = 0; round < 4; round++) {
      const intent = await confirmed(ALWAYS);
      const before = await system.bank<{ authorizations: number }>("/book");
      const outcomes = Array.from({ length: 6 }, (_, i) => (i % 2 === 0 ? "complete" : "fail"));
      await Promise.all(outcomes.map((outcome) => answer(intent, outcome as "complete")));
      const after = await retrieve(intent);
      const booked = await system.bank<{ authorizations: number }>("/book");
      const charges = await m.stripe.charges.list({ payment_intent: intent.id });
      const paid = after.status === "succeeded" ? 1 : 0;
      expect(["succeeded", "requires_payment_method"]).toContain(after.status);
      expect(charges.data).toHaveLength(paid);
      expect(booked.authorizations).toBe(before.authorizations + paid);
    }
  });

  test("needs the client secret of its intent, and one of two words", async () => {
    const intent = await confirmed(ALWAYS);
    const other = await confirmed(ALWAYS);
    const ask = (form: Record<string, string>, id = intent.id) =>
      system.call(`/v1/challenges/${id}`, { key: m.publishable, form });
    const secret = { client_secret: String(intent.client_secret) };
    for (const [form, status] of [
      [{ outcome: "complete" }, 400],
      [{ outcome: "complete", client_secret: String(other.client_secret) }, 404],
      [{ ...secret, outcome: "maybe" }, 400],
      [secret, 400],
    ] as const) {
      expect((await ask(form)).status).toBe(status);
    }
    expect((await ask({ ...secret, outcome: "complete" }, "ch_1")).status).toBe(404);
    const stranger = await system.merchant();
    const theirs = await system.call(`/v1/challenges/${intent.id}`, {
      key: stranger.publishable,
      form: { ...secret, outcome: "complete" },
    });
    expect(theirs.status).toBe(404);
    expect(await retrieve(intent)).toMatchObject({ status: "requires_action" });
  });

  test("is asked for with a key that takes no typed card", async () => {
    const intent = await confirmed(ALWAYS);
    const page = stripeAt(system.url, urlOf(intent).searchParams.get("key") ?? "");
    const card = { number: "4242424242424242", exp_month: "12", exp_year: "2034" };
    expect(await refused(page.tokens.create({ card }))).toMatchObject({
      code: "sealed_card_required",
    });
  });
});

test("what is told of a challenge: action, failure, and payment, each once and in order", async () => {
  const own = await system.merchant();
  const was = m;
  m = own;
  try {
    const intent = await confirmed(ALWAYS, { description: "then" });
    await answer(intent, "fail");
    const again = await m.stripe.paymentIntents.confirm(intent.id, {
      payment_method: await method(ALWAYS),
    });
    await answer(again, "complete");
    const { data } = await m.stripe.events.list({ limit: 100 });
    const told = data
      .reverse()
      .map(({ type, data: { object } }) => [type, (object as { status?: string }).status]);
    expect(told).toEqual([
      ["payment_intent.created", "requires_confirmation"],
      ["payment_intent.requires_action", "requires_action"],
      ["payment_intent.payment_failed", "requires_payment_method"],
      ["payment_intent.requires_action", "requires_action"],
      ["charge.succeeded", "succeeded"],
      ["payment_intent.succeeded", "succeeded"],
    ]);
    const failed = await m.stripe.events.list({ type: "payment_intent.payment_failed" });
    expect(failed.data).toHaveLength(1);
  } finally {
    m = was;
  }
});

describe("a confirmation that ends in a challenge", () => {
  test("has the same answer for its key, also when all is over", async () => {
    const params = {
      amount: 2000,
      currency: "usd",
      payment_method: await method(ALWAYS),
      confirm: true,
    };
    const key = { idempotencyKey: "challenge-1" };
    const first = await m.stripe.paymentIntents.create(params, key);
    expect(await m.stripe.paymentIntents.create(params, key)).toEqual(first);
    await answer(first, "complete");
    expect(await m.stripe.paymentIntents.create(params, key)).toEqual(first);
    expect(await retrieve(first)).toMatchObject({ status: "succeeded" });
    const intent = await m.stripe.paymentIntents.create({ amount: 2000, currency: "usd" });
    const confirm = { payment_method: await method(ALWAYS) };
    const confirming = { idempotencyKey: "challenge-2" };
    const asked = await m.stripe.paymentIntents.confirm(intent.id, confirm, confirming);
    expect(asked).toMatchObject({ status: "requires_action" });
    expect(await m.stripe.paymentIntents.confirm(intent.id, confirm, confirming)).toEqual(asked);
    await answer(asked, "complete");
    expect(await m.stripe.paymentIntents.confirm(intent.id, confirm, confirming)).toEqual(asked);
  });
});
