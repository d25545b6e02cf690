// Which waiting events are sent now, and what their ends mean: a success ends a delivery, a failure puts it off,
// three days of failures give it up, and three days in which nothing at all succeeded disable the endpoint.

import type { DeliveryFailure } from "../protocol/webhook-delivery.ts";
import type { Action } from "./delivery-machine.ts";
import {
  endpointDelayMs,
  eventDelayMs,
  GIVE_UP_MS,
  OUTAGE_MS,
  originDelayMs,
} from "./delivery-pace.ts";
import {
  changeDelivery,
  changeEndpoint,
  type Delivery,
  type DeliveryClock,
  type DeliveryState,
  type Endpoint,
  endDelivery,
  type LogEntry,
} from "./delivery-state.ts";

/** A Worker has six connections at once; one stays free for the ledger. */
const ATTEMPTS_MAX = 5;
/** To one endpoint that works, so that a slow one leaves room for another. */
const ATTEMPTS_PER_ENDPOINT_MAX = 4;

/** What became of one attempt. */
export type Outcome =
  | { readonly kind: "answered"; readonly status: number; readonly tookMs: number }
  | {
      readonly kind: "failed";
      readonly failure: Exclude<DeliveryFailure, "status">;
      readonly tookMs: number;
    }
  /** The ledger could not be read, so nothing was sent; no fault of the endpoint. */
  | { readonly kind: "unread" };

/** Begins what is due, as far as there is room. */
export function startAttempts(state: DeliveryState, clock: DeliveryClock, out: Action[]): void {
  const endpoints = [...state.endpoints.values()];
  // Each in turn gets one, so that none takes all the room.
  for (let idle = 0; idle < endpoints.length && state.attempts.size < ATTEMPTS_MAX; ) {
    const endpoint = endpoints[state.turn++ % endpoints.length];
    const due = endpoint === undefined ? undefined : dueAt(endpoint);
    if (endpoint === undefined || due === undefined || due.atMs > clock.nowMs) {
      idle++;
      continue;
    }
    idle = 0;
    const { place, type } = due.delivery;
    const attempt = ++state.lastNumber;
    endpoint.underWay.add(place);
    state.attempts.set(attempt, { endpoint: endpoint.row.id, place, startedMs: clock.nowMs });
    out.push({ kind: "attempt", attempt, to: endpoint.row, event: { place, type } });
  }
}

/** When the next attempt is due, as far as room can be had before. */
export function wakeOfAttempts(state: DeliveryState): number {
  let soonest = Number.POSITIVE_INFINITY;
  // Whoever ends makes room and is heard of.
  if (state.attempts.size >= ATTEMPTS_MAX) return soonest;
  for (const endpoint of state.endpoints.values()) {
    soonest = Math.min(soonest, dueAt(endpoint)?.atMs ?? Number.POSITIVE_INFINITY);
  }
  return soonest;
}

/** What an endpoint is to be sent next, and when; undefined when nothing can be sent before something ends. */
function dueAt(
  endpoint: Endpoint,
): { readonly delivery: Delivery; readonly atMs: number } | undefined {
  const { row, waiting, underWay } = endpoint;
  if (!row.enabled || endpoint.disabling) return undefined;
  // Where nothing succeeds one at a time is enough to see when that ends.
  const most = row.ordered || row.failingSinceMs !== null ? 1 : ATTEMPTS_PER_ENDPOINT_MAX;
  if (underWay.size >= most) return undefined;
  let next: Delivery | undefined;
  for (const delivery of waiting.values()) {
    if (underWay.has(delivery.place)) continue;
    if (next === undefined || comesBefore(delivery, next, row.ordered)) next = delivery;
  }
  return next === undefined
    ? undefined
    : { delivery: next, atMs: Math.max(next.nextMs, row.resumeMs) };
}

function comesBefore(a: Delivery, b: Delivery, ordered: boolean): boolean {
  if (ordered || a.nextMs === b.nextMs) return a.place < b.place;
  return a.nextMs < b.nextMs;
}

