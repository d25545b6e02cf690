// Finishes what a crash left between its two phases. The alarm looks as long as there is doubt: since
// this instance woke, since an answer of the ledger was lost, since something could not be finished.

import type { Unfinished } from "../protocol/command.ts";
import type { Result } from "../protocol/result.ts";
import { drive } from "./drive.ts";
import type { Action, SendFailure } from "./machine.ts";
import { accountOf, arm, doubt, nameOf, type Recovery, type ShardState } from "./shard-state.ts";

/** How far back recovery looks beyond what is known: late commits, and clocks of two instances. */
const CLOCK_SLACK_MS = 600_000;
/** Charges taken up by one recovery (the page of `unfinished`), and how many of them at once. */
const RECOVERED_MAX = 500;
const RECOVERED_AT_ONCE = 32;

/** Looks for what was left open, then rests until there is work again. */
export function alarm(state: ShardState, out: Action[]): void {
  state.wakeMs = undefined;
  const { nowMs } = state.clock;
  // Not the first of the map: a clock that stepped back makes a later one the oldest.
  let oldestMs = nowMs;
  for (const sinceMs of state.inFlight.values()) oldestMs = Math.min(oldestMs, sinceMs);
  const cleanSinceMs = oldestMs - CLOCK_SLACK_MS;
  // Before all else, so that a crash in the middle of a recovery is followed by another one.
  if (state.doubtful || state.recovery !== undefined || state.inFlight.size > 0) arm(state, out);
  if (state.recovery !== undefined) return;
  if (!state.doubtful) {
    remember(state, cleanSinceMs, out);
    return;
  }
  const find = ++state.lastNumber;
  state.recovery = { find, cleanSinceMs, found: undefined, taken: 0, driving: 0 };
  // What a clock that ran ahead once wrote down is not believed.
  const sinceMs = Math.max(0, Math.min(state.cleanSinceMs, nowMs - CLOCK_SLACK_MS));
  out.push({ kind: "find", find, sinceMs });
}

/** The ledger told what is unfinished. */
export function found(
  state: ShardState,
  find: number,
  answer: Result<readonly Unfinished[], SendFailure>,
): void {
  const { recovery } = state;
  if (recovery?.find !== find || recovery.found !== undefined) return;
  if (!answer.ok) {
    state.recovery = undefined;
    return;
  }
  state.doubtful = false;
  if (state.lateSearches > 0) state.lateSearches--;
  // Whoever was replaced has been gone for longer than that.
  if (state.lateSearches === 0) state.isHeir = false;
  recovery.found = answer.value;
}

/** Takes up more of what was found, as others come to their end. */
export function advance(state: ShardState, recovery: Recovery, out: Action[]): void {
  if (recovery.found === undefined) return;
  while (recovery.driving < RECOVERED_AT_ONCE && recovery.taken < recovery.found.length) {
    takeUp(state, recovery, recovery.found[recovery.taken++] as Unfinished, out);
  }
  if (recovery.driving > 0) return;
  state.recovery = undefined;
  const all = recovery.found.length < RECOVERED_MAX;
  if (!all || state.lateSearches > 0) doubt(state, out);
  else if (!state.doubtful) remember(state, recovery.cleanSinceMs, out);
}

function takeUp(state: ShardState, recovery: Recovery, left: Unfinished, out: Action[]): void {
  try {
    const { account, livemode, facts } = left;
    const scope = { account, livemode };
    const driven = drive(state, scope, accountOf(state, nameOf(scope)), facts);
    if (driven.recovering) return;
    driven.recovering = true;
    recovery.driving++;
  } catch (error) {
    out.push({ kind: "bug", error });
    doubt(state, out);
  }
}

function remember(state: ShardState, cleanSinceMs: number, out: Action[]): void {
  state.cleanSinceMs = cleanSinceMs;
  out.push({ kind: "remember", cleanSinceMs });
}
