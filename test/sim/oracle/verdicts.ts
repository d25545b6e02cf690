// What each verdict means, once the journal is in: how charges, operations, objects and customers stand, and
// what their keys must hear from now on.

import { endOfFacts } from "../../../durable-objects/end.ts";
import { closedCharge } from "../../../protocol/charge.ts";
import type {
  CloseCharge,
  CloseOperation,
  Command,
  OpenCharge,
  OpenOperation,
  SaveCustomer,
  SaveObject,
  Verdict,
} from "../../../protocol/command.ts";
import type { ChargeFacts, OperationFacts } from "../../../protocol/facts.ts";
import type { Failure } from "../../../protocol/failure.ts";
import type { End } from "../../../protocol/shard.ts";
import { fail } from "./invariants.ts";
import { render } from "./rendering.ts";
import { keyOf, nameOf, type Seen, type Watched } from "./seen.ts";

/** An intent is charged once: whatever was tried before has failed, and it stands as it was decided on. */
function checkIntent(watched: Watched, { id, intent }: OpenCharge): void {
  if (intent === undefined) return;
  for (const [other, versions] of watched.charges) {
    if (other === id || versions[0]?.facts.intent?.id !== intent.id) continue;
    const state = watched.projection.charges.get(other)?.state;
    if (state !== "failed") fail("I1", `${id} pays what ${other} pays, which is ${state}`);
  }
  const { seq, deleted } = watched.projection.objects.get(intent.id) ?? {};
  if (seq !== intent.seq || deleted === true) {
    fail("I19", `${id} was decided on version ${intent.seq} of ${intent.id}, which is at ${seq}`);
  }
}

/** What each verdict means for the keys, once the journal is in. */
export function conclude(seen: Seen, command: Command, verdict: Verdict): void {
  const watched = seen.accounts.get(nameOf(command));
  if (watched === undefined || command.kind === "create_account") return;
  switch (command.kind) {
    case "close_charge":
      concludeCharge(watched, command, verdict);
      break;
    case "close_operation":
      concludeOperation(seen, watched, command, verdict);
      break;
    case "open_operation":
      checkLocked(watched, command, verdict);
      break;
    case "save_customer":
      concludeCustomer(seen, watched, command, verdict);
      break;
    case "save_object":
      concludeObject(watched, command, verdict);
      break;
    case "open_charge":
      if (verdict.outcome === "charge_opened") checkIntent(watched, command);
      break;
  }
}

/** A change was decided on the version before it, by somebody who knew of every charge. */
function concludeObject(watched: Watched, command: SaveObject, verdict: Verdict): void {
  if (verdict.outcome !== "done") return;
  const claimed = watched.claims.get(command.key);
  if (claimed !== undefined) {
    claimed.end = render({ ok: true, facts: verdict.facts }, watched.scope);
  }
  const versions = watched.objects.get(command.id) ?? [];
  if (!command.made && versions.at(-1) !== command.expects) {
    fail("I19", `${command.id} was changed on version ${command.expects}, at ${versions.at(-1)}`);
  }
  watched.objects.set(command.id, [...versions, verdict.seq]);
  const charges = [...watched.charges.values()].filter(
    ([first]) => first?.facts.intent?.id === command.id && first.seq < verdict.seq,
  );
  if (command.attempts !== undefined && charges.length > command.attempts) {
    fail("I19", `${command.id} was changed by who has not heard of its latest charge`);
  }
}

function concludeCharge(watched: Watched, command: CloseCharge, verdict: Verdict): void {
  if (verdict.outcome !== "charge_closed") return;
  const versions = watched.charges.get(command.id);
  const opened = versions?.[0];
  if (versions?.length !== 1 || opened === undefined) {
    fail("I19", `${command.id} is closed twice`);
    return;
  }
  const facts = closedCharge(opened.facts, command, verdict.seq);
  versions.push({ seq: verdict.seq, facts });
  const claimed = watched.claims.get(keyOf(watched, command.id));
  if (claimed === undefined) return;
  claimed.end = render(endOfFacts(facts), watched.scope);
  claimed.seq = verdict.seq;
}

