// What a shard knows: a cache of the ledger and the work at hand. All of it may be lost at any moment;
// what must outlive a crash is the alarm and `cleanSinceMs`, which are actions.

import type { Scope, Unfinished } from "../protocol/command.ts";
import type { Failure } from "../protocol/failure.ts";
import { IdMint } from "../protocol/ids.ts";
import type { EndpointClass, Word } from "../protocol/shard.ts";
import type { Order } from "../protocol/vault.ts";
import { CardGuard } from "./card-guard.ts";
import { Conveyor } from "./conveyor.ts";
import type { Drive } from "./drive.ts";
import { FinishedAnswers } from "./finished-answers.ts";
import type { Action, Clock } from "./machine.ts";
import { type Buckets, quotasOf, type Rates, ratesOf, takeRequest } from "./rates.ts";
import type { Request } from "./request.ts";

/**
 * Requests of one account being executed at once: half of what a shard lets wait, so that one merchant never
 * takes all the room that those of its slot share.
 */
const CONCURRENT_MAX = 2_500;
/** Batches in flight at once: one is being committed while another is on its way. */
const LANES = 2;
/** How soon after a crash the alarm looks for what was left open. */
export const ALARM_MS = 5_000;
/**
 * A statement whose answer was lost, or was sent by an instance before this one, may commit two minutes
 * late. So many searches, `ALARM_MS` apart, last longer; they are counted because a clock may jump.
 */
export const LATE_SEARCHES = 28;

/** What is known of one account in one mode. */
export type Account = {
  readonly buckets: Buckets;
  /** Requests being executed. */
  executing: number;
  /** The number of its last event that was heard of; 0 when none was. */
  seq: number;
};

/** The search for what a crash left open, and the way of it to its end. */
export type Recovery = {
  readonly find: number;
  /** What is clean if all ends well: the oldest key in flight when the search began bounds it. */
  readonly cleanSinceMs: number;
  /** What was found, or undefined until the ledger has answered. */
  found: readonly Unfinished[] | undefined;
  /** How many of them were taken up, and how many of those are being driven. */
  taken: number;
  driving: number;
};

/**
 * In which modes card testing is guarded against. No card of test mode is anybody's, and a merchant's own
 * tests decline the same cards all day; `all` is there to rehearse.
 */
export type GuardedModes = "live" | "all";

export type ShardState = {
  readonly rates: Rates;
  /** Requests of one account that may be executed at once. */
  readonly concurrent: number;
  readonly mint: IdMint;
  /** Of the step that is being taken. */
  clock: Clock;
  readonly accounts: Map<string, Account>;
  /** Requests without an answer, by call. */
  readonly requests: Map<number, Request>;
  /** Keys being executed, and since when. */
  readonly inFlight: Map<string, number>;
  readonly finished: FinishedAnswers;
  readonly conveyor: Conveyor<Request | Drive>;
  /** What is being driven to its end, by the id of the charge or operation. */
  readonly drives: Map<string, Drive>;
  /** Orders that leave with the next flush. */
  orders: Order[];
  /** Closes that wait to be tried again, by timer. */
  readonly timers: Map<number, Drive>;
  /** The last number given to a timer or a search. */
  lastNumber: number;
  /** When the alarm will wake the shard; undefined when none is set. */
  wakeMs: number | undefined;
  /** True until the ledger was asked, by this instance, what a crash may have left open. */
  doubtful: boolean;
  /** Searches still to make before nothing can commit any more that this instance does not know of. */
  lateSearches: number;
  /** An instance before this one may still be there, and tell what this one has not heard of. */
  isHeir: boolean;
  /** Everything opened before then has ended. */
  cleanSinceMs: number;
  /** Watches for card testing; undefined where nobody is guarded. */
  readonly guard: CardGuard | undefined;
  readonly guarded: GuardedModes | undefined;
  recovery: Recovery | undefined;
};

