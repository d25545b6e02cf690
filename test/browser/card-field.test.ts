// The pure half of checkout.js: what a card field does to the text typed into it.

import { describe, expect, test } from "vitest";
import {
  brandOf,
  formatExpiry,
  formatNumber,
  isComplete,
  isPast,
  parseExpiry,
  passesLuhn,
} from "../../checkout/public/checkout.js";

describe("a card number", () => {
  test.each([
    ["4242424242424242", "Visa", "4242 4242 4242 4242"],
    ["5555555555554444", "MasterCard", "5555 5555 5555 4444"],
    ["2223003122003222", "MasterCard", "2223 0031 2200 3222"],
    ["378282246310005", "American Express", "3782 822463 10005"],
    ["6011111111111117", "Discover", "6011 1111 1111 1117"],
    ["3056930009020004", "Diners Club", "3056 9300 0902 0004"],
    ["36227206271667", "Diners Club", "3622 720627 1667"],
    ["3566002020360505", "JCB", "3566 0020 2036 0505"],
    ["6200000000000005", "UnionPay", "6200 0000 0000 0005"],
  ])("%s is of %s and reads %s", (number, brand, grouped) => {
    expect(brandOf(number)?.name).toBe(brand);
    expect(formatNumber(number)).toBe(grouped);
    expect(isComplete(number)).toBe(true);
    expect(passesLuhn(number)).toBe(true);
  });

  test.each([
    ["", undefined],
    ["3", undefined],
    ["37", "American Express"],
    ["222", undefined],
    ["2220", undefined],
    ["2221", "MasterCard"],
    ["2720", "MasterCard"],
    ["2721", undefined],
    ["50", undefined],
    ["3527", undefined],
    ["3528", "JCB"],
    ["9999999999999999", undefined],
  ])("the prefix %j tells the brand %s", (prefix, brand) => {
    expect(brandOf(prefix)?.name).toBe(brand);
  });

  test.each([
    ["42424", "4242 4"],
    ["4242 4242-4242x4242", "4242 4242 4242 4242"],
    ["37828", "3782 8"],
    ["37828224631", "3782 822463 1"],
    ["3782822463100059999", "3782 822463 10005"],
    ["42424242424242424242", "4242 4242 4242 4242 424"],
    ["letters", ""],
  ])("%j is grouped as %j", (typed, grouped) => {
    expect(formatNumber(typed)).toBe(grouped);
  });

  test("stays as it is when grouped twice", () => {
    for (const number of ["378282246310005", "36227206271667", "4242424242424242424"]) {
      expect(formatNumber(formatNumber(number))).toBe(formatNumber(number));
    }
  });

  test.each(["4242424242424241", "4242424242424224", "5555555555554445", ""])(
    "%j fails the check digit",
    (number) => {
      expect(passesLuhn(number)).toBe(false);
    },
  );

  test.each(["424242424242424", "37828224631000", "4", ""])("%j is incomplete", (number) => {
    expect(isComplete(number)).toBe(false);
  });
});

describe("an expiry date", () => {
  test.each([
    ["", ""],
    ["1", "1"],
    ["5", "05 / "],
    ["12", "12 / "],
    ["13", "01 / 3"],
    ["1230", "12 / 30"],
    ["12305", "12 / 30"],
    ["1/", "01 / "],
    ["1/30", "01 / 30"],
    ["12/2030", "12 / 30"],
    ["122030", "12 / 30"],
    ["12 / 30", "12 / 30"],
  ])("typed as %j reads %j", (typed, shown) => {
    expect(formatExpiry(typed)).toBe(shown);
  });

  test.each([
    ["12 / 30", { month: 12, year: 2030 }],
    ["01/31", { month: 1, year: 2031 }],
    ["00 / 30", undefined],
    ["12 / 3", undefined],
    ["", undefined],
  ])("%j means %j", (text, meaning) => {
    expect(parseExpiry(text)).toEqual(meaning);
  });

  test("is good through the last day of its month", () => {
    const expiry = { month: 2, year: 2030 };
    expect(isPast(expiry, new Date(2030, 1, 28, 23, 59))).toBe(false);
    expect(isPast(expiry, new Date(2030, 2, 1))).toBe(true);
    expect(isPast({ month: 12, year: 2029 }, new Date(2030, 0, 1))).toBe(true);
  });
});
