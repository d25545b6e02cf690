// The card schemes by their two other names: the code that payment methods and charges carry, and the brand
// that is to be shown. `CardSummary.brand` has the name that Stripe's older card objects use.

const CODES: Readonly<Record<string, string>> = {
  "American Express": "amex",
  "Diners Club": "diners",
};

const DISPLAYED: Readonly<Record<string, string>> = {
  amex: "american_express",
  diners: "diners_club",
  unionpay: "union_pay",
  unknown: "other",
};

/** A brand's code: `visa`, `mastercard`, `amex`, `diners`, … */
export const brandCode = (brand: string): string => CODES[brand] ?? brand.toLowerCase();

/** What a page shows for a code: `american_express` for `amex`, `other` for `unknown`. */
export const displayBrand = (code: string): string => DISPLAYED[code] ?? code;
