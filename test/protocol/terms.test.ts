// What a merchant pays and when he is paid, against arithmetic that is not of the same kind: fractions of
// BigInt, and the calendar of Date.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AMOUNT_MAX } from "../../protocol/currency.ts";
import {
  availableOn,
  dayOf,
  FEE_BPS_MAX,
  feeOf,
  keptTerms,
  SETTLEMENT_DAYS_MAX,
  startOf,
  termsOf,
  USUAL_TERMS,
} from "../../protocol/terms.ts";

const amounts = fc.integer({ min: 1, max: AMOUNT_MAX });
const bps = fc.integer({ min: 0, max: FEE_BPS_MAX });
const fixed = fc.integer({ min: 0, max: AMOUNT_MAX });

describe("a fee", () => {
  test.each([
    [1000, 290, 30, 59],
    [1, 290, 0, 0],
    // 0.5 of a cent is one, and less is none.
    [50, 100, 0, 1],
    [49, 100, 0, 0],
    [17, 290, 0, 0],
    [18, 290, 0, 1],
    // More than was paid is not to be had.
    [50, 290, 350, 50],
    [99_999_999, 10_000, 99_999_999, 99_999_999],
    [1000, 0, 0, 0],
  ])("of %i at %i basis points and %i is %i", (amount, fee_bps, usd, fee) => {
    const terms = termsOf({ fee_bps, fee_fixed: { usd } });
    expect(feeOf(terms, amount, "usd")).toBe(fee);
  });

  test("has a fixed part in the currencies that were agreed, and in no other", () => {
    const terms = termsOf({ fee_bps: 100, fee_fixed: { usd: 30 } });
    expect([feeOf(terms, 1000, "usd"), feeOf(terms, 1000, "eur")]).toEqual([40, 10]);
  });

  test("is the exact share rounded half up, never negative and never above the amount", () => {
    fc.assert(
      fc.property(amounts, bps, fixed, (amount, fee_bps, usd) => {
        const fee = feeOf(termsOf({ fee_bps, fee_fixed: { usd } }), amount, "usd");
        const tenThousandths = BigInt(amount) * BigInt(fee_bps);
        const whole = tenThousandths / 10_000n;
        const share = tenThousandths % 10_000n >= 5_000n ? whole + 1n : whole;
        const due = share + BigInt(usd);
        expect(BigInt(fee)).toBe(due > BigInt(amount) ? BigInt(amount) : due);
        expect(fee).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("money", () => {
  test("comes free at the beginning of the UTC day that was agreed, whatever the hour", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("2020-01-01"), max: new Date("2060-01-01"), noInvalidDate: true }),
        fc.integer({ min: 1, max: SETTLEMENT_DAYS_MAX }),
        (at, settlement_days) => {
          const day = availableOn(termsOf({ settlement_days }), dayOf(at.getTime() / 1000), false);
          const due = Date.UTC(
            at.getUTCFullYear(),
            at.getUTCMonth(),
            at.getUTCDate() + settlement_days,
          );
          expect(startOf(day ?? 0) * 1000).toBe(due);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("comes free at once when the bank pays at once, or when nobody is to wait", () => {
    expect(availableOn(USUAL_TERMS, 20_000, true)).toBeNull();
    expect(availableOn(termsOf({ settlement_days: 0 }), 20_000, false)).toBeNull();
    expect(availableOn(USUAL_TERMS, 20_000, false)).toBe(20_002);
  });
});

test("terms that are as usual take no place, and others only for what is not", () => {
  expect(keptTerms(USUAL_TERMS)).toBeUndefined();
  const own = { fee_bps: 290, settlement_days: 0 };
  expect(keptTerms(termsOf(own))).toEqual(own);
  expect(termsOf(keptTerms(termsOf(own)))).toEqual({ ...USUAL_TERMS, ...own });
});
