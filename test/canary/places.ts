// Everything a run has written, place by place, and the search of all of it. Files are read whole, in pieces
// that overlap by more than the longest needle.

import { closeSync, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Matcher } from "./matcher.ts";

export type Finding = { readonly place: string; readonly where: string; readonly spelling: string };

export type Place = {
  readonly name: string;
  /** Its files, or pieces of another kind such as rows. */
  readonly files: string[];
  bytes: number;
};

/** The first that fits a path tells the place. Names of databases and objects are told apart by folder. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/\/postgres\/(us|eu)\/pg_wal\//, "PostgreSQL $1: WAL"],
  [/\/postgres\/(us|eu)\/(?:base|global)\//, "PostgreSQL $1: tables and indexes"],
  [/\/postgres\/(us|eu)\//, "PostgreSQL $1: rest of its directory"],
  [/\/postgres\/(us|eu)\.log(?:\.1)?$/, "PostgreSQL $1: log"],
  [/Bank\/[^/]*$/, "the bank's book"],
  [/CardBox\/[^/]*\.sqlite$/, "card boxes: SQLite files"],
  [/CardBox\/[^/]*$/, "card boxes: their WAL"],
  [/\.sqlite$/, "Durable Objects: SQLite files"],
  [/\.sqlite-(?:wal|shm|journal)$/, "Durable Objects: their WAL"],
  [/\/answers$/, "answers to the caller"],
  [/wrangler[^/]*\.log$|\/wrangler\//, "logs of wrangler"],
  [/\.log(?:\.1)?$/, "output of the processes"],
  [/\/bundles\/|\.vars$|\.json$|\/\.wrangler\//, "code and settings"],
  [/\/(?:tmp|xdg)\//, "temporary files"],
];
const OTHER = "other files of the home";

const PIECE_BYTES = 8 * 1024 * 1024;
/** Of a file the first place of each spelling is told, or every place. */
export type Extent = "spellings" | "places";

export function placeOf(path: string): string {
  for (const [pattern, name] of PLACES) {
    const match = pattern.exec(path);
    if (match !== null) return name.replace("$1", match[1] ?? "");
  }
  return OTHER;
}

/** All files below these folders, by place. Links are not followed: what they lead to is named itself. */
export function placesBelow(folders: readonly string[]): Map<string, Place> {
  const places = new Map<string, Place>();
  const visit = (path: string): void => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      for (const name of readdirSync(path).sort()) visit(join(path, name));
    } else if (stat?.isFile()) {
      const name = placeOf(path);
      const place = places.get(name) ?? { name, files: [], bytes: 0 };
      places.set(name, place);
      place.files.push(path);
      place.bytes += stat.size;
    }
  };
  for (const folder of folders) visit(folder);
  return places;
}

export function searchPlaces(
  places: Iterable<Place>,
  matcher: Matcher,
  tick: (bytes: number) => void = () => {},
): Finding[] {
  const findings: Finding[] = [];
  for (const place of places) {
    for (const file of place.files) {
      for (const { at, spelling } of searchFile(file, matcher, tick)) {
        findings.push({ place: place.name, where: `${file} at ${at}`, spelling });
      }
    }
  }
  return findings;
}

export type Hit = { readonly at: number; readonly spelling: string };

/** The needles in a file; a file that is gone has none. */
export function searchFile(
  path: string,
  matcher: Matcher,
  tick: (bytes: number) => void = () => {},
  extent: Extent = "spellings",
): Hit[] {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  try {
    return searchBytes((buffer, at) => readFully(file, buffer, at), matcher, tick, extent);
  } finally {
    closeSync(file);
  }
}

/** Searches what `read` gives, piece after piece, until it gives less than was asked for. */
export function searchBytes(
  read: (buffer: Buffer, at: number) => number,
  matcher: Matcher,
  tick: (bytes: number) => void,
  extent: Extent = "spellings",
): Hit[] {
  const { reach } = matcher;
  const buffer = Buffer.allocUnsafe(PIECE_BYTES + 2 * reach);
  const hits = new Map<number | string, Hit>();
  for (let at = 0; ; at += PIECE_BYTES) {
    const length = read(buffer, at);
    matcher.search(buffer.subarray(0, length), ({ needle, at: inPiece }) => {
      const { spelling } = needle;
      const hit = { at: at + inPiece, spelling };
      const name = extent === "places" ? hit.at : spelling;
      if (!hits.has(name)) hits.set(name, hit);
    });
    tick(Math.min(length, PIECE_BYTES));
    if (length < buffer.length) return [...hits.values()];
  }
}

function readFully(file: number, buffer: Buffer, at: number): number {
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(file, buffer, length, buffer.length - length, at + length);
    if (read === 0) break;
    length += read;
  }
  return length;
}
