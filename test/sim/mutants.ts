// Planted bugs: small changes to the real sources, each one breaking the protocol, each to be found by the
// simulator within a bounded number of seeds. A simulator that misses one is too weak to be believed.

import { LEDGER_MUTANTS } from "./ledger-mutants.ts";
import { SHARD_MUTANTS } from "./shard-mutants.ts";

export type Mutant = {
  readonly name: string;
  /** Relative to the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Why it is a bug. */
  readonly why: string;
};

export const MUTANTS: readonly Mutant[] = [...SHARD_MUTANTS, ...LEDGER_MUTANTS];
