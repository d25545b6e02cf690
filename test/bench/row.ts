// What a row of the benchmark is: one kind of work that can be done with any number of requests in
// flight, for a time or for a number of requests. Every ratio is one row over another, within one
// repetition, so that a noisy machine blurs both alike.

import type { Ledger } from "./ledger.ts";
import type { Peer } from "./peer.ts";
import type { System } from "./system.ts";

/** What rows work on; only what the chosen rows need is started. */
export type Bench = {
  readonly system?: System;
  readonly ledger?: Ledger;
  readonly peer?: Peer;
};
export type Need = keyof Bench;

export type Limit =
  | { readonly durationMs: number; readonly requestsMax?: number }
  | { readonly requestsMax: number };

/** The load under which one merchant and many are compared. */
export const CROWD_IN_FLIGHT = 256;

/** That load, or the greatest that was asked for where it was not. */
export const crowdLevels = (asked: readonly number[]): readonly number[] => [
  asked.includes(CROWD_IN_FLIGHT) ? CROWD_IN_FLIGHT : Math.max(...asked),
];

/** What was answered between the first request and the last answer. */
export type Sample = {
  readonly good: number;
  readonly bad: number;
  readonly firstBad?: string;
  readonly elapsedMs: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
};

export type Row = {
  /** `<way in>.<work>`, e.g. `inside.charge`. */
  readonly name: string;
  readonly text: string;
  readonly needs: Need;
  /** Floors need less time than what writes. */
  readonly kind: "floor" | "work";
  /** Numbers in flight at which the row is measured, given those that were asked for. */
  readonly levels: (asked: readonly number[]) => readonly number[];
  /** Names of the rows it is divided by; `name@20` is one at another level. */
  readonly over: readonly string[];
  /**
   * Rows of many merchants wake a thousand shards, and each asks its ledger for two minutes what a crash
   * may have left open: they and what they are compared with are measured after all others.
   */
  readonly phase?: "crowd";
  /** True for the rows whose work in the ledger is counted. */
  readonly counted: boolean;
  readonly measure: (bench: Bench, inFlight: number, limit: Limit) => Promise<Sample>;
};

/** A row that works on one part of the bench. */
export function rowOn<N extends Need>(
  needs: N,
  row: Omit<Row, "needs" | "measure"> & {
    readonly measure: (
      part: NonNullable<Bench[N]>,
      inFlight: number,
      limit: Limit,
    ) => Promise<Sample>;
  },
): Row {
  return {
    ...row,
    needs,
    measure: (bench, inFlight, limit) => {
      const part = bench[needs];
      if (part === undefined) throw new Error(`${row.name} needs a ${needs} that was not started`);
      return row.measure(part, inFlight, limit);
    },
  };
}

/** `row@level` taken apart; the level is the row's own when none is named. */
export function overOf(over: string, inFlight: number): { row: string; inFlight: number } {
  const [row = over, level] = over.split("@");
  return { row, inFlight: level === undefined ? inFlight : Number(level) };
}
