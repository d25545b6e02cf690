// The memory of a process and of all it has started: Linux shows it to root as a file (proc(5)).

import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import type { Matcher } from "./matcher.ts";
import { searchBytes } from "./places.ts";

export type MemorySearch = {
  readonly processes: number;
  readonly bytes: number;
  /** Spellings that were found, and how many places each. */
  readonly spellings: ReadonlyMap<string, number>;
};

/** Programs of the family whose memory is read. */
const PROGRAM = "workerd";

/** Searches every workerd among the descendants of a process; or says why that cannot be done. */
export function searchMemory(ancestor: number, matcher: Matcher): MemorySearch | string {
  if (process.platform !== "linux") return "only Linux shows a process's memory as a file";
  const pids = descendantsOf(ancestor).filter((pid) => nameOf(pid).startsWith(PROGRAM));
  if (pids.length === 0) return `no ${PROGRAM} runs below process ${ancestor}`;
  const spellings = new Map<string, number>();
  let bytes = 0;
  try {
    for (const pid of pids) {
      for (const { spelling } of searchProcess(pid, matcher, (read) => {
        bytes += read;
      })) {
        spellings.set(spelling, (spellings.get(spelling) ?? 0) + 1);
      }
    }
  } catch (error) {
    return `the memory cannot be read: ${(error as NodeJS.ErrnoException).code}`;
  }
  return { processes: pids.length, bytes, spellings };
}

function searchProcess(pid: number, matcher: Matcher, tick: (bytes: number) => void) {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    return regionsOf(pid).flatMap(([from, to]) =>
      searchBytes((buffer, at) => readPart(memory, buffer, from + at, to), matcher, tick, "places"),
    );
  } finally {
    closeSync(memory);
  }
}

/** What the process may write to: its code cannot hold a card. */
function regionsOf(pid: number): (readonly [from: number, to: number])[] {
  const lines = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
  return lines.flatMap((line) => {
    const [, from = "", to = "", rights = ""] = /^([0-9a-f]+)-([0-9a-f]+) (\S{4})/.exec(line) ?? [];
    const isData = rights.startsWith("rw") && !line.includes("[v");
    return isData ? [[Number.parseInt(from, 16), Number.parseInt(to, 16)] as const] : [];
  });
}

function readPart(memory: number, buffer: Buffer, from: number, to: number): number {
  const wanted = Math.min(buffer.length, Math.max(0, to - from));
  let length = 0;
  while (length < wanted) {
    try {
      const read = readSync(memory, buffer, length, wanted - length, from + length);
      if (read === 0) break;
      length += read;
    } catch (error) {
      // A region may be given back between the list and the look.
      if ((error as NodeJS.ErrnoException).code === "EIO") break;
      throw error;
    }
  }
  return length;
}

function descendantsOf(ancestor: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const parent = Number(statOf(Number(entry)).split(") ").at(-1)?.split(" ")[1]);
    parents.set(Number(entry), parent);
  }
  const isOurs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
      if (at === ancestor) return true;
    }
    return false;
  };
  return [...parents.keys()].filter(isOurs);
}

const nameOf = (pid: number): string => /\((.*)\)/.exec(statOf(pid))?.[1] ?? "";

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return "";
  }
}
