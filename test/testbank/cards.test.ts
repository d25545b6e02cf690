import { describe, expect, test } from "vitest";
import type { AuthorizationRequest, Proof } from "../../workers/testbank/authorization.ts";
import { decide, mustProve, refuseToKeep } from "../../workers/testbank/authorization.ts";
import { brandOf, isLuhnValid, TEST_CARDS } from "../../workers/testbank/cards.ts";

const NOW = new Date("2026-11-22T12:00:00Z");

function charge(number: string, card: object = {}, proof?: Proof) {
  const asked: AuthorizationRequest = {
    amount: 2000,
    currency: "usd",
    capture: true,
    card: {
      number,
      exp_month: 12,
      exp_year: 2030,
      cvc: "314",
      address_line1: "510 Townsend St",
      address_zip: "94103",
      ...card,
    },
  };
  return decide(asked, NOW, proof);
}

const PASSED = { cvc: "pass", address_line1: "pass", address_zip: "pass" };

const APPROVED: [string, string, string][] = [
  ["4242424242424242", "visa", "credit"],
  ["4000056655665556", "visa", "debit"],
  ["5555555555554444", "mastercard", "credit"],
  ["2223003122003222", "mastercard", "credit"],
  ["5200828282828210", "mastercard", "debit"],
  ["5105105105105100", "mastercard", "prepaid"],
  ["378282246310005", "amex", "credit"],
  ["371449635398431", "amex", "credit"],
  ["6011111111111117", "discover", "credit"],
  ["6011000990139424", "discover", "credit"],
  ["3056930009020004", "diners", "credit"],
  ["36227206271667", "diners", "credit"],
  ["3566002020360505", "jcb", "credit"],
  ["6200000000000005", "unionpay", "credit"],
  ["4000000000003055", "visa", "credit"],
  ["4000002500001001", "visa", "credit"],
];

const DECLINED: [string, string, string | undefined, string][] = [
  ["4000000000000002", "card_declined", "generic_decline", "05"],
  ["4000000000009995", "card_declined", "insufficient_funds", "51"],
  ["4000000000009987", "card_declined", "lost_card", "41"],
  ["4000000000009979", "card_declined", "stolen_card", "43"],
  ["4000000000000069", "expired_card", undefined, "54"],
  ["4000000000000127", "incorrect_cvc", undefined, "N7"],
  ["4000000000000119", "processing_error", undefined, "96"],
  ["4242424242424241", "incorrect_number", undefined, "14"],
  ["4000000000006975", "card_declined", "card_velocity_exceeded", "65"],
  ["4000000000000341", "card_declined", "generic_decline", "05"],
  ["4100000000000019", "card_declined", "fraudulent", "59"],
];

const TRAITS: [string, object][] = [
  ["4000000000000101", { checks: { ...PASSED, cvc: "fail" } }],
  ["4000000000000036", { checks: { ...PASSED, address_zip: "fail" } }],
  ["4000000000000028", { checks: { ...PASSED, address_line1: "fail" } }],
  ["4000000000000010", { checks: { ...PASSED, address_line1: "fail", address_zip: "fail" } }],
  [
    "4000000000000044",
    { checks: { ...PASSED, address_line1: "unavailable", address_zip: "unavailable" } },
  ],
  ["4000000000000259", { dispute: "fraudulent" }],
  ["4000000000002685", { dispute: "product_not_received" }],
  ["4000000000001976", { dispute: "inquiry" }],
  ["4000000000007726", { refund_behaviour: "async_success" }],
  ["4000000000005126", { refund_behaviour: "async_failure" }],
  ["4000000000000077", { available_now: true }],
  ["4000000000005902", { increment_decline: "insufficient_funds" }],
  ["4000000000009235", { risk: { level: "elevated", score: 68 } }],
];

// The last column is the decline after the cardholder has authenticated.
const AUTHENTICATED: [string, string | undefined][] = [
  ["4000002500003155", undefined],
  ["4000002760003184", undefined],
  ["4000008260003178", "insufficient_funds"],
  ["4000000000003220", undefined],
  ["4000000000003063", undefined],
  ["4000008400001629", "generic_decline"],
];

// For each what a challenge is put for: by itself, when the merchant wants one, and once it was set up.
const CHALLENGED: [string, { plain: boolean; wanted: boolean; setUp: boolean }][] = [
  ["4242424242424242", { plain: false, wanted: false, setUp: false }],
  ["4000000000003055", { plain: false, wanted: true, setUp: false }],
  ["4000002500003155", { plain: true, wanted: true, setUp: false }],
  ["4000002760003184", { plain: true, wanted: true, setUp: true }],
  ["4000008260003178", { plain: true, wanted: true, setUp: true }],
];

// What a card says when it is to be kept.
const KEPT: [string, string | undefined][] = [
  ["4242424242424242", undefined],
  ["4000000000000341", undefined],
  ["4000000000000002", "generic_decline"],
  ["4000000000009995", "insufficient_funds"],
  ["4000002500003155", undefined],
  ["4000008260003178", undefined],
  ["4000008400001629", undefined],
];

