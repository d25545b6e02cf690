// Medians and spread of repetitions, and ratios that are taken within one repetition.

import { overOf, type Row } from "./row.ts";

export type Spread = { readonly median: number; readonly min: number; readonly max: number };

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const lower = sorted[Math.floor(middle)] ?? Number.NaN;
  const upper = sorted[Math.ceil(middle)] ?? Number.NaN;
  return {
    median: (lower + upper) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  };
}

/** What was measured in one repetition of one row. */
export type Measured = {
  readonly row: string;
  readonly inFlight: number;
  readonly repetition: number;
  readonly perSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly good: number;
  readonly bad: number;
  readonly firstBad?: string;
  /** How long the other region's copy took to have what this left behind. */
  readonly copyLagMs: number;
};

export type Summary = {
  readonly row: string;
  readonly inFlight: number;
  readonly perSecond: Spread;
  readonly p50Ms: Spread | null;
  readonly p99Ms: Spread | null;
  readonly copyLagMs: Spread;
  /** This row's rate over another's, by the name it is known under in `Row.over`. */
  readonly over: Readonly<Record<string, Spread>>;
};

export function summarize(
  measured: readonly Measured[],
  rows: readonly Pick<Row, "name" | "over">[],
): Summary[] {
  const levels = [...new Set(measured.map(({ inFlight }) => inFlight))].sort((a, b) => a - b);
  const of = (row: string, inFlight: number) =>
    measured.filter((one) => one.row === row && one.inFlight === inFlight);
  return levels.flatMap((inFlight) =>
    rows.flatMap(({ name, over }) => {
      const own = of(name, inFlight);
      if (own.length === 0) return [];
      const column = (pick: (one: Measured) => number | null): Spread | null => {
        const values = own.map(pick).filter((value) => value !== null);
        return values.length === 0 ? null : spreadOf(values);
      };
      const ratios = over.flatMap((floor) => {
        const base = overOf(floor, inFlight);
        const values = of(base.row, base.inFlight).flatMap((one) => {
          const mine = own.find(({ repetition }) => repetition === one.repetition);
          return mine === undefined ? [] : [mine.perSecond / one.perSecond];
        });
        return values.length === 0 ? [] : [[floor, spreadOf(values)] as const];
      });
      return [
        {
          row: name,
          inFlight,
          perSecond: spreadOf(own.map(({ perSecond }) => perSecond)),
          p50Ms: column(({ p50Ms }) => p50Ms),
          p99Ms: column(({ p99Ms }) => p99Ms),
          copyLagMs: spreadOf(own.map(({ copyLagMs }) => copyLagMs)),
          over: Object.fromEntries(ratios),
        },
      ];
    }),
  );
}
