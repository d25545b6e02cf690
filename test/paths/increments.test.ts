// Holding more than was authorized first, as the official SDK asks for it: what the intent, its charge, its events and
// the bank's book say, also when it is declined or cannot be.

import { randomUUID } from "node:crypto";
import type Stripe from "stripe";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, refused, type System, startSystem, stripeAt } from "../system.ts";
import { ASKED, chargeOf, heldBy, holdsOf } from "./holds.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterEach(() => system.bank("/faults", { method: "DELETE" }));
afterAll(() => system?.close());

const { held, increment, read, booked } = holdsOf(() => ({ system, m }));

describe("an authorization that is incremented", () => {
  test("holds the new amount, here and at the bank, and may be captured up to it", async () => {
    const intent = await held();
    const before = await booked(intent.id);
    const next = await increment(intent.id, 1500);
    expect(next).toMatchObject({
      id: intent.id,
      status: "requires_capture",
      amount: 1500,
      amount_capturable: 1500,
      amount_received: 0,
      payment_method_options: { card: { request_incremental_authorization: "if_available" } },
    });
    await increment(intent.id, 1501);
    const now = await read(intent.id);
    expect(now).toMatchObject({ amount: 1501, amount_capturable: 1501 });
    expect(chargeOf(now)).toMatchObject({
      amount: 1501,
      captured: false,
      payment_method_details: {
        card: { amount_authorized: 1501, incremental_authorization: { status: "available" } },
      },
    });
    expect(await booked(intent.id)).toMatchObject({
      amount: 1501,
      increments: before.increments + 2,
    });

    const over = await refused(
      m.stripe.paymentIntents.capture(intent.id, { amount_to_capture: 1502 }),
    );
    expect(over).toMatchObject({ statusCode: 400, code: "amount_too_large" });
    const taken = await m.stripe.paymentIntents.capture(intent.id, { amount_to_capture: 1400 });
    expect(taken).toMatchObject({ status: "succeeded", amount: 1501, amount_received: 1400 });
    const charge = chargeOf(await read(intent.id));
    expect(charge).toMatchObject({ amount: 1501, amount_captured: 1400, amount_refunded: 101 });
    const transaction = await m.stripe.balanceTransactions.retrieve(
      String(charge.balance_transaction),
    );
    expect(transaction).toMatchObject({ amount: 1400, type: "charge" });
    expect(await booked(intent.id)).toMatchObject({ amount: 1501, captured: 1400 });
  });

  test("is captured in full by default", async () => {
    const { id } = await held();
    await increment(id, 2500);
    expect(await m.stripe.paymentIntents.capture(id)).toMatchObject({ amount_received: 2500 });
  });

  test("is let go of with all that was added", async () => {
    const { id } = await held();
    await increment(id, 2500);
    expect(await m.stripe.paymentIntents.cancel(id)).toMatchObject({
      status: "canceled",
      amount: 2500,
      amount_capturable: 0,
    });
    expect(chargeOf(await read(id))).toMatchObject({ refunded: true, amount_refunded: 2500 });
    const { data } = await m.stripe.refunds.list({ payment_intent: id });
    expect(data.map(({ amount }) => amount)).toEqual([2500]);
    expect(await booked(id)).toMatchObject({ voided: true, captured: 0 });
  });

  test("takes the words that come with it, and hears them again with its key", async () => {
    const { id } = await held({ metadata: { a: "1", b: "2" }, description: "One night" });
    const words = {
      description: "Two nights",
      metadata: { b: "", c: "3" },
      statement_descriptor: "TESSERA HOTEL",
    };
    const key = randomUUID();
    const next = await increment(id, 2000, words, key);
    expect(next).toMatchObject({
      amount: 2000,
      description: "Two nights",
      metadata: { a: "1", c: "3" },
      statement_descriptor: "TESSERA HOTEL",
    });
    await m.stripe.paymentIntents.update(id, { description: "Three nights" });
    await increment(id, 3000);
    const { lastResponse: _, ...again } = await increment(id, 2000, words, key);
    const { lastResponse: __, ...first } = next;
    expect(again).toEqual(first);
    expect(await read(id)).toMatchObject({ amount: 3000, description: "Three nights" });
  });

  test("is found and listed by its new amount", async () => {
    const one = await system.merchant();
    const { id } = await heldBy(one);
    await one.stripe.paymentIntents.incrementAuthorization(id, { amount: 4711 });
    const found = async (query: string) =>
      (await one.stripe.paymentIntents.search({ query })).data.map((intent) => intent.id);
    await expect.poll(() => found("amount:4711 AND status:'requires_capture'")).toEqual([id]);
    expect(await found("amount:1000")).toEqual([]);
    const charges = await one.stripe.charges.search({ query: "amount:4711" });
    expect(charges.data.map(({ payment_intent }) => payment_intent)).toEqual([id]);
  });

  test("keeps its amount when its words are changed later", async () => {
    const { id } = await held();
    await increment(id, 1200);
    const next = await m.stripe.paymentIntents.update(id, { metadata: { later: "1" } });
    expect(next).toMatchObject({ amount: 1200, amount_capturable: 1200, metadata: { later: "1" } });
    const back = await refused(m.stripe.paymentIntents.update(id, { amount: 1000 }));
    expect(back).toMatchObject({ statusCode: 400, code: "payment_intent_unexpected_state" });
  });

  test("is told of by its charge and its intent, as both stood then", async () => {
    const one = await system.merchant();
    const { id } = await heldBy(one);
    for (const amount of [1100, 1300]) {
      await one.stripe.paymentIntents.incrementAuthorization(id, { amount });
    }
    await one.stripe.paymentIntents.capture(id);
    const { data } = await one.stripe.events.list({ limit: 100 });
    const told = data.reverse().map(({ type, data: { object } }) => {
      const { amount, amount_capturable } = object as Stripe.PaymentIntent;
      return [type, amount, amount_capturable];
    });
    expect(told).toEqual([
      ["payment_intent.created", 1000, 0],
      ["charge.succeeded", 1000, undefined],
      ["payment_intent.amount_capturable_updated", 1000, 1000],
      ["charge.updated", 1100, undefined],
      ["payment_intent.amount_capturable_updated", 1100, 1100],
      ["charge.updated", 1300, undefined],
      ["payment_intent.amount_capturable_updated", 1300, 1300],
      ["charge.captured", 1300, undefined],
      ["payment_intent.succeeded", 1300, 0],
    ]);
    for (const type of ["charge.updated", "payment_intent.amount_capturable_updated"]) {
      const list = await one.stripe.events.list({ type });
      expect(list.data.map((event) => event.type)).toEqual(
        told.filter(([name]) => name === type).map(() => type),
      );
      const [newest] = list.data;
      expect(await one.stripe.events.retrieve(newest?.id ?? "")).toMatchObject({ type });
    }
  });
});

