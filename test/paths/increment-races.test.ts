// An increment adds once for its key, whatever is repeated, lost or late, and of many at once the ledger and the bank
// hold one sum.

import { randomUUID } from "node:crypto";
import type Stripe from "stripe";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { ledger, type Merchant, refused, type System, startSystem } from "../system.ts";
import { holdsOf } from "./holds.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterEach(() => system.bank("/faults", { method: "DELETE" }));
afterAll(() => system?.close());

const { held, increment, read, booked } = holdsOf(() => ({ system, m }));

describe("one key", () => {
  test("adds once, whoever asks how often and when, and says the same", async () => {
    const { id } = await held();
    const before = await booked(id);
    const key = randomUUID();
    const ends = await Promise.all(
      Array.from({ length: 6 }, () =>
        increment(id, 1700, {}, key).catch((error: Stripe.errors.StripeError) => error.code),
      ),
    );
    const { lastResponse: _, ...again } = await increment(id, 1700, {}, key);
    for (const end of ends) {
      if (typeof end === "string") expect(end).toBe("idempotency_key_in_use");
      else expect(end).toMatchObject(again);
    }
    expect(await booked(id)).toMatchObject({ amount: 1700, increments: before.increments + 1 });
    const other = await refused(increment(id, 1800, {}, key));
    expect(other).toMatchObject({ statusCode: 400, type: "StripeIdempotencyError" });
    expect(await booked(id)).toMatchObject({ amount: 1700 });
  });

  test("adds once when the bank's answer is lost, doubled, or comes late", async () => {
    for (const fault of [
      { error_after_rate: 1, count: 1, seed: 7 },
      { drop_after_rate: 1, count: 1, seed: 7 },
      { duplicate_rate: 1, count: 1, seed: 7 },
      { latency_ms: 700 },
    ]) {
      const { id } = await held();
      const before = await booked(id);
      await system.bank("/faults", { body: fault });
      expect(await increment(id, 1700)).toMatchObject({ amount: 1700, amount_capturable: 1700 });
      await system.bank("/faults", { method: "DELETE" });
      expect(await booked(id)).toMatchObject({ amount: 1700, increments: before.increments + 1 });
    }
  });

  test("adds once when nobody comes back for what the bank did not answer", async () => {
    const { id } = await held();
    const before = await booked(id);
    await system.bank("/faults", { body: { error_rate: 1 } });
    const once = { maxNetworkRetries: 0 };
    const lost = m.stripe.paymentIntents.incrementAuthorization(id, { amount: 1700 }, once);
    expect(await refused(lost)).toMatchObject({ statusCode: 503 });
    await system.bank("/faults", { method: "DELETE" });
    const amountNow = async () => (await read(id)).amount;
    await expect.poll(amountNow, { timeout: 60_000, interval: 200 }).toBe(1700);
    expect(await booked(id)).toMatchObject({ amount: 1700, increments: before.increments + 1 });
    expect(await m.stripe.paymentIntents.capture(id)).toMatchObject({ amount_received: 1700 });
  }, 90_000);

  test("stays safe when the bank is down: 503, a lock, then the same key ends the increment", async () => {
    const { id } = await held();
    const before = await booked(id);
    const key = randomUUID();
    await system.bank("/faults", { body: { error_rate: 1 } });
    const down = m.stripe.paymentIntents.incrementAuthorization(
      id,
      { amount: 1700 },
      { idempotencyKey: key, maxNetworkRetries: 0 },
    );
    expect(await refused(down)).toMatchObject({ statusCode: 503 });
    expect(await read(id)).toMatchObject({ status: "requires_capture", amount: 1000 });
    const capture = m.stripe.paymentIntents.capture(id, {}, { maxNetworkRetries: 0 });
    expect(await refused(capture)).toMatchObject({ statusCode: 429, code: "lock_timeout" });
    await system.bank("/faults", { method: "DELETE" });
    expect(await increment(id, 1700, {}, key)).toMatchObject({ amount: 1700 });
    expect(await booked(id)).toMatchObject({ amount: 1700, increments: before.increments + 1 });
  });
});

/** What one hears that comes while another is under way, or after it: of a total that is held already, or of the end. */
const OVERTAKEN = ["lock_timeout", "parameter_invalid_integer", "payment_intent_unexpected_state"];

test("increments and a capture at once leave one sum, here and at the bank", async () => {
  const { id } = await held();
  const ends = await Promise.allSettled([
    ...[1100, 1200, 1300].map((amount) => increment(id, amount)),
    m.stripe.paymentIntents.capture(id),
    m.stripe.paymentIntents.capture(id),
  ]);
  // Whoever comes first is not refused: nothing stands in its way.
  const made = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
  expect(made).not.toEqual([]);
  for (const end of ends) {
    if (end.status === "rejected") expect(OVERTAKEN).toContain(end.reason.code);
  }
  const now = await read(id);
  expect(now.amount).toBe(Math.max(...made.map(({ amount }) => amount)));
  expect(now.amount_received).toBe(Math.max(...made.map((one) => one.amount_received)));
  const row = await booked(id);
  expect(row).toMatchObject({ amount: now.amount, captured: now.amount_received });
  const db = await ledger(inject("bindings"), homeOf(slotOf(m.account)));
  const { rows } = await db.query<{ held: number; added: number }>(
    `select x.amount + coalesce(x.raised, 0) as held, 1000 + coalesce((select sum(o.amount) from operations o
        where o.charge = x.id and o.kind = 'increment' and o.state = 'succeeded'), 0)::integer as added
       from authorizations x where x.processor_ref = $1`,
    [row.id],
  );
  await db.end();
  expect(rows).toEqual([{ held: now.amount, added: now.amount }]);
});
