// Opening a charge and closing it with the processor's word, and the reasons not to.

import { closedCharge, closingMove, openedCharge } from "../../../protocol/charge.ts";
import type { CloseCharge, OpenCharge, PaidWith, Verdict } from "../../../protocol/command.ts";
import { AMOUNT_MAX, AMOUNT_MIN } from "../../../protocol/currency.ts";
import type { Failure } from "../../../protocol/failure.ts";
import type { CardId, TokenId } from "../../../protocol/ids.ts";
import { assert } from "../../../protocol/result.ts";
import { summaryOf } from "../../../protocol/row.ts";
import { type Account, accountOf } from "./account.ts";
import { chargeAnswer, judgeKey, neverOpened, refuseAndKeep, UNKNOWN } from "./keys.ts";
import { taken, totals } from "./money.ts";
import { hold, insert, nextNumber, type Phase, tell } from "./transaction.ts";

export function openCharge(phase: Phase, command: OpenCharge): Verdict {
  const account = accountOf(phase.ledger, command);
  if (account === undefined) return UNKNOWN;
  const judged = judgeKey(account, command);
  if (judged !== undefined) return judged;
  const paidWith = command.token === undefined ? paidWithOf(account, command) : undefined;
  const failure = chargeFailure(account, command, paidWith);
  // Another has changed the intent, or forgotten the card: decided anew, the same key may pay.
  if (failure?.kind === "object_locked") return { outcome: "refused", failure, seq: account.seq };
  if (failure !== undefined) return refuseAndKeep(phase, account, command, failure);
  const seq = nextNumber(phase, account);
  const { id, token, order_id, attempt_number, intent } = command;
  phase.writes.push(() => {
    hold(command.amount >= AMOUNT_MIN && command.amount <= AMOUNT_MAX);
    const opened = openedCharge(command, paidWith);
    insert(phase, account.charges, id, { command, paidWith, opened });
    insert(phase, account.chargeOfKey, command.key, id);
    if (token !== undefined) insert(phase, account.chargeOfToken, token, id);
    if (attempt_number !== undefined) {
      insert(phase, account.chargeOfAttempt, `${order_id}/${attempt_number}`, id);
    }
    if (intent !== undefined) {
      insert(phase, account.chargeOfIntent, `${intent.id}/${intent.attempt}`, id);
    }
    tell(phase, account, { seq, type: 1, subject: id });
  });
  return {
    outcome: "charge_opened",
    seq,
    ...(paidWith === undefined ? {} : { paid_with: paidWith }),
  };
}

function paidWithOf(account: Account, { customer, card_id }: OpenCharge): PaidWith | undefined {
  if (customer === undefined) return undefined;
  const row = account.customers.get(customer);
  assert(card_id?.startsWith("pm_") !== true, "payment methods are not part of this model");
  const id = (card_id as CardId | undefined) ?? row?.versions.get(row.seq)?.source ?? undefined;
  const kept = id === undefined ? undefined : account.cards.get(id);
  return id === undefined || kept === undefined || kept.customer !== customer
    ? undefined
    : { token: kept.token, card_id: id, card: summaryOf(kept.card) };
}

function chargeFailure(
  account: Account,
  command: OpenCharge,
  paidWith: PaidWith | undefined,
): Failure | undefined {
  const { customer, card_id, token, order_id, attempt_number, intent } = command;
  if (customer !== undefined && account.customers.get(customer)?.deleted !== false) {
    return { kind: "resource_missing", object: "customer", id: customer, param: "customer" };
  }
  if (intent !== undefined && !isNext(account, intent)) return { kind: "object_locked" };
  if (token === undefined && paidWith === undefined) {
    return card_id === undefined
      ? { kind: "customer_without_card" }
      : { kind: "resource_missing", object: "card", id: card_id, param: "source" };
  }
  const misused = token === undefined ? undefined : tokenFailure(account, token);
  if (misused !== undefined) return misused;
  if (attempt_number !== undefined) {
    const attempt = `${order_id}/${attempt_number}`;
    if (account.chargeOfAttempt.has(attempt)) return { kind: "order_attempt_taken" };
  }
  return undefined;
}

/** Whether an intent stands as it was decided on, and this is the attempt after one that failed. */
function isNext(
  account: Account,
  { id, seq, attempt }: NonNullable<OpenCharge["intent"]>,
): boolean {
  const object = account.objects.get(id);
  if (object?.seq !== seq || object.deleted) return false;
  if (attemptsAt(account, id) >= attempt) return false;
  const before = account.chargeOfIntent.get(`${id}/${attempt - 1}`);
  return (
    attempt === 1 ||
    (before !== undefined && account.authorizations.get(before)?.state === "failed")
  );
}

/** How many charges an intent has. */
export function attemptsAt(account: Account, intent: string): number {
  let attempts = 0;
  while (account.chargeOfIntent.has(`${intent}/${attempts + 1}`)) attempts++;
  return attempts;
}

/** A token is used once. Who would use a forgotten one has not heard of it yet, and decides anew. */
export function tokenFailure(account: Account, token: TokenId): Failure | undefined {
  if (account.chargeOfToken.has(token) || account.cardOfToken.has(token)) {
    return { kind: "token_already_used", token };
  }
  return account.forgotten.has(token) ? { kind: "object_locked" } : undefined;
}

export function closeCharge(phase: Phase, command: CloseCharge): Verdict {
  const account = accountOf(phase.ledger, command);
  const charge = account?.charges.get(command.id);
  if (account === undefined || charge === undefined) return neverOpened(account);
  const availableNow = command.available_now === true;
  if (account.authorizations.has(command.id)) {
    return { outcome: "known", answer: chargeAnswer(account, charge), seq: account.seq };
  }
  const seq = nextNumber(phase, account);
  const closed = closedCharge(charge.opened, command, seq);
  phase.writes.push(() => {
    const { state, amount_captured, amount_refunded, balance_seq } = closed;
    insert(phase, account.authorizations, command.id, {
      state,
      raised: 0,
      amount_captured,
      amount_refunded,
      amount_refunding: 0,
      balance_seq,
      seq,
      closed,
      availableNow,
    });
    const { amount, currency } = closed;
    const sale = closingMove(command.approved, closed.capture) === "sell";
    tell(phase, account, {
      seq,
      type: command.approved ? 2 : 3,
      subject: command.id,
      posting: sale ? taken(phase, account, amount, currency, availableNow) : null,
      ...totals(closed),
    });
  });
  return { outcome: "charge_closed", seq };
}
