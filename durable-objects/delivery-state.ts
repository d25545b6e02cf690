// What is known of one account's webhooks: how far its sequence was read, its endpoints as the ledger last told
// of them, and what waits at each. All but what is under way is kept in rows, and is there after a crash.

import type { DeliveryFailure } from "../protocol/webhook-delivery.ts";
import type { Chance } from "./delivery-pace.ts";

/** An endpoint as the ledger has it at one entry. */
export type EndpointConfig = {
  readonly id: string;
  /** The entry that made it what it is. */
  readonly seq: number;
  readonly url: string;
  /** Names of events, or `*` alone. */
  readonly events: readonly string[];
  /** Whether an event waits until the one before it is delivered or given up. */
  readonly ordered: boolean;
  readonly enabled: boolean;
  readonly secretVersion: number;
  /** Unix seconds until which the secret before is signed with too; null when there is none. */
  readonly formerUntil: number | null;
};

/** An event within an account: its entry and, where an entry tells several, which of them. One number, so that order is theirs. */
export type Place = number;

/** Events of one entry; more than any entry renders. */
const PARTS = 16;
export const placeOf = (seq: number, part: number): Place => seq * PARTS + part;
export const seqOf = (place: Place): number => Math.floor(place / PARTS);
export const partOf = (place: Place): number => place % PARTS;

export type Event = { readonly place: Place; readonly type: string };

/** One entry of the account's sequence, as far as webhooks are concerned. */
export type Entry = {
  readonly seq: number;
  /** What merchants may hear of it. */
  readonly events: readonly Event[];
  /** What became of an endpoint; null when it was deleted. */
  readonly endpoint?: {
    readonly id: string;
    readonly config: EndpointConfig | null;
  };
};

/** Entries after a number, without a gap, and where the sequence stood then. */
export type Page = {
  readonly after: number;
  readonly entries: readonly Entry[];
  readonly head: number;
};

/** An event that waits to be delivered to one endpoint. */
export type Delivery = Event & {
  readonly attempts: number;
  /** When it was first tried; null before that. */
  readonly firstMs: number | null;
  readonly nextMs: number;
  /** Whether somebody asked for it again. */
  readonly redelivery: boolean;
};

/** Entries that are to be delivered again: after `cursor`, up to `until`. */
export type Replay = { readonly cursor: number; readonly until: number };

export type EndpointRow = EndpointConfig & {
  /** All entries up to it were taken up. */
  readonly cursor: number;
  /** Whether it was switched on there: an endpoint that lags goes through its past in order. */
  readonly listens: boolean;
  /** When what failed first since anything succeeded was begun; null when the last attempt succeeded. */
  readonly failingSinceMs: number | null;
  /** Failures since anything succeeded. */
  readonly failures: number;
  readonly resumeMs: number;
  readonly replay: Replay | null;
};

export type Endpoint = {
  row: EndpointRow;
  readonly waiting: Map<Place, Delivery>;
  /** Places that are being delivered at this moment. */
  readonly underWay: Set<Place>;
  /** Whether the ledger is being told that nothing succeeds here. */
  disabling: boolean;
};

/** How far the sequence was read for endpoints, and until when it is read though there are none. */
export type Progress = { readonly cursor: number; readonly watchUntilMs: number };

export type Attempt = {
  readonly endpoint: string;
  readonly place: Place;
  readonly startedMs: number;
};

export type DeliveryClock = { readonly nowMs: number; readonly chance: Chance };

/** What an attempt came to, as it is told to the merchant. */
export type LogEntry = Event & {
  readonly endpoint: string;
  readonly atMs: number;
  /** Counts the attempts at this event, from 1. */
  readonly attempt: number;
  readonly redelivery: boolean;
  /** The receiver's status, or null when it did not answer. */
  readonly status: number | null;
  /** Why it failed; null when it did not. */
  readonly failure: DeliveryFailure | null;
  readonly tookMs: number;
  /** When it is tried again; null when it is not. */
  readonly nextMs: number | null;
};

/** One change of what is kept. */
export type Change =
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "endpoint"; readonly row: EndpointRow }
  /** With all that waits there, and its log. */
  | { readonly kind: "endpoint_gone"; readonly id: string }
  | { readonly kind: "delivery"; readonly endpoint: string; readonly delivery: Delivery }
  | { readonly kind: "delivery_ended"; readonly endpoint: string; readonly place: Place }
  | { readonly kind: "log"; readonly entry: LogEntry };

type Pull = { readonly number: number; readonly after: number; readonly heard: number };

export type DeliveryState = {
  progress: Progress;
  /** The highest number of the sequence that was heard of. */
  head: number;
  readonly endpoints: Map<string, Endpoint>;
  readonly attempts: Map<number, Attempt>;
  /** The question to the ledger that is under way, and what had been heard of when it was asked. */
  pull: Pull | undefined;
  /** When the ledger is asked though nothing was heard; and not before, after a question without an answer. */
  pullMs: number;
  pullFailures: number;
  /** Whether the last question was after new entries, so that those who lag get every second one. */
  pulledLive: boolean;
  lastNumber: number;
  /** Where the search for what is due begins, so that no endpoint is always first. */
  turn: number;
  wakeMs: number | undefined;
  /** Of the step that is being taken. */
  changes: Change[];
};

/** What is there after a crash: the rows, and nothing under way. */
export function restore(
  progress: Progress | undefined,
  endpoints: readonly EndpointRow[],
  deliveries: readonly { readonly endpoint: string; readonly delivery: Delivery }[],
): DeliveryState {
  const state: DeliveryState = {
    progress: progress ?? { cursor: 0, watchUntilMs: 0 },
    head: progress?.cursor ?? 0,
    endpoints: new Map(endpoints.map((row) => [row.id, newEndpoint(row)])),
    attempts: new Map(),
    pull: undefined,
    pullMs: 0,
    pullFailures: 0,
    pulledLive: false,
    lastNumber: 0,
    turn: 0,
    wakeMs: undefined,
    changes: [],
  };
  for (const { endpoint, delivery } of deliveries) {
    state.endpoints.get(endpoint)?.waiting.set(delivery.place, delivery);
  }
  return state;
}

export const newEndpoint = (row: EndpointRow): Endpoint => ({
  row,
  waiting: new Map(),
  underWay: new Set(),
  disabling: false,
});

/** Whether the sequence is followed at all: for endpoints, or for one that is just being made. */
export const isWatching = (state: DeliveryState, nowMs: number): boolean =>
  state.endpoints.size > 0 || nowMs < state.progress.watchUntilMs;

export function changeEndpoint(
  state: DeliveryState,
  endpoint: Endpoint,
  change: Partial<EndpointRow>,
): void {
  endpoint.row = { ...endpoint.row, ...change };
  state.changes.push({ kind: "endpoint", row: endpoint.row });
}

export function changeDelivery(state: DeliveryState, to: Endpoint, delivery: Delivery): void {
  to.waiting.set(delivery.place, delivery);
  state.changes.push({ kind: "delivery", endpoint: to.row.id, delivery });
}

export function endDelivery(state: DeliveryState, from: Endpoint, place: Place): void {
  from.waiting.delete(place);
  state.changes.push({ kind: "delivery_ended", endpoint: from.row.id, place });
}
