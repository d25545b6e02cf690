// The shard as a state machine: everything it decides, and nothing it does. `step` takes one thing that
// happened and says what to do about it; clock and randomness are arguments, so one seed replays one run.
// shard.ts performs the actions on Cloudflare, test/sim/ performs them on a simulated one. Any input may
// come twice, late or out of order: what nobody waits for any more changes nothing.

import type { Command, Scope, Unfinished, Verdict } from "../protocol/command.ts";
import type { CardSummary } from "../protocol/facts.ts";
import type { Failure } from "../protocol/failure.ts";
import { mintTokenId, type Random, type TokenId } from "../protocol/ids.ts";
import type { Result } from "../protocol/result.ts";
import type {
  Admission,
  Ask,
  EndpointClass,
  Reply,
  TokenAdmission,
  Visit,
} from "../protocol/shard.ts";
import type { Order, Performed } from "../protocol/vault.ts";
import { asked, described } from "./admission.ts";
import { performed, retried } from "./drive.ts";
import { advance, alarm, found } from "./recovery.ts";
import { guardOf, limitOf, nameOf, type ShardState, wordOf } from "./shard-state.ts";
import { committed } from "./verdict.ts";

export { newShard, type ShardOptions, type ShardState } from "./shard-state.ts";

/** Why a batch has no verdicts. */
export type SendFailure = "fenced" | "conflict" | "unreachable";

export type UsableCard = { readonly token: TokenId; readonly card: CardSummary };

/** What can happen to a shard. */
export type Input =
  /** A merchant's request arrived; `call` is where its answer goes, and nobody else's. */
  | { readonly kind: "asked"; readonly call: number; readonly ask: Ask }
  /** The vault told of a token, or could not be asked. One comes for each `describe`. */
  | {
      readonly kind: "described";
      readonly call: number;
      readonly card: Result<UsableCard, Failure>;
    }
  /** A batch was answered, or nobody knows whether it was committed. One comes for each `send`. */
  | {
      readonly kind: "committed";
      readonly batch: number;
      readonly answer: Result<readonly Verdict[], SendFailure>;
    }
  /** Some orders came to an end. Each order does, if only with `unknown`. */
  | { readonly kind: "performed"; readonly effects: readonly Performed[] }
  /** The ledger told what a crash left open. One comes for each `find`. */
  | {
      readonly kind: "found";
      readonly find: number;
      readonly answer: Result<readonly Unfinished[], SendFailure>;
    }
  | { readonly kind: "alarm" }
  | { readonly kind: "timer"; readonly timer: number };

/** What a shard may do. */
export type Action =
  | { readonly kind: "answer"; readonly call: number; readonly reply: Reply }
  | {
      readonly kind: "describe";
      readonly call: number;
      readonly scope: Scope;
      readonly token: string;
    }
  | { readonly kind: "send"; readonly batch: number; readonly commands: readonly Command[] }
  | { readonly kind: "perform"; readonly orders: readonly Order[] }
  /** Ask the ledger for what is unfinished of all made since then, at most a page of it. */
  | { readonly kind: "find"; readonly find: number; readonly sinceMs: number }
  /** Destroy the cards of these tokens; try a few times, tell nobody. */
  | { readonly kind: "forget"; readonly scope: Scope; readonly tokens: readonly TokenId[] }
  /** Wake me then, also after a crash; durable before any `send` that follows leaves. One at a time. */
  | { readonly kind: "arm"; readonly atMs: number }
  /** Write down that everything opened before then has ended; told to `newShard` after a crash. */
  | { readonly kind: "remember"; readonly cleanSinceMs: number }
  /** Tell me `timer` after so long, unless I am gone by then. */
  | { readonly kind: "wait"; readonly timer: number; readonly ms: number }
  /** Something held to be impossible happened; whom it concerned has been told `internal`. */
  | { readonly kind: "bug"; readonly error: unknown };

export type Clock = { readonly nowMs: number; readonly random: Random };

/** Takes one thing that happened and says what to do about it. */
export function step(state: ShardState, input: Input, clock: Clock): Action[] {
  const out: Action[] = [];
  take(state, input, clock, out);
  flush(state, out);
  return out;
}

/** Takes one of several things that happened in one turn; when all are taken, `flush`. */
export function take(state: ShardState, input: Input, clock: Clock, out: Action[]): void {
  state.clock = clock;
  switch (input.kind) {
    case "asked":
      asked(state, input.call, input.ask, out);
      break;
    case "described":
      described(state, input.call, input.card, out);
      break;
    case "committed":
      committed(state, input.batch, input.answer, out);
      break;
    case "performed":
      performed(state, input.effects, out);
      break;
    case "found":
      found(state, input.find, input.answer);
      break;
    case "alarm":
      alarm(state, out);
      break;
    case "timer":
      retried(state, input.timer);
      break;
  }
  if (state.recovery !== undefined) advance(state, state.recovery, out);
}

/** Lets leave together what became possible in one turn: one `perform`, and a batch for each free lane. */
export function flush(state: ShardState, out: Action[]): void {
  if (state.orders.length > 0) {
    out.push({ kind: "perform", orders: state.orders });
    state.orders = [];
  }
  for (let batch = state.conveyor.next(); batch !== undefined; batch = state.conveyor.next()) {
    out.push({ kind: "send", batch: batch.number, commands: batch.commands });
  }
}

/** Whether an account may read now, and the sequence its answer must not fall behind. */
export function admit(
  state: ShardState,
  scope: Scope,
  nowMs: number,
  of: EndpointClass = "read",
): Admission {
  const failure = limitOf(state, nameOf(scope), of, nowMs);
  const { minSeq, quotas } = wordOf(state, scope, of, nowMs);
  return failure === undefined ? { ok: true, minSeq, quotas } : { ok: false, failure, quotas };
}

/** Whether a visitor of an account may have a token now, and its name. */
export function admitToken(
  state: ShardState,
  scope: Scope,
  visit: Visit | undefined,
  clock: Clock,
): TokenAdmission {
  const name = nameOf(scope);
  const { nowMs } = clock;
  const failure = limitOf(state, name, "write", nowMs);
  const { quotas } = wordOf(state, scope, "write", nowMs);
  if (failure !== undefined) return { ok: false, failure, quotas };
  const token = mintTokenId(clock.random);
  const guard = visit === undefined ? undefined : guardOf(state, scope);
  const judged =
    guard === undefined || visit === undefined
      ? "stranger"
      : guard.admitToken(name, visit, token, nowMs);
  return judged === "blocked"
    ? { ok: false, failure: { kind: "card_blocked" }, quotas }
    : { ok: true, ticket: { token, proven: judged === "proven" }, quotas };
}
