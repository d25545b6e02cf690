// The ledger as a pure function over explicit state: what `apply_batch` and `unfinished` of migrations/
// must do, in another language. The simulator runs on it, and test/ledger/specification.test.ts holds
// the SQL to it, batch by batch. Each kind of command is judged on what stood before its kind, as one SQL
// statement does; a batch that breaks a constraint changes nothing at all.

import type { Command, Unfinished, Verdict } from "../../../protocol/command.ts";
import { uuidOf } from "../../../protocol/ids.ts";
import { ok, type Result, refuse } from "../../../protocol/result.ts";
import type { Ledger } from "./account.ts";
import { closeCharge, openCharge } from "./charges.ts";
import { saveCustomer } from "./customers.ts";
import { openOperationFacts, operationUuid } from "./facts.ts";
import { createAccount } from "./merchants.ts";
import { saveObject } from "./objects.ts";
import { closeOperation, openOperation } from "./operations.ts";
import { Conflict, type Phase } from "./transaction.ts";

export { type Account, accountOf, type Ledger, newLedger } from "./account.ts";
export { chargeFacts, operationFacts } from "./facts.ts";
export { dropKeys } from "./keys.ts";

/** Things one call of `unfinished` tells of. */
const UNFINISHED_MAX = 500;

/** The order in which `apply_batch` takes the kinds. */
const ORDER = [
  "create_account",
  "close_charge",
  "close_operation",
  "save_customer",
  "save_object",
  "open_charge",
  "open_operation",
] as const satisfies readonly Command["kind"][];

/** Applies a batch in one transaction at `nowMs`; verdicts come in the order of the commands. */
export function apply(
  ledger: Ledger,
  batch: { readonly epoch: number | null; readonly commands: readonly Command[] },
  nowMs: number,
): Result<Verdict[], "fenced" | "conflict"> {
  if (batch.epoch !== ledger.epoch) return refuse("fenced");
  const verdicts: Verdict[] = [];
  const undo: (() => void)[] = [];
  try {
    for (const kind of ORDER) {
      const phase: Phase = { ledger, nowMs, writes: [], undo, numbers: new Map() };
      batch.commands.forEach((command, i) => {
        if (command.kind === kind) verdicts[i] = judge(phase, command);
      });
      for (const write of phase.writes) write();
      for (const [account, last] of phase.numbers) {
        const before = account.seq;
        undo.push(() => {
          account.seq = before;
        });
        account.seq = last;
      }
    }
  } catch (error) {
    for (const restore of undo.reverse()) restore();
    if (error instanceof Conflict) return refuse("conflict");
    throw error;
  }
  return ok(verdicts);
}

function judge(phase: Phase, command: Command): Verdict {
  switch (command.kind) {
    case "create_account":
      return createAccount(phase, command);
    case "close_charge":
      return closeCharge(phase, command);
    case "close_operation":
      return closeOperation(phase, command);
    case "save_customer":
      return saveCustomer(phase, command);
    case "open_charge":
      return openCharge(phase, command);
    case "open_operation":
      return openOperation(phase, command);
    case "save_object":
      return saveObject(phase, command);
  }
}

/** What a crash left between its two phases in a slot, oldest first, among ids from `since` on. */
export function unfinished(ledger: Ledger, slot: number, since: string): Unfinished[] {
  const found: { readonly uuid: string; readonly left: Unfinished }[] = [];
  for (const account of ledger.accounts.values()) {
    if (account.slot !== slot) continue;
    for (const [id, { opened }] of account.charges) {
      if (account.authorizations.has(id)) continue;
      found.push({ uuid: uuidOf("ch", id) ?? "", left: { ...account.scope, facts: opened } });
    }
    for (const [id, operation] of account.operations) {
      if (operation.state !== "opened") continue;
      const facts = openOperationFacts(account, operation);
      found.push({ uuid: operationUuid(id), left: { ...account.scope, facts } });
    }
  }
  return found
    .filter(({ uuid }) => uuid >= since)
    .sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
    .slice(0, UNFINISHED_MAX)
    .map(({ left }) => left);
}
