// What the dashboard's chart is computed from, with no browser: the pages' own modules.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

type Step = { readonly at: number; readonly balance: number; readonly net: number };
type Balance = {
  stepsOf(transactions: readonly object[], now: number): Step[];
  turnoverOf(transactions: readonly object[], since: number): { taken: number; returned: number };
  ticksOf(low: number, high: number, most: number, unit: number): number[];
};
type History = { spansOf(moments: readonly number[]): [number, number][] };

// Written for browsers, without types of their own.
const load = async <T>(name: string): Promise<T> =>
  (await import(`../../checkout/public/dashboard/${name}.js`)) as T;
const { stepsOf, turnoverOf, ticksOf } = await load<Balance>("balance");
const { spansOf } = await load<History>("history");

const postings = fc.array(
  fc.record({
    created: fc.integer({ min: 0, max: 10_000 }),
    net: fc.integer({ min: -1_000_000, max: 1_000_000 }),
  }),
  { maxLength: 40 },
);

describe("the line of the balance", () => {
  test("ends at the balance of now, and moves by each posting in turn", () => {
    fc.assert(
      fc.property(postings, fc.integer(), (made, now) => {
        const newestFirst = [...made].sort((a, b) => b.created - a.created);
        const steps = stepsOf(newestFirst, now);
        expect(steps.map(({ net }) => net)).toEqual(newestFirst.map(({ net }) => net).reverse());
        if (steps.length > 0) expect(steps.at(-1)?.balance).toBe(now);
        for (const [i, { balance, net }] of steps.entries()) {
          if (i > 0) expect(balance - net).toBe(steps[i - 1]?.balance);
        }
      }),
    );
  });

  test("counts what came and what went since a moment", () => {
    const made = [
      { created: 400, amount: -5000, reporting_category: "payout" },
      { created: 300, amount: -250, reporting_category: "refund" },
      { created: 200, amount: 1000, reporting_category: "charge" },
      { created: 100, amount: 9000, reporting_category: "charge" },
    ];
    expect(turnoverOf(made, 200)).toEqual({ taken: 1000, returned: 250 });
  });
});

test("an axis covers what it shows, in a few round steps", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -10_000_000, max: 0 }),
      fc.integer({ min: 0, max: 100_000_000 }),
      fc.constantFrom(1, 100, 1000),
      (low, high, unit) => {
        const ticks = ticksOf(low, high, 4, unit);
        expect(ticks[0]).toBeLessThanOrEqual(low);
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(high);
        expect(ticks.length).toBeLessThanOrEqual(6);
        for (const tick of ticks) expect(Math.abs(tick % unit)).toBe(0);
      },
    ),
  );
});

test("the times at which a payment's events are looked for hold every moment, and none twice", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1 }), (moments) => {
      const spans = spansOf(moments);
      for (const at of moments) {
        expect(spans.filter(([from, to]) => from <= at && at < to)).toHaveLength(1);
      }
      for (const [i, [from]] of spans.entries()) {
        if (i > 0) expect(from).toBeGreaterThanOrEqual((spans[i - 1]?.[1] ?? 0) - 1);
      }
    }),
  );
});