describe("a test card", () => {
  test.each(APPROVED)("%s is approved as a %s %s card", (number, brand, funding) => {
    expect(charge(number)).toEqual({
      status: "approved",
      checks: PASSED,
      network_code: "00",
      card: { brand, funding, country: "US", last4: number.slice(-4) },
      risk: { level: "normal", score: 12 },
    });
  });

  test.each(DECLINED)("%s is declined with %s, %s", (number, code, declineCode, network) => {
    const decision = charge(number);
    expect(decision).toMatchObject({
      status: "declined",
      decline: { code, network_code: network, message: expect.stringMatching(/^(Your|An)/) },
      network_code: network,
    });
    expect(decision.decline?.decline_code).toBe(declineCode);
  });

  test.each(TRAITS)("%s is approved with %j", (number, traits) => {
    expect(charge(number)).toMatchObject({ status: "approved", ...traits });
  });

  test.each(AUTHENTICATED)("%s asks for authentication, then says %s", (number, declineCode) => {
    expect(charge(number).decline?.decline_code).toBe("authentication_required");
    const after = charge(number, {}, "payment");
    expect(after.status).toBe(declineCode === undefined ? "approved" : "declined");
    expect(after.decline?.decline_code).toBe(declineCode);
  });

  test.each(CHALLENGED)("%s asks its cardholder: %j", (number, { plain, wanted, setUp }) => {
    expect(mustProve(number, "automatic", undefined)).toBe(plain);
    expect(mustProve(number, "any", undefined)).toBe(wanted);
    expect(mustProve(number, "automatic", "setup")).toBe(setUp);
  });

  test.each(KEPT)("%s is kept unless it says %s", (number, declineCode) => {
    const card = { number, exp_month: 12, exp_year: 2030 };
    const refused = refuseToKeep({ amount: 1, currency: "usd", capture: false, card }, NOW);
    expect(refused?.decline_code).toBe(declineCode);
  });

  test("that is set up is charged without its cardholder, unless it always asks", () => {
    expect(charge("4000002500003155", {}, "setup").status).toBe("approved");
    expect(charge("4000002760003184", {}, "setup").decline?.decline_code).toBe(
      "authentication_required",
    );
  });

  test("has a row in one of these tables", () => {
    const tested = [...APPROVED, ...DECLINED, ...TRAITS, ...AUTHENTICATED].map(([first]) => first);
    expect(tested.toSorted()).toEqual([...TEST_CARDS.keys()].toSorted());
  });

  test("has a valid check digit and a known brand, unless that is what it tests", () => {
    for (const number of TEST_CARDS.keys()) {
      expect([number, isLuhnValid(number)]).toEqual([number, number !== "4242424242424241"]);
      expect(brandOf(number)).not.toBe("unknown");
    }
  });
});

describe("a decision", () => {
  test("says unchecked and null for what was not given", () => {
    const card = { cvc: undefined, address_line1: undefined, address_zip: undefined };
    const nothing = { cvc: "unchecked", address_line1: null, address_zip: null };
    expect(charge("4242424242424242", card).checks).toEqual(nothing);
    expect(charge("4000000000000101", card).checks).toEqual(nothing);
    expect(charge("4000000000000044", card).checks).toEqual(nothing);
  });

  test("fails the check of the card that is declined for its CVC", () => {
    expect(charge("4000000000000127").checks.cvc).toBe("fail");
    expect(charge("4000000000000127", { cvc: undefined }).checks.cvc).toBe("fail");
  });

  test("blocks the fraudulent card at the highest risk", () => {
    expect(charge("4100000000000019").risk).toEqual({ level: "highest", score: 92 });
  });

  test("approves a valid number of a known range that is no test card", () => {
    expect(charge("4111111111111111").status).toBe("approved");
    expect(charge("4111111111111112").decline?.code).toBe("incorrect_number");
  });

  test("does not support a valid number of no network", () => {
    expect(charge("9999999999999995")).toMatchObject({
      status: "declined",
      decline: { code: "card_declined", decline_code: "card_not_supported" },
      card: { brand: "unknown" },
      checks: { cvc: "unchecked", address_line1: "unchecked" },
    });
  });

  test.each([
    [11, 2026, "approved"],
    [12, 2026, "approved"],
    [10, 2026, "declined"],
    [12, 2025, "declined"],
    [1, 2027, "approved"],
  ])("of a card that expires %i/%i is %s in November 2026", (month, year, status) => {
    const decision = charge("4242424242424242", { exp_month: month, exp_year: year });
    expect(decision.status).toBe(status);
    expect(decision.decline?.code).toBe(status === "declined" ? "expired_card" : undefined);
  });

  test("ends a card with the last millisecond of its month", () => {
    const asked = (now: string) =>
      decide(
        {
          amount: 1,
          currency: "usd",
          capture: true,
          card: { number: "4242424242424242", exp_month: 12, exp_year: 2026 },
        },
        new Date(now),
      ).status;
    expect(asked("2026-12-31T23:59:59.999Z")).toBe("approved");
    expect(asked("2027-01-01T00:00:00.000Z")).toBe("declined");
  });

  test("holds the last four digits, not the number or the CVC", () => {
    for (const number of TEST_CARDS.keys()) {
      const text = JSON.stringify(charge(number, { cvc: "9153" }));
      expect(text).not.toContain(number);
      expect(text).not.toContain("9153");
    }
  });
});
