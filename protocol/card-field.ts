// What is told of a field of a card that cannot be used as typed.

import type { CardFieldCode } from "./failure.ts";

export const CARD_FIELD: Record<CardFieldCode, readonly [param: string, message: string]> = {
  invalid_number: ["number", "The card number is not a card number. Check its digits."],
  incorrect_number: ["number", "Your card number is incorrect. Check its digits."],
  invalid_expiry_month: ["exp_month", "Your card's expiration month is invalid. Use 1 to 12."],
  invalid_expiry_year: ["exp_year", "Your card's expiration year is invalid or in the past."],
  invalid_cvc: ["cvc", "Your card's security code is invalid. It has 3 digits, or 4 on Amex."],
};
