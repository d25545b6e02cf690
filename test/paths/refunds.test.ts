// Refunds that do not end at once, as a merchant with the official SDK sees them.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { type Merchant, refused, type System, startSystem } from "../system.ts";
import { dollarsOf, SOON, toldOf } from "./merchants-view.ts";

const SETTLES_LATER = "4000000000007726";
const COMES_BACK = "4000000000005126";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"), { TESTBANK_NOTICE_DELAY_MS: "0" });
  m = await system.merchant();
});
afterAll(() => system?.close());

async function charge(number: string, amount = 3000): Promise<Stripe.Charge> {
  const card = { number, exp_month: "12", exp_year: "2034", cvc: "123" };
  const { id: source } = await m.stripe.tokens.create({ card });
  return m.stripe.charges.create({ amount, currency: "usd", source });
}

const until = (id: string, status: string): Promise<Stripe.Refund> =>
  vi.waitFor(async () => {
    const refund = await m.stripe.refunds.retrieve(id);
    expect(refund.status).toBe(status);
    return refund;
  }, SOON);

const told = (id: string) => toldOf(m.stripe, id);
const balance = () => dollarsOf(m.stripe);

test("a refund that settles later is pending, and succeeds when the bank says so", async () => {
  const of = await charge(SETTLES_LATER);
  const before = await balance();
  const idempotencyKey = `later-${of.id}`;
  const refund = await m.stripe.refunds.create({ charge: of.id }, { idempotencyKey });
  expect(refund).toMatchObject({ status: "pending", pending_reason: "processing", amount: 3000 });
  expect(refund.balance_transaction).toMatch(/^txn_/);
  expect(await balance()).toBe(before - 3000);
  const settled = await until(refund.id, "succeeded");
  expect(settled).toMatchObject({ balance_transaction: refund.balance_transaction });
  expect(settled).not.toHaveProperty("pending_reason");
  expect(await told(refund.id)).toEqual([
    "refund.created",
    "refund.updated",
    "charge.refund.updated",
  ]);
  // The first answer is the key's for ever, and the event says what was so then.
  expect(await m.stripe.refunds.create({ charge: of.id }, { idempotencyKey })).toEqual(refund);
  const { data } = await m.stripe.events.list({ type: "refund.created" });
  const made = data.find((event) => (event.data.object as Stripe.Refund).id === refund.id);
  expect(made?.data.object).toMatchObject({ status: "pending" });
});

test("a refund that comes back fails, and its money is the merchant's again", async () => {
  const of = await charge(COMES_BACK);
  const before = await balance();
  const refund = await m.stripe.refunds.create({ charge: of.id, amount: 1000 });
  expect(refund).toMatchObject({ status: "succeeded" });
  const failed = await until(refund.id, "failed");
  expect(failed).toMatchObject({
    failure_reason: "expired_or_canceled_card",
    failure_balance_transaction: expect.stringMatching(/^txn_/),
    balance_transaction: refund.balance_transaction,
  });
  expect(await m.stripe.charges.retrieve(of.id)).toMatchObject({
    amount_refunded: 0,
    refunded: false,
  });
  expect(await balance()).toBe(before);
  const reversal = await m.stripe.balanceTransactions.retrieve(
    String(failed.failure_balance_transaction),
  );
  expect(reversal).toMatchObject({
    amount: 1000,
    type: "refund_failure",
    reporting_category: "refund_failure",
    source: refund.id,
  });
  expect(await told(refund.id)).toEqual([
    "refund.created",
    "refund.updated",
    "charge.refund.updated",
    "refund.failed",
  ]);
  const { data } = await m.stripe.events.list({ type: "refund.failed" });
  expect(data.map((event) => (event.data.object as Stripe.Refund).id)).toContain(refund.id);
  // What is said of it later is no second failure.
  await m.stripe.refunds.update(refund.id, { metadata: { asked: "again" } });
  expect((await told(refund.id)).slice(4)).toEqual(["refund.updated", "charge.refund.updated"]);
  const failures = await m.stripe.events.list({ type: "refund.failed" });
  expect(failures.data).toHaveLength(data.length);
  // All of the charge can be refunded again.
  const again = await m.stripe.refunds.create({ charge: of.id });
  expect(again.amount).toBe(3000);
});

test("the metadata of a refund is merged into, and told", async () => {
  const of = await charge("4242424242424242");
  const made = { charge: of.id, amount: 500, metadata: { ticket: "7", by: "Ada" } };
  const refund = await m.stripe.refunds.create(made);
  const changed = await m.stripe.refunds.update(refund.id, { metadata: { by: "", at: "noon" } });
  expect(changed).toEqual({ ...refund, metadata: { ticket: "7", at: "noon" } });
  expect(await m.stripe.refunds.retrieve(refund.id)).toEqual(changed);
  const { data } = await m.stripe.refunds.list({ charge: of.id });
  expect(data).toEqual([changed]);
  expect(await m.stripe.refunds.update(refund.id, { metadata: "" })).toMatchObject({
    metadata: {},
  });
  const stranger = await system.merchant();
  const foreign = stranger.stripe.refunds.update(refund.id, { metadata: { a: "b" } });
  expect(await refused(foreign)).toMatchObject({ statusCode: 404 });
});

describe("with a bank that takes its time", () => {
  let slow: System;
  beforeAll(async () => {
    slow = await startSystem(inject("bindings"), { TESTBANK_NOTICE_DELAY_MS: "600000" });
    m = await slow.merchant();
  });
  afterAll(() => slow?.close());

  test("a pending refund can be canceled, once, and the charge refunded again", async () => {
    const of = await charge(SETTLES_LATER);
    const before = await balance();
    const refund = await m.stripe.refunds.create({ charge: of.id });
    const idempotencyKey = `cancel-${refund.id}`;
    const canceled = await m.stripe.refunds.cancel(refund.id, {}, { idempotencyKey });
    expect(canceled).toMatchObject({
      status: "canceled",
      failure_balance_transaction: expect.stringMatching(/^txn_/),
    });
    expect(await m.stripe.refunds.cancel(refund.id, {}, { idempotencyKey })).toEqual(canceled);
    expect(await balance()).toBe(before);
    const again = await m.stripe.refunds.create({ charge: of.id });
    expect(again).toMatchObject({ status: "pending", amount: 3000 });
  });

  test("a refund that is made cannot be", async () => {
    const of = await charge("4242424242424242");
    const refund = await m.stripe.refunds.create({ charge: of.id });
    expect(await refused(m.stripe.refunds.cancel(refund.id))).toMatchObject({
      statusCode: 400,
      param: "id",
    });
    expect(await m.stripe.refunds.retrieve(refund.id)).toEqual(refund);
  });
});
