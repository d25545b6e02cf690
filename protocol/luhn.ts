// What a card number looks like: 13 to 19 digits in a range and of a length that some scheme issues, and
// a right check digit (ISO/IEC 7812-1, Annex B).

/** Whether the digits end in the right check digit. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

// Visa, MasterCard, Mir, American Express, Diners Club, JCB, Maestro, Discover and UnionPay, each with the
// lengths it issues: a check digit alone is right for one number in ten.
const ISSUED =
  /^(?:4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2[2-7][0-9]{14}|3[47][0-9]{13}|3[0689][0-9]{12,17}|35[0-9]{14,17}|5[06-9][0-9]{11,17}|6[0-9]{12,18})$/;
const DIGITS_MAX = 19;

// Groups of digits a few spaces, dashes, dots or slashes apart, not glued to letters as in an id.
const RUN = /(?<![0-9A-Za-z])[0-9]+(?:[\s.\-/\p{Pd}\u2212]{1,3}[0-9]+)*(?![0-9A-Za-z])/gu;

/**
 * Whether free text holds what looks like a card number, in any digits of Unicode. Used on every
 * field that is stored or shown, so that a card can only come in as a card (PCI DSS 3.3, 3.4).
 */
export function looksLikePan(text: string): boolean {
  if (text.length < 13) return false;
  for (const [run] of inPlainDigits(text).matchAll(RUN)) {
    const parts = run.split(/([^0-9]+)/); // digits, separator, digits, …
    for (let first = 0; first < parts.length; first += 2) {
      if (startsPan(parts, first)) return true;
    }
  }
  return false;
}

// Whether a card number begins at this group. It has the same separator throughout, so that dates or
// amounts next to each other are none; an expiry or a count beside it is not part of it.
function startsPan(parts: readonly string[], first: number): boolean {
  let digits = "";
  for (let at = first; at < parts.length; at += 2) {
    if (at > first + 2 && parts[at - 1] !== parts[first + 1]) return false;
    digits += parts[at];
    if (digits.length > DIGITS_MAX) return false;
    if (ISSUED.test(digits) && passesLuhn(digits)) return true;
  }
  return false;
}

// Digits of all scripts as 0 to 9, without what is invisible between them.
function inPlainDigits(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  return text
    .normalize("NFKC")
    .replace(/\p{Cf}/gu, "")
    .replace(/\p{Nd}/gu, asciiDigit);
}

// The decimal digits of a script stand in one row from its zero.
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value++;
  return String(value);
}
