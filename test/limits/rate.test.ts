import Stripe from "stripe";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { type Call, type Merchant, type System, startSystem, stripeAt } from "../system.ts";
import { errorOf, verdictOf } from "./refusal.ts";

const PER_SECOND = 5;
const BURST = 2 * PER_SECOND;

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"), { RATE_PER_SECOND: String(PER_SECOND) });
});
beforeEach(async () => {
  m = await system.merchant();
});
afterAll(() => system?.close());

const ask = (by: Merchant) => system.call("/v1/balance", { key: by.secret });
const flood = (by: Merchant, count: number): Promise<Call[]> =>
  Promise.all(Array.from({ length: count }, () => ask(by)));
const admitted = (calls: readonly Call[]) => calls.filter(({ status }) => status === 200).length;
const pause = (ms: number) => new Promise((resume) => setTimeout(resume, ms));

describe("a merchant that asks too much", () => {
  test("is served its burst and told to come again", async () => {
    const started = performance.now();
    const calls = await flood(m, 40);
    const refilled = Math.ceil(((performance.now() - started) / 1000) * PER_SECOND);
    expect(admitted(calls)).toBeGreaterThanOrEqual(BURST);
    expect(admitted(calls)).toBeLessThanOrEqual(BURST + refilled);
    const refused = calls.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const call of refused) {
      expect(verdictOf(call)).toBe("429 rate_limit -");
      expect(errorOf(call).type).toBe("invalid_request_error");
      expect(call.headers.get("stripe-rate-limited-reason")).toBe("global-rate");
      expect(call.headers.get("stripe-should-retry")).toBe("true");
    }
  });

  test("leaves another merchant alone", async () => {
    const other = await system.merchant();
    const [ours, theirs] = await Promise.all([flood(m, 40), flood(other, BURST)]);
    expect(admitted(ours)).toBeLessThan(40);
    expect(admitted(theirs)).toBe(BURST);
  });

  test("is served again as its bucket fills", async () => {
    const started = performance.now();
    await flood(m, 40);
    await pause(1000);
    const admittedThen = admitted(await flood(m, 40));
    const refilled = Math.ceil(((performance.now() - started) / 1000) * PER_SECOND);
    expect(admittedThen).toBeGreaterThanOrEqual(PER_SECOND - 1);
    expect(admittedThen).toBeLessThanOrEqual(refilled);
  });

  test("gets a RateLimitError from the SDK, and no charge for it", async () => {
    await flood(m, 40);
    const charges = await Promise.allSettled(
      Array.from({ length: BURST }, () =>
        m.stripe.charges.create({ amount: 100, currency: "usd", source: "tok_visa" }),
      ),
    );
    const refused = charges.filter((charge) => charge.status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) {
      expect(reason).toBeInstanceOf(Stripe.errors.StripeRateLimitError);
    }
    await pause(1000);
    const { data } = await m.stripe.charges.list();
    expect(data.length).toBe(charges.length - refused.length);
  });

  test("is served after all when its SDK retries, and charged once for one key", async () => {
    const patient = stripeAt(system.url, m.secret, { maxNetworkRetries: 5 });
    await flood(m, 40);
    const charge = await patient.charges.create(
      { amount: 700, currency: "usd", source: "tok_visa" },
      { idempotencyKey: "patience" },
    );
    expect(charge.paid).toBe(true);
    await pause(1000);
    expect((await m.stripe.charges.list()).data.map(({ id }) => id)).toEqual([charge.id]);
  });

  test("has one bucket for tokens, writes and reads", async () => {
    const card = {
      "card[number]": "4242424242424242",
      "card[exp_month]": "12",
      "card[exp_year]": "34",
    };
    const started = performance.now();
    const calls = await Promise.all(
      Array.from({ length: 20 }, () => [
        system.call("/v1/tokens", { key: m.publishable, form: card }),
        system.call("/v1/customers", { key: m.secret, form: {} }),
        ask(m),
      ]).flat(),
    );
    const refilled = Math.ceil(((performance.now() - started) / 1000) * PER_SECOND);
    expect(admitted(calls)).toBeLessThanOrEqual(BURST + refilled);
    for (const call of calls.filter(({ status }) => status !== 200)) {
      expect(verdictOf(call)).toBe("429 rate_limit -");
    }
  });
});
