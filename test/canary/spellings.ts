// How a card number may be written: the spellings of the head of a series of canaries, each as the bytes to
// look for. Short or binary ones are met by chance, so those read what follows and say whether it is a number
// that was issued.

import type { Numbers, Series } from "./numbers.ts";

export type Needle = {
  readonly spelling: string;
  readonly bytes: Buffer;
  /** Whether what stands at this place is really meant. */
  readonly confirm?: (data: Buffer, at: number) => boolean;
};

type Text = readonly [spelling: string, text: string | Buffer];

/** Places after which a number is broken; the last size repeats. */
const GROUPINGS: readonly (readonly [string, readonly number[]])[] = [
  ["4-4-4-4", [4]],
  ["4-6-5", [4, 6, 9]],
  ["6-4-6", [6, 4, 9]],
  ["6 and the rest", [6, 13]],
  ["8 and 8", [8]],
  ["5s", [5]],
  ["3s", [3]],
  ["2s", [2]],
  ["one by one", [1]],
];
const SEPARATORS: readonly (readonly [string, string])[] = [
  ["space", " "],
  ["dash", "-"],
  ["dot", "."],
  ["slash", "/"],
  ["underscore", "_"],
  ["comma", ","],
  ["comma and space", ", "],
  ["tab", "\t"],
  ["line break", "\n"],
  ["plus", "+"],
  ["%20", "%20"],
  ["%2520", "%2520"],
  ["%2D", "%2D"],
  ["no-break space", "\u00a0"],
  ["two spaces", "  "],
  ["quotes and comma", '","'],
];
/** Lengths of a needle below which chance alone would find it in a few gigabytes. */
const BYTES_MIN = 10;

export function grouped(digits: string, sizes: readonly number[], separator: string): string {
  const parts: string[] = [];
  let at = 0;
  for (let i = 0; at < digits.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)] ?? 4;
    parts.push(digits.slice(at, at + size));
    at += size;
  }
  return parts.join(separator);
}

const each = (digits: string, write: (digit: string) => string, between = ""): string =>
  [...digits].map(write).join(between);

const hexOf = (digit: string): string => `3${digit}`;
const shifted = (digits: string, zero: number): string =>
  each(digits, (digit) => String.fromCodePoint(zero + Number(digit)));

/** Characters of base64 that depend only on `text`, where it starts `offset` bytes into a group of three. */
export function base64At(text: string, offset: 0 | 1 | 2): string {
  const padded = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
  const whole = padded.subarray(0, padded.length - (padded.length % 3));
  return whole.toString("base64").slice([0, 2, 3][offset]);
}

/** The text in the encodings that are searched for: base64 with its URL alphabet, hexadecimal, UTF-16. */
function encoded(name: string, text: string): Text[] {
  const of = name === "" ? "" : `${name} `;
  const bases = ([0, 1, 2] as const).flatMap((offset): Text[] => {
    const base64 = base64At(text, offset);
    const url = base64.replaceAll("+", "-").replaceAll("/", "_");
    const first: Text = [`${of}base64, offset ${offset}`, base64];
    return url === base64 ? [first] : [first, [`${of}base64url, offset ${offset}`, url]];
  });
  const hex = Buffer.from(text).toString("hex");
  const upper = hex.toUpperCase();
  return [
    ...bases,
    [`${of}hex`, hex],
    ...(upper === hex ? [] : [[`${of}hex, upper case`, upper] as const]),
    [`${of}UTF-16LE`, Buffer.from(text, "utf16le")],
    [`${of}UTF-16BE`, Buffer.from(text, "utf16le").swap16()],
  ];
}

/** Spellings that say what they are by themselves. */
export function textSpellings(digits: string): Text[] {
  const groups = GROUPINGS.flatMap(([grouping, sizes]) =>
    SEPARATORS.map(
      ([separator, by]): Text => [`${grouping} by ${separator}`, grouped(digits, sizes, by)],
    ),
  );
  return [
    ["raw", digits],
    ...groups,
    ["reversed", [...digits].reverse().join("")],
    ...encoded("", digits),
    ...encoded("spaced", grouped(digits, [4], " ")),
    ...encoded("dashed", grouped(digits, [4], "-")),
    ["base64 of base64", base64At(base64At(digits, 0).slice(0, -2), 0)],
    ["hex by spaces", each(digits, hexOf, " ")],
    ["hex by colons", each(digits, hexOf, ":")],
    ["\\x escapes", each(digits, (digit) => `\\x3${digit}`)],
    ["\\u escapes", each(digits, (digit) => `\\u003${digit}`)],
    ["HTML escapes", each(digits, (digit) => `&#${48 + Number(digit)};`)],
    ["percent-encoded", each(digits, (digit) => `%3${digit}`)],
    ["percent-encoded twice", each(digits, (digit) => `%253${digit}`)],
    ["list of bytes", each(digits, (digit) => String(48 + Number(digit)), ",")],
    ["printed list of bytes", each(digits, (digit) => String(48 + Number(digit)), ", ")],
    ["full-width digits", shifted(digits, 0xff10)],
    ["Arabic digits", shifted(digits, 0x0660)],
    ["EBCDIC", Buffer.from([...digits].map((digit) => 0xf0 + Number(digit)))],
    ["one digit a byte", Buffer.from([...digits].map(Number))],
  ];
}

const swapNibbles = (byte: number): number => ((byte & 15) << 4) | (byte >> 4);

