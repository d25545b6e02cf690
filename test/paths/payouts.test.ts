// Payouts as a merchant asks for them, over the official SDK.

import pg from "pg";
import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { AT_ONCE, type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant(undefined, AT_ONCE);
  await earn(m, 100_000);
});
afterAll(() => system?.close());

const earn = (by: Merchant, amount: number, currency = "usd") =>
  by.stripe.charges.create({ amount, currency, source: "tok_visa" });

const pay = (amount: number, over: Partial<Stripe.PayoutCreateParams> = {}, by = m) =>
  by.stripe.payouts.create({ amount, currency: "usd", ...over });

const availableOf = async (by: Merchant): Promise<number> =>
  (await by.stripe.balance.retrieve()).available.find(({ currency }) => currency === "usd")
    ?.amount ?? 0;

/** The ledger's clock, some days from now, of the region where a merchant is at home. */
async function tick(by: Merchant, days: number): Promise<void> {
  const home = homeOf(slotOf(by.account)).toUpperCase();
  const client = new pg.Client({ connectionString: inject("bindings")[`OWNER_URL_${home}`] });
  await client.connect();
  try {
    let moved = 1;
    while (moved > 0) {
      const { rows } = await client.query<{ moved: number }>(
        "select move_payouts(1, now() + $1 * interval '1 day', 100) as moved",
        [days],
      );
      moved = rows[0]?.moved ?? 0;
    }
  } finally {
    await client.end();
  }
}

describe("a payout", () => {
  test("takes its amount from what is available, and tells where it is", async () => {
    const before = await availableOf(m);
    const payout = await pay(1500, {
      description: "Week 47",
      statement_descriptor: "MOSAICS",
      metadata: { week: "47" },
    });
    expect(payout).toMatchObject({
      object: "payout",
      amount: 1500,
      currency: "usd",
      status: "pending",
      automatic: false,
      description: "Week 47",
      statement_descriptor: "MOSAICS",
      metadata: { week: "47" },
      method: "standard",
      source_type: "card",
      type: "bank_account",
      livemode: false,
      failure_code: null,
      failure_balance_transaction: null,
    });
    expect(payout.id).toMatch(/^po_[0-9A-Za-z]{22}$/);
    // Midnight (UTC) after the next one.
    expect(payout.arrival_date % 86_400).toBe(0);
    expect(payout.arrival_date).toBeGreaterThan(payout.created + 86_400);
    expect(payout.arrival_date).toBeLessThanOrEqual(payout.created + 2 * 86_400);
    expect(await availableOf(m)).toBe(before - 1500);
    const read = await m.stripe.payouts.retrieve(payout.id);
    expect({ ...read }).toEqual({ ...payout });
    const listed = await m.stripe.payouts.list({ limit: 1 });
    expect(listed.data[0]?.id).toBe(payout.id);
  });

  test("has a balance transaction, and that has the payout", async () => {
    const payout = await pay(2000);
    const transaction = await m.stripe.balanceTransactions.retrieve(
      String(payout.balance_transaction),
      { expand: ["source"] },
    );
    expect(transaction).toMatchObject({
      type: "payout",
      reporting_category: "payout",
      amount: -2000,
      net: -2000,
      fee: 0,
      status: "available",
      source: { id: payout.id, object: "payout" },
    });
    const expanded = await m.stripe.payouts.retrieve(payout.id, {
      expand: ["balance_transaction"],
    });
    expect(expanded.balance_transaction).toMatchObject({ id: transaction.id, amount: -2000 });
    const of = await m.stripe.balanceTransactions.list({ source: payout.id });
    expect(of.data.map(({ id }) => id)).toEqual([transaction.id]);
    const all = await m.stripe.balanceTransactions.list({ type: "payout", limit: 100 });
    expect(all.data.map(({ id }) => id)).toContain(transaction.id);
    expect(all.data.every(({ type }) => type === "payout")).toBe(true);
  });

  test("changes its metadata and nothing else", async () => {
    const payout = await pay(300, { metadata: { a: "1", b: "2" } });
    const changed = await m.stripe.payouts.update(payout.id, { metadata: { a: "", c: "3" } });
    expect({ ...changed }).toEqual({ ...payout, metadata: { b: "2", c: "3" } });
    const emptied = await m.stripe.payouts.update(payout.id, { metadata: "" });
    expect(emptied.metadata).toEqual({});
    expect(emptied.balance_transaction).toBe(payout.balance_transaction);
  });

  test("is taken back while it is pending: once, and its key hears so again", async () => {
    const before = await availableOf(m);
    const payout = await pay(700);
    const cancel = () => m.stripe.payouts.cancel(payout.id, {}, { idempotencyKey: "take-back" });
    const gone = await cancel();
    expect(gone).toMatchObject({ id: payout.id, status: "canceled" });
    expect(await availableOf(m)).toBe(before);
    const again = await cancel();
    expect({ ...again }).toEqual({ ...gone });
    expect(again.lastResponse.headers["idempotent-replayed"]).toBe("true");
    expect(await refused(m.stripe.payouts.cancel(payout.id))).toMatchObject({
      statusCode: 400,
      code: "payout_not_pending",
    });
    expect(await availableOf(m)).toBe(before);
    const back = await m.stripe.balanceTransactions.retrieve(
      String(gone.failure_balance_transaction),
    );
    expect(back).toMatchObject({
      type: "payout_cancel",
      reporting_category: "payout_reversal",
      amount: 700,
      source: payout.id,
    });
    // What is written on it later leaves its transactions as they were.
    const noted = await m.stripe.payouts.update(payout.id, { metadata: { why: "typo" } });
    expect(noted).toMatchObject({
      status: "canceled",
      balance_transaction: gone.balance_transaction,
      failure_balance_transaction: gone.failure_balance_transaction,
    });
  });

  test("is made once for its key", async () => {
    const key = { idempotencyKey: "weekly" };
    const ask = (amount: number) => m.stripe.payouts.create({ amount, currency: "usd" }, key);
    const first = await ask(400);
    const before = await availableOf(m);
    expect((await ask(400)).id).toBe(first.id);
    expect(await refused(ask(401))).toMatchObject({ type: "StripeIdempotencyError" });
    expect(await availableOf(m)).toBe(before);
  });

  test("of more than is available is refused, and its key says so later as well", async () => {
    const poor = await system.merchant(undefined, AT_ONCE);
    await earn(poor, 1000);
    const key = { idempotencyKey: "too-much" };
    const ask = () => poor.stripe.payouts.create({ amount: 1001, currency: "usd" }, key);
    expect(await refused(ask())).toMatchObject({
      statusCode: 400,
      code: "balance_insufficient",
      param: "amount",
      message: expect.stringContaining("10.00 usd"),
    });
    await earn(poor, 1000);
    expect(await refused(ask())).toMatchObject({ code: "balance_insufficient" });
    expect(await availableOf(poor)).toBe(2000);
  });

  test("does not take what is pending", async () => {
    const waiting = await system.merchant();
    await earn(waiting, 5000);
    expect(await refused(pay(100, {}, waiting))).toMatchObject({ code: "balance_insufficient" });
  });
});

