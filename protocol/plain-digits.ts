// The ways in which digits are written, undone: the digits of every script, what is invisible between
// them, percent-encoding (of percent-encoding), digits as hexadecimal bytes, text in base64.

/** How often percent-encoding is undone: a URL that was encoded on its way in, in a log, in a header. */
const PERCENT_ROUNDS_MAX = 3;
/** Fewer digits are no card number. */
const DIGITS_MIN = 12;

/** The text in each reading that holds digits enough for a card number, in ASCII digits. */
export function readings(text: string): string[] {
  const found: string[] = [];
  const signs = signsOf(text);
  if (signs === 0) return found;
  let current = text;
  for (let round = 0; round <= PERCENT_ROUNDS_MAX; round++) {
    const plain = inPlainDigits(current);
    if (signsOf(plain) & DIGITS) found.push(plain);
    const decoded = current.includes("%") ? percentDecoded(current) : current;
    if (decoded === current) break;
    current = decoded;
  }
  for (const reading of [...found]) {
    for (const [hex] of reading.matchAll(HEX_DIGITS)) found.push(hex.replace(/3(.)/g, "$1"));
  }
  if (signs & BASE64) {
    for (const [encoded] of text.matchAll(BASE64_DIGITS)) {
      found.push(atob(encoded.replaceAll("=", "")));
    }
  }
  return found;
}

const DIGITS = 1;
const BASE64 = 2;
const ENCODED = 4;

// What a text may hold, in one pass: nearly all texts hold none of it.
function signsOf(text: string): number {
  let digits = 0;
  let quads = 0;
  let other = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) digits++;
    else if (code >= 77 && code <= 79)
      quads++; // M, N, O begin three digits in base64
    else if (code === 37 || code > 127) other = ENCODED;
  }
  return (digits >= DIGITS_MIN ? DIGITS : 0) | (quads >= BASE64_QUADS_MIN ? BASE64 : 0) | other;
}

// ASCII digits as two hexadecimal ones each: 34 32 34 32 …; not within a longer number or name.
const HEX_DIGITS = /(?<![0-9A-Za-z])(?:3[0-9]){12,19}(?![0-9A-Za-z])/g;
// What three ASCII digits become in base64, four times and more.
const BASE64_QUADS_MIN = 4;
const BASE64_DIGITS =
  /(?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){4,6}(?:[MNO][DTjz][AEIMQUYcgk]=?|[MNO][AQgw]={0,2})?/g;

const UTF8 = new TextDecoder();

function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    UTF8.decode(Uint8Array.from(run.slice(1).split("%"), (byte) => Number.parseInt(byte, 16))),
  );
}

// Digits that are no decimal digits to Unicode (Nd), nor to NFKC: counted in Chinese, or in a black circle.
const OTHER_DIGITS = new Map(
  [
    "〇一二三四五六七八九",
    "零壹贰叁肆伍陆柒捌玖",
    "\u24ff\u2776\u2777\u2778\u2779\u277a\u277b\u277c\u277d\u277e",
    "\u{1f10c}\u278a\u278b\u278c\u278d\u278e\u278f\u2790\u2791\u2792",
    "\u{1f10b}\u2780\u2781\u2782\u2783\u2784\u2785\u2786\u2787\u2788",
    "\u24ea\u24f5\u24f6\u24f7\u24f8\u24f9\u24fa\u24fb\u24fc\u24fd",
  ].flatMap((row) => [...row].map((sign, value) => [sign, String(value)] as const)),
);
const OTHER_DIGIT = new RegExp(`[${[...OTHER_DIGITS.keys()].join("")}]`, "gu");

/** Digits of all scripts as 0 to 9, without what is invisible between them or drawn over them. */
export function inPlainDigits(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  return text
    .normalize("NFKC")
    .replace(/[\p{Cf}\p{M}\u115f\u1160\u3164]/gu, "")
    .replace(OTHER_DIGIT, (sign) => OTHER_DIGITS.get(sign) ?? sign)
    .replace(/[^\P{Nd}0-9]/gu, asciiDigit);
}

// The decimal digits of scripts stand in rows of ten from their zeros; some rows touch.
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(code - before - 1))) before++;
  return String(before % 10);
}
