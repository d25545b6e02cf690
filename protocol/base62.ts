// Base62 in the order 0-9 A-Z a-z, of a fixed width, so that two texts compare as their numbers do.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = 62n;
// Eight digits fit a safe integer (62^8 < 2^53), so long numbers are cut into such pieces:
// BigInt division is the slow part.
const CHUNK_DIGITS = 8;
/** What a piece of so many digits counts up to. */
const POWERS = Array.from({ length: CHUNK_DIGITS + 1 }, (_, digits) => BASE ** BigInt(digits));
const CHUNK = BASE ** BigInt(CHUNK_DIGITS);

function encodeSmall(value: number, width: number): string {
  let text = "";
  let rest = value;
  for (let i = 0; i < width; i++) {
    text = DIGITS.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

/** `value` as exactly `width` digits; `value` must be less than 62^width. */
export function encodeBase62(value: bigint, width: number): string {
  let text = "";
  let rest = value;
  let left = width;
  while (left > CHUNK_DIGITS) {
    text = encodeSmall(Number(rest % CHUNK), CHUNK_DIGITS) + text;
    rest /= CHUNK;
    left -= CHUNK_DIGITS;
  }
  return encodeSmall(Number(rest), left) + text;
}

/** The number behind a base62 text, or undefined when a character is not a digit. */
export function decodeBase62(text: string): bigint | undefined {
  let value = 0n;
  for (let from = 0; from < text.length; from += CHUNK_DIGITS) {
    const piece = text.slice(from, from + CHUNK_DIGITS);
    let small = 0;
    for (let i = 0; i < piece.length; i++) {
      const digit = digitOf(piece.charCodeAt(i));
      if (digit < 0) return undefined;
      small = small * 62 + digit;
    }
    value = value * (POWERS[piece.length] ?? 0n) + BigInt(small);
  }
  return value;
}

function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 65 && code <= 90) return code - 55;
  if (code >= 97 && code <= 122) return code - 61;
  return -1;
}

/** Digits of base62 that hold 16 bytes: 62^22 > 2^128. */
export const BASE62_OF_128_BITS = 22;
// Every id goes this way, several for a charge, so without the cost of a BigInt. 128 bits are a word of 16 and four of
// 28; 22 digits are a pair and five pieces of two pairs. A piece times a word is a safe integer (62^4 · 2^28 < 2^52).
const PAIRS = [...DIGITS].flatMap((high) => [...DIGITS].map((low) => high + low));
const PAIR = PAIRS.length;
const PIECE = PAIR * PAIR;
const PIECE_DIGITS = 4;
const PIECES = 5;
const WORDS = 5;
const WORD_BITS = 28;
const WORD = 2 ** WORD_BITS;
const FIRST_WORD_BITS = 16;
const FIRST_WORD = 2 ** FIRST_WORD_BITS;
const DASH = 45;
const HEX = "0123456789abcdef";
const HEX_TRIPLES = Array.from({ length: 4096 }, (_, n) => n.toString(16).padStart(3, "0"));

/** 32 hexadecimal digits, with or without the dashes of a `uuid`, as 22 of base62. */
export function base62OfHex(hex: string): string {
  const words = wordsOf(hex);
  let text = "";
  let top = 0;
  for (let piece = 0; piece < PIECES; piece++) {
    let rest = 0;
    for (let at = top; at < WORDS; at++) {
      const value = rest * WORD + (words[at] as number);
      const quotient = Math.floor(value / PIECE);
      words[at] = quotient;
      rest = value - quotient * PIECE;
    }
    if (words[top] === 0) top++;
    const high = Math.floor(rest / PAIR);
    text = `${PAIRS[high]}${PAIRS[rest - high * PAIR]}${text}`;
  }
  return `${PAIRS[words[WORDS - 1] as number]}${text}`;
}

function wordsOf(hex: string): number[] {
  const words = [0, 0, 0, 0, 0];
  let word = 0;
  let bits = WORD_BITS - FIRST_WORD_BITS;
  for (let at = 0, i = 0; i < hex.length; i++) {
    const code = hex.charCodeAt(i);
    if (code === DASH) continue;
    word = (word << 4) | (code < 58 ? code - 48 : (code | 32) - 87);
    bits += 4;
    if (bits < WORD_BITS) continue;
    words[at++] = word;
    word = 0;
    bits = 0;
  }
  return words;
}

/** 22 digits of base62 as 32 hexadecimal ones; undefined for another character, or beyond 128 bits. */
export function hexOfBase62(text: string): string | undefined {
  const words = [0, 0, 0, 0, 0];
  let from = 0;
  for (let to = BASE62_OF_128_BITS % PIECE_DIGITS; to <= BASE62_OF_128_BITS; to += PIECE_DIGITS) {
    const base = from === 0 ? PAIR : PIECE;
    let carry = 0;
    for (; from < to; from++) {
      const digit = digitOf(text.charCodeAt(from));
      if (digit < 0) return undefined;
      carry = carry * 62 + digit;
    }
    for (let at = WORDS - 1; at > 0; at--) {
      const value = (words[at] as number) * base + carry;
      carry = Math.floor(value / WORD);
      words[at] = value - carry * WORD;
    }
    words[0] = (words[0] as number) * base + carry;
  }
  const first = words[0] as number;
  if (first >= FIRST_WORD) return undefined;
  let hex = `${HEX_TRIPLES[first >>> 4]}${HEX[first & 15]}`;
  for (let at = 1; at < WORDS; at++) {
    const word = words[at] as number;
    hex += `${HEX_TRIPLES[word >>> 16]}${HEX_TRIPLES[(word >>> 4) & 4095]}${HEX[word & 15]}`;
  }
  return hex;
}

/** `width` uniform digits out of random bytes; `random` gives fresh bytes of the asked length. */
export function randomBase62(width: number, random: (length: number) => Uint8Array): string {
  let text = "";
  while (text.length < width) {
    for (const byte of random(width + 8)) {
      // 248 = 4 × 62: higher bytes would favour the first digits.
      if (byte < 248 && text.length < width) text += DIGITS.charAt(byte % 62);
    }
  }
  return text;
}
