// 50 refunds of one charge at once, through HTTP and the whole system: the ledger and the bank give back
// what was taken and not a cent more, and every caller is told what became of its own.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { verifyLedger } from "../../ops/verify.ts";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { generator, seedOf } from "../ledger/region.ts";
import { type Call, type Merchant, type System, startSystem } from "../system.ts";

const RIVALS = 50;
const AMOUNT = 10_000;
const RETRY_MS = 50;
const seed = seedOf();

let system: System;
let merchant: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  merchant = await system.merchant();
});
afterAll(() => system?.close());

type Refund = { readonly amount: number; readonly status: string };
type Wire = Refund & { readonly error?: { readonly code?: string; readonly message: string } };
type BookRow = { readonly reference: string; readonly captured: number; readonly refunded: number };

async function refund(charge: string, key: string, amount: number | undefined): Promise<Call> {
  for (;;) {
    const call = await system.call("/v1/refunds", {
      key: merchant.secret,
      form: { charge, ...(amount === undefined ? {} : { amount: String(amount) }) },
      headers: { "idempotency-key": key },
    });
    if (call.headers.get("stripe-should-retry") !== "true") return call;
    await sleep(RETRY_MS);
  }
}

test(`${RIVALS} refunds of one charge at once give back what was taken (seed ${seed})`, async () => {
  const random = generator(seed);
  const charge = await merchant.stripe.charges.create({
    amount: AMOUNT,
    currency: "usd",
    source: "tok_visa",
  });
  const asked = Array.from({ length: RIVALS }, (_, i) => ({
    key: `rival-${i}`,
    amount: random() < 0.1 ? undefined : 1 + Math.floor(random() * 0.1 * AMOUNT),
  }));
  const answers = await Promise.all(
    asked.map(async ({ key, amount }) => (await refund(charge.id, key, amount)) as Call),
  );
  const won = answers.filter(({ status }) => status === 200).map(({ body }) => body as Refund);
  const lost = answers.filter(({ status }) => status !== 200);
  const given = won.reduce((sum, { amount }) => sum + amount, 0);
  // Whoever asks for all that is left may be the first of them, and then wins alone.
  if (given < AMOUNT) expect(won.length).toBeGreaterThan(1);
  else expect(won.length).toBeGreaterThan(0);
  expect(lost.length).toBeGreaterThan(1);
  expect(new Set(won.map(({ status }) => status))).toEqual(new Set(["succeeded"]));
  // Those who lost hear that there is nothing left, or less than they asked for.
  for (const { status, body } of lost) {
    expect(status).toBe(400);
    expect(["amount_too_large", "charge_already_refunded"]).toContain((body as Wire).error?.code);
  }
  expect(given).toBeLessThanOrEqual(AMOUNT);
  const after = await merchant.stripe.charges.retrieve(charge.id);
  expect(after).toMatchObject({ amount_captured: AMOUNT, amount_refunded: given });
  const { data } = await system.bank<{ data: BookRow[] }>("/book/authorizations?limit=1000");
  expect(data.filter(({ reference }) => reference.startsWith(charge.id))).toMatchObject([
    { captured: AMOUNT, refunded: given },
  ]);
  // Asked again, each hears the same.
  for (const [i, { key, amount }] of asked.entries()) {
    expect((await refund(charge.id, key, amount)).body, key).toEqual(answers[i]?.body);
  }
  const home = homeOf(slotOf(merchant.account)) === "us" ? "US" : "EU";
  expect(await verifyLedger(inject("bindings")[`DATABASE_URL_${home}`] ?? "")).toEqual([]);
});
