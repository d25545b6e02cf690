import Stripe from "stripe";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { API_VERSION } from "../../protocol/object.ts";
import { type Call, type Merchant, type System, startSystem, stripeAt } from "../system.ts";
import { errorOf, verdictOf } from "./refusal.ts";

const PER_SECOND = 5;
const BURST = 2 * PER_SECOND;
const WAVES_MAX = 20;

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
/** Asks in waves, until one is more than may be asked at once: what is over is told to come again. */
async function refusesMany(call: () => Promise<Call>): Promise<void> {
  for (let wave = 0; wave < WAVES_MAX; wave++) {
    const calls = await Promise.all(Array.from({ length: 40 }, call));
    const refused = calls.filter(({ status }) => status !== 200);
    for (const one of refused) expect(verdictOf(one)).toBe("429 rate_limit -");
    if (refused.length > 0) return;
  }
  throw new Error("nothing was refused");
}
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
      // A read is counted in the account's bucket and in that of reads, and either may be empty first.
      expect(call.headers.get("stripe-rate-limited-reason")).toMatch(/^(?:global|endpoint)-rate$/);
      expect(call.headers.get("stripe-should-retry")).toBe("true");
    }
  });

  test("leaves another merchant alone", async () => {
    const other = await system.merchant();
    const [ours, theirs] = await Promise.all([flood(m, 40), flood(other, BURST)]);
    expect(admitted(ours)).toBeLessThan(40);
    expect(admitted(theirs)).toBe(BURST);
  });

  test("takes no more keys back than it may write", async () => {
    const { id: customer } = await m.stripe.customers.create({});
    const of = { apiVersion: API_VERSION };
    const { id } = await m.stripe.ephemeralKeys.create({ customer }, of);
    const path = `/v1/ephemeral_keys/${id}`;
    await refusesMany(() => system.call(path, { key: m.secret, method: "DELETE" }));
  });

  test("hears the same again no more often than it may write", async () => {
    const { id: customer } = await m.stripe.customers.create({});
    const headers = { "stripe-version": API_VERSION, "idempotency-key": "again" };
    const ask = () =>
      system.call("/v1/ephemeral_keys", { key: m.secret, form: { customer }, headers });
    await refusesMany(ask);
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

/** The parameters of a structured list, by the name of each item. */
const itemsOf = (header: string | null): Record<string, Record<string, number>> =>
  Object.fromEntries(
    (header ?? "").split(", ").map((item) => {
      const [name = "", ...parameters] = item.split(";");
      const pairs = parameters.map((parameter) => parameter.split("="));
      return [JSON.parse(name), Object.fromEntries(pairs.map(([key, n]) => [key, Number(n)]))];
    }),
  );

describe("an answer", () => {
  const quotasOf = ({ headers }: Call) => ({
    policy: itemsOf(headers.get("ratelimit-policy")),
    left: itemsOf(headers.get("ratelimit")),
  });

  test("to a read tells both limits it is counted in, and what is left of them", async () => {
    const first = quotasOf(await ask(m));
    expect(first.policy).toEqual({ account: { q: 10, w: 2 }, read: { q: 10, w: 3 } });
    expect(first.left).toMatchObject({ account: { r: 9 }, read: { r: 9 } });
    const second = quotasOf(await ask(m));
    expect(second.left["account"]?.["r"]).toBeLessThanOrEqual(9);
    expect(second.left["account"]?.["t"]).toBeGreaterThanOrEqual(1);
  });

  test("to a write, a token, a list, a replay or a decline tells the account's", async () => {
    const charge = { amount: "100", currency: "usd", source: "tok_visa" };
    const keyed = { "idempotency-key": "told" };
    const card = { "card[number]": "4242424242424242", "card[exp_month]": "12" };
    const calls = [
      await system.call("/v1/charges", { key: m.secret, form: charge, headers: keyed }),
      await system.call("/v1/charges", { key: m.secret, form: charge, headers: keyed }),
      await system.call("/v1/charges", {
        key: m.secret,
        form: { ...charge, source: "tok_chargeDeclined" },
      }),
      await system.call("/v1/tokens", {
        key: m.publishable,
        form: { ...card, "card[exp_year]": "34" },
      }),
      await system.call("/v1/charges", { key: m.secret }),
    ];
    expect(calls.map(({ status }) => status)).toEqual([200, 200, 402, 200, 200]);
    expect(calls[1]?.headers.get("idempotent-replayed")).toBe("true");
    for (const call of calls) {
      const { policy, left } = quotasOf(call);
      expect(policy).toHaveProperty("account", { q: 10, w: 2 });
      expect(left["account"]?.["r"]).toBeGreaterThanOrEqual(0);
      expect(left["account"]).toHaveProperty("t");
    }
  });

  test("that is refused for its rate tells that nothing is left, and when something is", async () => {
    const calls = await Promise.all(
      Array.from({ length: 40 }, () => system.call("/v1/customers", { key: m.secret, form: {} })),
    );
    const refused = calls.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const call of refused) {
      expect(call.headers.get("stripe-rate-limited-reason")).toBe("global-rate");
      expect(quotasOf(call).left).toEqual({ account: { r: 0, t: 2 } });
    }
  });

  test("that no shard was asked for tells nothing", async () => {
    const { headers } = await system.call("/v1/charges?limit=0", { key: m.secret });
    expect(headers.get("ratelimit")).toBeNull();
    expect(headers.get("ratelimit-policy")).toBeNull();
  });

  test("to what is expanded counts one request", async () => {
    const { id } = await m.stripe.charges.create({
      amount: 100,
      currency: "usd",
      source: "tok_visa",
    });
    await pause(2000);
    const path = `/v1/charges/${id}?expand[]=balance_transaction.source&expand[]=refunds`;
    const { left } = quotasOf(await system.call(path, { key: m.secret }));
    expect(left).toMatchObject({ account: { r: 9 }, read: { r: 9 } });
  });
});
