// Stripe's test-mode names for cards, so that a test can pay without typing a number, and one of our own. Each name
// exists twice: `tok_…` for a token, `pm_card_…` for a payment method; each use makes a fresh token of the card.

export const TEST_CARDS: Readonly<Record<string, string>> = {
  visa: "4242424242424242",
  visa_debit: "4000056655665556",
  mastercard: "5555555555554444",
  mastercard_debit: "5200828282828210",
  mastercard_prepaid: "5105105105105100",
  amex: "378282246310005",
  discover: "6011111111111117",
  diners: "3056930009020004",
  jcb: "3566002020360505",
  unionpay: "6200000000000005",
  chargeDeclined: "4000000000000002",
  chargeDeclinedInsufficientFunds: "4000000000009995",
  chargeDeclinedLostCard: "4000000000009987",
  chargeDeclinedStolenCard: "4000000000009979",
  chargeDeclinedFraudulent: "4100000000000019",
  chargeDeclinedIncorrectCvc: "4000000000000127",
  chargeDeclinedExpiredCard: "4000000000000069",
  chargeDeclinedProcessingError: "4000000000000119",
  chargeDeclinedVelocityLimitExceeded: "4000000000006975",
  chargeCustomerFail: "4000000000000341",
  radarBlock: "4100000000000019",
  riskLevelElevated: "4000000000009235",
  cvcCheckFail: "4000000000000101",
  avsZipFail: "4000000000000036",
  avsLine1Fail: "4000000000000028",
  avsFail: "4000000000000010",
  avsUnchecked: "4000000000000044",
  createDispute: "4000000000000259",
  createDisputeProductNotReceived: "4000000000002685",
  createDisputeInquiry: "4000000000001976",
  pendingRefund: "4000000000007726",
  refundFail: "4000000000005126",
  bypassPending: "4000000000000077",
  // Ours, as Stripe has none: pays, and declines any increment for want of funds.
  incrementDeclined: "4000000000005902",
  authenticationRequiredOnSetup: "4000002500003155",
  authenticationRequired: "4000002760003184",
  authenticationRequiredChargeDeclinedInsufficientFunds: "4000008260003178",
  threeDSecure2Required: "4000000000003220",
  threeDSecureRequired: "4000000000003063",
  threeDSecureRequiredChargeDeclined: "4000008400001629",
  threeDSecureOptional: "4000000000003055",
};

/** The card number behind a test alias; the declines of Visa are also named after it. */
export function testCardOf(alias: string): string | undefined {
  const [, name = ""] = /^(?:tok|pm_card)_(?:visa_(?=chargeDeclined))?(.+)$/.exec(alias) ?? [];
  return Object.hasOwn(TEST_CARDS, name) ? TEST_CARDS[name] : undefined;
}

/** Published as well, and without a name. */
const UNNAMED = [
  "2223003122003222",
  "371449635398431",
  "6011000990139424",
  "36227206271667",
  "4000002500001001",
];

const NUMBERS = new Set([...Object.values(TEST_CARDS), ...UNNAMED]);

/** Whether a number is one of the published test cards. */
export const isTestCard = (digits: string): boolean => NUMBERS.has(digits);
