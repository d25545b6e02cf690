// What a merchant pays for a payment, and when the rest is his: fees, and money that is to come.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { AT_ONCE, type Merchant, type System, startSystem } from "../system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
});
afterAll(() => system?.close());

/** 2.9 % and 30 cents, or 25 in euros. */
const FEES = {
  "fees[basis_points]": "290",
  "fees[fixed][usd]": "30",
  "fees[fixed][EUR]": "25",
  "fees[dispute][usd]": "1500",
};

const BYPASS = { number: "4000000000000077", exp_month: "12", exp_year: "2034", cvc: "123" };

const DAY_S = 86_400;
const midnightIn = (days: number): number => (Math.floor(Date.now() / 1000 / DAY_S) + days) * DAY_S;

const charge = (m: Merchant, amount: number, over: object = {}) =>
  m.stripe.charges.create({ amount, currency: "usd", source: "tok_visa", ...over });

/** What is free and what is to come, in one currency. */
async function balanceOf(m: Merchant, currency = "usd"): Promise<[number, number]> {
  const { available, pending } = await m.stripe.balance.retrieve();
  const of = (lines: typeof available) => lines.find((line) => line.currency === currency)?.amount;
  return [of(available) ?? 0, of(pending) ?? 0];
}

const transactionOf = (m: Merchant, id: unknown) =>
  m.stripe.balanceTransactions.retrieve(String(id));

describe("a merchant without a word about fees", () => {
  test("pays none, and has his money in two days", async () => {
    const m = await system.merchant();
    const today = midnightIn(0);
    const { balance_transaction } = await charge(m, 1000);
    const transaction = await transactionOf(m, balance_transaction);
    expect(transaction).toMatchObject({
      amount: 1000,
      fee: 0,
      fee_details: [],
      net: 1000,
      status: "pending",
    });
    // The day may have changed meanwhile.
    expect([today + 2 * DAY_S, midnightIn(2)]).toContain(transaction.available_on);
    expect(await balanceOf(m)).toEqual([0, 1000]);
  });
});

describe("a merchant with a schedule of fees", () => {
  let m: Merchant;
  beforeAll(async () => {
    m = await system.merchant(undefined, { ...FEES, settlement_days: "7" });
  });

  test("is told of it", async () => {
    const account = await system.call("/v1/account", { key: m.secret });
    expect(account.body).toMatchObject({
      fees: { basis_points: 290, fixed: { eur: 25, usd: 30 }, dispute: { usd: 1500 } },
      settlement_days: 7,
    });
  });

  test("pays it with each payment, and the rest is to come", async () => {
    const { balance_transaction } = await charge(m, 1000, { description: "Tiles" });
    const transaction = await transactionOf(m, balance_transaction);
    expect(transaction).toMatchObject({
      amount: 1000,
      fee: 59,
      fee_details: [{ amount: 59, currency: "usd", type: "stripe_fee" }],
      net: 941,
      status: "pending",
      type: "charge",
    });
    expect(transaction.available_on).toBeGreaterThan(Date.now() / 1000 + 5 * DAY_S);
    expect(await balanceOf(m)).toEqual([0, 941]);
  });

  test("pays for what was captured, not for what was held", async () => {
    const held = await charge(m, 2000, { capture: false, currency: "eur" });
    expect(await balanceOf(m, "eur")).toEqual([0, 0]);
    const taken = await m.stripe.charges.capture(held.id, { amount: 1000 });
    const transaction = await transactionOf(m, taken.balance_transaction);
    expect(transaction).toMatchObject({ amount: 1000, fee: 54, net: 946, currency: "eur" });
    expect(await balanceOf(m, "eur")).toEqual([0, 946]);
  });

  test("pays only the share in a currency without a fixed sum", async () => {
    const { balance_transaction } = await charge(m, 1000, { currency: "jpy" });
    expect(await transactionOf(m, balance_transaction)).toMatchObject({ fee: 29, net: 971 });
  });

  test("pays nothing for a payment that is declined", async () => {
    const before = await balanceOf(m);
    await expect(charge(m, 1000, { source: "tok_chargeDeclined" })).rejects.toThrow();
    expect(await balanceOf(m)).toEqual(before);
  });

  test("does not get it back with a refund, which is taken from what is free", async () => {
    const paid = await charge(m, 1000);
    const before = await balanceOf(m);
    const refund = await m.stripe.refunds.create({ charge: paid.id });
    expect(await transactionOf(m, refund.balance_transaction)).toMatchObject({
      amount: -1000,
      fee: 0,
      net: -1000,
      status: "available",
    });
    // The account owes what is not there yet.
    expect(await balanceOf(m)).toEqual([before[0] - 1000, before[1]]);
  });

  test("finds net and fee of all transactions in the balance", async () => {
    let net = 0;
    for await (const transaction of m.stripe.balanceTransactions.list({ limit: 100 })) {
      expect(transaction.net).toBe(transaction.amount - transaction.fee);
      if (transaction.currency === "usd") net += transaction.net;
    }
    const [available, pending] = await balanceOf(m);
    expect(available + pending).toBe(net);
  });

  test("never pays more than there was", async () => {
    const dear = await system.merchant(undefined, { "fees[fixed][usd]": "5000", ...AT_ONCE });
    const { balance_transaction } = await charge(dear, 100);
    expect(await transactionOf(dear, balance_transaction)).toMatchObject({ fee: 100, net: 0 });
    expect(await balanceOf(dear)).toEqual([0, 0]);
  });
});

