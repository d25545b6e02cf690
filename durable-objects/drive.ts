// Drives an opened charge, capture, refund or increment to its end: orders the effect of the vault, then closes it
// at the ledger. May be run again at any moment by anyone: the processor's key is derived from the id,
// and only one close moves the state, so every driver arrives at the same end.

import { closedCharge } from "../protocol/charge.ts";
import type { CloseCharge, CloseOperation, Scope, Verdict } from "../protocol/command.ts";
import type { ChargeFacts, Facts, OperationFacts } from "../protocol/facts.ts";
import { assert } from "../protocol/result.ts";
import type { End } from "../protocol/shard.ts";
import type { Effect, Order, Performed } from "../protocol/vault.ts";
import { endOfFacts, INTERNAL, isFinal, refused, UNCOMMITTED, UNPERFORMED } from "./end.ts";
import type { Action, SendFailure } from "./machine.ts";
import { answer, moveRequest, type Request } from "./request.ts";
import { type Account, doubt, type ShardState } from "./shard-state.ts";

/** The one attempt a charge has at a processor; routing over several will count it up. */
const ATTEMPT = 1;
/** A close that was not committed is sent again; after this many the alarm takes over. */
const CLOSE_TRIES_MAX = 3;
const CLOSE_PAUSE_MS = 250;

/** The order that carries out an operation. */
const VERBS = {
  capture: "capture",
  refund: "refund",
  release: "void",
  increment: "increment",
} as const;

export type Drive = {
  readonly kind: "drive";
  readonly facts: ChargeFacts | OperationFacts;
  readonly scope: Scope;
  readonly account: Account;
  /** The key of its order at the processor. */
  readonly key: string;
  state: "performing" | "closing" | "ended";
  /** What it is closed with, once the processor has spoken. */
  close: CloseCharge | CloseOperation | undefined;
  /** How often the close was sent. */
  tried: number;
  /** Those who wait for the end; none when a recovery drives alone. */
  readonly requests: Request[];
  recovering: boolean;
};

/** Takes something opened to its end. Two who drive the same thing here go together. */
export function drive(state: ShardState, scope: Scope, account: Account, facts: Facts): Drive {
  assert(
    facts.kind === "charge" || facts.kind === "operation",
    "only charges and operations have two phases",
  );
  const running = state.drives.get(facts.id);
  if (running !== undefined) return running;
  const order = orderOf(scope, facts);
  const started: Drive = {
    kind: "drive",
    facts,
    scope,
    account,
    key: order.key,
    state: "performing",
    close: undefined,
    tried: 0,
    requests: [],
    recovering: false,
  };
  state.drives.set(facts.id, started);
  state.orders.push(order);
  return started;
}

/** A request waits for the end of a drive. */
export function follow(request: Request, driven: Drive): void {
  moveRequest(request, driven.state === "closing" ? "join" : "perform");
  driven.requests.push(request);
}

/** The processor has spoken of some orders. */
export function performed(state: ShardState, effects: readonly Performed[], out: Action[]): void {
  for (const { key, effect } of effects) {
    const driven = state.drives.get(key.slice(0, key.indexOf(".")));
    if (driven === undefined || driven.state !== "performing" || driven.key !== key) continue;
    try {
      if (effect.kind === "unknown") end(state, driven, UNPERFORMED, out);
      else begin(state, driven, effect);
    } catch (error) {
      breakDrive(state, driven, error, out);
    }
  }
}

/** A close was committed or not. */
export function closeAnswered(
  state: ShardState,
  driven: Drive,
  word: Verdict | SendFailure,
  out: Action[],
): void {
  if (driven.state !== "closing") return;
  if (typeof word !== "string") {
    end(state, driven, endOfClose(driven, word), out);
  } else if (driven.tried >= CLOSE_TRIES_MAX) {
    end(state, driven, UNCOMMITTED, out);
  } else {
    const timer = ++state.lastNumber;
    state.timers.set(timer, driven);
    out.push({ kind: "wait", timer, ms: CLOSE_PAUSE_MS * driven.tried });
  }
}

