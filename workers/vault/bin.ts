// The issuer's part of a card number (ISO/IEC 7812-1). Pure.

/** A number must be this long to show eight digits beside its last four (PCI DSS 3.4.1, FAQ 1091). */
const LONG_DIGITS_MIN = 16;

/** The first eight digits, or six of a short number. */
export const binOf = (digits: string): string =>
  digits.slice(0, digits.length >= LONG_DIGITS_MIN ? 8 : 6);
