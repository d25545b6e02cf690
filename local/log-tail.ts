// Shows what is appended to log files, as long as it is asked to.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const POLL_MS = 250;
/** What is shown at once of a file that grows without measure; the file itself has it all. */
const CHUNK_BYTES_MAX = 64 * 1024;

/** Calls `show` with each new line; blank lines are left out. Returns how to stop it. */
export function followLogs(paths: readonly string[], show: (line: string) => void): () => void {
  const tails = paths.map((path) => ({ path, offset: 0 }));
  const look = () => {
    for (const tail of tails) {
      const { lines, offset } = readFrom(tail.path, tail.offset);
      tail.offset = offset;
      for (const line of lines) if (line.trim() !== "") show(line);
    }
  };
  const timer = setInterval(look, POLL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    look();
  };
}

function readFrom(path: string, offset: number): { lines: string[]; offset: number } {
  const file = openSync(path, "r");
  try {
    const size = fstatSync(file).size;
    const start = size < offset ? 0 : Math.max(offset, size - CHUNK_BYTES_MAX);
    const bytes = Buffer.alloc(size - start);
    const text = bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, start));
    // An unfinished line waits for its end.
    const end = text.lastIndexOf("\n") + 1;
    const shown = Buffer.byteLength(text.slice(0, end));
    return { lines: text.slice(0, end).split("\n"), offset: start + shown };
  } finally {
    closeSync(file);
  }
}
