// The figures to reach: each one number of a run, with its spread, beside its goal. A run that did not
// measure one says nothing of it.

import { LISTS, type List } from "./pages.ts";
import { CROWD_IN_FLIGHT } from "./row.ts";
import type { Run } from "./run.ts";
import { type Spread, spreadOf } from "./statistics.ts";

export type Goal = { readonly bound: "least" | "most"; readonly value: number };

export type Figure = {
  readonly text: string;
  /** Absent for what is told beside a figure that has one. */
  readonly goal: Goal | undefined;
  readonly spread: Spread;
  readonly digits: number;
  /** Arguments that measure it again. */
  readonly again: string;
};

type Told = Pick<Run, "growth">;
const NO_RUN: Told = {};

type Definition = Omit<Figure, "spread" | "text"> & {
  readonly text: string | ((run: Told) => string);
  readonly of: (run: Run) => number | Spread | undefined;
};

const least = (value: number): Goal => ({ bound: "least", value });
const most = (value: number): Goal => ({ bound: "most", value });

/** A row's rate at a level over another's. */
const ratio =
  (row: string, inFlight: number, over: string) =>
  (run: Run): Spread | undefined =>
    run.summaries.find((one) => one.row === row && one.inFlight === inFlight)?.over[over];

const pageOf = ({ growth }: Told, list: List) => growth?.pages.find((one) => one.list === list);

const count = (n: number | undefined): string => n?.toLocaleString("en") ?? "many";

/** Digits after the point: what two runs would agree on. */
const RATIO = 2;

const DEFINITIONS: readonly Definition[] = [
  {
    text: "whole charge through the shard, bank in process at 0 ms ÷ empty Durable Object call, 256 in flight",
    goal: least(0.5),
    digits: RATIO,
    again: "--only inside.charge",
    of: ratio("inside.charge", 256, "inside.empty"),
  },
  {
    text: "the same while the other region's copy, deployed on another machine, rests",
    goal: least(0.5),
    digits: RATIO,
    again: "--only inside.alone",
    of: ratio("inside.alone", 256, "inside.empty"),
  },
  {
    text: "hot merchant, 20 in flight: whole charge, both phases ÷ pgledger transfer",
    goal: least(20),
    digits: 1,
    again: "--only ledger.charge --peer DIR",
    of: ratio("ledger.charge", 20, "peer.transfer@20"),
  },
  {
    text: "the same, one close (posting, balances, event) ÷ pgledger transfer",
    goal: undefined,
    digits: 1,
    again: "--only ledger.close --peer DIR",
    of: ratio("ledger.close", 20, "peer.transfer@20"),
  },
  {
    text: "hot merchant ÷ 1,000 merchants of as many shards, 256 in flight, inside workerd",
    goal: least(0.9),
    digits: RATIO,
    again: "--only inside.hot",
    of: ratio("inside.hot", CROWD_IN_FLIGHT, "inside.crowd"),
  },
  {
    text: "hot merchant ÷ 1,000 merchants of one shard, 256 in flight, inside workerd",
    goal: least(0.9),
    digits: RATIO,
    again: "--only inside.hot",
    of: ratio("inside.hot", CROWD_IN_FLIGHT, "inside.house"),
  },
  {
    text: "hot merchant ÷ 1,000 merchants, 256 in flight, through HTTP",
    goal: least(0.9),
    digits: RATIO,
    again: "--only http.hot",
    of: ratio("http.hot", CROWD_IN_FLIGHT, "http.crowd"),
  },
  {
    text: "hot merchant ÷ 1,000 merchants, 256 in flight, at the ledger",
    goal: least(0.9),
    digits: RATIO,
    again: "--only ledger.charge",
    of: ratio("ledger.charge", 256, "ledger.crowd"),
  },
  {
    text: "fsync per charge at batch 100, both phases",
    goal: most(0.025),
    digits: 4,
    again: "--only batch",
    of: ({ batch }) => batch && batch.fsyncs / batch.charges,
  },
  {
    text: "WAL bytes per charge at batch 100, both phases, events included",
    goal: most(1500),
    digits: 0,
    again: "--only batch",
    of: ({ batch }) => batch && batch.walBytes / batch.charges,
  },
  {
    text: "table and index bytes per charge, both phases",
    goal: undefined,
    digits: 0,
    again: "--only batch",
    of: ({ batch }) => batch && (batch.heap + batch.indexes) / batch.charges,
  },
  {
    text: ({ growth }) => `posting rate at ${count(growth?.longEntries)} entries ÷ at 10,000`,
    goal: least(0.9),
    digits: RATIO,
    again: "--only growth --growth 10000000",
    of: ({ growth }) => growth?.ratio,
  },
  ...LISTS.map(
    (list): Definition => ({
      text: (run) => `page of ${list} at row ${count(pageOf(run, list)?.depth)} ÷ page 1`,
      goal: most(1.3),
      digits: RATIO,
      again: "--only growth --growth 10000000",
      of: (run) => pageOf(run, list)?.ratio,
    }),
  ),
  {
    text: "retry storm, 1,000 identical requests: rows",
    goal: most(1),
    digits: 0,
    again: "--only storm",
    of: ({ storms }) => storms && spreadOf(storms.map(({ rows }) => rows)),
  },
  {
    text: "the same: calls of the ledger, of which opening and closing the one charge are two",
    goal: most(2),
    digits: 0,
    again: "--only storm",
    of: ({ storms }) => storms && spreadOf(storms.map(({ calls }) => calls)),
  },
  {
    text: "replay ÷ empty Durable Object call, 256 in flight",
    goal: least(0.8),
    digits: RATIO,
    again: "--only inside.replay",
    of: ratio("inside.replay", 256, "inside.empty"),
  },
  {
    text: "tokenize, sealed card stored ÷ its cryptography alone, 256 in flight",
    goal: least(0.3),
    digits: RATIO,
    again: "--only inside.tokenize",
    of: ratio("inside.tokenize", 256, "inside.crypto"),
  },
  {
    text: "the same ÷ its cryptography asked for over RPC",
    goal: undefined,
    digits: RATIO,
    again: "--only inside.tokenize",
    of: ratio("inside.tokenize", 256, "inside.crypto-call"),
  },
];

