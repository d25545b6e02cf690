// Whether text holds what looks like a card number: digits that some scheme issues (card-ranges.ts) with a
// right check digit (luhn.ts), written as people write cards: whole, in a card's groups with anything
// between them, or in equal groups. What is neither is let through, since one number in ten has a right
// check digit. Numbers too short to tell from telephones and articles (12 and 13 digits) need a word such
// as "card" beside them. Time is linear in the text.

import { issuedLengths, PAN_DIGITS_MAX, PAN_DIGITS_MIN } from "./card-ranges.ts";
import { passesLuhn } from "./luhn.ts";
import { isGs1, withoutOtherNumbers } from "./other-numbers.ts";
import { inPlainDigits, readings } from "./plain-digits.ts";

/** A number in text and what stands between it and the one before. */
type Piece = { readonly digits: string; readonly gap: string };

/** What the text around a number says. */
type Context = {
  /** A word for cards. */
  readonly card: boolean;
  /** A word for goods: then a right GTIN is one. */
  readonly goods: boolean;
  /** Words for parts: then halves belong together across other words. */
  readonly parts: boolean;
};

/** Fewest digits that are seen without a word for cards. */
const UNNAMED_DIGITS_MIN = 14;
/** Leading digits that tell the issuer. */
const HEAD_DIGITS = 6;
/** Longest run of signs between two groups of one number. */
const SEPARATOR_MAX = 6;
/** Longest text between two groups of four digits of one number. */
const WORDS_MAX = 32;

const CARD =
  "cards?|cardno|cardnr|cardnum|cardnumber|cc|ccn|ccnum|pan|visa|master|mastercard|mc|amex|maestro|discover|diners|jcb|unionpay|rupay|credit|debit|kreditkarte|karte|carte|tarjeta|carta|cartao|cartão|kort|kaart|karta|kartu|карта|カード|卡";
const CARD_WORD = new RegExp(`(?<!\\p{L})(?:${CARD})(?!\\p{L})`, "iu");
const CARD_BEFORE = new RegExp(`(?:${CARD}|no|nr|num|number|nummer)$`, "iu");
const CARD_AFTER = new RegExp(`^(?:${CARD}|exp|expires|valid|cvc|cvv|cvn|cid|x)(?!\\p{L})`, "iu");
const GOODS_WORD = /(?<!\p{L})(?:gtin|ean|upc|isbn|itf|barcode|article|artikel|sku)(?!\p{L})/iu;
const PARTS_WORD =
  /(?<!\p{L})(?:half|halves|parts?|pieces?|rest|first|second|last|then|and|plus|next|und|et|y|teil|ende?)(?!\p{L})/iu;

/**
 * Whether free text holds what looks like a card number. Used on every field that is stored or shown, so
 * that a card can only come in as a card (PCI DSS 3.3, 3.4). `name` is what the field is called, which may
 * say what its number is.
 */
export function looksLikePan(text: string, name = ""): boolean {
  if (text.length < PAN_DIGITS_MIN) return false;
  for (const reading of readings(text)) {
    if (panAt(piecesOf(reading), ANY_CONTEXT) < 0) continue;
    const plain = withoutOtherNumbers(reading);
    if (panAt(piecesOf(plain), contextOf(`${name} ${plain}`)) >= 0) return true;
  }
  return false;
}

/**
 * The first of the fields that together make a card number, its halves or its groups; -1 when none do.
 * `values` are the digits (`loneDigits`) of fields that hold a number alone, in the order they were sent.
 */
export function splitPanAt(values: readonly string[]): number {
  const pieces = values.map((value) => ({ digits: value, gap: "," }));
  return panAt([...pieces, END], { card: false, goods: false, parts: false }, 2);
}

/** The digits of a text that holds nothing but one number, perhaps in groups; "" for any other. */
export function loneDigits(text: string): string {
  if (text.length === 0 || text.length > 4 * PAN_DIGITS_MAX || /[A-Za-z]/.test(text)) return "";
  const plain = inPlainDigits(text);
  return OTHER_VALUE.test(plain) ? "" : plain.replace(/[^0-9]/g, "");
}

// Words, telephone numbers and amounts.
const OTHER_VALUE = /\p{L}|^\s*\+|^-?[0-9]+[.,][0-9]{1,3}$/u;

// Under which the most is seen: what is nothing then is nothing, and most numbers are.
const ANY_CONTEXT: Context = { card: true, goods: false, parts: true };
const END: Piece = { digits: "", gap: "" };

// The numbers of a text; the last piece is what follows them.
function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(/[0-9]+/g)) {
    pieces.push({ digits: match[0], gap: text.slice(end, match.index) });
    end = match.index + match[0].length;
  }
  return [...pieces, { digits: "", gap: text.slice(end) }];
}

