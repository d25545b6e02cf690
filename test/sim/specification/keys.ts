// Idempotency keys: what each was used for and how that ended, what a second use is told, and when one that
// made nothing is dropped.

import type { Answer, Claim, Verdict } from "../../../protocol/command.ts";
import type { Failure } from "../../../protocol/failure.ts";
import type { Account, ChargeIntent, KeptKey, Ledger, Operation } from "./account.ts";
import { customerFacts, endedOperationFacts, objectFacts, openOperationFacts } from "./facts.ts";
import { DAY_MS, dayOf, insert, type Phase } from "./transaction.ts";

/** A key without a charge and an operation is kept for 30 days at least, and dropped by its period. */
const KEY_DAYS = 30;
const PERIOD_DAYS = 10;
const PERIODS_FROM = Date.UTC(2026, 0, 1) / DAY_MS;

/** Drops the periods of keys that are over (`keep_key_periods`). */
export function dropKeys(ledger: Ledger, nowMs: number): void {
  for (const { keys } of ledger.accounts.values()) {
    for (const [key, { day }] of keys) {
      const ends = day - ((day - PERIODS_FROM) % PERIOD_DAYS) + PERIOD_DAYS;
      if (ends <= dayOf(nowMs) - KEY_DAYS) keys.delete(key);
    }
  }
}

type Use = { readonly claim: Claim; readonly answer: () => Answer };

function useOf(account: Account, key: string): Use | undefined {
  const chargeId = account.chargeOfKey.get(key);
  const charge = chargeId === undefined ? undefined : account.charges.get(chargeId);
  if (charge !== undefined)
    return { claim: charge.command, answer: () => chargeAnswer(account, charge) };
  const operationId = account.operationOfKey.get(key);
  const operation = operationId === undefined ? undefined : account.operations.get(operationId);
  if (operation !== undefined) {
    return { claim: operation.command, answer: () => operationAnswer(account, operation) };
  }
  const kept = account.keys.get(key);
  return kept === undefined
    ? undefined
    : { claim: kept.claim, answer: () => keptAnswer(account, kept) };
}

export function chargeAnswer(account: Account, { command, opened }: ChargeIntent): Answer {
  const authorization = account.authorizations.get(command.id);
  return {
    request: command.request,
    end:
      authorization === undefined
        ? { kind: "unfinished", facts: opened }
        : { kind: "facts", facts: authorization.closed },
  };
}

export function operationAnswer(account: Account, operation: Operation): Answer {
  const { request } = operation.command;
  if (operation.state === "opened") {
    return { request, end: { kind: "unfinished", facts: openOperationFacts(account, operation) } };
  }
  const { refusal, left } = operation;
  if (refusal !== null) return { request, end: { kind: "failure", failure: refusal } };
  return { request, end: { kind: "facts", facts: left ?? endedOperationFacts(operation) } };
}

function keptAnswer(account: Account, { claim, end }: KeptKey): Answer {
  if ("failure" in end)
    return { request: claim.request, end: { kind: "failure", failure: end.failure } };
  const facts =
    "object" in end
      ? objectFacts(account, end.object, end.seq)
      : customerFacts(account, end.customer, end.seq);
  return { request: claim.request, end: { kind: "facts", facts } };
}

/** The word on a key that was used before; undefined when it is free. */
export function judgeKey(account: Account, command: Claim): Verdict | undefined {
  const use = useOf(account, command.key);
  if (use === undefined) return undefined;
  if (use.claim.mac !== command.mac || use.claim.operation !== command.operation) {
    const [first, second] = [use.claim.operation, command.operation];
    const failure = { kind: "idempotency_mismatch", first, second } as const;
    return { outcome: "refused", failure, seq: account.seq };
  }
  return { outcome: "known", answer: use.answer(), seq: account.seq };
}

/** Refuses a command and keeps the refusal under its key. */
export function refuseAndKeep(
  phase: Phase,
  account: Account,
  command: Claim,
  failure: Failure,
): Verdict {
  const end = { failure };
  const kept = { claim: claimOf(command), day: dayOf(phase.nowMs), end };
  phase.writes.push(() => insert(phase, account.keys, command.key, kept));
  return { outcome: "refused", failure, seq: account.seq };
}

export const UNKNOWN: Verdict = {
  outcome: "refused",
  failure: { kind: "account_unknown" },
  seq: 0,
};

/** What closes something that was never opened is a bug of whoever sent it. */
export const neverOpened = (account: Account | undefined): Verdict => ({
  outcome: "refused",
  failure: { kind: "internal" },
  seq: account?.seq ?? 0,
});

export const claimOf = ({ key, operation, mac, request }: Claim): Claim => ({
  key,
  operation,
  mac,
  request,
});
