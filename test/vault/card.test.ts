import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { TypedCard } from "../../protocol/vault.ts";
import { checkCard, Pan } from "../../workers/vault/card.ts";

const VISA = "4242424242424242";
const NOW = new Date("2026-11-22T12:00:00Z");
const typed: TypedCard = { number: VISA, exp_month: "12", exp_year: "2034", cvc: "123" };

function pan(text = VISA): Pan {
  const parsed = Pan.parse(text);
  if (!parsed.ok) throw new Error("not a card number");
  return parsed.value;
}

describe("a card number", () => {
  const shown: readonly (readonly [string, (p: Pan) => string])[] = [
    ["String()", (p) => String(p)],
    ["a template", (p) => `${p}`],
    ["a list joined", (p) => [p].join()],
    ["JSON", (p) => JSON.stringify({ p, list: [p] })],
    ["util.inspect", (p) => inspect(p)],
    ["util.inspect with all there is", (p) => inspect({ p }, { showHidden: true, depth: 9 })],
    ["an error's message", (p) => new Error(`cannot seal ${p}`).message],
    ["an error's cause", (p) => inspect(new Error("cannot seal", { cause: p }))],
    ["its keys and values", (p) => JSON.stringify([Object.entries(p), Reflect.ownKeys(p)])],
    ["a spread", (p) => JSON.stringify({ ...p })],
    ["a structured clone", (p) => inspect(structuredClone(p))],
    [
      "a thrown value",
      (p) =>
        caught(() => {
          throw p;
        }),
    ],
    ["a type error", (p) => caught(() => (p as unknown as { pay(): void }).pay())],
  ];
  test.each(shown)("does not print itself in %s", (_, show) => {
    const text = show(pan());
    expect(text.replace(/[ -]/g, "")).not.toMatch(/42424/);
  });

  test("prints as its last four digits", () => {
    expect(`${pan()}`).toBe("•••• 4242");
    expect(JSON.stringify(pan())).toBe('"•••• 4242"');
    expect(inspect(pan())).toBe("•••• 4242");
  });

  test("gives its digits to who asks for them by name", () => {
    expect(pan("4242 4242-4242 4242").expose()).toBe(VISA);
  });

  test.each([
    ["4242424242424242", "Visa"],
    ["4000056655665556", "Visa"],
    ["5555555555554444", "MasterCard"],
    ["2223003122003222", "MasterCard"],
    ["5105105105105100", "MasterCard"],
    ["378282246310005", "American Express"],
    ["371449635398431", "American Express"],
    ["6011111111111117", "Discover"],
    ["6011000990139424", "Discover"],
    ["30569309025904", "Diners Club"],
    ["3056930009020004", "Diners Club"],
    ["36227206271667", "Diners Club"],
    ["3566002020360505", "JCB"],
    ["6200000000000005", "UnionPay"],
    ["6759649826438453", "Unknown"],
  ])("%s is of %s", (number, brand) => expect(pan(number).brand).toBe(brand));

  test.each([
    ["4242424242424241", "incorrect_number"],
    ["42424242424", "incorrect_number"],
    ["42424242424242424242", "incorrect_number"],
    ["", "invalid_number"],
    ["    ", "invalid_number"],
    ["4242.4242.4242.4242", "invalid_number"],
    ["4242\u00a04242\u00a04242\u00a04242", "invalid_number"],
    ["4242\u200b424242424242", "invalid_number"],
    ["\u202e4242424242424242", "invalid_number"],
    ["４２４２４２４２４２４２４２４２", "invalid_number"],
    ["٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "invalid_number"],
    ["0x4242424242424242", "invalid_number"],
    ["4242424242424242e0", "invalid_number"],
    ["-4242424242424242+", "invalid_number"],
    ["four two four two", "invalid_number"],
    ["4242424242424242\n", "invalid_number"],
  ])("%j is refused as %s", (text, failure) => {
    expect(Pan.parse(text)).toEqual({ ok: false, failure });
  });
});

describe("a typed card", () => {
  test.each([
    ["as it is", {}, 12, 2034, "123"],
    ["with a year of two digits", { exp_year: "34" }, 12, 2034, "123"],
    ["with a month of one digit", { exp_month: "1" }, 1, 2034, "123"],
    ["with a month of two digits", { exp_month: "01" }, 1, 2034, "123"],
    ["without a code", { cvc: "" }, 12, 2034, undefined],
    ["that expires this month", { exp_month: "11", exp_year: "26" }, 11, 2026, "123"],
    ["that expires in 50 years", { exp_year: "2076" }, 12, 2076, "123"],
    ["of Amex with 3 digits", { number: "378282246310005" }, 12, 2034, "123"],
    ["of Amex with 4 digits", { number: "378282246310005", cvc: "1234" }, 12, 2034, "1234"],
    ["with a code of zeros", { cvc: "000" }, 12, 2034, "000"],
  ] as const)("is taken %s", (_, over, expMonth, expYear, cvc) => {
    const card = checkCard({ ...typed, ...over }, NOW);
    expect(card).toMatchObject({ ok: true, value: { expMonth, expYear } });
    expect(card.ok && card.value.cvc).toBe(cvc);
  });

  test.each([
    ["a wrong check digit", { number: "4242424242424241" }, "incorrect_number"],
    ["letters", { number: "4242abcd42424242" }, "invalid_number"],
    ["month 0", { exp_month: "0" }, "invalid_expiry_month"],
    ["month 13", { exp_month: "13" }, "invalid_expiry_month"],
    ["month -1", { exp_month: "-1" }, "invalid_expiry_month"],
    ["month 1.5", { exp_month: "1.5" }, "invalid_expiry_month"],
    ["month 1e1", { exp_month: "1e1" }, "invalid_expiry_month"],
    ["a month in words", { exp_month: "Dec" }, "invalid_expiry_month"],
    ["no month", { exp_month: "" }, "invalid_expiry_month"],
    ["a month in fullwidth digits", { exp_month: "１" }, "invalid_expiry_month"],
    ["last month", { exp_month: "10", exp_year: "2026" }, "invalid_expiry_month"],
    ["last year", { exp_year: "2025" }, "invalid_expiry_year"],
    ["a past year of two digits", { exp_year: "25" }, "invalid_expiry_year"],
    ["the year 0", { exp_year: "0000" }, "invalid_expiry_year"],
    ["a year of three digits", { exp_year: "203" }, "invalid_expiry_year"],
    ["51 years ahead", { exp_year: "2077" }, "invalid_expiry_year"],
    ["a year in words", { exp_year: "next" }, "invalid_expiry_year"],
    ["a code of 2 digits", { cvc: "12" }, "invalid_cvc"],
    ["a code of 4 digits", { cvc: "1234" }, "invalid_cvc"],
    ["a code of 5 digits on Amex", { number: "378282246310005", cvc: "12345" }, "invalid_cvc"],
    ["a code of letters", { cvc: "abc" }, "invalid_cvc"],
    ["a code with a space", { cvc: "12 " }, "invalid_cvc"],
    ["a code in fullwidth digits", { cvc: "１２３" }, "invalid_cvc"],
  ] as const)("is refused with %s", (_, over, code) => {
    expect(checkCard({ ...typed, ...over }, NOW)).toEqual({
      ok: false,
      failure: { kind: "card_field", code },
    });
  });

  test.each([
    ["2034-12-31T23:59:59.999Z", true],
    ["2035-01-01T00:00:00Z", false],
  ])("that expires in December 2034 is good at %s: %s", (now, good) => {
    expect(checkCard(typed, new Date(now)).ok).toBe(good);
  });
});

function caught(act: () => void): string {
  try {
    act();
  } catch (error) {
    return inspect(error);
  }
  throw new Error("nothing was thrown");
}