const contextOf = (text: string): Context => {
  const words = text.replaceAll("_", " ");
  return {
    card: CARD_WORD.test(words),
    goods: GOODS_WORD.test(words),
    parts: PARTS_WORD.test(words),
  };
};

// The first piece of a card number, or -1.
function panAt(pieces: readonly Piece[], context: Context, piecesMin = 1): number {
  const all = pieces.map((piece) => piece.digits).join("");
  let from = 0;
  for (let first = 0; first < pieces.length - 1; first++) {
    const lengths = issuedLengths(Number(all.slice(from, from + HEAD_DIGITS)));
    let to = from;
    for (let after = first + 1; lengths.length > 0 && after < pieces.length; after++) {
      to += (pieces[after - 1] as Piece).digits.length;
      if (to - from > PAN_DIGITS_MAX) break;
      if (after - first < piecesMin || !lengths.includes(to - from)) continue;
      const digits = all.slice(from, to);
      if (!passesLuhn(digits) || (context.goods && isGs1(digits))) continue;
      if (isWritten(pieces, first, after, digits.length, context)) return first;
    }
    from += (pieces[first] as Piece).digits.length;
  }
  return -1;
}

// Whether these pieces are one number by the way they are written.
function isWritten(
  pieces: readonly Piece[],
  first: number,
  after: number,
  length: number,
  context: Context,
): boolean {
  const before = (pieces[first] as Piece).gap;
  const behind = (pieces[after] as Piece).gap;
  const sizes = pieces.slice(first, after).map((piece) => piece.digits.length);
  const gaps = pieces.slice(first + 1, after).map((piece) => piece.gap);
  const plus = /\+[\s(]*$/.test(before);
  if (length < UNNAMED_DIGITS_MIN && (!context.card || plus)) return false;
  if (before === "." && pieces[first - 1]?.digits === "0") return false; // 0.4242…, a fraction
  return hasForm(pieces, first, after, sizes, gaps, length, context) && !isGlued(before, behind);
}

function hasForm(
  pieces: readonly Piece[],
  first: number,
  after: number,
  sizes: readonly number[],
  gaps: readonly string[],
  length: number,
  context: Context,
): boolean {
  if (gaps.every(isSeparator)) {
    return (
      sizes.length === 1 ||
      hasCardGroups(sizes, length) ||
      (hasEqualGroups(sizes) &&
        isWhole(pieces, first, after) &&
        gaps.every((gap) => gap === gaps[0]))
    );
  }
  if (gaps.some((gap) => gap.length > WORDS_MAX)) return false;
  return isPrinted(sizes) || (context.parts && hasCardGroups(sizes, length));
}

// Letters right before or behind make it a part of a name, unless they are a word for a card.
function isGlued(before: string, behind: string): boolean {
  return (
    (/\p{L}$/u.test(before) && !CARD_BEFORE.test(before)) ||
    (/^\p{L}/u.test(behind) && !CARD_AFTER.test(behind))
  );
}

const isSeparator = (gap: string): boolean => gap.length <= SEPARATOR_MAX && !/\p{L}/u.test(gap);

// Breaks where a card has them: after every fourth digit, as on Amex and Diners (4-6-5, 4-6-4), or after
// the issuer's six.
function hasCardGroups(sizes: readonly number[], length: number): boolean {
  let at = 0;
  let fours = true;
  let amex = length === 14 || length === 15;
  for (const size of sizes.slice(0, -1)) {
    at += size;
    fours &&= at % 4 === 0;
    amex &&= at === 4 || at === 10;
  }
  // Fours that end in more than four are no card's.
  const last = sizes.at(-1) ?? 0;
  fours &&= sizes.length < 3 || last <= 4 || last % 4 === 0;
  return fours || amex || (sizes.length === 2 && sizes[0] === 6 && length > 14);
}

function hasEqualGroups(sizes: readonly number[]): boolean {
  const [size = 0] = sizes;
  const last = sizes.at(-1) ?? 0;
  return sizes.slice(0, -1).every((other) => other === size) && last <= size;
}

// Not a part of a longer row of the same groups; digits one by one may have more of them around.
function isWhole(pieces: readonly Piece[], first: number, after: number): boolean {
  const start = pieces[first] as Piece;
  const gap = (pieces[first + 1] as Piece).gap;
  const size = start.digits.length;
  if (size === 1) return true;
  const previous = pieces[first - 1];
  const next = pieces[after] as Piece;
  return (
    !(previous?.digits.length === size && start.gap === gap) &&
    !(next.digits.length === size && next.gap === gap)
  );
}

// The groups that are embossed on cards, each a number of its own.
const isPrinted = (sizes: readonly number[]): boolean =>
  ["4,4,4,4", "4,6,5", "4,6,4"].includes(sizes.join(","));
