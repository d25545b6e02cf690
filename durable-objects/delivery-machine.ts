// The delivery of one account's events to its webhook endpoints as a state machine: everything it decides, and
// nothing it does. `step` takes one thing that happened and says what to do about it; clock and chance are
// arguments, so one seed replays one run. stream.ts performs the actions; a simulated host does in test/webhooks.
// Any input may come twice, late, or for something nobody waits for any more; it changes nothing then.
//
// Promised: each event that an endpoint wants is delivered there at least once, or given up after three days;
// once a success is kept it is not sent again; where order is asked for, none before the one before it.

import { attempted, type Outcome, startAttempts, wakeOfAttempts } from "./delivery-attempts.ts";
import { hasRoom, nextPull, pullFailed, takePage, wakeOfPull } from "./delivery-pull.ts";
import {
  type Change,
  changeDelivery,
  changeEndpoint,
  type DeliveryClock,
  type DeliveryState,
  type EndpointConfig,
  type Event,
  isWatching,
  type Page,
} from "./delivery-state.ts";

/** While an endpoint is being made there is none yet; its entry commits within two minutes or never. */
const WATCH_MS = 10 * 60_000;
/** What is under way should have ended by then; if not, whoever had it under way is gone. */
const GUARD_MS = 60_000;

/** What can happen. */
export type Input =
  /** Somebody is about to make an endpoint; `head` is where the account's sequence stood just now. */
  | { readonly kind: "armed"; readonly head: number }
  /** The account's sequence has reached this number. */
  | { readonly kind: "poked"; readonly seq: number }
  | { readonly kind: "alarm" }
  /** The ledger answered a `pull`, or could not be reached (undefined). */
  | { readonly kind: "pulled"; readonly pull: number; readonly page: Page | undefined }
  | { readonly kind: "attempted"; readonly attempt: number; readonly outcome: Outcome }
  /** Somebody wants an event again; nothing where so many wait that there is no room for it. */
  | { readonly kind: "redeliver"; readonly endpoint: string; readonly event: Event }
  /** Somebody wants all entries after one number up to another again. */
  | {
      readonly kind: "replay";
      readonly endpoint: string;
      readonly after: number;
      readonly until: number;
    }
  /** The ledger heard that an endpoint is to be disabled, or could not be reached. */
  | { readonly kind: "disabled"; readonly endpoint: string; readonly told: boolean };

/** What to do, in this order. What a crash stops in between is done by whoever wakes next. */
export type Action =
  /** Have an `alarm` come then, also after a crash; replaces the one before. */
  | { readonly kind: "wake"; readonly atMs: number }
  /** Keep all of these or none, before anything that follows. */
  | { readonly kind: "keep"; readonly changes: readonly Change[] }
  /** Ask the ledger for the entries after a number. */
  | { readonly kind: "pull"; readonly pull: number; readonly after: number }
  /** Send an event once. One `attempted` comes for each. */
  | {
      readonly kind: "attempt";
      readonly attempt: number;
      readonly to: EndpointConfig;
      readonly event: Event;
    }
  /** Tell the ledger that the endpoint, as it was at this entry, is to be disabled. One `disabled` comes. */
  | { readonly kind: "disable"; readonly endpoint: string; readonly seq: number };

/** Takes one thing that happened and says what to do about it. */
export function step(state: DeliveryState, input: Input, clock: DeliveryClock): Action[] {
  const out: Action[] = [];
  take(state, input, clock, out);
  if (isWatching(state, clock.nowMs)) {
    const pull = nextPull(state, clock);
    if (pull !== undefined) out.push({ kind: "pull", ...pull });
    startAttempts(state, clock, out);
  }
  const wake = wakeOf(state, clock.nowMs);
  const changes = state.changes;
  state.changes = [];
  if (changes.length > 0) out.unshift({ kind: "keep", changes });
  if (wake !== undefined) out.unshift({ kind: "wake", atMs: wake });
  return out;
}

function take(state: DeliveryState, input: Input, clock: DeliveryClock, out: Action[]): void {
  switch (input.kind) {
    case "armed":
      armed(state, input.head, clock.nowMs);
      break;
    case "poked":
      state.head = Math.max(state.head, input.seq);
      break;
    case "alarm":
      state.wakeMs = undefined;
      break;
    case "pulled": {
      if (state.pull?.number !== input.pull) break;
      const { heard } = state.pull;
      state.pull = undefined;
      if (input.page === undefined) pullFailed(state, clock);
      else takePage(state, input.page, heard, clock);
      break;
    }
    case "attempted":
      attempted(state, input.attempt, input.outcome, clock, out);
      break;
    case "redeliver":
      redeliver(state, input.endpoint, input.event, clock.nowMs);
      break;
    case "replay": {
      const endpoint = state.endpoints.get(input.endpoint);
      if (endpoint === undefined || endpoint.row.replay !== null) break;
      const { after, until } = input;
      if (after < until) changeEndpoint(state, endpoint, { replay: { cursor: after, until } });
      break;
    }
    case "disabled":
      disabled(state, input.endpoint, input.told);
      break;
  }
}

// Where nobody watched, nothing was wanted: the sequence is followed from here on.
function armed(state: DeliveryState, head: number, nowMs: number): void {
  const cursor = isWatching(state, nowMs) ? state.progress.cursor : head;
  state.progress = { cursor, watchUntilMs: nowMs + WATCH_MS };
  state.head = Math.max(state.head, head);
  state.changes.push({ kind: "progress", progress: state.progress });
}

function redeliver(state: DeliveryState, id: string, event: Event, nowMs: number): void {
  const endpoint = state.endpoints.get(id);
  if (endpoint === undefined) return;
  const known = endpoint.waiting.get(event.place);
  if (known === undefined && !hasRoom(endpoint)) return;
  const fresh = { ...event, attempts: 0, firstMs: null };
  changeDelivery(state, endpoint, { ...(known ?? fresh), nextMs: nowMs, redelivery: true });
  // Whoever asks by hand has mended something.
  if (endpoint.row.resumeMs > nowMs) changeEndpoint(state, endpoint, { resumeMs: nowMs });
}

// Told, the endpoint changes when its entry is read; not told, the next failure tells again.
function disabled(state: DeliveryState, id: string, told: boolean): void {
  const endpoint = state.endpoints.get(id);
  if (endpoint === undefined || !endpoint.disabling) return;
  if (told) state.pullMs = 0;
  else endpoint.disabling = false;
}

function wakeOf(state: DeliveryState, nowMs: number): number | undefined {
  if (!isWatching(state, nowMs)) return undefined;
  const isBusy =
    state.pull !== undefined ||
    state.attempts.size > 0 ||
    [...state.endpoints.values()].some(({ disabling }) => disabling);
  const wanted = Math.max(
    nowMs,
    Math.min(
      wakeOfPull(state),
      wakeOfAttempts(state),
      isBusy ? nowMs + GUARD_MS : Number.POSITIVE_INFINITY,
    ),
  );
  // One that comes too early does no harm and costs no write; one that a clock running ahead has set would.
  const { wakeMs } = state;
  if (wakeMs !== undefined && nowMs <= wakeMs && wakeMs <= wanted) return undefined;
  state.wakeMs = wanted;
  return wanted;
}
