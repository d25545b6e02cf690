import { describe, expect, test } from "vitest";
import { passesLuhn } from "../../protocol/luhn.ts";

const VISA = "4242424242424242";

describe("the check digit", () => {
  // ISO/IEC 7812-1 Annex B, and the example of Luhn's patent.
  test.each([
    ["79927398713", true],
    ["79927398710", false],
    ["0", true],
    [VISA, true],
    ["4242424242424241", false],
    ["378282246310005", true],
    ["30569309020004", true],
    ["6200000000000000001", false],
  ])("of %s is right: %s", (digits, right) => expect(passesLuhn(digits)).toBe(right));

  test("tells any one wrong digit", () => {
    for (let at = 0; at < VISA.length; at++) {
      for (let digit = 0; digit < 10; digit++) {
        const wrong = `${VISA.slice(0, at)}${digit}${VISA.slice(at + 1)}`;
        expect(passesLuhn(wrong)).toBe(wrong === VISA);
      }
    }
  });
});
