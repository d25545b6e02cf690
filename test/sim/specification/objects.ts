// Saving an object, such as an intent or a payout: made once, and changed on the version that was read.

import type { SaveObject, Verdict } from "../../../protocol/command.ts";
import type { Failure } from "../../../protocol/failure.ts";
import { type Account, accountOf, type KeptObject } from "./account.ts";
import { attemptsAt } from "./charges.ts";
import { objectFactsOf } from "./facts.ts";
import { claimOf, judgeKey, refuseAndKeep, UNKNOWN } from "./keys.ts";
import { availableAt } from "./money.ts";
import { change, dayOf, insert, nextNumber, type Phase, tell } from "./transaction.ts";

export function saveObject(phase: Phase, command: SaveObject): Verdict {
  const account = accountOf(phase.ledger, command);
  if (account === undefined) return UNKNOWN;
  const judged = judgeKey(account, command);
  if (judged !== undefined) return judged;
  const failure = command.refusal ?? objectFailure(phase, account, command);
  if (failure?.kind === "object_locked") return { outcome: "refused", failure, seq: account.seq };
  if (failure !== undefined) return refuseAndKeep(phase, account, command, failure);
  const { id, type, document, event, request } = command;
  const posting = command.posting ? { ...command.posting, fee: 0, availableOn: null } : null;
  const seq = nextNumber(phase, account);
  const before = account.objects.get(id);
  const versions = new Map(before?.versions ?? []);
  if (document !== null) versions.set(seq, document);
  const object: KeptObject = { type, seq, deleted: document === null, versions };
  phase.writes.push(() => {
    change(phase, account.objects, id, object);
    const kept = { claim: claimOf(command), day: dayOf(phase.nowMs), end: { object: id, seq } };
    insert(phase, account.keys, command.key, kept);
    tell(phase, account, { seq, type: event, subject: id, request, posting });
  });
  const facts = objectFactsOf(account, id, object, seq);
  return { outcome: "done", seq, facts, forgotten: [] };
}

function objectFailure(phase: Phase, account: Account, command: SaveObject): Failure | undefined {
  const { id, type, made, expects, attempts, posting } = command;
  const object = account.objects.get(id);
  // No object has a version before its first: who expects one only asks for the key's answer.
  if (expects === 0) return { kind: "object_locked" };
  if (made && object !== undefined) return { kind: "object_locked" };
  if (!made && (object === undefined || object.deleted || object.type !== type)) {
    return { kind: "resource_missing", object: type, id, param: "id" };
  }
  if (!made && object?.seq !== expects) return { kind: "object_locked" };
  if (attempts !== undefined && attemptsAt(account, id) > attempts) {
    return { kind: "object_locked" };
  }
  if (type !== "payout" || posting?.debit !== "merchant") return undefined;
  const { amount, currency } = posting;
  const available = availableAt(account, currency, dayOf(phase.nowMs));
  return amount > available ? { kind: "balance_insufficient", available, currency } : undefined;
}
