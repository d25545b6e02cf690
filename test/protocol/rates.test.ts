import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Buckets, quotasOf, ratesOf, takeRequest } from "../../durable-objects/rates.ts";
import type { EndpointClass, Quota } from "../../protocol/shard.ts";

const RATES = ratesOf(100);

const quota = (policy: Quota["policy"], buckets: Buckets, nowMs: number, of: EndpointClass) => {
  const found = quotasOf(buckets, RATES, of, nowMs).find((q) => q.policy === policy);
  if (found === undefined) throw new Error(`${of} is not counted in ${policy}`);
  return found;
};

describe("the limits of an account", () => {
  test("are a thousand requests a second unless told otherwise", () => {
    expect(ratesOf()).toEqual({
      account: { perSecond: 1000, burst: 2000 },
      read: { perSecond: 900, burst: 2000 },
      search: { perSecond: 20, burst: 40 },
    });
    expect(ratesOf(5).search).toEqual({ perSecond: 5, burst: 10 });
  });

  test("count each class in the account's bucket and in its own", () => {
    const buckets: Buckets = {};
    for (const of of ["write", "read", "search"] as const) takeRequest(buckets, RATES, of, 0);
    expect(buckets).toEqual({
      account: { tokens: 197, atMs: 0 },
      read: { tokens: 199, atMs: 0 },
      search: { tokens: 39, atMs: 0 },
    });
  });

  test("count what is refused in no bucket", () => {
    const buckets: Buckets = { account: { tokens: 9, atMs: 0 }, search: { tokens: 0, atMs: 0 } };
    expect(takeRequest(buckets, RATES, "search", 0)).toBe("endpoint-rate");
    expect(buckets.account).toEqual({ tokens: 9, atMs: 0 });
    buckets.account = { tokens: 0, atMs: 0 };
    expect(takeRequest(buckets, RATES, "search", 0)).toBe("global-rate");
    expect(takeRequest(buckets, RATES, "write", 0)).toBe("global-rate");
  });
});

describe("what is told of a limit", () => {
  test("is what is left, and when all of it is back", () => {
    const buckets: Buckets = {};
    expect(quotasOf(buckets, RATES, "write", 0)).toEqual([
      { policy: "account", limit: 200, windowSeconds: 2, remaining: 200, resetSeconds: 0 },
    ]);
    for (let i = 0; i < 150; i++) takeRequest(buckets, RATES, "read", 0);
    expect(quotasOf(buckets, RATES, "read", 0)).toEqual([
      { policy: "account", limit: 200, windowSeconds: 2, remaining: 50, resetSeconds: 2 },
      { policy: "read", limit: 200, windowSeconds: 3, remaining: 50, resetSeconds: 2 },
    ]);
    expect(quota("account", buckets, 500, "read")).toMatchObject({
      remaining: 100,
      resetSeconds: 1,
    });
  });

  test("changes nothing", () => {
    const buckets: Buckets = { account: { tokens: 1.5, atMs: 7 } };
    const before = structuredClone(buckets);
    quotasOf(buckets, RATES, "search", 5000);
    expect(buckets).toEqual(before);
  });

  test("is kept: so many pass as were told to be left, and all of them after the reset", () => {
    const asks = fc.array(
      fc.record({
        of: fc.constantFrom<EndpointClass>("read", "write", "search"),
        afterMs: fc.integer({ min: -500, max: 2000 }),
        count: fc.integer({ min: 1, max: 250 }),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(asks, fc.constantFrom<EndpointClass>("read", "write", "search"), (past, of) => {
        const buckets: Buckets = {};
        let nowMs = 10_000;
        for (const ask of past) {
          nowMs += ask.afterMs;
          for (let i = 0; i < ask.count; i++) takeRequest(buckets, RATES, ask.of, nowMs);
        }
        // A clock that stepped back gives nothing until it has caught up.
        nowMs = Math.max(nowMs, ...Object.values(buckets).map(({ atMs }) => atMs));
        const quotas = quotasOf(buckets, RATES, of, nowMs);
        const left = Math.min(...quotas.map(({ remaining }) => remaining));
        let passed = 0;
        while (takeRequest(buckets, RATES, of, nowMs) === undefined) passed++;
        expect(passed).toBe(left);
        for (const { policy } of quotas) {
          const { resetSeconds, limit } = quota(policy, buckets, nowMs, of);
          const then = quota(policy, buckets, nowMs + resetSeconds * 1000, of);
          expect(then).toMatchObject({ remaining: limit, resetSeconds: 0 });
        }
      }),
      { numRuns: 300 },
    );
  });
});
