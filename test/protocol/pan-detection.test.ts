import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { passesLuhn } from "../../protocol/luhn.ts";
import { looksLikePan } from "../../protocol/pan-detection.ts";
import { TEST_CARDS } from "../../workers/testbank/cards.ts";

const VISA = "4242424242424242";
const grouped = (digits: string, by: string) => digits.match(/.{1,4}/g)?.join(by) ?? "";
const written = (digits: string, zero: number) =>
  [...digits].map((d) => String.fromCodePoint(zero + Number(d))).join("");

describe("a card number in text", () => {
  test("is seen for every test card there is, plain, grouped, and in a sentence", () => {
    for (const number of TEST_CARDS.keys()) {
      if (!passesLuhn(number)) continue;
      for (const text of [
        number,
        grouped(number, " "),
        grouped(number, "-"),
        `Card ${number}.`,
        `pan=${number};`,
        `(${grouped(number, " ")})`,
        `"${number}",`,
      ]) {
        expect(looksLikePan(text), text).toBe(true);
      }
    }
  });

  test.each([
    ["dots", grouped(VISA, ".")],
    ["slashes", grouped(VISA, "/")],
    ["a space after every digit", [...VISA].join(" ")],
    ["a dash after every digit", [...VISA].join("-")],
    ["two spaces", grouped(VISA, "  ")],
    ["a spaced dash", grouped(VISA, " - ")],
    ["tabs", grouped(VISA, "\t")],
    ["newlines", grouped(VISA, "\r\n")],
    ["no-break spaces", grouped(VISA, "\u00a0")],
    ["thin spaces", grouped(VISA, "\u2009")],
    ["en dashes", grouped(VISA, "\u2013")],
    ["minus signs", grouped(VISA, "\u2212")],
    ["non-breaking hyphens", grouped(VISA, "\u2011")],
    ["soft hyphens", grouped(VISA, "\u00ad")],
    ["zero-width spaces", grouped(VISA, "\u200b")],
    ["a right-to-left mark", `\u202e${VISA}`],
    ["a byte order mark inside", `42424242\ufeff42424242`],
    ["fullwidth digits", written(VISA, 0xff10)],
    ["Arabic-Indic digits", written(VISA, 0x660)],
    ["Devanagari digits", written(VISA, 0x966)],
    ["mathematical bold digits", written(VISA, 0x1d7ce)],
    ["circled digits", [...VISA].map((d) => String.fromCodePoint(0x245f + Number(d))).join("")],
    ["an expiry and a code after it", `${VISA} 12/34 123`],
    ["an expiry right after it", `${grouped(VISA, " ")} 1234`],
    ["a number before it", `Order 2 ${VISA}`],
    ["a longer number before it", `20261101 ${VISA}`],
    ["numbers on both sides", `17 ${grouped(VISA, " ")} 99 2`],
    ["a wrong one before it", `4242424242424241 ${VISA}`],
    ["a Visa of 13 digits called a card", "Card 4222222222222"],
    ["a Visa of 19 digits", "4000000000000000006"],
    ["a Maestro", "6759649826438453"],
  ])("is seen through %s", (_, text) => expect(looksLikePan(text)).toBe(true));

  test("is seen wherever it stands between words", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...[...TEST_CARDS.keys()].filter(passesLuhn)),
        fc.stringMatching(/^[a-z ,:;]{0,40}[ ,:;]$/),
        fc.stringMatching(/^[ ,:;][a-z0-9 ,:;]{0,40}$/),
        (number, before, after) => {
          expect(looksLikePan(before + number + after)).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("what is no card number", () => {
  test.each([
    ["nothing", ""],
    ["a wrong check digit", "4242424242424241"],
    ["twelve digits", "424242424242"],
    ["twenty digits", "42424242424242424242"],
    ["a number of no issuer", "9999999999999995"],
    ["a Visa of a length there is not", "42424242424242424"],
    ["zeros", "0000000000000000"],
    ["a timestamp in ms", "1764000000000"],
    ["a timestamp in µs", "1764000000000000"],
    ["a date and time", "2026-11-22 16:53:54.123456"],
    ["a span of dates", "24.12.2026 - 26.12.2026"],
    ["dates with a right check digit", "22/12/2026 23/12/2026 24/12/2026 25/12/2026"],
    ["a compact date and time", "20261122165354"],
    ["a uuid", "4f9c8b62-4c1d-4e55-8a7b-424242424242"],
    ["a uuid of digits", "45321985-4012-4888-8881-881842424242"],
    ["a phone number", "+49 30 901820 4711"],
    ["another phone number", "(415) 555-2671 ext. 4242"],
    ["an IBAN", "DE89370400440532013000"],
    ["a spaced IBAN", "DE89 3704 0044 0532 0130 00"],
    ["a British IBAN", "GB29 NWBK 6016 1331 9268 19"],
    ["an id", "ch_3PqGjN4242424242424242"],
    ["an account id", "acct_4242424242424242A"],
    ["a digest", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["an amount", "4,242,424,242.42"],
    ["a list of small numbers", "[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]"],
    ["words", "Two blue tesserae and a mosaic kit, 12 x 34 cm"],
  ])("%s is let through", (_, text) => expect(looksLikePan(text)).toBe(false));

  test("random ids are let through", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^(ch|tok|cus|req)_[0-9A-Za-z]{22}$/), (id) => {
        expect(looksLikePan(id)).toBe(false);
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  test.each(["4", "4 ", "4-", " "])(
    "a run of %j that is 64 times as long takes nowhere near 4,096 times as long",
    (piece) => {
      const fastestMs = (repeated: number) => {
        const text = piece.repeat(repeated);
        const once = () => {
          const from = performance.now();
          looksLikePan(text);
          return performance.now() - from;
        };
        return Math.min(...Array.from({ length: 7 }, once));
      };
      expect(fastestMs(80_000) / fastestMs(1_250)).toBeLessThan(1_000);
    },
  );
});
