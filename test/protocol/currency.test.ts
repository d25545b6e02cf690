// The table of currencies against another one (dinero.js, which follows ISO 4217), and what may be charged
// of each.

import * as iso from "dinero.js/currencies";
import { expect, test } from "vitest";
import {
  AMOUNT_MAX,
  amountFailure,
  amountText,
  CURRENCIES,
  isCurrency,
} from "../../protocol/currency.ts";
import { wireOf } from "../../protocol/failure.ts";

const EXPONENTS = new Map(
  Object.values(iso).map(({ code, exponent }) => [code.toLowerCase(), exponent as number]),
);

/** Withdrawn from ISO 4217 and still charged by their old codes. */
const WITHDRAWN = new Set(["ang", "bgn", "std"]);
/** Where the API counts otherwise than ISO 4217 does, and in what. */
const OTHERWISE: Readonly<Record<string, number>> = {
  // Ariary have fifths; cards are charged whole ones.
  mga: 0,
  // No minor unit since 2007 and ever; hundredths in the API, always whole.
  isk: 2,
  ugx: 2,
};

test("every currency has the decimals that ISO 4217 gives it, but for those that are counted otherwise", () => {
  const ours = [...CURRENCIES.values()].map(({ code, decimals }) => [code, decimals]);
  const theirs = ours.map(([code, decimals]) => [
    code,
    WITHDRAWN.has(`${code}`) ? decimals : (OTHERWISE[`${code}`] ?? EXPONENTS.get(`${code}`)),
  ]);
  expect(ours).toEqual(theirs);
  for (const code of Object.keys(OTHERWISE)) {
    expect(CURRENCIES.get(code)?.decimals, code).not.toBe(EXPONENTS.get(code));
  }
});

test("a code stands in the table once, in lower case", () => {
  expect(CURRENCIES.size).toBeGreaterThan(135);
  for (const [code, currency] of CURRENCIES) {
    expect(code).toMatch(/^[a-z]{3}$/);
    expect(currency.code).toBe(code);
    expect(isCurrency(code)).toBe(true);
    expect(isCurrency(code.toUpperCase())).toBe(false);
  }
  // Each code is in one group only, or the later group would hide the earlier.
  expect(new Set([...CURRENCIES.values()].map(({ decimals }) => decimals))).toEqual(
    new Set([0, 2, 3]),
  );
  for (const code of ["xau", "xxx", "btc", "ddm", "lyd"]) expect(isCurrency(code)).toBe(false);
});

test.each([
  ["usd", 50, 49],
  ["eur", 50, 49],
  ["gbp", 30, 29],
  ["jpy", 50, 49],
  ["mxn", 1000, 999],
  ["huf", 17_500, 17_499],
  ["czk", 1500, 1499],
  ["krw", 1, undefined],
  ["kwd", 10, undefined],
  ["isk", 100, undefined],
  ["ugx", 100, undefined],
] as const)("the least charge in %s is %i", (code, least, less) => {
  expect(CURRENCIES.get(code)?.min).toBe(least);
  expect(amountFailure(least, code)).toBeUndefined();
  if (less !== undefined) {
    expect(amountFailure(less, code)).toMatchObject({ kind: "amount_too_small", min: least });
  }
});

test("the least charge of every currency can be charged, and the greatest", () => {
  for (const { code, min, step } of CURRENCIES.values()) {
    expect(amountFailure(min, code), code).toBeUndefined();
    expect(amountFailure(AMOUNT_MAX - (AMOUNT_MAX % step), code), code).toBeUndefined();
    expect(amountFailure(AMOUNT_MAX + 1, code), code).toMatchObject({ kind: "amount_too_large" });
  }
});

test.each([
  ["kwd", 5_124, 10, "invalid_charge_amount"],
  ["bhd", 1_001, 10, "invalid_charge_amount"],
  ["isk", 40_10, 100, "invalid_charge_amount_no_decimal_compatible"],
  ["ugx", 550, 100, "invalid_charge_amount_no_decimal_compatible"],
] as const)("%s %i is refused, since it is no multiple of %i", (code, amount, step, wire) => {
  const failure = amountFailure(amount, code);
  if (failure === undefined) throw new Error("it was let through");
  expect(wireOf(failure)).toMatchObject({ status: 400, code: wire, param: "amount" });
  expect(wireOf(failure).message).toContain(`multiples of ${step}`);
  expect(amountFailure(amount - (amount % step), code)).toBeUndefined();
});

test("who charges too little is told the least amount", () => {
  const failure = amountFailure(49, "usd");
  if (failure === undefined) throw new Error("it was let through");
  expect(wireOf(failure)).toEqual({
    status: 400,
    type: "invalid_request_error",
    code: "amount_too_small",
    param: "amount",
    message: "Amount must be at least 0.50 usd: send 50 or more.",
  });
});

test.each([
  [50, "usd", "0.50 usd"],
  [5, "usd", "0.05 usd"],
  [123_456, "usd", "1234.56 usd"],
  [-7, "eur", "-0.07 eur"],
  [50, "jpy", "50 jpy"],
  [10, "kwd", "0.010 kwd"],
  [1_500, "isk", "15.00 isk"],
] as const)("%i of %s is written %s", (amount, code, text) => {
  expect(amountText(amount, code)).toBe(text);
});
