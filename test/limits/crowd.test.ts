import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type System, startSystem } from "../system.ts";
import { errorOf, verdictOf } from "./refusal.ts";

const CONCURRENT = 5;

let system: System;

beforeAll(async () => {
  system = await startSystem(inject("bindings"), { CONCURRENT_MAX: String(CONCURRENT) });
});
afterAll(() => system?.close());

test("a merchant with too many requests at once is told to wait, and loses nothing by it", async () => {
  const [m, other] = [await system.merchant(), await system.merchant()];
  const form = { amount: "100", currency: "usd", source: "tok_visa" };
  const pay = (key: string, i: number) =>
    system.call("/v1/charges", { key, form, headers: { "idempotency-key": `crowd-${i}` } });
  const [crowd, alone] = await Promise.all([
    Promise.all(Array.from({ length: 60 }, (_, i) => pay(m.secret, i))),
    pay(other.secret, 0),
  ]);
  expect(alone.status).toBe(200);
  const refused = crowd.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThanOrEqual(60 - CONCURRENT);
  for (const call of refused) {
    expect(verdictOf(call)).toBe("429 rate_limit -");
    expect(errorOf(call).message).toContain("at once");
    expect(call.headers.get("stripe-rate-limited-reason")).toBe("global-concurrency");
    expect(call.headers.get("stripe-should-retry")).toBe("true");
  }
  const charged = crowd.length - refused.length;
  expect((await m.stripe.charges.list({ limit: 100 })).data).toHaveLength(charged);
  for (let i = 0; i < 60; i++) expect((await pay(m.secret, i)).status).toBe(200);
  expect((await m.stripe.charges.list({ limit: 100 })).data).toHaveLength(60);
});