/** A figure that no run has measured yet. */
export type Unmeasured = Omit<Figure, "spread">;

/** All figures, measured or not, in the order in which they are told. */
export function everyFigure(runs: readonly Run[]): readonly (Figure | Unmeasured)[] {
  return DEFINITIONS.map((definition) => {
    const [figure] = found([definition], runs);
    if (figure !== undefined) return figure;
    const { text, goal, digits, again } = definition;
    return { text: typeof text === "string" ? text : text(NO_RUN), goal, digits, again };
  });
}

/** What the runs tell of; of several that measured the same, the first counts. */
export const figuresOf = (runs: readonly Run[]): Figure[] => found(DEFINITIONS, runs);

function found(definitions: readonly Definition[], runs: readonly Run[]): Figure[] {
  return definitions.flatMap(({ of, text, ...figure }) => {
    for (const run of runs) {
      const value = of(run);
      if (value === undefined) continue;
      const told = typeof text === "string" ? text : text(run);
      const spread = typeof value === "number" ? spreadOf([value]) : value;
      return [{ ...figure, text: told, spread }];
    }
    return [];
  });
}

export const isReached = ({ goal, spread }: Figure): boolean =>
  goal === undefined ||
  (goal.bound === "least" ? spread.median >= goal.value : spread.median <= goal.value);

export const goalText = (goal: Goal | undefined): string =>
  goal === undefined ? "" : `${goal.bound === "least" ? "≥" : "≤"} ${goal.value}`;

/** A median, and its spread where there is one. */
export function spreadText({ median, min, max }: Spread, digits: number): string {
  if (min === max) return median.toFixed(digits);
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}