/** Takes up how an attempt ended; one that nobody waits for any more is no news. */
export function attempted(
  state: DeliveryState,
  number: number,
  outcome: Outcome,
  clock: DeliveryClock,
  out: Action[],
): void {
  const attempt = state.attempts.get(number);
  if (attempt === undefined) return;
  state.attempts.delete(number);
  const endpoint = state.endpoints.get(attempt.endpoint);
  endpoint?.underWay.delete(attempt.place);
  const delivery = endpoint?.waiting.get(attempt.place);
  if (endpoint === undefined || delivery === undefined) return;
  if (outcome.kind === "unread") {
    // In memory only: it is no attempt, and whoever wakes next may try at once.
    const nextMs = clock.nowMs + originDelayMs(4, clock.chance);
    endpoint.waiting.set(delivery.place, { ...delivery, nextMs });
    return;
  }
  const failure = failureOf(outcome);
  const end = { outcome, startedMs: attempt.startedMs };
  if (failure === null) succeeded(state, endpoint, delivery, end, clock);
  else failed(state, endpoint, delivery, { ...end, failure }, clock, out);
}

type Ended = Exclude<Outcome, { kind: "unread" }>;
type End = { readonly outcome: Ended; readonly startedMs: number };

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

function failureOf(outcome: Ended): DeliveryFailure | null {
  if (outcome.kind === "failed") return outcome.failure;
  return isSuccess(outcome.status) ? null : "status";
}

function succeeded(
  state: DeliveryState,
  endpoint: Endpoint,
  delivery: Delivery,
  { outcome, startedMs }: End,
  { nowMs }: DeliveryClock,
): void {
  log(state, endpoint, delivery, outcome, { atMs: startedMs, failure: null, nextMs: null });
  endDelivery(state, endpoint, delivery.place);
  const { failingSinceMs } = endpoint.row;
  if (failingSinceMs === null) return;
  changeEndpoint(state, endpoint, { failingSinceMs: null, failures: 0, resumeMs: 0 });
  if (nowMs - failingSinceMs < OUTAGE_MS) return;
  for (const waiting of endpoint.waiting.values()) {
    if (waiting.nextMs > nowMs) changeDelivery(state, endpoint, { ...waiting, nextMs: nowMs });
  }
}

function failed(
  state: DeliveryState,
  endpoint: Endpoint,
  delivery: Delivery,
  { outcome, startedMs, failure }: End & { readonly failure: DeliveryFailure },
  { nowMs, chance }: DeliveryClock,
  out: Action[],
): void {
  const attempts = delivery.attempts + 1;
  const firstMs = delivery.firstMs ?? startedMs;
  // By when it began: an attempt that began before the three days were over may have met the end of an outage.
  const isOver = startedMs - firstMs >= GIVE_UP_MS || failure === "event_gone";
  const nextMs = isOver ? null : nowMs + eventDelayMs(attempts, chance);
  log(state, endpoint, delivery, outcome, { atMs: startedMs, failure, nextMs });
  if (nextMs === null) endDelivery(state, endpoint, delivery.place);
  else changeDelivery(state, endpoint, { ...delivery, attempts, firstMs, nextMs });
  if (failure === "event_gone") return;
  const failures = endpoint.row.failures + 1;
  const failingSinceMs = Math.min(endpoint.row.failingSinceMs ?? startedMs, startedMs);
  const resumeMs = nowMs + endpointDelayMs(failures, chance);
  changeEndpoint(state, endpoint, { failures, failingSinceMs, resumeMs });
  const { enabled, id, seq } = endpoint.row;
  if (!enabled || endpoint.disabling || startedMs - failingSinceMs < GIVE_UP_MS) return;
  endpoint.disabling = true;
  out.push({ kind: "disable", endpoint: id, seq });
}

function log(
  state: DeliveryState,
  endpoint: Endpoint,
  { place, type, attempts, redelivery }: Delivery,
  outcome: Ended,
  end: Pick<LogEntry, "atMs" | "failure" | "nextMs">,
): void {
  const entry: LogEntry = {
    endpoint: endpoint.row.id,
    place,
    type,
    attempt: attempts + 1,
    redelivery,
    status: outcome.kind === "answered" ? outcome.status : null,
    tookMs: outcome.tookMs,
    ...end,
  };
  state.changes.push({ kind: "log", entry });
}
