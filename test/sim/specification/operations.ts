// Captures, refunds, releases and increments: what each may be, how it begins and how it ends.

import { moved, OPERATION_MOVES } from "../../../protocol/charge.ts";
import type { CloseOperation, OpenOperation, Verdict } from "../../../protocol/command.ts";
import type { ChargeFacts, OperationFacts } from "../../../protocol/facts.ts";
import type { Failure } from "../../../protocol/failure.ts";
import { assert } from "../../../protocol/result.ts";
import { type Account, type Authorization, accountOf, type Operation } from "./account.ts";
import {
  chargeFacts,
  endedOperationFacts,
  openOperationFacts,
  shown,
  withIntentAt,
} from "./facts.ts";
import { judgeKey, neverOpened, operationAnswer, refuseAndKeep, UNKNOWN } from "./keys.ts";
import { givenBack, taken, totals } from "./money.ts";
import { change, hold, insert, nextNumber, type Phase, tell } from "./transaction.ts";

export function openOperation(phase: Phase, command: OpenOperation): Verdict {
  const account = accountOf(phase.ledger, command);
  if (account === undefined) return UNKNOWN;
  const judged = judgeKey(account, command);
  if (judged !== undefined) return judged;
  const charge = chargeFacts(account, command.charge);
  const authorization = account.authorizations.get(command.charge);
  const plan = planOf(account, command, charge, authorization);
  if ("kind" in plan) {
    // Nothing is kept of this one: the same request may well succeed when the charge is free again.
    if (plan.kind === "object_locked") {
      return { outcome: "refused", failure: plan, seq: account.seq };
    }
    return refuseAndKeep(phase, account, command, plan);
  }
  assert(charge !== undefined && authorization !== undefined, "a plan is made of a charge");
  const seq = nextNumber(phase, account);
  const operation: Operation = {
    command,
    kind: plan.operation,
    amount: plan.amount,
    currency: charge.currency,
    intent: charge.intent?.id ?? null,
    state: "opened",
    seq: null,
    balance_seq: null,
    left: null,
    refusal: null,
  };
  phase.writes.push(() => {
    hold(plan.amount > 0);
    insert(phase, account.operations, command.id, operation);
    insert(phase, account.operationOfKey, command.key, command.id);
    const begun = BEGINNINGS[plan.operation];
    change(phase, account.authorizations, command.charge, {
      ...authorization,
      state: begun === undefined ? authorization.state : moved(authorization.state, begun),
      amount_refunding:
        authorization.amount_refunding + (plan.operation === "refund" ? plan.amount : 0),
    });
    tell(phase, account, { seq, type: 4, subject: command.id });
  });
  return { outcome: "operation_opened", seq, facts: openOperationFacts(account, operation) };
}

const BEGINNINGS = {
  capture: "begin_capture",
  release: "begin_release",
  increment: "begin_increment",
  refund: undefined,
} as const;

/** How often more may be asked for on one authorization, declines counted. */
const INCREMENTS_MAX = 10;

type Plan = { readonly operation: OperationFacts["operation"]; readonly amount: number };

/** What is to be done to a charge, or why it cannot be. */
function planOf(
  account: Account,
  { charge: id, capture, amount, increments }: OpenOperation,
  charge: ChargeFacts | undefined,
  authorization: Authorization | undefined,
): Plan | Failure {
  if (charge === undefined) {
    const param = capture || increments === true ? "id" : "charge";
    return { kind: "resource_missing", object: "charge", id, param };
  }
  if (authorization === undefined) return { kind: "object_locked" };
  const { state, amount_captured, amount_refunded, amount_refunding } = authorization;
  if (state === "capturing" || state === "releasing" || state === "incrementing") {
    return { kind: "object_locked" };
  }
  if (state === "failed") return { kind: "charge_failed" };
  if (state === "released") return { kind: "charge_already_refunded" };
  if (increments === true) {
    if (state === "captured") return { kind: "charge_already_captured" };
    const before = [...account.operations.values()].filter(
      ({ command, kind }) => command.charge === id && kind === "increment",
    );
    if (before.length >= INCREMENTS_MAX) return { kind: "increments_used_up", max: INCREMENTS_MAX };
    const more = (amount ?? 0) - charge.amount;
    if (more <= 0) return { kind: "increment_too_small", authorized: charge.amount };
    return { operation: "increment", amount: more };
  }
  if (capture) {
    if (state === "captured") return { kind: "charge_already_captured" };
    const wanted = amount ?? charge.amount;
    if (wanted > charge.amount) return { kind: "capture_too_large", max: charge.amount };
    return { operation: "capture", amount: wanted };
  }
  if (state === "authorized") {
    const wanted = amount ?? charge.amount;
    if (wanted !== charge.amount) return { kind: "release_in_part" };
    return { operation: "release", amount: wanted };
  }
  const refundable = amount_captured - amount_refunded;
  const wanted = amount ?? refundable - amount_refunding;
  if (refundable === 0) return { kind: "charge_already_refunded" };
  if (wanted > refundable) return { kind: "refund_too_large", max: refundable };
  if (wanted > refundable - amount_refunding || wanted === 0) return { kind: "object_locked" };
  return { operation: "refund", amount: wanted };
}

