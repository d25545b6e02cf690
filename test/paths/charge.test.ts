import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

const VISA = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

describe("a card", () => {
  test("becomes a token that shows brand, last four and expiry only", async () => {
    const token = await m.stripe.tokens.create({ card: VISA });
    expect(token).toMatchObject({ object: "token", type: "card", used: false, livemode: false });
    expect(token.card).toMatchObject({
      brand: "Visa",
      last4: "4242",
      exp_month: 12,
      exp_year: 2034,
    });
    expect(JSON.stringify(token)).not.toContain("42424242");
    expect((await m.stripe.tokens.retrieve(token.id)).id).toBe(token.id);
  });

  test("has the same fingerprint within a merchant and another at another merchant", async () => {
    const other = await system.merchant();
    const [a, b, c] = await Promise.all([
      m.stripe.tokens.create({ card: VISA }),
      m.stripe.tokens.create({ card: { ...VISA, exp_year: "2040" } }),
      other.stripe.tokens.create({ card: VISA }),
    ]);
    expect(a.card?.fingerprint).toMatch(/^[0-9A-Za-z]{16}$/);
    expect(b.card?.fingerprint).toBe(a.card?.fingerprint);
    expect(c.card?.fingerprint).not.toBe(a.card?.fingerprint);
  });

  test("is tokenized with a publishable key in a header or in the form", async () => {
    const card = Object.fromEntries(Object.entries(VISA).map(([k, v]) => [`card[${k}]`, v]));
    for (const call of [
      system.call("/v1/tokens", {
        key: m.publishable,
        form: card,
        headers: { origin: "https://shop.example" },
      }),
      system.call("/v1/tokens", { form: { ...card, key: m.publishable } }),
    ]) {
      const { status, headers, body } = await call;
      expect(status).toBe(200);
      expect(headers.get("access-control-allow-origin")).toBe("*");
      expect((body as Stripe.Token).id).toMatch(/^tok_/);
    }
  });
});

describe("a charge", () => {
  test("of a token is captured at once", async () => {
    const token = await m.stripe.tokens.create({ card: VISA });
    const charge = await m.stripe.charges.create({
      amount: 2000,
      currency: "USD",
      source: token.id,
      description: "Two tesserae",
      metadata: { order: "A-17" },
    });
    expect(charge).toMatchObject({
      object: "charge",
      amount: 2000,
      amount_captured: 2000,
      currency: "usd",
      captured: true,
      paid: true,
      status: "succeeded",
      description: "Two tesserae",
      metadata: { order: "A-17" },
      source: { brand: "Visa", last4: "4242", cvc_check: "pass", funding: "credit", country: "US" },
      payment_method_details: { type: "card", card: { brand: "visa", last4: "4242" } },
      outcome: { type: "authorized", network_status: "approved_by_network" },
    });
    expect(charge.balance_transaction).toMatch(/^txn_/);
    const again = await m.stripe.charges.retrieve(charge.id);
    const { lastResponse: _, ...now } = again;
    const { lastResponse: __, ...then } = charge;
    expect(now).toEqual(then);
  });

  test("of typed fields leaves the fields at the edge", async () => {
    const { status, body } = await system.call("/v1/charges", {
      key: m.secret,
      form: {
        amount: "500",
        currency: "usd",
        "source[object]": "card",
        "source[number]": "5555 5555 5555 4444",
        "source[exp_month]": "1",
        "source[exp_year]": "34",
      },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      source: { brand: "MasterCard", last4: "4444", cvc_check: "unchecked" },
    });
  });

  test("takes JSON and a test token as well", async () => {
    const { status, body } = await system.call("/v1/charges", {
      key: m.secret,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ amount: 700, currency: "eur", source: "tok_amex" }),
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      amount: 700,
      currency: "eur",
      source: { brand: "American Express" },
    });
  });

  test("that is declined raises a card error and is kept as failed", async () => {
    const error = await refused(
      m.stripe.charges.create({
        amount: 900,
        currency: "usd",
        source: "tok_chargeDeclinedInsufficientFunds",
      }),
    );
    expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
    expect(error).toMatchObject({
      statusCode: 402,
      code: "card_declined",
      decline_code: "insufficient_funds",
      advice_code: "try_again_later",
      network_decline_code: "51",
      doc_url: new URL("/docs/errors#card_declined", system.url).href,
    });
    const failed = await m.stripe.charges.retrieve(error.charge ?? "");
    expect(failed).toMatchObject({
      status: "failed",
      paid: false,
      captured: false,
      balance_transaction: null,
      failure_code: "card_declined",
      outcome: { type: "issuer_declined", reason: "insufficient_funds" },
    });
  });

  test("uses a token once and says so the second time", async () => {
    const token = await m.stripe.tokens.create({ card: VISA });
    await m.stripe.charges.create({ amount: 100, currency: "usd", source: token.id });
    const error = await refused(
      m.stripe.charges.create({ amount: 100, currency: "usd", source: token.id }),
    );
    expect(error).toMatchObject({ statusCode: 400, code: "token_already_used", param: "source" });
    expect(error.message).toContain(token.id);
    expect((await m.stripe.tokens.retrieve(token.id)).used).toBe(true);
  });

  test("is unique for an order and attempt when both are named", async () => {
    const attempt = (attempt_number: string) =>
      m.stripe.charges.create({
        amount: 100,
        currency: "usd",
        source: "tok_visa",
        metadata: { order_id: "order-1", attempt_number },
      });
    await attempt("1");
    expect(await refused(attempt("1"))).toMatchObject({ code: "order_attempt_taken" });
    expect((await attempt("2")).paid).toBe(true);
  });
});

