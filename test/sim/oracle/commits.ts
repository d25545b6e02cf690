// What the oracle holds a committed batch to: who may claim a key or open something, and that the journal
// follows and tells of the same as the rows.

import { openedCharge } from "../../../protocol/charge.ts";
import type { Command, OpenOperation, Verdict } from "../../../protocol/command.ts";
import type { OperationFacts } from "../../../protocol/facts.ts";
import type { Failure } from "../../../protocol/failure.ts";
import type { ChargeId } from "../../../protocol/ids.ts";
import { type JournalEntry, project } from "../../../protocol/projection.ts";
import type { Result } from "../../../protocol/result.ts";
import type { Account } from "../specification/ledger.ts";
import { fail, invariantOf } from "./invariants.ts";
import { render } from "./rendering.ts";
import { type Claimed, type Keyed, nameOf, type Seen, type Watched, watchAccount } from "./seen.ts";
import { conclude } from "./verdicts.ts";

const KEY_FREE = new Set<Failure["kind"]>([
  "account_unknown",
  "idempotency_mismatch",
  "object_locked",
  "internal",
]);

export function committed(
  seen: Seen,
  { epoch, commands }: { readonly epoch: number; readonly commands: readonly Command[] },
  applied: Result<readonly Verdict[], string>,
): void {
  const ledger = seen.ledger;
  if (ledger === undefined) throw new Error("the oracle watches a ledger");
  if (applied.ok) {
    if (epoch !== ledger.epoch) fail("fence", `a batch of epoch ${epoch} was committed`);
    // All of them before the journal is followed, so that its entries meet what was asked.
    for (let i = 0; i < commands.length; i++) {
      note(seen, commands[i] as Command, applied.value[i]);
    }
  }
  for (const account of ledger.accounts.values()) follow(seen, account);
  if (!applied.ok) return;
  for (let i = 0; i < commands.length; i++) {
    conclude(seen, commands[i] as Command, applied.value[i] as Verdict);
  }
}

/** Takes note of what was opened, and of the key that did it. */
function note(seen: Seen, command: Command, verdict: Verdict | undefined): void {
  if (verdict === undefined) {
    fail("I2", `the ledger has no word on ${command.kind}`);
    return;
  }
  if (command.kind === "create_account") {
    for (const livemode of [false, true])
      watchAccount(seen, { account: command.id, livemode }, command.terms);
    return;
  }
  const watched = seen.accounts.get(nameOf(command));
  if (watched === undefined) return;
  if (verdict.outcome === "refused" && verdict.failure.kind === "internal") {
    fail("bug", `${command.kind} of ${command.id}, which was never opened`);
  }
  if (!("key" in command)) return;
  const claims =
    verdict.outcome === "refused"
      ? !KEY_FREE.has(verdict.failure.kind)
      : verdict.outcome !== "known";
  if (!claims) {
    if (verdict.outcome === "known") checkKnown(watched, command);
    return;
  }
  if (watched.claims.has(command.key)) fail("I1", `${command.key} is claimed a second time`);
  const claimed: Claimed = { command, end: undefined, seq: verdict.seq, erased: undefined };
  watched.claims.set(command.key, claimed);
  if (verdict.outcome === "refused") {
    claimed.end = render({ ok: false, failure: verdict.failure }, watched.scope);
  } else if (command.kind === "open_charge" && verdict.outcome === "charge_opened") {
    const { customer } = command;
    if (customer !== undefined && watched.projection.customers.get(customer) !== false) {
      fail("I19", `${command.id} is paid by a customer who is deleted`);
    }
    const facts = openedCharge(command, verdict.paid_with);
    watched.charges.set(command.id, [{ seq: verdict.seq, facts }]);
    seen.owners.set(command.id, watched);
  } else if (command.kind === "open_operation" && verdict.outcome === "operation_opened") {
    checkPlan(watched, command, verdict.facts);
    watched.operations.set(command.id, { command, facts: verdict.facts });
    seen.owners.set(command.id, watched);
  }
}