describe("in the course of time", () => {
  test("a payout is sent and arrives, or comes back, and each of it is an event", async () => {
    const one = await system.merchant(undefined, AT_ONCE);
    await earn(one, 5000);
    const paid = await pay(1000, {}, one);
    const failing = await pay(2000, { destination: "btok_us_verified_accountClosed" }, one);
    await tick(one, 1);
    expect(await one.stripe.payouts.retrieve(paid.id)).toMatchObject({ status: "in_transit" });
    expect(await refused(one.stripe.payouts.cancel(paid.id))).toMatchObject({
      code: "payout_not_pending",
      message: expect.stringContaining("in_transit"),
    });
    await tick(one, 2);
    expect(await one.stripe.payouts.retrieve(paid.id)).toMatchObject({
      status: "paid",
      balance_transaction: paid.balance_transaction,
      failure_balance_transaction: null,
    });
    const failed = await one.stripe.payouts.retrieve(failing.id, {
      expand: ["failure_balance_transaction"],
    });
    expect(failed).toMatchObject({
      status: "failed",
      failure_code: "account_closed",
      balance_transaction: failing.balance_transaction,
      failure_balance_transaction: {
        type: "payout_failure",
        reporting_category: "payout_reversal",
        amount: 2000,
        source: failing.id,
      },
    });
    expect(failed.failure_message).toMatch(/closed/);
    expect(await availableOf(one)).toBe(4000);
    const events = await one.stripe.events.list({ limit: 100 });
    const told = events.data
      .filter(({ type }) => type.startsWith("payout."))
      .map(({ type, data, request }) => {
        const { id, status } = data.object as Stripe.Payout;
        return [type, id === paid.id ? "paid" : "failing", status, request?.id != null];
      })
      .toReversed();
    expect(told.slice(0, 2)).toEqual([
      ["payout.created", "paid", "pending", true],
      ["payout.created", "failing", "pending", true],
    ]);
    expect(told.slice(2).toSorted()).toEqual([
      ["payout.failed", "failing", "failed", false],
      ["payout.paid", "paid", "paid", false],
      ["payout.updated", "failing", "in_transit", false],
      ["payout.updated", "paid", "in_transit", false],
    ]);
    let net = 0;
    for await (const transaction of one.stripe.balanceTransactions.list({ limit: 100 })) {
      net += transaction.net;
    }
    expect(net).toBe(4000);
  });

  test("a merchant who is paid daily is paid what is available, by itself", async () => {
    const daily = await system.merchant(undefined, {
      ...AT_ONCE,
      "settings[payouts][schedule][interval]": "daily",
    });
    await earn(daily, 4200);
    await tick(daily, 0);
    const { data } = await daily.stripe.payouts.list();
    expect(data).toMatchObject([{ amount: 4200, automatic: true, status: "pending" }]);
    expect(await availableOf(daily)).toBe(0);
    const [payout] = data;
    await daily.stripe.payouts.cancel(payout?.id ?? "");
    expect(await availableOf(daily)).toBe(4200);
  });

  test("also when that is more than 32 bits hold", async () => {
    const rich = await system.merchant(undefined, {
      ...AT_ONCE,
      "settings[payouts][schedule][interval]": "daily",
    });
    const sale = 99_999_999;
    await Promise.all(Array.from({ length: 22 }, () => earn(rich, sale)));
    await tick(rich, 0);
    const [payout] = (await rich.stripe.payouts.list()).data;
    expect(payout).toMatchObject({ amount: 22 * sale });
    const { data } = await rich.stripe.balanceTransactions.list({ source: String(payout?.id) });
    expect(data).toMatchObject([{ amount: -22 * sale, net: -22 * sale, fee: 0 }]);
  });
});