describe("authorize and capture", () => {
  const authorize = (amount = 3000) =>
    m.stripe.charges.create({ amount, currency: "usd", source: "tok_visa", capture: false });

  test("moves no money before the capture and all of it then", async () => {
    const charge = await authorize();
    expect(charge).toMatchObject({
      captured: false,
      paid: true,
      status: "succeeded",
      balance_transaction: null,
    });
    const captured = await m.stripe.charges.capture(charge.id);
    expect(captured).toMatchObject({ captured: true, amount_captured: 3000, amount_refunded: 0 });
    expect(captured.balance_transaction).toMatch(/^txn_/);
  });

  test("in part releases the rest", async () => {
    const charge = await authorize();
    const captured = await m.stripe.charges.capture(charge.id, { amount: 1200 });
    expect(captured).toMatchObject({
      captured: true,
      amount_captured: 1200,
      amount_refunded: 1800,
    });
  });

  test("refuses a second capture and one that is too large", async () => {
    const charge = await authorize();
    expect(await refused(m.stripe.charges.capture(charge.id, { amount: 3001 }))).toMatchObject({
      statusCode: 400,
      code: "amount_too_large",
      param: "amount",
    });
    await m.stripe.charges.capture(charge.id);
    expect(await refused(m.stripe.charges.capture(charge.id))).toMatchObject({
      code: "charge_already_captured",
    });
  });

  test("lets go of the money when refunded before the capture", async () => {
    const charge = await authorize();
    const refund = await m.stripe.refunds.create({ charge: charge.id });
    expect(refund).toMatchObject({ amount: 3000, status: "succeeded", balance_transaction: null });
    expect(await m.stripe.charges.retrieve(charge.id)).toMatchObject({
      captured: false,
      refunded: true,
      amount_refunded: 3000,
    });
    expect(await refused(m.stripe.charges.capture(charge.id))).toMatchObject({
      code: "charge_already_refunded",
    });
  });
});

describe("refunds", () => {
  test("take back a part, then the rest, and not a cent more", async () => {
    const charge = await m.stripe.charges.create({
      amount: 1000,
      currency: "usd",
      source: "tok_visa",
    });
    const part = await m.stripe.refunds.create({
      charge: charge.id,
      amount: 300,
      reason: "requested_by_customer",
      metadata: { ticket: "7" },
    });
    expect(part).toMatchObject({
      object: "refund",
      amount: 300,
      charge: charge.id,
      reason: "requested_by_customer",
      status: "succeeded",
      metadata: { ticket: "7" },
    });
    expect(
      await refused(m.stripe.refunds.create({ charge: charge.id, amount: 701 })),
    ).toMatchObject({
      code: "amount_too_large",
    });
    const rest = await m.stripe.refunds.create({ charge: charge.id });
    expect(rest.amount).toBe(700);
    expect(await m.stripe.charges.retrieve(charge.id)).toMatchObject({
      refunded: true,
      amount_refunded: 1000,
    });
    expect(await refused(m.stripe.refunds.create({ charge: charge.id }))).toMatchObject({
      code: "charge_already_refunded",
    });
    const listed = await m.stripe.refunds.list({ charge: charge.id });
    expect(listed.data.map((r) => r.id)).toEqual([rest.id, part.id]);
    expect((await m.stripe.refunds.retrieve(part.id)).amount).toBe(300);
  });

  test("that race never give back more than was taken", async () => {
    const charge = await m.stripe.charges.create({
      amount: 1000,
      currency: "usd",
      source: "tok_visa",
    });
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, () => m.stripe.refunds.create({ charge: charge.id, amount: 300 })),
    );
    const won = answers.filter((a) => a.status === "fulfilled");
    const after = await m.stripe.charges.retrieve(charge.id);
    expect(won.length).toBeLessThanOrEqual(3);
    expect(won.length).toBeGreaterThanOrEqual(1);
    expect(after.amount_refunded).toBe(300 * won.length);
  });
});