function checkKnown(watched: Watched, command: Keyed): void {
  const first = watched.claims.get(command.key)?.command;
  if (first?.mac !== command.mac || first.operation !== command.operation) {
    fail("I6", `${command.key} is known to a request that did not use it`);
  }
}

function checkPlan(watched: Watched, command: OpenOperation, facts: OperationFacts): void {
  const charge = watched.projection.charges.get(command.charge);
  const intent = watched.charges.get(command.charge)?.[0]?.facts;
  if (charge === undefined || intent === undefined) {
    fail("I17", `${command.id} is of a charge that this account does not have`);
    return;
  }
  const left = charge.captured - charge.refunded - charge.refunding;
  const held = intent.amount + charge.raised;
  if (command.increments === true) {
    const more = (command.amount ?? 0) - held;
    if (facts.operation !== "increment" || facts.amount !== more || more <= 0) {
      fail("I11", `${command.id} was opened as ${facts.operation} of ${facts.amount}`);
    }
    return;
  }
  const wanted = command.capture || charge.state === "authorized" ? held : left;
  const ofKind = command.capture ? "capture" : charge.state === "authorized" ? "release" : "refund";
  if (facts.operation !== ofKind || facts.amount !== (command.amount ?? wanted)) {
    fail("I11", `${command.id} was opened as ${facts.operation} of ${facts.amount}`);
  }
}

/** Takes in what the journal gained, and compares all it tells of with the ledger's rows. */
function follow(seen: Seen, account: Account): void {
  const watched = seen.accounts.get(nameOf(account.scope));
  if (watched === undefined) return;
  const { journal, projection } = watched;
  if (account.journal.length === journal.length) {
    if (account.seq !== journal.length) fail("I13", "a number was given to no entry");
    return;
  }
  const touched = new Set<string>();
  for (let i = journal.length; i < account.journal.length; i++) {
    const entry = account.journal[i] as JournalEntry;
    if (entry.seq !== i + 1) fail("I13", `entry ${entry.seq} is in place ${i + 1}`);
    const taken = project(projection, entry, watched.intents);
    if (!taken.ok) fail(invariantOf(taken.failure), `entry ${entry.seq}: ${taken.failure}`);
    journal.push(JSON.stringify(entry));
    touched.add(entry.subject);
  }
  for (const subject of touched) compare(account, watched, subject);
  if (account.seq !== journal.length) fail("I13", "a number was given to no entry");
}

function compare(account: Account, watched: Watched, subject: string): void {
  const operation = watched.operations.get(subject)?.command;
  const chargeId = operation?.charge ?? subject;
  const charge = watched.projection.charges.get(chargeId);
  const row = account.authorizations.get(chargeId as ChargeId);
  if (charge !== undefined) {
    const said = row === undefined ? "opened 0 0 0 0 null" : rowText(row);
    const { state, raised, captured, refunded, refunding, balanceSeq } = charge;
    const told = `${state} ${raised} ${captured} ${refunded} ${refunding} ${balanceSeq}`;
    if (said !== told) fail("I15", `${chargeId} is ${said} and its journal says ${told}`);
    if (refunded + refunding > Math.max(captured, state === "released" ? refunded : 0)) {
      fail("I11", `${chargeId} has refunds of ${refunded} + ${refunding} of ${captured}`);
    }
  }
  const kept = account.operations.get(subject);
  const told = watched.projection.operations.get(subject);
  if (kept?.state !== told?.state) {
    fail("I15", `${subject} is ${kept?.state} and its journal says ${told?.state}`);
  }
}

const rowText = (row: {
  state: string;
  raised: number;
  amount_captured: number;
  amount_refunded: number;
  amount_refunding: number;
  balance_seq: number | null;
}): string =>
  `${row.state} ${row.raised} ${row.amount_captured} ${row.amount_refunded} ${row.amount_refunding} ${row.balance_seq}`;
