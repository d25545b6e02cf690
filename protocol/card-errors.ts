// What can be wrong with a card, for people: part of the catalogue of errors.

/** Status, meaning and remedy of an error, by its code or our name of it. */
export type Row = readonly [name: string, status: number, meaning: string, remedy: string];

export const CARD: readonly Row[] = [
  [
    "authentication_required",
    402,
    "The issuer takes the payment only when the cardholder has proved himself.",
    "Bring the buyer back to your page and confirm the intent there, without `off_session`.",
  ],
  [
    "card_declined",
    402,
    "The card was declined; `decline_code` says why, where that is known.",
    "Do as `advice_code` says, and ask the buyer for another card.",
  ],
  ["expired_card", 402, "The card has expired.", "Ask the buyer for the new date or another card."],
  [
    "incorrect_cvc",
    402,
    "The issuer says that the security code is wrong.",
    "Ask the buyer to type it again.",
  ],
  ["incorrect_number", 402, "The number is no card's.", "Ask the buyer to type it again."],
  ["invalid_cvc", 402, "The security code has the wrong number of digits.", "It has 3, on Amex 4."],
  ["invalid_expiry_month", 402, "The month is not one, or has passed.", "Send 1 to 12."],
  ["invalid_expiry_year", 402, "The year is not one, or has passed.", "Send two or four digits."],
  ["invalid_number", 402, "The number holds more than digits.", "Send digits, grouped or not."],
  ["missing", 402, "The customer has no card.", "Attach one with `source`, or charge a token."],
  [
    "processing_error",
    402,
    "The processor or the issuer could not do it.",
    "Try again in a little while, under another idempotency key.",
  ],
];
