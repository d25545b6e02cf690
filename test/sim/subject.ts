// What is simulated: the shard's real code and the ledger's specification, as modules, so that a mutant
// of them can take their place.

import type * as Machine from "../../durable-objects/machine.ts";
import * as machine from "../../durable-objects/machine.ts";
import type * as Specification from "./specification/ledger.ts";
import * as ledger from "./specification/ledger.ts";

export type Subject = {
  readonly machine: Pick<typeof Machine, "newShard" | "take" | "flush" | "admit">;
  readonly ledger: Pick<
    typeof Specification,
    | "newLedger"
    | "accountOf"
    | "apply"
    | "unfinished"
    | "dropKeys"
    | "chargeFacts"
    | "operationFacts"
  >;
};

export const REAL: Subject = { machine, ledger };