export type ShardOptions = {
  /** What an instance before this one was told to remember, 0 when it only lived; undefined: there was none. */
  readonly cleanSinceMs: number | undefined;
  /** Requests a second one account may make. */
  readonly ratePerSecond?: number;
  /** Requests of one account that may be executed at once. */
  readonly concurrent?: number;
  /** Batches that may be in flight at once. */
  readonly lanes?: number;
  /** Whose cards are guarded; nobody's when absent. */
  readonly guarded?: GuardedModes;
};

const NO_CLOCK: Clock = {
  nowMs: 0,
  random: () => {
    throw new Error("Bug: a shard decides within a step only");
  },
};

/** A shard that has just woken: it knows nothing, and doubts that all is well. */
export function newShard(options: ShardOptions): ShardState {
  const state: ShardState = {
    rates: ratesOf(options.ratePerSecond),
    concurrent: options.concurrent ?? CONCURRENT_MAX,
    mint: new IdMint(
      // What is made now is found by a search since the clean time, even if the clock fell behind.
      () => Math.max(state.clock.nowMs, state.cleanSinceMs),
      (length) => state.clock.random(length),
    ),
    clock: NO_CLOCK,
    accounts: new Map(),
    requests: new Map(),
    inFlight: new Map(),
    finished: new FinishedAnswers(),
    conveyor: new Conveyor(options.lanes ?? LANES),
    drives: new Map(),
    orders: [],
    timers: new Map(),
    lastNumber: 0,
    wakeMs: undefined,
    doubtful: true,
    lateSearches: LATE_SEARCHES,
    isHeir: options.cleanSinceMs !== undefined,
    cleanSinceMs: options.cleanSinceMs ?? 0,
    guard: options.guarded === undefined ? undefined : new CardGuard(),
    guarded: options.guarded,
    recovery: undefined,
  };
  return state;
}

/** The name of an account in one mode. */
export const nameOf = (scope: Scope): string =>
  scope.livemode ? `${scope.account}/live` : `${scope.account}/test`;

/** The guard of an account in this mode, if it has one. */
export const guardOf = (state: ShardState, { livemode }: Scope): CardGuard | undefined =>
  livemode || state.guarded === "all" ? state.guard : undefined;

export function accountOf(state: ShardState, name: string): Account {
  let account = state.accounts.get(name);
  if (account === undefined) {
    account = { buckets: {}, executing: 0, seq: 0 };
    state.accounts.set(name, account);
  }
  return account;
}

/** Counts one request of an account, or says why it must wait. */
export function limitOf(
  state: ShardState,
  name: string,
  of: EndpointClass,
  nowMs: number,
): Failure | undefined {
  const reason = takeRequest(accountOf(state, name).buckets, state.rates, of, nowMs);
  return reason && { kind: "rate_limited", reason };
}

/** What a shard says beside what it answers to a request of this class. */
export function wordOf(
  state: ShardState,
  scope: Scope,
  of: EndpointClass,
  nowMs: number,
): Required<Word> {
  const { seq, buckets } = accountOf(state, nameOf(scope));
  // While an instance before this one may tell what this one has not heard of, no number is high enough:
  // the home region itself is read.
  const knowsAll = !state.isHeir && seq > 0;
  return {
    minSeq: knowsAll ? seq : null,
    quotas: quotasOf(buckets, state.rates, of, nowMs),
  };
}

/** Has the shard woken soon, should it be lost; one write in five seconds of activity. */
export function arm(state: ShardState, out: Action[]): void {
  const { nowMs } = state.clock;
  // An alarm that a clock running ahead has set may be hours away once the clock is right again.
  if (state.wakeMs !== undefined && state.wakeMs < nowMs + 2 * ALARM_MS) return;
  state.wakeMs = nowMs + ALARM_MS;
  out.push({ kind: "arm", atMs: state.wakeMs });
}

/** Something may be open that nobody here drives: the alarm will look for it. */
export function doubt(state: ShardState, out: Action[]): void {
  state.doubtful = true;
  arm(state, out);
}

/** Something may be committed yet that this instance will not hear of. */
export function expectLate(state: ShardState, out: Action[]): void {
  state.lateSearches = LATE_SEARCHES;
  doubt(state, out);
}
