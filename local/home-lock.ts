// One starter at a time for one home: two would stop each other's databases. The lock is a file
// with the holder's process id; a holder that died without giving it back does not count.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { birthMark, isAlive } from "./process-table.ts";

type Holder = { pid: number; born: string };

/** Returns how to give the lock back. */
export function lockHome(home: string): () => void {
  mkdirSync(home, { recursive: true });
  const path = join(home, "lock");
  const own: Holder = { pid: process.pid, born: birthMark(process.pid) };
  for (;;) {
    try {
      writeFileSync(path, JSON.stringify(own), { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = readHolder(path);
    if (holder !== undefined && isAlive(holder.pid) && birthMark(holder.pid) === holder.born) {
      throw new Error(
        `Tessera already runs in ${home} (process ${holder.pid}): ` +
          "stop it, or give this one a home of its own with TESSERA_HOME.",
      );
    }
    rmSync(path, { force: true });
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}
