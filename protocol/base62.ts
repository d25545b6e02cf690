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

/** Hexadecimal digits of 16 bytes. */
const HEX_CHARACTERS = 32;
/** Digits of base62 that hold 16 bytes: 62^22 > 2^128. */
export const BASE62_OF_128_BITS = 22;
// A piece of 5 digits, times the 16 bits that follow it in a division, is a safe integer.
const PIECE_DIGITS = 5;
const PIECE = 62 ** PIECE_DIGITS;
const WORDS = 8;
const WORD = 0x10000;

/** 32 hexadecimal digits as 22 of base62, without the cost of a BigInt: every id goes this way. */
export function base62OfHex(hex: string): string {
  const words: number[] = [];
  for (let at = 0; at < HEX_CHARACTERS; at += 4) {
    words.push(Number.parseInt(hex.slice(at, at + 4), 16));
  }
  let text = "";
  for (let left = BASE62_OF_128_BITS; left > 0; left -= PIECE_DIGITS) {
    let rest = 0;
    for (let i = 0; i < WORDS; i++) {
      const value = rest * WORD + (words[i] as number);
      const quotient = Math.floor(value / PIECE);
      words[i] = quotient;
      rest = value - quotient * PIECE;
    }
    text = encodeSmall(rest, Math.min(left, PIECE_DIGITS)) + text;
  }
  return text;
}

/** 22 digits of base62 as 32 hexadecimal ones; undefined for another character, or beyond 128 bits. */
export function hexOfBase62(text: string): string | undefined {
  const words = new Array<number>(WORDS).fill(0);
  // 22 digits are 2 and four pieces of 5.
  for (let from = 0, to = BASE62_OF_128_BITS % PIECE_DIGITS; from < BASE62_OF_128_BITS; ) {
    let carry = 0;
    const base = to - from === PIECE_DIGITS ? PIECE : 62 ** (to - from);
    for (; from < to; from++) {
      const digit = digitOf(text.charCodeAt(from));
      if (digit < 0) return undefined;
      carry = carry * 62 + digit;
    }
    for (let at = WORDS - 1; at >= 0; at--) {
      const value = (words[at] as number) * base + carry;
      carry = Math.floor(value / WORD);
      words[at] = value - carry * WORD;
    }
    if (carry > 0) return undefined;
    to += PIECE_DIGITS;
  }
  let hex = "";
  for (const word of words) hex += (word + WORD).toString(16).slice(1);
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
