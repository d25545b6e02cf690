// How long it takes until nothing is left open: every client that waits has its answer, and the ledgers
// hold nothing between its two phases that was there when the last part came back.

import { setTimeout as sleep } from "node:timers/promises";
import { unfinishedIn } from "./books.ts";
import type { Entry } from "./client.ts";

export type Recovery = {
  /** How long after the last restart everything had ended. */
  readonly ms: number;
  /** What had not ended when the patience was over. */
  readonly left: readonly string[];
  /** Keys without an answer, and rows between their phases, at the last restart. */
  readonly open: number;
};

const POLL_MS = 50;
const LEDGER_POLL_MS = 200;

/** Waits for what was open at `sinceMs`, and at most for `patienceMs`. */
export async function untilEnded(
  entries: readonly Entry[],
  ledgers: readonly string[],
  sinceMs: number,
  patienceMs: number,
): Promise<Recovery> {
  const rows = await unfinishedIn(ledgers);
  let waiting = entries.filter(isWaiting);
  const open = waiting.length + rows.size;
  // Each is looked at on its own, so that new work does not count and neither hides the other.
  const answered = (async () => {
    for (;;) {
      waiting = waiting.filter(isWaiting);
      if (waiting.length === 0 || performance.now() - sinceMs > patienceMs) {
        return performance.now() - sinceMs;
      }
      await sleep(POLL_MS);
    }
  })();
  const closed = (async () => {
    for (;;) {
      const now = rows.size === 0 ? rows : await unfinishedIn(ledgers);
      for (const row of rows) if (!now.has(row)) rows.delete(row);
      if (rows.size === 0 || performance.now() - sinceMs > patienceMs) {
        return performance.now() - sinceMs;
      }
      await sleep(LEDGER_POLL_MS);
    }
  })();
  const ms = Math.max(...(await Promise.all([answered, closed])));
  return { ms, open, left: [...waiting.map(({ key }) => key), ...rows] };
}

const isWaiting = ({ told, away }: Entry): boolean => told === undefined && !away;
