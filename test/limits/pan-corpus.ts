// A labelled corpus for the search for card numbers: numbers of every brand in every way of writing, and
// numbers of other kinds as shops have them. All from one seed.

/** Chance out of a seed (mulberry32), so that a corpus can be made again. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to, and without, `below`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  digits(count: number): string {
    let text = "";
    for (let i = 0; i < count; i++) text += this.below(10);
    return text;
  }

  text(count: number, alphabet: string): string {
    let text = "";
    for (let i = 0; i < count; i++) text += alphabet[this.below(alphabet.length)];
    return text;
  }
}

/** A text, or several fields of one request, with what it is an example of. */
export type Sample = {
  readonly kind: string;
  readonly fields: Readonly<Record<string, string>>;
};

const alone = (kind: string, text: string): Sample => ({ kind, fields: { description: text } });

/** Brands with their leading digits and length, and the groups they are printed in. */
const BRANDS: readonly (readonly [
  brand: string,
  heads: readonly string[],
  length: number,
  groups: readonly number[],
])[] = [
  ["Visa", ["4"], 16, [4, 4, 4, 4]],
  ["Visa of 19", ["4"], 19, [4, 4, 4, 4, 3]],
  ["MasterCard", ["51", "52", "53", "54", "55"], 16, [4, 4, 4, 4]],
  ["MasterCard 2", ["2221", "23", "25", "2699", "2720"], 16, [4, 4, 4, 4]],
  ["American Express", ["34", "37"], 15, [4, 6, 5]],
  ["Diners Club", ["300", "305", "36", "38", "39"], 14, [4, 6, 4]],
  ["Diners Club of 16", ["36", "3095"], 16, [4, 4, 4, 4]],
  ["Discover", ["6011", "644", "649", "65"], 16, [4, 4, 4, 4]],
  ["JCB", ["3528", "3566", "3589"], 16, [4, 4, 4, 4]],
  ["UnionPay", ["62", "8100", "8171"], 16, [4, 4, 4, 4]],
  ["UnionPay of 19", ["62"], 19, [4, 4, 4, 4, 3]],
  ["Maestro", ["5018", "5020", "5038", "5893", "6304", "6759", "6761", "6763"], 16, [4, 4, 4, 4]],
  ["Maestro of 18", ["5018", "5893", "6759"], 18, [4, 4, 4, 4, 2]],
  ["Maestro of 15", ["5018", "6304", "6761"], 15, [4, 4, 4, 3]],
  ["RuPay", ["60", "6521", "508", "82"], 16, [4, 4, 4, 4]],
  ["Mir", ["2200", "2204"], 16, [4, 4, 4, 4]],
  ["Troy", ["9792"], 16, [4, 4, 4, 4]],
  ["Elo", ["5067", "509", "636368"], 16, [4, 4, 4, 4]],
];