function concludeOperation(
  seen: Seen,
  watched: Watched,
  command: CloseOperation,
  verdict: Verdict,
): void {
  const operation = watched.operations.get(command.id);
  const told = watched.projection.operations.get(command.id);
  const ref = seen.refs.get(command.id);
  if (verdict.outcome === "done" && command.approved && command.processor_ref !== ref) {
    fail("I3", `${command.id} names ${command.processor_ref}, the processor says ${ref}`);
  }
  if (verdict.outcome === "known" || operation === undefined || told?.seq == null) return;
  const { facts } = operation;
  const claimed = watched.claims.get(operation.command.key);
  if (claimed?.end !== undefined) fail("I19", `${command.id} ends twice`);
  operation.facts = {
    ...facts,
    state: told.state,
    balance_seq: told.balanceSeq,
    authorization: null,
  };
  const charge = newVersion(watched, facts.charge, verdict.seq);
  if (claimed === undefined) return;
  claimed.seq = verdict.seq;
  const ofCharge = facts.operation === "capture" || facts.operation === "increment";
  const ended: End =
    facts.operation !== "refund" && told.state === "failed"
      ? { ok: false, failure: refusalOf(operation.facts, command) }
      : { ok: true, facts: ofCharge ? charge : operation.facts };
  claimed.end = render(ended, watched.scope);
}

function newVersion(watched: Watched, id: string, seq: number): ChargeFacts {
  const versions = watched.charges.get(id);
  const last = versions?.at(-1);
  const told = watched.projection.charges.get(id);
  if (versions === undefined || last === undefined || told === undefined) {
    throw new Error("an operation is of a charge");
  }
  const facts: ChargeFacts = {
    ...last.facts,
    state: told.state,
    amount: (versions[0]?.facts.amount ?? 0) + told.raised,
    amount_captured: told.captured,
    amount_refunded: told.refunded,
    balance_seq: told.balanceSeq,
  };
  versions.push({ seq, facts });
  return facts;
}

function checkLocked(watched: Watched, command: OpenOperation, verdict: Verdict): void {
  if (verdict.outcome === "operation_opened") {
    newVersion(watched, command.charge, verdict.seq);
  }
  if (verdict.outcome !== "refused" || verdict.failure.kind !== "object_locked") return;
  const charge = watched.projection.charges.get(command.charge);
  const isBusy =
    charge !== undefined &&
    (charge.state === "opened" ||
      charge.state === "incrementing" ||
      charge.state === "capturing" ||
      charge.state === "releasing" ||
      charge.refunding > 0);
  if (!isBusy) fail("I7", `${command.charge} is called locked, and nothing is under way`);
}

function concludeCustomer(
  seen: Seen,
  watched: Watched,
  command: SaveCustomer,
  verdict: Verdict,
): void {
  if (verdict.outcome !== "done") return;
  const claimed = watched.claims.get(command.key);
  if (claimed === undefined) return;
  claimed.end = render({ ok: true, facts: verdict.facts }, watched.scope);
  if (!command.removed) return;
  seen.deleted.add(command.id);
  for (const other of watched.claims.values()) {
    if (other.command.kind === "save_customer" && other.command.id === command.id) {
      other.erased = claimed.end;
    }
  }
}

/** What is told of an operation that the processor did not do. */
const refusalOf = ({ operation, charge }: OperationFacts, { decline }: CloseOperation): Failure => {
  if (decline === undefined) return { kind: "processor_refused", operation };
  const { code, decline_code, message, network_code } = decline;
  return {
    kind: "card_declined",
    charge,
    code,
    message,
    ...(decline_code === undefined ? {} : { declineCode: decline_code }),
    ...(network_code === undefined ? {} : { networkDeclineCode: network_code }),
  };
};
