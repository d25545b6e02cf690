// What a card number looks like: 12 to 19 digits, a known first range, and a right check digit
// (ISO/IEC 7812-1, Annex B).

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

// Digits with up to one space, dash, dot or slash between them, not glued to letters or more digits.
const CANDIDATE = /(?<![0-9A-Za-z])[2-6](?:[ .\-/\u00a0]?[0-9]){12,18}(?![0-9A-Za-z])/g;

/**
 * Whether free text holds what looks like a card number, in any digits of Unicode. Used on every
 * field that is stored or shown, so that a card can only come in as a card (PCI DSS 3.3, 3.4).
 */
export function looksLikePan(text: string): boolean {
  if (text.length < 13) return false;
  for (const [candidate] of text.normalize("NFKC").matchAll(CANDIDATE)) {
    const digits = candidate.replace(/[^0-9]/g, "");
    if (passesLuhn(digits)) return true;
  }
  return false;
}
