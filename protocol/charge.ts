// The life of a charge and of what is done to it later: every state, every legal move, and the event
// that tells of each. Written down once, here; docs/states.md draws it, the ledger's SQL and the
// simulator's model are held to it.

import type { CloseCharge, OpenCharge, PaidWith } from "./command.ts";
import type { ChargeFacts, ChargeState, OperationFacts } from "./facts.ts";
import { createdOf, uuidOf } from "./ids.ts";
import { assert } from "./result.ts";

export type ChargeMove =
  | "decline"
  | "authorize"
  | "sell"
  | "begin_increment"
  | "increment"
  | "refuse_increment"
  | "begin_capture"
  | "capture"
  | "refuse_capture"
  | "begin_release"
  | "release"
  | "refuse_release"
  | "refund";

/** Where each move leads from each state; a pair that is not here is illegal. */
export const CHARGE_MOVES: Readonly<
  Record<ChargeState, Readonly<Partial<Record<ChargeMove, ChargeState>>>>
> = {
  opened: { decline: "failed", authorize: "authorized", sell: "captured" },
  failed: {},
  authorized: {
    begin_increment: "incrementing",
    begin_capture: "capturing",
    begin_release: "releasing",
  },
  incrementing: { increment: "authorized", refuse_increment: "authorized" },
  capturing: { capture: "captured", refuse_capture: "authorized" },
  captured: { refund: "captured" },
  releasing: { release: "released", refuse_release: "authorized" },
  released: {},
};

export type OperationMove = "succeed" | "fail";

/** An operation (capture, refund, release or increment) ends once. */
export const OPERATION_MOVES: Readonly<
  Record<OperationFacts["state"], Readonly<Partial<Record<OperationMove, OperationFacts["state"]>>>>
> = {
  opened: { succeed: "succeeded", fail: "failed" },
  succeeded: {},
  failed: {},
};

/** Where a move leads; a move that is not declared is a bug. */
export function moved(from: ChargeState, move: ChargeMove): ChargeState {
  const to = CHARGE_MOVES[from][move];
  assert(to !== undefined, `a charge that is ${from} cannot ${move}`);
  return to;
}

/** How the processor's word on an opened charge moves it. */
export const closingMove = (approved: boolean, capture: boolean): ChargeMove =>
  approved ? (capture ? "sell" : "authorize") : "decline";

/** A charge as it stands once the ledger has opened it. */
export function openedCharge(c: OpenCharge, paidWith: PaidWith | undefined): ChargeFacts {
  const token = paidWith?.token ?? c.token;
  const card = paidWith?.card ?? c.card;
  const uuid = uuidOf("ch", c.id);
  assert(token !== undefined && card !== undefined, "no charge is opened without a card");
  assert(uuid !== undefined, "a charge has an id of its own");
  return {
    kind: "charge",
    id: c.id,
    created: createdOf(uuid),
    state: "opened",
    amount: c.amount,
    currency: c.currency,
    capture: c.capture,
    request: c.request,
    token,
    card_id: paidWith?.card_id ?? (c.card_id?.startsWith("pm_") ? c.card_id : null),
    customer: c.customer ?? null,
    intent: c.intent ?? null,
    authentication: c.authentication ?? null,
    card,
    description: c.description ?? null,
    receipt_email: c.receipt_email ?? null,
    statement_descriptor: c.statement_descriptor ?? null,
    statement_descriptor_suffix: c.statement_descriptor_suffix ?? null,
    transfer_group: c.transfer_group ?? null,
    shipping: c.shipping ?? null,
    metadata: c.metadata ?? {},
    processor_ref: null,
    outcome: null,
    amount_captured: 0,
    amount_refunded: 0,
    balance_seq: null,
    changes: null,
    dispute: null,
  };
}

/** The same charge after its close, told by event `seq`. */
export function closedCharge(charge: ChargeFacts, close: CloseCharge, seq: number): ChargeFacts {
  const state = moved(charge.state, closingMove(close.approved, charge.capture));
  const captured = state === "captured";
  return {
    ...charge,
    state,
    card: { ...charge.card, ...close.card },
    processor_ref: close.processor_ref,
    outcome: close.outcome,
    amount_captured: captured ? charge.amount : 0,
    balance_seq: captured ? seq : null,
  };
}
