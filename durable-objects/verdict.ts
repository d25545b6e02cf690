// What the ledger's verdicts on a batch mean to those who sent its commands.

import { openedCharge } from "../protocol/charge.ts";
import type { Answer, Command, Verdict } from "../protocol/command.ts";
import type { Facts } from "../protocol/facts.ts";
import { isRetryable } from "../protocol/failure.ts";
import { assert, type Result } from "../protocol/result.ts";
import type { End } from "../protocol/shard.ts";
import type { Item } from "./conveyor.ts";
import { breakDrive, closeAnswered, type Drive, drive, follow } from "./drive.ts";
import { endOfFacts, endOfFailure, INTERNAL, refused } from "./end.ts";
import type { Action, SendFailure } from "./machine.ts";
import { answer, breakOff, type Request } from "./request.ts";
import { doubt, expectLate, nameOf, type ShardState } from "./shard-state.ts";

/** A batch was committed, refused whole, or nobody knows. */
export function committed(
  state: ShardState,
  batch: number,
  answered: Result<readonly Verdict[], SendFailure>,
  out: Action[],
): void {
  const items = state.conveyor.arrive(batch, answered.ok ? undefined : answered.failure);
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Item<Request | Drive>;
    // An answer with fewer verdicts than commands says nothing of the others.
    const word = answered.ok ? (answered.value[i] ?? "unreachable") : answered.failure;
    try {
      judge(state, item, word, out);
    } catch (error) {
      if (item.owner.kind === "drive") breakDrive(state, item.owner, error, out);
      else breakOff(state, item.owner, error, out);
    }
  }
}

function judge(
  state: ShardState,
  { owner, command }: Item<Request | Drive>,
  word: Verdict | SendFailure,
  out: Action[],
): void {
  const { account } = owner;
  if (typeof word !== "string" && account !== undefined && word.seq > account.seq) {
    account.seq = word.seq;
  }
  if (owner.kind === "drive") closeAnswered(state, owner, word, out);
  else if (command.kind === "create_account") accountCreated(state, owner, word, out);
  else opened(state, owner, command, word, out);
}

function opened(
  state: ShardState,
  request: Request,
  command: Command,
  word: Verdict | SendFailure,
  out: Action[],
): void {
  if (typeof word === "string") {
    expectLate(state, out);
    answer(state, request, endOfFailure(word), out);
    return;
  }
  switch (word.outcome) {
    case "charge_opened":
      assert(command.kind === "open_charge", "only what opens a charge opens a charge");
      finish(state, request, openedCharge(command, word.paid_with));
      break;
    case "operation_opened":
      finish(state, request, word.facts);
      break;
    case "done":
      done(state, request, word, out);
      break;
    case "known":
      known(state, request, word.answer, out);
      break;
    case "refused":
      // The key stays free, so a second delivery of the same batch may still open what this one did not.
      if (isRetryable(word.failure)) expectLate(state, out);
      answer(state, request, refused(word.failure), out);
      break;
    case "charge_closed":
      throw new Error("Bug: what opens a charge does not close it");
  }
}

function known(state: ShardState, request: Request, first: Answer, out: Action[]): void {
  // A batch that was committed in part is sent again, and then what it did is known to itself.
  if (first.request !== request.executed) request.replayed = true;
  request.executed = first.request;
  if (first.end.kind === "unfinished") {
    finish(state, request, first.end.facts);
  } else {
    const { end } = first;
    // A deletion that was committed and whose answer was lost: what it owes is looked for.
    if (end.kind === "facts" && end.facts.kind === "customer" && end.facts.deleted) {
      state.finished.forgetAll(nameOf(request.ask));
      doubt(state, out);
    }
    answer(
      state,
      request,
      end.kind === "failure" ? refused(end.failure) : endOfFacts(end.facts),
      out,
    );
  }
}

function finish(state: ShardState, request: Request, facts: Facts): void {
  const { account, ask } = request;
  assert(account !== undefined, "what has two phases belongs to an account");
  const scope = { account: ask.account, livemode: ask.livemode };
  follow(request, drive(state, scope, account, facts));
}

// The ledger already forgot these tokens, so nobody can pay with them; what is left is to destroy what
// they stood for.
function done(
  state: ShardState,
  request: Request,
  { facts, forgotten }: Extract<Verdict, { outcome: "done" }>,
  out: Action[],
): void {
  const isDeleted = facts.kind === "customer" && facts.deleted;
  if (isDeleted || forgotten.length > 0) state.finished.forgetAll(nameOf(request.ask));
  if (forgotten.length > 0) {
    const { account, livemode } = request.ask;
    out.push({ kind: "forget", scope: { account, livemode }, tokens: forgotten });
  }
  answer(state, request, { ok: true, facts }, out);
}

function accountCreated(
  state: ShardState,
  request: Request,
  word: Verdict | SendFailure,
  out: Action[],
): void {
  answer(state, request, endOfCreation(word), out);
}

function endOfCreation(word: Verdict | SendFailure): End {
  if (typeof word === "string") return endOfFailure(word);
  return word.outcome === "done" ? { ok: true, facts: word.facts } : INTERNAL;
}