/** The pause before a close is tried again is over. */
export function retried(state: ShardState, timer: number): void {
  const driven = state.timers.get(timer);
  if (driven === undefined) return;
  state.timers.delete(timer);
  for (const request of driven.requests) moveRequest(request, "retry");
  sendClose(state, driven);
}

/** Something impossible happened to a drive. */
export function breakDrive(state: ShardState, driven: Drive, error: unknown, out: Action[]): void {
  out.push({ kind: "bug", error });
  if (driven.state !== "ended") end(state, driven, INTERNAL, out);
}

function begin(state: ShardState, driven: Drive, effect: Exclude<Effect, { kind: "unknown" }>) {
  driven.close = closeOf(driven, effect);
  driven.state = "closing";
  for (const request of driven.requests) moveRequest(request, "close");
  sendClose(state, driven);
}

function sendClose(state: ShardState, driven: Drive): void {
  assert(driven.close !== undefined, "a close is made before it is sent");
  driven.tried++;
  state.conveyor.push(driven.close, driven);
}

function end(state: ShardState, driven: Drive, how: End, out: Action[]): void {
  driven.state = "ended";
  state.drives.delete(driven.facts.id);
  for (const request of driven.requests) answer(state, request, how, out);
  if (!isFinal(how)) doubt(state, out);
  if (driven.recovering && state.recovery !== undefined) state.recovery.driving--;
}

function orderOf(scope: Scope, facts: ChargeFacts | OperationFacts): Order {
  const { account, livemode } = scope;
  if (facts.kind === "charge") {
    const { id, token, amount, currency, capture, authentication, card, card_id } = facts;
    const key = `${id}.authorize.${ATTEMPT}`;
    return {
      account,
      livemode,
      key,
      token,
      amount,
      currency,
      capture,
      verb: "authorize",
      // What was sealed is not changed: whoever keeps a card may know of a later end.
      ...(card_id === null ? {} : { expiry: { month: card.exp_month, year: card.exp_year } }),
      ...(authentication === null ? {} : { authentication }),
    };
  }
  const { id, authorization, amount } = facts;
  assert(authorization !== null, "nothing is done to a charge that was not authorized");
  const verb = VERBS[facts.operation];
  return { account, livemode, key: `${id}.${verb}.${ATTEMPT}`, verb, authorization, amount };
}

function closeOf(
  { scope: { account, livemode }, facts }: Drive,
  effect: Exclude<Effect, { kind: "unknown" }>,
): CloseCharge | CloseOperation {
  const approved = effect.kind === "approved";
  if (facts.kind === "operation") {
    const { id, charge } = facts;
    const processor_ref = approved ? effect.ref : null;
    const kind = "close_operation" as const;
    const close = { account, livemode, kind, id, charge, approved, processor_ref };
    return {
      ...close,
      ...(effect.pending === undefined ? {} : { pending: effect.pending }),
      ...(effect.decline === undefined ? {} : { decline: effect.decline }),
    };
  }
  const { outcome, card, available_now, ref: processor_ref } = effect;
  assert(outcome !== undefined, "an authorization has an outcome");
  const { id } = facts;
  const close = { account, livemode, kind: "close_charge", id, approved, processor_ref } as const;
  return {
    ...close,
    outcome,
    ...(card === undefined ? {} : { card }),
    ...(available_now === undefined ? {} : { available_now }),
  };
}

function endOfClose({ facts, close }: Drive, verdict: Verdict): End {
  switch (verdict.outcome) {
    case "charge_closed":
      assert(facts.kind === "charge" && close?.kind === "close_charge", "a charge was closed");
      return endOfFacts(closedCharge(facts, close, verdict.seq));
    case "done":
      return endOfFacts(verdict.facts);
    case "refused":
      return refused(verdict.failure);
    case "known": {
      const { end: known } = verdict.answer;
      if (known.kind === "failure") return refused(known.failure);
      return known.kind === "unfinished" ? UNCOMMITTED : endOfFacts(known.facts);
    }
    default:
      throw new Error(`Bug: a close is not ${verdict.outcome}`);
  }
}
