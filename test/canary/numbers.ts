// The canary card numbers and security codes of one run. Every number begins with one of a few heads that
// the seed draws and that stand in no source, so a search for the heads finds all of them, and what follows
// a head tells whether the number was issued. Luhn-valid, in ranges that the test bank knows.

import { passesLuhn } from "../../protocol/luhn.ts";
import { generator } from "../ledger/region.ts";

export type Series = {
  /** What the schemes call it, for reports. */
  readonly name: string;
  readonly head: string;
  readonly length: number;
};

export type Canary = {
  readonly pan: string;
  /** The same with a wrong check digit. */
  readonly wrong: string;
  /** A code of the card's length. */
  readonly cvc: string;
};

/** Digits between head and check digit; Amex has fewer, so that every head has at least ten. */
const COUNTER_DIGITS = 5;
const AMEX_COUNTER_DIGITS = 4;

const KINDS: readonly (readonly [name: string, prefix: string, length: number])[] = [
  ["visa", "4", 16],
  ["mastercard", "53", 16],
  ["amex", "37", 15],
  ["discover", "6011", 16],
  ["visa", "4", 16],
  ["mastercard", "2345", 16],
  ["diners", "36", 16],
  ["jcb", "3530", 16],
  ["amex", "34", 15],
  ["unionpay", "62", 16],
  ["visa of 19 digits", "4", 19],
  ["mastercard", "51", 16],
];
/** In a scheme's range that the test bank has no agreement with: it declines. */
const UNSUPPORTED = ["maestro", "5018", 16] as const;

export class Numbers {
  readonly series: readonly Series[];
  /** Codes that real cards may have: three digits, and four for Amex. */
  readonly codes: { readonly three: readonly string[]; readonly four: readonly string[] };
  /** A code that is too long to be one, and so long enough to be searched for in any spelling. */
  readonly longCode: string;
  readonly #issued: number[];
  readonly #declined: Series;
  #next = 0;

  constructor(seed: number) {
    const random = generator((seed * 31 + 7) | 0);
    const digits = (length: number) =>
      Array.from({ length }, () => Math.floor(random() * 10)).join("");
    const heads = new Set<string>();
    const seriesOf = ([name, prefix, length]: (typeof KINDS)[number]): Series => {
      const tail = 1 + (length === 15 ? AMEX_COUNTER_DIGITS : COUNTER_DIGITS);
      for (;;) {
        const head = prefix + digits(length - tail - prefix.length);
        if (heads.has(head.slice(0, 10))) continue;
        heads.add(head.slice(0, 10));
        return { name, head, length };
      }
    };
    const series = KINDS.map(seriesOf);
    this.#declined = seriesOf(UNSUPPORTED);
    this.series = [...series, this.#declined];
    this.#issued = this.series.map(() => 0);
    // Above any sequence number, below any amount that the driver uses.
    this.codes = {
      three: ["9", "9"].map((head, i) => head + (10 + 40 * i + Math.floor(random() * 40))),
      four: ["9", "9"].map((head, i) => `${head}${i}${digits(2)}`),
    };
    this.longCode = `9${digits(9)}`;
  }

  get issued(): number {
    return this.#issued.reduce((sum, n) => sum + n, 0);
  }

  /** A number that no request of this run has had. */
  fresh(): Canary {
    const last = this.series.length - 1;
    for (let tried = 0; tried < last; tried++) {
      const canary = this.#issue(this.#next++ % last);
      if (canary !== undefined) return canary;
    }
    throw new Error("Every canary number has been used: ask for fewer requests.");
  }

  /** One that the bank declines. */
  declined(): Canary {
    const canary = this.#issue(this.series.indexOf(this.#declined));
    if (canary === undefined) throw new Error("Every canary number to decline has been used.");
    return canary;
  }

  /** Whether these are the digits of a number that was handed out. */
  isIssued(digits: string): boolean {
    const at = this.series.findIndex(
      ({ head, length }) => digits.length === length && digits.startsWith(head),
    );
    const series = this.series[at];
    if (series === undefined || !passesLuhn(digits)) return false;
    return Number(digits.slice(series.head.length, -1)) < (this.#issued[at] ?? 0);
  }

  #issue(at: number): Canary | undefined {
    const series = this.series[at];
    if (series === undefined) return undefined;
    const { head, length } = series;
    const room = length - head.length - 1;
    for (;;) {
      const count = this.#issued[at] ?? 0;
      if (count >= 10 ** room) return undefined;
      this.#issued[at] = count + 1;
      const body = head + String(count).padStart(room, "0");
      const check = [..."0123456789"].find((digit) => passesLuhn(body + digit)) ?? "";
      // Last four digits may be shown, and must not be taken for a code.
      if (this.codes.four.includes((body + check).slice(-4))) continue;
      const codes = length === 15 ? this.codes.four : this.codes.three;
      const cvc = codes[count % codes.length] ?? "";
      return { pan: body + check, wrong: body + ((Number(check) + 1) % 10), cvc };
    }
  }
}