describe("money that nobody waits for", () => {
  test("is free as soon as it is captured, when that was agreed", async () => {
    const m = await system.merchant(undefined, AT_ONCE);
    const { balance_transaction, created } = await charge(m, 1000);
    const transaction = await transactionOf(m, balance_transaction);
    expect(transaction.status).toBe("available");
    expect(transaction.available_on - created).toBeLessThan(60);
    expect(await balanceOf(m)).toEqual([1000, 0]);
  });

  test("is that of the card whose bank pays at once, also when it is captured later", async () => {
    const m = await system.merchant(undefined, FEES);
    const token = await m.stripe.tokens.create({ card: BYPASS });
    const sold = await charge(m, 1000, { source: token.id });
    expect(await transactionOf(m, sold.balance_transaction)).toMatchObject({
      status: "available",
      net: 941,
    });
    const other = await m.stripe.tokens.create({ card: BYPASS });
    const held = await charge(m, 2000, { source: other.id, capture: false });
    await m.stripe.charges.capture(held.id);
    await charge(m, 100);
    // 941 and 2000 less 88; and 100 less 33 in two days.
    expect(await balanceOf(m)).toEqual([2853, 67]);
  });
});

describe("a charge of too little", () => {
  test("is refused with its key, and the key remembers", async () => {
    const m = await system.merchant();
    const ask = (over: Record<string, string> = {}) =>
      system.call("/v1/charges", {
        key: m.secret,
        form: { amount: "49", currency: "usd", source: "tok_visa", ...over },
        headers: { "idempotency-key": "too-little" },
      });
    const first = await ask();
    expect(first).toMatchObject({
      status: 400,
      body: { error: { code: "amount_too_small", param: "amount" } },
    });
    const { error } = first.body as { error: { message: string } };
    expect(error.message).toContain("0.50 usd");
    const again = await ask();
    expect([again.status, again.body]).toEqual([400, first.body]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.headers.get("original-request")).toBe(first.headers.get("request-id"));
    // Enough under the same key is another request.
    expect(await ask({ amount: "50" })).toMatchObject({
      status: 400,
      body: { error: { type: "idempotency_error" } },
    });
    expect((await m.stripe.charges.list()).data).toEqual([]);
  });
});

describe("the terms of an account", () => {
  const make = (form: Record<string, string>) =>
    system.call("/v1/accounts", { key: system.platform, form });

  test.each([
    ["fees[basis_points]", "-1", "parameter_invalid_integer"],
    ["fees[basis_points]", "10001", "parameter_invalid_integer"],
    ["fees[basis_points]", "2.9", "parameter_invalid_integer"],
    ["fees[fixed][usd]", "-30", "parameter_invalid_integer"],
    ["fees[fixed][usd]", "100000000", "parameter_invalid_integer"],
    ["fees[fixed][usd]", "", "parameter_missing"],
    ["fees[fixed][btc]", "30", "parameter_invalid"],
    ["fees[fixed][usdt]", "30", "parameter_invalid"],
    ["fees[dispute][zzz]", "30", "parameter_invalid"],
    ["fees[dispute]", "30", "parameter_invalid"],
    ["fees[rate]", "30", "parameter_unknown"],
    ["fees", "30", "parameter_invalid"],
    ["settlement_days", "-1", "parameter_invalid_integer"],
    ["settlement_days", "31", "parameter_invalid_integer"],
    ["settlement_days", "two", "parameter_invalid_integer"],
    ["settings[payouts][schedule][interval]", "hourly", "parameter_invalid"],
    ["settings[payouts][schedule][delay_days]", "2", "parameter_unknown"],
    ["settings[payouts]", "daily", "parameter_invalid"],
  ])("refuse %s of %j as %s", async (name, value, code) => {
    const made = await make({ [name]: value });
    expect(made).toMatchObject({ status: 400, body: { error: { code } } });
    const { error } = made.body as { error: { param: string } };
    expect(error.param.startsWith(name.slice(0, 10))).toBe(true);
  });

  test("stay as they were given, to the least and the greatest", async () => {
    const given = { "fees[basis_points]": "10000", "fees[fixed][usd]": "99999999" };
    const daily = { "settings[payouts][schedule][interval]": "daily" };
    const made = await make({ ...given, ...daily, settlement_days: "30" });
    expect(made).toMatchObject({
      status: 200,
      body: {
        fees: { basis_points: 10_000, fixed: { usd: 99_999_999 }, dispute: {} },
        settlement_days: 30,
        settings: { payouts: { schedule: { interval: "daily" } } },
      },
    });
    expect(await make({ "fees[basis_points]": "0", "fees[fixed][usd]": "0" })).toMatchObject({
      body: { fees: { basis_points: 0, fixed: {}, dispute: {} }, settlement_days: 2 },
    });
  });
});
