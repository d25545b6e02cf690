import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  base62OfHex,
  decodeBase62,
  encodeBase62,
  hexOfBase62,
  randomBase62,
} from "../../protocol/base62.ts";

const RUNS = { numRuns: 500 };
const uint128 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });

describe("base62", () => {
  test.each([
    [0n, 1, "0"],
    [61n, 1, "z"],
    [62n, 2, "10"],
    [3843n, 2, "zz"],
    [62n ** 8n - 1n, 8, "zzzzzzzz"],
    [62n ** 8n, 9, "100000000"],
    [2n ** 128n - 1n, 22, "7n42DGM5Tflk9n8mt7Fhc7"],
  ])("writes %s in %i digits as %s", (value, width, text) => {
    expect(encodeBase62(value, width)).toBe(text);
    expect(decodeBase62(text)).toBe(value);
  });

  test("reads back what it wrote", () => {
    fc.assert(
      fc.property(uint128, (value) => {
        const text = encodeBase62(value, 22);
        expect(text).toMatch(/^[0-9A-Za-z]{22}$/);
        expect(decodeBase62(text)).toBe(value);
      }),
      RUNS,
    );
  });

  test("writes 128 bits in hexadecimal as it writes the number, and reads them back", () => {
    fc.assert(
      fc.property(uint128, (value) => {
        const hex = value.toString(16).padStart(32, "0");
        expect(base62OfHex(hex)).toBe(encodeBase62(value, 22));
        expect(hexOfBase62(encodeBase62(value, 22))).toBe(hex);
      }),
      RUNS,
    );
  });

  test.each([
    ["one more than 128 bits hold", encodeBase62(2n ** 128n, 22)],
    ["the greatest text", "z".repeat(22)],
    ["another character", `${"0".repeat(21)}-`],
  ])("holds no 128 bits in %s", (_, text) => {
    expect(hexOfBase62(text)).toBeUndefined();
  });

  test("sorts as text the way its numbers sort", () => {
    fc.assert(
      fc.property(uint128, uint128, (a, b) => {
        expect(encodeBase62(a, 22) < encodeBase62(b, 22)).toBe(a < b);
      }),
      RUNS,
    );
  });

  test.each(["-", " ", "a_b", "é", "１", "0".repeat(9).concat("!")])("does not read %j", (text) => {
    expect(decodeBase62(text)).toBeUndefined();
  });

  test("draws every digit equally often", () => {
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
    const counts = new Map<string, number>();
    for (const digit of randomBase62(62_000, random)) {
      counts.set(digit, (counts.get(digit) ?? 0) + 1);
    }
    expect(counts.size).toBe(62);
    // 1,000 of each are expected, with a standard deviation of 31: eight of them never happen.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(250);
  });

  test("throws away the bytes that would favour a digit", () => {
    const drawn = randomBase62(2, () => Uint8Array.of(255, 248, 61, 250, 0, 1));
    expect(drawn).toBe("z0");
  });
});
