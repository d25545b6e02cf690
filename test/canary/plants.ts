// Leaks that are made on purpose, to show that the search can fail: a number of this run in every spelling, in a
// file of every place.

import { closeSync, copyFileSync, mkdirSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Matcher } from "./matcher.ts";
import type { Numbers } from "./numbers.ts";
import { type Place, searchFile } from "./places.ts";
import { textSpellings } from "./spellings.ts";

export type Planted = { readonly leaks: number; readonly missed: readonly string[] };

type Leak = { readonly spelling: string; readonly bytes: Buffer };

/** A whole number as each spelling has it, and each number as eight bytes and packed. */
export function leaksOf(pan: string): Leak[] {
  const texts = textSpellings(pan).map(
    ([spelling, text]): Leak => ({
      spelling,
      bytes: Buffer.from(text),
    }),
  );
  const value = BigInt(pan);
  const packed = (nibbles: string) =>
    Buffer.from(nibbles.padEnd(Math.ceil(nibbles.length / 2) * 2, "f"), "hex");
  const swapped = (bytes: Buffer) =>
    Buffer.from(bytes.map((byte) => ((byte & 15) << 4) | (byte >> 4)));
  const eight = (write: (buffer: Buffer) => void): Buffer => {
    const buffer = Buffer.alloc(8);
    write(buffer);
    return buffer;
  };
  const leaks: Leak[] = [
    ...texts,
    { spelling: "packed decimal, even", bytes: packed(pan) },
    { spelling: "packed decimal, odd", bytes: packed(`f${pan}`) },
    { spelling: "packed decimal, even, nibbles swapped", bytes: swapped(packed(pan)) },
    { spelling: "packed decimal, odd, nibbles swapped", bytes: swapped(packed(`f${pan}`)) },
    { spelling: "64-bit integer, big-endian", bytes: eight((b) => b.writeBigInt64BE(value)) },
    { spelling: "64-bit integer, little-endian", bytes: eight((b) => b.writeBigInt64LE(value)) },
  ];
  if (!Number.isSafeInteger(Number(pan))) return leaks;
  return [
    ...leaks,
    { spelling: "double, big-endian", bytes: eight((b) => b.writeDoubleBE(Number(value))) },
    { spelling: "double, little-endian", bytes: eight((b) => b.writeDoubleLE(Number(value))) },
  ];
}

/** Writes each leak over a part of a copy of a small file of each place, and looks for it. */
export function plant(
  places: Iterable<Place>,
  numbers: Numbers,
  matcher: Matcher,
  scratch: string,
): Planted {
  mkdirSync(scratch, { recursive: true });
  const missed: string[] = [];
  let leaks = 0;
  for (const { name, files } of places) {
    const [small] = files
      .map((path) => [statSync(path, { throwIfNoEntry: false })?.size ?? 0, path] as const)
      .sort(([a], [b]) => a - b);
    if (small === undefined) continue;
    const [size, path] = small;
    for (const { spelling, bytes } of leaksOf(numbers.fresh().pan)) {
      const copy = join(scratch, "planted");
      copyFileSync(path, copy);
      const file = openSync(copy, "r+");
      writeSync(file, bytes, 0, bytes.length, Math.floor(size / 2));
      closeSync(file);
      leaks++;
      if (searchFile(copy, matcher).length === 0) missed.push(`${name}: ${spelling}`);
    }
  }
  rmSync(scratch, { recursive: true });
  return { leaks, missed };
}
