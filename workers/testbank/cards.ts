// The card table: every test card with what sets it apart, and the number ranges of the networks.
// A card that is not in the table is an ordinary credit card. Pure: this file promises the same
// facts for the same number and knows nothing of amounts, dates or what was asked about the card.
// The numbers are the published test cards of the wire format, but for one of our own, which no published one stands
// for; none of them moves money anywhere.

export type Brand =
  | "visa"
  | "mastercard"
  | "amex"
  | "discover"
  | "diners"
  | "jcb"
  | "unionpay"
  | "unknown";

export type Funding = "credit" | "debit" | "prepaid";
export type RiskLevel = "normal" | "elevated" | "highest";
export type Dispute = "fraudulent" | "product_not_received" | "inquiry";
export type RefundBehaviour = "async_success" | "async_failure";

export type DeclineReason =
  | "authentication_required"
  | "card_not_supported"
  | "card_velocity_exceeded"
  | "expired_card"
  | "fraudulent"
  | "generic_decline"
  | "incorrect_cvc"
  | "incorrect_number"
  | "insufficient_funds"
  | "lost_card"
  | "processing_error"
  | "stolen_card";

export interface TestCard {
  readonly funding?: Funding;
  readonly decline?: DeclineReason;
  readonly risk?: RiskLevel;
  readonly cvc?: "fail";
  readonly addressLine1?: "fail" | "unavailable";
  readonly addressZip?: "fail" | "unavailable";
  readonly dispute?: Dispute;
  readonly refundBehaviour?: RefundBehaviour;
  readonly availableNow?: true;
  /** Why more is not authorized than what was at first. */
  readonly incrementDecline?: DeclineReason;
  /** Declines what is charged, and may be kept all the same. */
  readonly keepable?: true;
  readonly authentication?: Authentication;
}

/**
 * When a cardholder is asked to prove himself: for each payment, for each unless he was when the card was set
 * up, or only when the merchant wants it.
 */
export type Authentication = "always" | "unless_set_up" | "optional";

const ORDINARY: TestCard = {};

export const TEST_CARDS: ReadonlyMap<string, TestCard> = new Map<string, TestCard>([
  ["4242424242424242", {}],
  ["4000056655665556", { funding: "debit" }],
  ["5555555555554444", {}],
  ["2223003122003222", {}],
  ["5200828282828210", { funding: "debit" }],
  ["5105105105105100", { funding: "prepaid" }],
  ["378282246310005", {}],
  ["371449635398431", {}],
  ["6011111111111117", {}],
  ["6011000990139424", {}],
  ["3056930009020004", {}],
  ["36227206271667", {}],
  ["3566002020360505", {}],
  ["6200000000000005", {}],

  ["4000000000000002", { decline: "generic_decline" }],
  ["4000000000009995", { decline: "insufficient_funds" }],
  ["4000000000009987", { decline: "lost_card" }],
  ["4000000000009979", { decline: "stolen_card" }],
  ["4000000000000069", { decline: "expired_card" }],
  ["4000000000000127", { decline: "incorrect_cvc", cvc: "fail" }],
  ["4000000000000119", { decline: "processing_error" }],
  ["4242424242424241", { decline: "incorrect_number" }],
  ["4000000000006975", { decline: "card_velocity_exceeded" }],
  ["4000000000000341", { decline: "generic_decline", keepable: true }],
  ["4100000000000019", { decline: "fraudulent", risk: "highest" }],
  ["4000000000009235", { risk: "elevated" }],

  ["4000000000000101", { cvc: "fail" }],
  ["4000000000000036", { addressZip: "fail" }],
  ["4000000000000028", { addressLine1: "fail" }],
  ["4000000000000010", { addressLine1: "fail", addressZip: "fail" }],
  ["4000000000000044", { addressLine1: "unavailable", addressZip: "unavailable" }],

  ["4000000000000259", { dispute: "fraudulent" }],
  ["4000000000002685", { dispute: "product_not_received" }],
  ["4000000000001976", { dispute: "inquiry" }],
  ["4000000000007726", { refundBehaviour: "async_success" }],
  ["4000000000005126", { refundBehaviour: "async_failure" }],
  ["4000000000000077", { availableNow: true }],
  // Ours: what is authorized first is approved, and no more than that.
  ["4000000000005902", { incrementDecline: "insufficient_funds" }],

  ["4000002500003155", { authentication: "unless_set_up" }],
  ["4000002760003184", { authentication: "always" }],
  ["4000008260003178", { authentication: "always", decline: "insufficient_funds" }],
  ["4000000000003220", { authentication: "always" }],
  ["4000000000003063", { authentication: "always" }],
  ["4000008400001629", { authentication: "always", decline: "generic_decline" }],
  ["4000000000003055", { authentication: "optional" }],
  ["4000002500001001", {}],
]);

// Ranges as the networks publish them, cut to what the test cards and plausible numbers need.
const RANGES: readonly { readonly brand: Brand; readonly pattern: RegExp }[] = [
  { brand: "visa", pattern: /^4(?:\d{12}|\d{15}|\d{18})$/ },
  { brand: "mastercard", pattern: /^5[1-5]\d{14}$/ },
  { brand: "mastercard", pattern: /^2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}$/ },
  { brand: "amex", pattern: /^3[47]\d{13}$/ },
  { brand: "discover", pattern: /^6(?:011|4[4-9]\d|5\d\d)\d{12,15}$/ },
  { brand: "diners", pattern: /^3(?:0[0-5]|095|[689]\d)\d{11,16}$/ },
  { brand: "jcb", pattern: /^35(?:2[89]|[3-8]\d)\d{12,15}$/ },
  { brand: "unionpay", pattern: /^(?:62|81)\d{14,17}$/ },
];

export function testCard(number: string): TestCard {
  return TEST_CARDS.get(number) ?? ORDINARY;
}

export function brandOf(number: string): Brand {
  return RANGES.find((range) => range.pattern.test(number))?.brand ?? "unknown";
}

export function isLuhnValid(number: string): boolean {
  let sum = 0;
  for (let index = 0; index < number.length; index += 1) {
    const digit = Number(number.charAt(number.length - 1 - index));
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
