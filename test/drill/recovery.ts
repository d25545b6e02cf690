// How long it takes until nothing is left open: every client that waits has its answer, and the ledgers
// hold nothing between its two phases that was there when the last part came back.

import { setTimeout as sleep } from "node:timers/promises";
import { unfinishedIn } from "./books.ts";
import type { Entry } from "./client.ts";

export type Recovery = {
  /** How long after the last restart everything had ended. */
  readonly ms: number;
  /** Keys without an answer, and rows between their phases, at the last restart. */
  readonly open: number;
  /** Those of them that had not ended when they should have. */
  readonly late: readonly string[];
};

/** What is late is waited for, so that the next storm does not hide it. */
const LATE_MS_MAX = 60_000;
const POLL_MS = 50;
const LEDGER_POLL_MS = 200;

/** Waits for everything that is open now; the clock runs since `sinceMs`, what exceeds `boundMs` is late. */
export async function untilEnded(
  entries: readonly Entry[],
  ledgers: readonly string[],
  sinceMs: number,
  boundMs: number,
): Promise<Recovery> {
  const rows = await unfinishedIn(ledgers);
  const waiting = new Set(entries.filter(isWaiting));
  const open = waiting.size + rows.size;
  const late = new Set<string>();
  // New work does not count, and neither of the two hides the other.
  const [answered, closed] = await Promise.all([
    until(sinceMs, POLL_MS, async () => {
      for (const entry of waiting) if (!isWaiting(entry)) waiting.delete(entry);
      return [...waiting].map(({ key, last }) => `${key} (${last})`);
    }),
    until(sinceMs, LEDGER_POLL_MS, async () => {
      if (rows.size === 0) return [];
      const now = await unfinishedIn(ledgers);
      for (const row of rows) if (!now.has(row)) rows.delete(row);
      return [...rows];
    }),
  ]);
  return { ms: Math.max(answered, closed), open, late: [...late] };

  /** When `left` was empty at last; what it held at the bound is late. */
  async function until(
    fromMs: number,
    pollMs: number,
    left: () => Promise<string[]>,
  ): Promise<number> {
    for (;;) {
      const names = await left();
      const ms = performance.now() - fromMs;
      if (names.length === 0 || ms > LATE_MS_MAX) return ms;
      if (ms > boundMs) for (const name of names) late.add(name);
      await sleep(pollMs);
    }
  }
}

const isWaiting = ({ told, away }: Entry): boolean => told === undefined && !away;
