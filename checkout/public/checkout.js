// Turns a card into a token, straight from the browser, and nothing else.
// The card is sealed to the vault first, so that the edge it is posted to cannot read it.
// A merchant's page imports `createToken`; the helpers below it are what a card field needs to be
// pleasant to type in. They only hint: whether a card is good is decided behind the edge.
// Pure except for the fetches, and free of dependencies: read it before you trust it.

import { sealCard } from "./seal.js";

/**
 * @typedef {{ number: string, exp_month: string | number, exp_year: string | number,
 *   cvc?: string, name?: string, address_line1?: string, address_zip?: string }} Card
 * @typedef {{ brand: string, last4: string, exp_month: number, exp_year: number }} CardSummary
 * @typedef {{ id: string, card: CardSummary }} Token
 * @typedef {{ type: string, code?: string, decline_code?: string, message: string,
 *   param?: string }} Failure
 * @typedef {{ name: string, label: string, prefixes: string[], lengths: number[],
 *   groups: number[], cvc: number }} Brand
 */

// Long enough for a slow phone, short enough that nobody stares at a dead button.
const TIMEOUT_MS = 20_000;

/**
 * Seals the card and posts it to the edge. An expected failure is a value, never a throw.
 * @param {{ publishableKey: string, card: Card, base?: string }} options
 * @returns {Promise<{ token: Token } | { error: Failure }>}
 */
export async function createToken({ publishableKey, card, base = "" }) {
  if (globalThis.crypto?.subtle === undefined) {
    const message = "A card can only be sealed on a page that was loaded over HTTPS.";
    return { error: { type: "invalid_request_error", message } };
  }
  try {
    let made = await sendSealed(publishableKey, card, base, "default");
    // The keys that the browser had kept may be out of use by now: once more with those of this moment.
    if ("error" in made && made.error.code === "sealed_card_invalid") {
      made = await sendSealed(publishableKey, card, base, "reload");
    }
    return made;
  } catch {
    const message = "The edge could not be reached. Check your connection and try again.";
    return { error: { type: "api_connection_error", message } };
  }
}

/**
 * @param {string} publishableKey
 * @param {Card} card
 * @param {string} base
 * @param {RequestCache} cache how the keys may be had: they say themselves how long they may be kept
 */
async function sendSealed(publishableKey, card, base, cache) {
  const keySet = await answerOf(`${base}/v1/vault/keys`, { cache });
  if (keySet.error) return { error: failureIn(keySet) };
  const answer = await answerOf(`${base}/v1/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${publishableKey}` },
    body: new URLSearchParams({ sealed_card: await sealCard({ publishableKey, card, keySet }) }),
  });
  return typeof answer.id === "string" ? { token: answer } : { error: failureIn(answer) };
}

/** @param {string} url @param {RequestInit} init */
async function answerOf(url, init) {
  const response = await fetch(url, {
    ...init,
    // The key in the header is the whole authority: no cookie should ever travel with a card.
    credentials: "omit",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return response.json();
}

/** @returns {Failure} */
function failureIn({ error }) {
  const message = "The card could not be sent. Try again.";
  return typeof error?.message === "string" ? error : { type: "api_error", message };
}

const FOURS = [4, 4, 4, 4, 3];

/**
 * The first brand with a matching prefix wins.
 * @type {Brand[]}
 */
const BRANDS = [
  brand("American Express", "Amex", ["34", "37"], [15], [4, 6, 5], 4),
  brand("Visa", "Visa", ["4"], [13, 16, 19]),
  brand("MasterCard", "Mastercard", ["51-55", "2221-2720"], [16]),
  brand("Discover", "Discover", ["6011", "644-649", "65"], [16, 19]),
  brand("Diners Club", "Diners", ["300-305", "36", "38-39"], [14, 16, 19], [4, 6, 4]),
  brand("JCB", "JCB", ["3528-3589"], [16, 19]),
  brand("UnionPay", "UnionPay", ["62"], [16, 19]),
];

function brand(name, label, prefixes, lengths, groups = FOURS, cvc = 3) {
  return { name, label, prefixes, lengths, groups, cvc };
}

/** @param {string} text */
export function digitsOf(text) {
  return text.replace(/\D/g, "");
}

/**
 * @param {string} number
 * @returns {Brand | undefined} undefined while the prefix is too short or belongs to no one
 */
export function brandOf(number) {
  const digits = digitsOf(number);
  return BRANDS.find(({ prefixes }) =>
    prefixes.some((prefix) => {
      const [low, high = low] = prefix.split("-");
      const head = digits.slice(0, low.length);
      return head.length === low.length && head >= low && head <= high;
    }),
  );
}

/**
 * Groups the digits as they stand on the card: 4-6-5 for Amex, 4-6-4 for a 14-digit Diners card.
 * @param {string} text
 */
export function formatNumber(text) {
  const brand = brandOf(text);
  const digits = digitsOf(text).slice(0, brand ? Math.max(...brand.lengths) : 19);
  const planned = brand?.groups ?? FOURS;
  const room = planned.reduce((sum, size) => sum + size, 0);
  const groups = digits.length > room ? FOURS : planned;
  const parts = [];
  for (let at = 0, i = 0; at < digits.length; at += groups[i++]) {
    parts.push(digits.slice(at, at + groups[i]));
  }
  return parts.join(" ");
}

/**
 * "5" → "05 / ", "1230" → "12 / 30", and what a browser fills in: "1/30", "12/2030".
 * @param {string} text
 */
export function formatExpiry(text) {
  const single = /^\s*(\d)\s*[/-]/.exec(text);
  let digits = digitsOf(single ? `0${text.trim()}` : text);
  // A first digit of 2–9, or a pair above 12, can only be a month of one digit.
  if (/^[2-9]/.test(digits) || Number(digits.slice(0, 2)) > 12) digits = `0${digits}`;
  if (/^\d\d20\d\d$/.test(digits)) digits = digits.slice(0, 2) + digits.slice(4);
  if (digits.length < 2) return digits;
  return `${digits.slice(0, 2)} / ${digits.slice(2, 4)}`;
}

/**
 * @param {string} text
 * @returns {{ month: number, year: number } | undefined} undefined unless it reads as MM / YY
 */
export function parseExpiry(text) {
  const digits = digitsOf(formatExpiry(text));
  const month = Number(digits.slice(0, 2));
  if (digits.length !== 4 || month < 1 || month > 12) return undefined;
  return { month, year: 2000 + Number(digits.slice(2)) };
}

/**
 * A card is good through the last day of its month.
 * @param {{ month: number, year: number }} expiry
 * @param {Date} now
 */
export function isPast({ month, year }, now) {
  return year * 12 + month < now.getFullYear() * 12 + now.getMonth() + 1;
}

/** The check digit of ISO/IEC 7812: catches a mistyped digit, proves nothing else.
 * @param {string} number */
export function passesLuhn(number) {
  const digits = digitsOf(number);
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return digits.length > 0 && sum % 10 === 0;
}

/** @param {string} number */
export function isComplete(number) {
  const digits = digitsOf(number);
  const lengths = brandOf(digits)?.lengths;
  return lengths ? lengths.includes(digits.length) : digits.length >= 12 && digits.length <= 19;
}
