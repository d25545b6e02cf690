// One request of a merchant while the shard works on it: its states, and its answer.

import type { RequestId } from "../protocol/ids.ts";
import { assert } from "../protocol/result.ts";
import type { Ask, End, Reply } from "../protocol/shard.ts";
import type { Passed } from "./card-guard.ts";
import { INTERNAL, isFinal, isKept } from "./end.ts";
import type { Action } from "./machine.ts";
import { type Account, doubt, type ShardState } from "./shard-state.ts";

export type RequestState =
  | "asked"
  | "describing"
  | "opening"
  | "performing"
  | "closing"
  | "answered";

export type RequestMove =
  | "describe"
  | "open"
  | "perform"
  | "join"
  | "close"
  | "retry"
  | "settle"
  | "give_up";

/**
 * Where each move leads from each state; a pair that is not here is illegal. `settle` answers for good;
 * `give_up` answers "try again", which is never remembered. `join` meets a close that another began.
 */
export const REQUEST_MOVES: Readonly<
  Record<RequestState, Readonly<Partial<Record<RequestMove, RequestState>>>>
> = {
  asked: { describe: "describing", open: "opening", settle: "answered", give_up: "answered" },
  describing: { open: "opening", settle: "answered", give_up: "answered" },
  opening: { perform: "performing", join: "closing", settle: "answered", give_up: "answered" },
  performing: { close: "closing", give_up: "answered" },
  closing: { retry: "closing", settle: "answered", give_up: "answered" },
  answered: {},
};

export type Request = {
  readonly kind: "request";
  readonly call: number;
  readonly ask: Ask;
  /** Undefined when the account is still to be made. */
  readonly account: Account | undefined;
  /** Account, mode and key; undefined when the platform asks, which sends no key. */
  readonly name: string | undefined;
  state: RequestState;
  /** The request that was executed: this one, or the first with its key. */
  executed: RequestId;
  replayed: boolean;
  /** What the card guard let through and waits to hear of. */
  passed?: Passed;
};

/** Moves a request on; a move that is not declared is a bug. */
export function moveRequest(request: Request, move: RequestMove): void {
  const to = REQUEST_MOVES[request.state][move];
  assert(to !== undefined, `a request that is ${request.state} cannot ${move}`);
  request.state = to;
}

/** Tells the caller how it ended, lets go of the key, and keeps what the key will always hear. */
export function answer(state: ShardState, request: Request, end: End, out: Action[]): void {
  moveRequest(request, isFinal(end) ? "settle" : "give_up");
  const { call, ask, name, replayed, executed } = request;
  state.requests.delete(call);
  if (request.account !== undefined) request.account.executing--;
  if (request.passed !== undefined) {
    state.guard?.settle(request.passed, approvalOf(request, end), state.clock.nowMs);
  }
  const reply: Reply = { end, replayed, request: executed };
  if (name !== undefined && ask.kind !== "account") {
    state.inFlight.delete(name);
    if (isKept(end)) {
      const { mac, operation } = ask;
      const kept = replayed ? reply : { end, replayed: true, request: executed };
      state.finished.set(name, { mac, operation, reply: kept });
    }
  }
  out.push({ kind: "answer", call, reply });
}

// What was answered once is not heard again.
function approvalOf({ replayed }: Request, end: End): boolean | undefined {
  if (replayed) return undefined;
  if (end.ok) return true;
  return end.failure.kind === "card_declined" ? false : undefined;
}

/** Something impossible happened to a request: its caller is told, and what it left is looked for. */
export function breakOff(state: ShardState, request: Request, error: unknown, out: Action[]): void {
  out.push({ kind: "bug", error });
  doubt(state, out);
  if (request.state !== "answered") answer(state, request, INTERNAL, out);
}
