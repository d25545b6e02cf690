// Stripe's test-mode names for cards, so that a test can pay without typing a number. Each use makes a
// fresh token of the card behind the name.

const TEST_CARDS: Record<string, string> = {
  tok_visa: "4242424242424242",
  tok_visa_debit: "4000056655665556",
  tok_mastercard: "5555555555554444",
  tok_mastercard_debit: "5200828282828210",
  tok_mastercard_prepaid: "5105105105105100",
  tok_amex: "378282246310005",
  tok_discover: "6011111111111117",
  tok_diners: "3056930009020004",
  tok_jcb: "3566002020360505",
  tok_unionpay: "6200000000000005",
  tok_chargeDeclined: "4000000000000002",
  tok_chargeDeclinedInsufficientFunds: "4000000000009995",
  tok_chargeDeclinedFraudulent: "4100000000000019",
  tok_chargeDeclinedIncorrectCvc: "4000000000000127",
  tok_chargeDeclinedExpiredCard: "4000000000000069",
  tok_chargeDeclinedProcessingError: "4000000000000119",
  tok_riskLevelElevated: "4000000000009235",
  tok_createDispute: "4000000000000259",
  tok_createDisputeProductNotReceived: "4000000000002685",
  tok_createDisputeInquiry: "4000000000001976",
  tok_chargeCustomerFail: "4000000000000341",
  tok_bypassPending: "4000000000000077",
};

/** The card number behind a test alias. */
export const testCardOf = (alias: string): string | undefined =>
  Object.hasOwn(TEST_CARDS, alias) ? TEST_CARDS[alias] : undefined;

const NUMBERS = new Set(Object.values(TEST_CARDS));

/** Whether a number is one of the published test cards above. */
export const isTestCard = (digits: string): boolean => NUMBERS.has(digits);