describe("an increment that cannot be made", () => {
  test("when the issuer declines leaves everything as it was, and says so under its key", async () => {
    const { id } = await held({
      payment_method: "pm_card_incrementDeclined",
      description: "As it was",
    });
    const before = await read(id);
    const key = randomUUID();
    for (let tried = 1; tried <= 2; tried++) {
      const declined = await refused(increment(id, 1500, { description: "More" }, key));
      expect(declined).toMatchObject({
        statusCode: 402,
        type: "StripeCardError",
        code: "card_declined",
        decline_code: "insufficient_funds",
        charge: chargeOf(before).id,
        payment_intent: { id, amount: 1000, amount_capturable: 1000, status: "requires_capture" },
      });
      expect(declined.headers?.["idempotent-replayed"]).toBe(tried === 1 ? undefined : "true");
    }
    const { lastResponse: _, ...now } = await read(id);
    const { lastResponse: __, ...then } = before;
    expect(now).toEqual(then);
    expect(await booked(id)).toMatchObject({ amount: 1000, captured: 0 });
    expect(await m.stripe.paymentIntents.capture(id)).toMatchObject({ amount_received: 1000 });
  });

  test("for it was not asked for, or not of this network, is refused", async () => {
    const never = {
      payment_method_options: { card: { request_incremental_authorization: "never" } },
    } as const;
    for (const over of [{ payment_method_options: {} }, never, { payment_method: "pm_card_jcb" }]) {
      const { id } = await held(over);
      expect(chargeOf(await read(id)).payment_method_details).toMatchObject({
        card: { incremental_authorization: { status: "unavailable" } },
      });
      expect(await refused(increment(id, 1500))).toMatchObject({
        statusCode: 400,
        code: "increment_unavailable",
        payment_intent: { id, amount: 1000 },
      });
    }
  });

  test.each([
    ["not confirmed", { confirm: false }],
    ["paid", { capture_method: "automatic" }],
  ] as const)("since the intent is %s says where it stands", async (_, over) => {
    const { id, status } = await held(over);
    expect(await refused(increment(id, 1500))).toMatchObject({
      statusCode: 400,
      code: "payment_intent_unexpected_state",
      payment_intent: { id, status },
    });
  });

  test("since the money was taken or let go of says where it stands", async () => {
    for (const end of ["capture", "cancel"] as const) {
      const { id } = await held();
      const { status } = await m.stripe.paymentIntents[end](id);
      expect(await refused(increment(id, 1500))).toMatchObject({
        code: "payment_intent_unexpected_state",
        payment_intent: { status },
      });
    }
  });

  test.each([
    [1000, "parameter_invalid_integer"],
    [999, "parameter_invalid_integer"],
    [100_000_000, "amount_too_large"],
  ])("to %i, which is no more or too much, names the amount", async (amount, code) => {
    const { id } = await held();
    expect(await refused(increment(id, amount))).toMatchObject({
      statusCode: 400,
      code,
      param: "amount",
    });
    expect(await read(id)).toMatchObject({ amount: 1000 });
  });

  test.each([
    ["without an amount", {}, "parameter_missing", "amount"],
    ["with what is no number", { amount: "more" }, "parameter_invalid_integer", "amount"],
    [
      "for Connect",
      { amount: "1500", application_fee_amount: "1" },
      "parameter_unknown",
      "application_fee_amount",
    ],
    [
      "with a transfer",
      { amount: "1500", "transfer_data[amount]": "1" },
      "parameter_unknown",
      "transfer_data",
    ],
    [
      "with a long descriptor",
      { amount: "1500", statement_descriptor: "x".repeat(23) },
      "parameter_invalid",
      "statement_descriptor",
    ],
  ])("%s is refused and does nothing", async (_, form: Record<string, string>, code, param) => {
    const { id } = await held();
    const { status, body } = await system.call(
      `/v1/payment_intents/${id}/increment_authorization`,
      {
        key: m.secret,
        form,
      },
    );
    expect([status, body]).toEqual([400, { error: expect.objectContaining({ code, param }) }]);
    expect(await booked(id)).toMatchObject({ amount: 1000 });
  });

  test("by a page, or for an increment that a page asked for, is refused", async () => {
    const browser = stripeAt(system.url, m.publishable);
    const { id, client_secret } = await held({ confirm: false });
    const page = await refused(browser.paymentIntents.incrementAuthorization(id, { amount: 1500 }));
    expect(page.statusCode).toBe(401);
    const asked = browser.paymentIntents.confirm(id, { client_secret, ...ASKED } as object);
    expect(await refused(asked)).toMatchObject({
      code: "parameter_unknown",
      param: "payment_method_options[card][request_incremental_authorization]",
    });
  });

  test("an eleventh time is refused, and ten were made", async () => {
    const { id } = await held();
    for (let n = 1; n <= 10; n++) await increment(id, 1000 + n);
    expect(await refused(increment(id, 2000))).toMatchObject({
      statusCode: 400,
      code: "increments_used_up",
    });
    expect(await booked(id)).toMatchObject({ amount: 1010 });
  });
});

describe("asked for by a confirmation", () => {
  test("it is available all the same", async () => {
    const { id } = await held({ confirm: false, payment_method_options: {} });
    await m.stripe.paymentIntents.confirm(id, ASKED);
    expect(await increment(id, 1500)).toMatchObject({ amount: 1500 });
    const late = m.stripe.paymentIntents.update(id, {
      payment_method_options: { card: { request_incremental_authorization: "never" } },
    });
    expect(await refused(late)).toMatchObject({ code: "payment_intent_unexpected_state" });
  });
});