export function closeOperation(phase: Phase, command: CloseOperation): Verdict {
  const account = accountOf(phase.ledger, command);
  const operation = account?.operations.get(command.id);
  const authorization = account?.authorizations.get(operation?.command.charge ?? command.charge);
  if (account === undefined || operation === undefined || authorization === undefined) {
    return neverOpened(account);
  }
  const state = OPERATION_MOVES[operation.state][command.approved ? "succeed" : "fail"];
  if (state === undefined) {
    return { outcome: "known", answer: operationAnswer(account, operation), seq: account.seq };
  }
  const { kind, amount, currency } = operation;
  const { request } = operation.command;
  const refunds = command.approved && (kind === "refund" || kind === "release");
  const posts = command.approved && (kind === "capture" || kind === "refund");
  const seq = nextNumber(phase, account);
  const last = refunds ? nextNumber(phase, account) : seq;
  const balance_seq = posts ? seq : null;
  const next = afterOperation(authorization, operation, command.approved, seq);
  const left =
    (kind === "capture" || kind === "increment") && command.approved
      ? withIntentAt(account, { ...authorization.closed, ...shown(next) }, seq)
      : null;
  const refusal = command.approved || kind === "refund" ? null : refusalOf(operation, command);
  const ended = { ...operation, state, seq, balance_seq, left, refusal };
  phase.writes.push(() => {
    change(phase, account.operations, command.id, ended);
    change(phase, account.authorizations, operation.command.charge, next);
    const { availableNow } = authorization;
    const posting = !posts
      ? null
      : kind === "capture"
        ? taken(phase, account, amount, currency, availableNow)
        : givenBack(amount, currency);
    const ofCharge = { subject: operation.command.charge, request, ...totals(next) };
    if (left !== null) {
      tell(phase, account, { seq, type: kind === "capture" ? 5 : 13, posting, ...ofCharge });
    } else {
      const type = refunds ? 6 : kind === "capture" ? 9 : kind === "increment" ? 14 : 8;
      tell(phase, account, { seq, type, posting, subject: command.id });
    }
    if (refunds) tell(phase, account, { seq: last, type: 7, ...ofCharge });
  });
  if (refusal !== null) return { outcome: "refused", failure: refusal, seq: last };
  const facts = left ?? endedOperationFacts(ended);
  return { outcome: "done", facts, seq: last, forgotten: [] };
}

function refusalOf({ kind, command }: Operation, { decline }: CloseOperation): Failure {
  if (decline === undefined) return { kind: "processor_refused", operation: kind };
  const { code, decline_code, message, network_code } = decline;
  return {
    kind: "card_declined",
    charge: command.charge,
    code,
    message,
    ...(decline_code === undefined ? {} : { declineCode: decline_code }),
    ...(network_code === undefined ? {} : { networkDeclineCode: network_code }),
  };
}

const ENDINGS = {
  capture: ["capture", "refuse_capture"],
  release: ["release", "refuse_release"],
  increment: ["increment", "refuse_increment"],
  refund: ["refund", undefined],
} as const;

function afterOperation(
  before: Authorization,
  { kind, amount }: Operation,
  approved: boolean,
  seq: number,
): Authorization {
  const move = ENDINGS[kind][approved ? 0 : 1];
  const gives = approved && (kind === "refund" || kind === "release");
  return {
    ...before,
    state: move === undefined ? before.state : moved(before.state, move),
    amount_captured: approved && kind === "capture" ? amount : before.amount_captured,
    raised: before.raised + (approved && kind === "increment" ? amount : 0),
    amount_refunded: before.amount_refunded + (gives ? amount : 0),
    amount_refunding: before.amount_refunding - (kind === "refund" ? amount : 0),
    balance_seq: approved && kind === "capture" ? seq : before.balance_seq,
  };
}
