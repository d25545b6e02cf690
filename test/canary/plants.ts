// Leaks that are made on purpose, to show that the search can fail: a number of this run in every spelling, in a
// file of every place.

import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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

/** What stands between two leaks, taken from the file itself. */
const SPACER_BYTES = 300;

/** Writes every leak into a copy of a small file of each place, and looks for each. */
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
    const content = smallestOf(files);
    if (content === undefined) continue;
    const copy = join(scratch, "planted");
    const planted = leaksOf(numbers.fresh().pan);
    const ends = write(copy, content, planted);
    const hits = searchFile(copy, matcher, () => {}, "places");
    for (const [i, { spelling, bytes }] of planted.entries()) {
      leaks++;
      const end = ends[i] ?? 0;
      const found = hits.some(({ at }) => at >= end - bytes.length && at < end);
      if (!found) missed.push(`${name}: ${spelling}`);
    }
  }
  rmSync(scratch, { recursive: true });
  return { leaks, missed };
}

/** What the smallest file holds that is still there: others of a checkout come and go while it is searched. */
function smallestOf(files: readonly string[]): Buffer | undefined {
  const sizes = files.flatMap((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? [] : [[stat.size, path] as const];
  });
  for (const [, path] of sizes.sort(([a], [b]) => a - b)) {
    try {
      return readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return undefined;
}

/** Where each leak ends. */
function write(path: string, content: Buffer, leaks: readonly Leak[]): number[] {
  const parts: Buffer[] = [content];
  const ends: number[] = [];
  let at = content.length;
  for (const { bytes } of leaks) {
    const spacer = content.subarray(0, SPACER_BYTES);
    parts.push(bytes, spacer);
    ends.push(at + bytes.length);
    at += bytes.length + spacer.length;
  }
  writeFileSync(path, Buffer.concat(parts));
  return ends;
}
