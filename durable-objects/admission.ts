// Who may come in: limits, keys in flight, answers already given. What comes in is opened at the ledger,
// once the vault has told of its card.

import type { SaveCustomer } from "../protocol/command.ts";
import type { Failure } from "../protocol/failure.ts";
import type { Result } from "../protocol/result.ts";
import type { AccountAsk, Ask, Reply } from "../protocol/shard.ts";
import { refused } from "./end.ts";
import type { Action, UsableCard } from "./machine.ts";
import { type KeyedAsk, opening, tokenToDescribe } from "./opening.ts";
import { answer, breakOff, moveRequest, type Request } from "./request.ts";
import { accountOf, arm, guardOf, limitOf, nameOf, type ShardState } from "./shard-state.ts";

/** Commands that may wait; beyond it the shard sheds load instead of keeping callers. */
const BACKLOG_MAX = 5_000;
const BUSY: Failure = { kind: "rate_limited", reason: "global-rate" };
const CROWDED: Failure = { kind: "rate_limited", reason: "global-concurrency" };

/** Executes a request once for its key; every other request with that key hears the same. */
export function asked(state: ShardState, call: number, ask: Ask, out: Action[]): void {
  // A call that comes twice is one call.
  if (state.requests.has(call)) return;
  if (state.conveyor.backlog > BACKLOG_MAX) {
    turnAway(call, ask, BUSY, out);
  } else if (ask.kind === "account") {
    createAccount(state, call, ask);
  } else {
    admitKeyed(state, call, ask, out);
  }
}

function admitKeyed(state: ShardState, call: number, ask: KeyedAsk, out: Action[]): void {
  const whose = nameOf(ask);
  const name = `${whose}/${ask.key}`;
  const replyOrFailure =
    limitOf(state, whose, "write", state.clock.nowMs) ?? earlier(state, name, ask);
  if (replyOrFailure === undefined) {
    // Only what is to be executed takes room: an answer that is remembered is given to any crowd.
    if (accountOf(state, whose).executing < state.concurrent) execute(state, call, ask, name, out);
    else turnAway(call, ask, CROWDED, out);
  } else if ("kind" in replyOrFailure) {
    turnAway(call, ask, replyOrFailure, out);
  } else {
    out.push({ kind: "answer", call, reply: replyOrFailure });
  }
}

/** What a request with this key hears because of one that came before it; undefined when it is the first. */
function earlier(state: ShardState, name: string, ask: KeyedAsk): Reply | Failure | undefined {
  // Whose parameters are the first's is known only when the ledger has judged, so neither is preferred.
  if (state.inFlight.has(name)) return { kind: "idempotency_in_use" };
  const first = state.finished.get(name);
  if (first === undefined) return undefined;
  if (first.mac === ask.mac && first.operation === ask.operation) return first.reply;
  return { kind: "idempotency_mismatch", first: first.operation, second: ask.operation };
}

function execute(
  state: ShardState,
  call: number,
  ask: KeyedAsk,
  name: string,
  out: Action[],
): void {
  const account = accountOf(state, nameOf(ask));
  account.executing++;
  const request: Request = {
    kind: "request",
    call,
    ask,
    account,
    name,
    state: "asked",
    executed: ask.request,
    replayed: false,
  };
  state.requests.set(call, request);
  state.inFlight.set(name, state.clock.nowMs);
  arm(state, out);
  const token = tokenToDescribe(ask);
  if (token === undefined) {
    open(state, request, ask, undefined, out);
  } else {
    moveRequest(request, "describe");
    const scope = { account: ask.account, livemode: ask.livemode };
    out.push({ kind: "describe", call, scope, token });
  }
}

/** The vault told of the token of a request, which can now be opened, or was not able to. */
export function described(
  state: ShardState,
  call: number,
  card: Result<UsableCard, Failure>,
  out: Action[],
): void {
  const request = state.requests.get(call);
  if (request?.state !== "describing" || request.ask.kind === "account") return;
  if (card.ok) open(state, request, request.ask, card.value, out);
  else answer(state, request, refused(card.failure), out);
}

function open(
  state: ShardState,
  request: Request,
  ask: KeyedAsk,
  card: UsableCard | undefined,
  out: Action[],
): void {
  try {
    if (!isLetThrough(state, request, ask, card)) {
      answer(state, request, refused({ kind: "card_blocked" }), out);
      return;
    }
    moveRequest(request, "open");
    const command = opening(ask, card, state.mint);
    if (command.kind === "save_customer") noteCard(state, command);
    state.conveyor.push(command, request);
  } catch (error) {
    breakOff(state, request, error, out);
  }
}

// Before anything is opened: what the ledger holds as opened may have been asked of the processor by
// another instance, and must not be declined unasked.
function isLetThrough(
  state: ShardState,
  request: Request,
  ask: KeyedAsk,
  described: UsableCard | undefined,
): boolean {
  const guard = guardOf(state, ask);
  if (guard === undefined || ask.kind !== "charge") return true;
  const { source, customer, key, caller } = ask;
  const card = source.kind === "token" || source.kind === "customer" ? described : source;
  if (card === undefined && customer === undefined) return true;
  const of = { name: nameOf(ask), key, caller };
  const judged = guard.judge(
    card === undefined
      ? { ...of, customer: customer ?? "" }
      : { ...of, token: card.token, fingerprint: card.card.fingerprint },
    state.clock.nowMs,
  );
  if (judged === "blocked") return false;
  request.passed = judged;
  return true;
}

function noteCard(state: ShardState, command: SaveCustomer): void {
  const { id, token, card } = command;
  if (token === undefined || card === undefined) return;
  guardOf(state, command)?.attached(nameOf(command), id, token, card.fingerprint);
}

// The platform asks, so the merchant's own bucket is not touched.
function createAccount(state: ShardState, call: number, ask: AccountAsk): void {
  const request: Request = {
    kind: "request",
    call,
    ask,
    account: undefined,
    name: undefined,
    state: "asked",
    executed: "req_",
    replayed: false,
  };
  state.requests.set(call, request);
  moveRequest(request, "open");
  const { kind: _, ...account } = ask;
  state.conveyor.push({ ...account, kind: "create_account" }, request);
}

function turnAway(call: number, ask: Ask, failure: Failure, out: Action[]): void {
  const request = ask.kind === "account" ? "req_" : ask.request;
  out.push({ kind: "answer", call, reply: { end: refused(failure), replayed: false, request } });
}