/** Packed decimals (ISO 8583 n..19), from the first nibble of a byte or its second, and with both swapped. */
function packedSpellings({ head, length }: Series, numbers: Numbers): Needle[] {
  return ([0, 1] as const).flatMap((offset) =>
    [false, true].map((swapped): Needle => {
      const inside = head.slice(offset);
      const whole = inside.slice(0, inside.length - (inside.length % 2));
      const straight = Buffer.from(whole, "hex");
      const bytes = swapped ? straight.map(swapNibbles) : straight;
      const confirm = (data: Buffer, at: number): boolean => {
        const from = at - offset;
        const read = data.subarray(Math.max(0, from), from + Math.ceil((length + offset) / 2));
        const hex = (swapped ? Buffer.from(read.map(swapNibbles)) : read).toString("hex");
        return from >= 0 && numbers.isIssued(hex.slice(offset, offset + length));
      };
      const name = `packed decimal, ${offset === 0 ? "even" : "odd"}${swapped ? ", nibbles swapped" : ""}`;
      return { spelling: name, bytes: Buffer.from(bytes), confirm };
    }),
  );
}

type Binary = readonly [
  spelling: string,
  write: (buffer: Buffer, value: bigint) => void,
  read: (buffer: Buffer) => string,
  bigEndian: boolean,
];

const whole = (value: number): string => (Number.isSafeInteger(value) ? String(value) : "");

const BINARIES: readonly Binary[] = [
  [
    "64-bit integer, big-endian",
    (b, v) => b.writeBigInt64BE(v),
    (b) => String(b.readBigInt64BE()),
    true,
  ],
  [
    "64-bit integer, little-endian",
    (b, v) => b.writeBigInt64LE(v),
    (b) => String(b.readBigInt64LE()),
    false,
  ],
  [
    "double, big-endian",
    (b, v) => b.writeDoubleBE(Number(v)),
    (b) => whole(b.readDoubleBE()),
    true,
  ],
  [
    "double, little-endian",
    (b, v) => b.writeDoubleLE(Number(v)),
    (b) => whole(b.readDoubleLE()),
    false,
  ],
];
/** The bytes of a binary number that its counter and check digit may change. */
const LOW_BYTES = 3;

/** As a number in eight bytes: those that the head decides are looked for. */
function binarySpellings({ head, length }: Series, numbers: Numbers): Needle[] {
  const tail = length - head.length;
  const first = BigInt(head.padEnd(length, "0"));
  const last = first + 10n ** BigInt(tail) - 1n;
  return BINARIES.flatMap(([spelling, write, read, bigEndian]) => {
    if (spelling.startsWith("double") && !Number.isSafeInteger(Number(last))) return [];
    const tops = new Map<string, Buffer>();
    // Finer than the low bytes, so that no value of the high ones is left out.
    for (let value = first; ; value += 1000n) {
      const buffer = Buffer.alloc(8);
      write(buffer, value > last ? last : value);
      const top = bigEndian ? buffer.subarray(0, 8 - LOW_BYTES) : buffer.subarray(LOW_BYTES);
      tops.set(top.toString("hex"), top);
      if (value > last) break;
    }
    return [...tops.values()].map((top): Needle => {
      // Zeros at the high end are everywhere.
      const zeros = bigEndian ? top.findIndex((byte) => byte !== 0) : 0;
      const end = bigEndian ? top.length : top.findLastIndex((byte) => byte !== 0) + 1;
      const before = bigEndian ? zeros : LOW_BYTES;
      const confirm = (data: Buffer, at: number): boolean => {
        const from = at - before;
        return (
          from >= 0 &&
          from + 8 <= data.length &&
          numbers.isIssued(read(data.subarray(from, from + 8)))
        );
      };
      return { spelling, bytes: top.subarray(zeros, end), confirm };
    });
  });
}

/** Everything to look for of a run's card numbers. */
export function panNeedles(numbers: Numbers): Needle[] {
  return numbers.series.flatMap((series) => {
    const texts = textSpellings(series.head).map(
      ([spelling, text]): Needle => ({
        spelling,
        bytes: Buffer.from(text),
      }),
    );
    assertLong(texts);
    return [...texts, ...packedSpellings(series, numbers), ...binarySpellings(series, numbers)];
  });
}

const NAMES = ["cvc", "cvv", "cvc2", "cvv2", "CVC", "CVV", "security_code", "securityCode"];
/** What stands between the name of a field and its value in JSON, forms, URLs, logs and SQL. */
const BETWEENS = [
  '":"',
  '": "',
  '":',
  '": ',
  "]=",
  "%5D=",
  "%5d=",
  "%5D%3D",
  "%255D%253D",
  "=",
  ":",
  ": ",
  ": '",
  ': "',
  "='",
  '="',
  '\\":\\"',
  '\\": \\"',
  " => ",
  '"=>"',
  '\\",\\"',
  '","',
] as const;

/** A code is too short to be looked for alone: beside its field's name it is not. */
export function codeNeedles({ codes, longCode }: Numbers): Needle[] {
  const contexts = [...codes.three, ...codes.four].flatMap((code) =>
    NAMES.flatMap((name) => BETWEENS.map((between) => `${name}${between}${code}`)),
  );
  const named = contexts.flatMap((text): Needle[] => [
    { spelling: "CVC by its field's name", bytes: Buffer.from(text) },
    ...encoded("", text).map(
      ([spelling, bytes]): Needle => ({
        spelling: `CVC by its field's name, ${spelling}`,
        bytes: Buffer.from(bytes),
      }),
    ),
  ]);
  const long = textSpellings(longCode).map(
    ([spelling, text]): Needle => ({
      spelling: `CVC of ten digits, ${spelling}`,
      bytes: Buffer.from(text),
    }),
  );
  assertLong(long);
  return [...named, ...long];
}

function assertLong(needles: readonly Needle[]): void {
  for (const { spelling, bytes } of needles) {
    if (bytes.length < BYTES_MIN) throw new Error(`"${spelling}" would be found by chance.`);
  }
}
