// Looks for thousands of needles in one pass. A needle of n bytes covers, wherever it begins, one of the grams
// of g bytes that stand at every multiple of n - g + 1; so only those places are looked at, in a bitmap of
// all grams of all needles, and few are looked at twice. Needles are taken in classes by length, since the
// shortest decides how far apart those places may be.

import type { Needle } from "./spellings.ts";

/** Shortest needles of the classes, in bytes; a class ends where the next begins. */
const CLASSES = [4, 6, 10, 16] as const;
const GRAM_BYTES_MAX = 4;
/** Bits of the bitmap for each gram in it: few enough to stay in a core's cache, enough to be mostly empty. */
const BITS_PER_GRAM = 64;

export type Found = { readonly needle: Needle; readonly at: number };

export class Matcher {
  readonly needles: readonly Needle[];
  /** Longest needle, with what is read around it to confirm it, in bytes. */
  readonly reach: number;
  readonly #classes: readonly NeedleClass[];

  constructor(needles: readonly Needle[]) {
    const unique = new Map(needles.map((needle) => [needle.bytes.toString("latin1"), needle]));
    this.needles = [...unique.values()];
    this.reach = Math.max(...this.needles.map(({ bytes }) => bytes.length)) + 32;
    if (this.needles.some(({ bytes }) => bytes.length < CLASSES[0])) {
      throw new Error(`A needle has fewer than ${CLASSES[0]} bytes.`);
    }
    this.#classes = CLASSES.flatMap((min, i) => {
      const below = CLASSES[i + 1] ?? Number.POSITIVE_INFINITY;
      const ours = this.needles.filter(({ bytes }) => bytes.length >= min && bytes.length < below);
      return ours.length === 0 ? [] : [new NeedleClass(ours, min)];
    });
  }

  /** Reports every needle in the data, in no order. */
  search(data: Buffer, report: (found: Found) => void): void {
    for (const one of this.#classes) one.search(data, report);
  }

  isIn(data: Buffer): boolean {
    let found = false;
    this.search(data, () => {
      found = true;
    });
    return found;
  }
}

type Entry = { readonly needle: Needle; readonly offset: number };

class NeedleClass {
  readonly #stride: number;
  readonly #gram: 3 | 4;
  readonly #shift: number;
  readonly #filter: Uint32Array;
  /** Which needles have this gram, and where in them. */
  readonly #entries = new Map<number, Entry[]>();

  constructor(needles: readonly Needle[], bytesMin: number) {
    this.#gram = bytesMin > GRAM_BYTES_MAX ? 4 : 3;
    this.#stride = bytesMin - this.#gram + 1;
    for (const needle of needles) {
      for (let offset = 0; offset < this.#stride; offset++) {
        const gram = gramAt(needle.bytes, offset, this.#gram);
        const entries = this.#entries.get(gram);
        if (entries === undefined) this.#entries.set(gram, [{ needle, offset }]);
        else entries.push({ needle, offset });
      }
    }
    const bits = Math.ceil(Math.log2(this.#entries.size * BITS_PER_GRAM));
    this.#shift = 32 - bits;
    this.#filter = new Uint32Array(2 ** (bits - 5));
    for (const gram of this.#entries.keys()) {
      const slot = Math.imul(gram, GOLDEN) >>> this.#shift;
      this.#filter[slot >>> 5] = (this.#filter[slot >>> 5] ?? 0) | (1 << (slot & 31));
    }
  }

  search(data: Buffer, report: (found: Found) => void): void {
    const stride = this.#stride;
    const filter = this.#filter;
    const shift = this.#shift;
    const mask = this.#gram === 3 ? 0xffffff : -1;
    // Read as four bytes, of which the last may be masked out.
    const last = data.length - 4;
    let at = 0;
    for (; at <= last; at += stride) {
      const gram =
        ((data[at] as number) |
          ((data[at + 1] as number) << 8) |
          ((data[at + 2] as number) << 16) |
          ((data[at + 3] as number) << 24)) &
        mask;
      const slot = Math.imul(gram, GOLDEN) >>> shift;
      if (((filter[slot >>> 5] as number) & (1 << (slot & 31))) !== 0) {
        this.#look(data, at, gram, report);
      }
    }
    if (at <= data.length - this.#gram) this.#look(data, at, gramAt(data, at, this.#gram), report);
  }

  #look(data: Buffer, at: number, gram: number, report: (found: Found) => void): void {
    for (const { needle, offset } of this.#entries.get(gram) ?? []) {
      const start = at - offset;
      if (isAt(data, start, needle.bytes) && (needle.confirm?.(data, start) ?? true)) {
        report({ needle, at: start });
      }
    }
  }
}

function gramAt(data: Buffer, at: number, bytes: 3 | 4): number {
  const three =
    (data[at] as number) | ((data[at + 1] as number) << 8) | ((data[at + 2] as number) << 16);
  return bytes === 3 ? three : three | ((data[at + 3] as number) << 24);
}

/** Fibonacci hashing: 2^32 divided by the golden ratio spreads grams over the upper bits of a product. */
const GOLDEN = 0x9e3779b1;

function isAt(data: Buffer, start: number, bytes: Buffer): boolean {
  if (start < 0 || start + bytes.length > data.length) return false;
  for (let i = 0; i < bytes.length; i++) {
    if (data[start + i] !== bytes[i]) return false;
  }
  return true;
}