/** A number that passes every check: an issued head, random digits, the right last one. */
export function panOf(dice: Dice, brand: number): { digits: string; groups: readonly number[] } {
  const [, heads, length, groups] = BRANDS[brand] as (typeof BRANDS)[number];
  const head = dice.of(heads);
  const body = head + dice.digits(length - 1 - head.length);
  let sum = 0;
  for (let i = 0; i < body.length; i++) {
    const digit = Number(body[body.length - 1 - i]) * (i % 2 === 0 ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return { digits: body + ((10 - (sum % 10)) % 10), groups };
}

const cut = (digits: string, sizes: readonly number[]): string[] => {
  const pieces: string[] = [];
  let at = 0;
  for (const size of sizes) {
    pieces.push(digits.slice(at, at + size));
    at += size;
  }
  return pieces;
};
const every = (length: number, size: number): number[] =>
  Array.from({ length: Math.ceil(length / size) }, (_, i) => Math.min(size, length - i * size));

const SCRIPTS: readonly (readonly [string, (digits: string) => string])[] = [
  ["ASCII", (digits) => digits],
  ...(
    [
      ["fullwidth", 0xff10],
      ["Arabic-Indic", 0x660],
      ["Persian", 0x6f0],
      ["Devanagari", 0x966],
      ["Bengali", 0x9e6],
      ["Tamil", 0xbe6],
      ["Thai", 0xe50],
      ["Khmer", 0x17e0],
      ["mathematical bold", 0x1d7ce],
      ["mathematical monospace", 0x1d7f6],
    ] as const
  ).map(
    ([name, zero]) =>
      [
        name,
        (text: string) =>
          text.replace(/[0-9]/g, (digit) => String.fromCodePoint(zero + Number(digit))),
      ] as const,
  ),
  [
    "Chinese",
    (text) => text.replace(/[0-9]/g, (digit) => "〇一二三四五六七八九"[Number(digit)] ?? ""),
  ],
  ["keycaps", (text) => text.replace(/[0-9]/g, "$&\ufe0f\u20e3")],
  ["mixed", (text) => text.replace(/[13579]/g, (d) => String.fromCodePoint(0xff10 + Number(d)))],
];

const SEPARATORS = [
  " ",
  "-",
  ".",
  "/",
  "_",
  ",",
  ", ",
  ":",
  ";",
  "|",
  "\\",
  "*",
  "+",
  "~",
  "\t",
  "\n",
  "\r\n",
  "  ",
  " - ",
  " / ",
  " – ",
  "—",
  "−",
  "·",
  "•",
  "\u00a0",
  "\u2009",
  "\u3000",
  "\u200b",
  "\u00ad",
  "\u2060",
  "\u202e",
  "\ufeff",
  "\u2800",
  '","',
  "), (",
];

/** Where a number stands in a text; `#` is its place. */
const POSITIONS = [
  "#",
  "Paid with # yesterday",
  "(#)",
  "pan=#;",
  '"#"',
  "Order 2, # , 3 pieces",
  "20261122 #",
  "# 12/34 123",
  "card#",
  "order-#",
  "id_#",
  "<b>#</b>",
];

/** The ways of splitting a number into the printed groups and others. */
function sizesOf(way: string, length: number, groups: readonly number[]): readonly number[] {
  switch (way) {
    case "whole":
      return [length];
    case "printed":
      return groups;
    case "issuer and rest":
      return length > 14 ? [6, length - 6] : [4, length - 4];
    case "halves":
      return [8, length - 8];
    default:
      return every(length, Number(way));
  }
}
const WAYS = ["printed", "halves", "issuer and rest", "1", "2", "3", "4", "5"];

const SPLIT_NAMES: readonly (readonly string[])[] = [
  ["card_1", "card_2", "card_3", "card_4", "card_5"],
  ["a", "b", "c", "d", "e"],
  ["part1", "part2", "part3", "part4", "part5"],
  ["first", "second", "third", "fourth", "fifth"],
  ["cardFirst", "cardLast", "x", "y", "z"],
  ["memo", "remark", "info", "extra", "note"],
];

const SPLIT_TEXTS: readonly ((pieces: readonly string[]) => string)[] = [
  (pieces) => pieces.map((piece) => `"${piece}"`).join(" / "),
  (pieces) => pieces.map((piece, i) => `part ${"abcde"[i]}: ${piece}`).join(", "),
  (pieces) => `first ${pieces[0]} and then ${pieces.slice(1).join(" then ")}`,
  (pieces) => JSON.stringify({ first: pieces[0], rest: pieces.slice(1).join(" ") }),
  (pieces) => pieces.join("\n"),
];

const twice = (text: string): string => encodeURIComponent(encodeURIComponent(text));
const ENCODINGS: readonly (readonly [string, (digits: string) => string])[] = [
  ["percent-encoded", (d) => d.replace(/./gs, (c) => `%${c.charCodeAt(0).toString(16)}`)],
  ["percent-encoded twice", (d) => d.replace(/./gs, (c) => `%25${c.charCodeAt(0).toString(16)}`)],
  ["percent-encoded separators, twice", (d) => twice(cut(d, every(d.length, 4)).join(" "))],
  [
    "percent-encoded fullwidth",
    (d) => twice(d.replace(/./g, (c) => String.fromCodePoint(0xff10 + Number(c)))),
  ],
  ["base64", (d) => btoa(d)],
  ["hex", (d) => d.replace(/./g, "3$&")],
];

/** Every brand × script × separator × position, then ways of grouping, splits and encodings. */
export function* positives(dice: Dice): Generator<Sample> {
  for (const brand of BRANDS.keys()) {
    const name = BRANDS[brand]?.[0] ?? "";
    for (const [script, write] of SCRIPTS) {
      for (const position of POSITIONS) {
        const place = (text: string) => position.replace("#", () => write(text));
        yield alone(`${name}, whole`, place(panOf(dice, brand).digits));
        for (const separator of SEPARATORS) {
          const pan = panOf(dice, brand);
          const text = cut(pan.digits, pan.groups).join(separator);
          yield alone(`in ${script} digits`, place(text));
        }
      }
    }
    for (const way of WAYS) {
      for (const separator of [" ", "-", ".", "/", "_", ",", "\n", "\u200b"]) {
        for (const position of ["#", "Paid with # yesterday", "Order 2, # , 3 pieces"]) {
          const { digits, groups } = panOf(dice, brand);
          const text = cut(digits, sizesOf(way, digits.length, groups)).join(separator);
          yield alone(
            `grouped: ${way}`,
            position.replace("#", () => text),
          );
        }
      }
    }
    for (let round = 0; round < 20; round++) {
      for (const write of SPLIT_TEXTS) {
        const { digits, groups } = panOf(dice, brand);
        const way = dice.of(["printed", "halves"]);
        yield alone("split within a text", write(cut(digits, sizesOf(way, digits.length, groups))));
      }
      for (const names of SPLIT_NAMES) {
        const { digits, groups } = panOf(dice, brand);
        const way = dice.of(["printed", "halves", "issuer and rest"]);
        const pieces = cut(digits, sizesOf(way, digits.length, groups));
        const pairs = pieces.map((piece, i) => [`metadata.${names[i]}`, piece] as const);
        // Other fields between the pieces do not part them.
        const between = [
          ["metadata.colour", "green"] as const,
          ["metadata.order_id", "1234"] as const,
        ];
        yield {
          kind: "split over fields",
          fields: Object.fromEntries(
            round % 2 === 0 ? pairs : [...pairs.slice(0, 1), ...between, ...pairs.slice(1)],
          ),
        };
      }
      for (const [encoding, encode] of ENCODINGS) {
        yield alone(encoding, encode(panOf(dice, brand).digits));
      }
    }
  }
}
