// What one run of the benchmark found, as it is written with --json.

import type { Audit } from "./audit.ts";
import type { BatchCost } from "./batch-cost.ts";
import type { Cost } from "./counters.ts";
import type { Growth } from "./growth.ts";
import type { Measured, Summary } from "./statistics.ts";
import type { StormResult } from "./storm.ts";

export type CountedRow = Cost & { readonly row: string; readonly inFlight: number };

export type Machine = {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly postgres: string;
};

export type Run = {
  /** Day of the run, `YYYY-MM-DD`. */
  readonly day: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly repetitions: number;
  /** Whether a peer was given. */
  readonly peer: boolean;
  readonly summaries: readonly Summary[];
  readonly counted: readonly CountedRow[];
  readonly measured: readonly Measured[];
  readonly batch?: BatchCost;
  readonly storms?: readonly StormResult[];
  readonly growth?: Growth;
  /** Each ledger that was charged, beside what was answered. */
  readonly audits: readonly (Audit & { readonly ledger: string })[];
  /** Everything that was not as it must be. */
  readonly faults: readonly string[];
};