describe("a request for a payout", () => {
  test.each([
    ["no amount", { currency: "usd" }, "400 parameter_missing amount"],
    ["no currency", { amount: "100" }, "400 parameter_missing currency"],
    [
      "an amount of nothing",
      { amount: "0", currency: "usd" },
      "400 parameter_invalid_integer amount",
    ],
    [
      "less than nothing",
      { amount: "-5", currency: "usd" },
      "400 parameter_invalid_integer amount",
    ],
    [
      "too much for anybody",
      { amount: "100000000", currency: "usd" },
      "400 amount_too_large amount",
    ],
    ["an unknown currency", { amount: "100", currency: "btc" }, "400 parameter_invalid currency"],
    [
      "a part of a forint",
      { amount: "1050", currency: "huf" },
      "400 parameter_invalid_integer amount",
    ],
    ["a fils", { amount: "1001", currency: "kwd" }, "400 parameter_invalid_integer amount"],
    [
      "an instant",
      { amount: "100", currency: "usd", method: "instant" },
      "400 parameter_invalid method",
    ],
    [
      "another source",
      { amount: "100", currency: "usd", source_type: "fpx" },
      "400 parameter_invalid source_type",
    ],
    [
      "a bank that is none",
      { amount: "100", currency: "usd", destination: "ba_123" },
      "404 resource_missing destination",
    ],
    [
      "a bank by a name of the language",
      { amount: "100", currency: "usd", destination: "toString" },
      "404 resource_missing destination",
    ],
    [
      "a long descriptor",
      { amount: "100", currency: "usd", statement_descriptor: "x".repeat(23) },
      "400 parameter_invalid statement_descriptor",
    ],
    [
      "an unknown parameter",
      { amount: "100", currency: "usd", speed: "1" },
      "400 parameter_unknown speed",
    ],
    [
      "an unknown currency's money",
      { amount: "100", currency: "sek" },
      "400 balance_insufficient amount",
    ],
  ])("with %s is refused", async (_, form, verdict) => {
    const call = await system.call("/v1/payouts", { key: m.secret, form });
    const { error } = call.body as { error: { code: string; param: string } };
    expect(`${call.status} ${error.code} ${error.param}`).toBe(verdict);
  });

  test("with the id of nobody's payout, or of another merchant's, finds nothing", async () => {
    const other = await system.merchant();
    const { id } = await pay(100);
    for (const [by, payout] of [
      [other, id],
      [m, "po_0000000000000000000000"],
      [m, "ch_0000000000000000000000"],
      [m, "nonsense"],
    ] as const) {
      for (const ask of [
        () => by.stripe.payouts.retrieve(payout),
        () => by.stripe.payouts.update(payout, { metadata: { a: "1" } }),
        () => by.stripe.payouts.cancel(payout),
      ]) {
        expect(await refused(ask())).toMatchObject({ statusCode: 404, code: "resource_missing" });
      }
    }
    expect((await other.stripe.payouts.list()).data).toEqual([]);
    expect((await m.stripe.payouts.retrieve(id)).status).toBe("pending");
  });
});
