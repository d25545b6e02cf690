// How a card number may hide in a file: the spellings of a run of digits that are searched for.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export type Needle = { readonly spelling: string; readonly bytes: Buffer };

/** Characters of base64 that depend only on `text`, wherever it starts in a longer text. */
function base64At(text: Buffer, offset: 0 | 1 | 2): string {
  const padded = Buffer.concat([Buffer.alloc(offset), text]);
  const whole = padded.subarray(0, padded.length - (padded.length % 3));
  const skip = [0, 2, 3][offset] ?? 0;
  return whole.toString("base64").slice(skip);
}

const grouped = (digits: string, by: string): string => digits.replace(/(.{4})(?=.)/g, `$1${by}`);

/** All spellings of these digits; they are the head of every canary number, so one search finds all. */
export function needlesOf(digits: string): Needle[] {
  const raw = Buffer.from(digits);
  const texts: [string, Buffer][] = [
    ["raw", raw],
    ["spaced", Buffer.from(grouped(digits, " "))],
    ["dashed", Buffer.from(grouped(digits, "-"))],
    ["form-encoded spaces", Buffer.from(grouped(digits, "+"))],
    ["percent-encoded spaces", Buffer.from(grouped(digits, "%20"))],
    ["reversed", Buffer.from([...digits].reverse().join(""))],
    ["hex", Buffer.from(raw.toString("hex"))],
    ["UTF-16LE", Buffer.from(digits, "utf16le")],
    ["UTF-16BE", Buffer.from(digits, "utf16le").swap16()],
    ["base64, offset 0", Buffer.from(base64At(raw, 0))],
    ["base64, offset 1", Buffer.from(base64At(raw, 1))],
    ["base64, offset 2", Buffer.from(base64At(raw, 2))],
  ];
  return texts.map(([spelling, bytes]) => ({ spelling, bytes }));
}

export type Search = { readonly files: number; readonly bytes: number; readonly hits: string[] };

/** Searches every file below these folders, whole, as bytes. */
export function searchFolders(folders: readonly string[], needles: readonly Needle[]): Search {
  let files = 0;
  let bytes = 0;
  const hits: string[] = [];
  const visit = (path: string): void => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      for (const name of readdirSync(path)) visit(join(path, name));
      return;
    }
    if (!stat.isFile()) return;
    const content = readFileSync(path);
    files++;
    bytes += content.length;
    for (const { spelling, bytes: needle } of needles) {
      if (content.includes(needle)) hits.push(`${path}: ${spelling}`);
    }
  };
  for (const folder of folders) visit(folder);
  return { files, bytes, hits };
}
