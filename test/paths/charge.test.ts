import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

const VISA = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

/** What the SDK throws for a refused call. */
async function refused(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error("the call was not refused");
}

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
    const shown = (await m.stripe.customers.retrieve(made.id)) as Stripe.Customer;
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
    const busy = await system.merchant();
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
    const one = await system.merchant();
    const charge = await one.stripe.charges.create({
      amount: 5000,
      currency: "usd",
      source: "tok_visa",
    });
    await one.stripe.refunds.create({ charge: charge.id, amount: 1500 });
    await refused(
      one.stripe.charges.create({ amount: 1, currency: "usd", source: "tok_chargeDeclined" }),
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
