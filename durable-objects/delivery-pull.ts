// Reading the account's sequence for its endpoints. New entries come first, once for all endpoints; an endpoint
// whose window was full lags and catches up from the ledger, which keeps everything, so a dead receiver costs a
// window of rows and not a row for each event. Changes of endpoints are entries too, so they come in order.

import { originDelayMs } from "./delivery-pace.ts";
import {
  changeDelivery,
  changeEndpoint,
  type DeliveryClock,
  type DeliveryState,
  type Endpoint,
  type Entry,
  newEndpoint,
  type Page,
} from "./delivery-state.ts";

/** Events that wait at one endpoint before no more are taken up; some 100 bytes each. */
export const WINDOW_MAX = 500;
/** A poke that was lost is made good after so long. */
const IDLE_MS = 5 * 60_000;

/** Whether one more event may wait at an endpoint. */
export const hasRoom = ({ waiting }: Endpoint): boolean => waiting.size < WINDOW_MAX;

/** What to ask the ledger now, if anything. */
export function nextPull(
  state: DeliveryState,
  { nowMs }: DeliveryClock,
): { readonly pull: number; readonly after: number } | undefined {
  if (state.pull !== undefined) return undefined;
  if (state.pullFailures > 0 && nowMs < state.pullMs) return undefined;
  const live = isLiveWanted(state) || nowMs >= state.pullMs ? state.progress.cursor : undefined;
  const lagging = laggingCursor(state);
  const isLive = live !== undefined && (lagging === undefined || !state.pulledLive);
  const after = isLive ? live : lagging;
  if (after === undefined) return undefined;
  state.pulledLive = isLive;
  state.pull = { number: ++state.lastNumber, after, heard: state.head };
  return { pull: state.pull.number, after };
}

const isLiveWanted = (state: DeliveryState): boolean => state.progress.cursor < state.head;

function laggingCursor(state: DeliveryState): number | undefined {
  const { cursor } = state.progress;
  let lowest: number | undefined;
  for (const endpoint of state.endpoints.values()) {
    const { row } = endpoint;
    if (!row.enabled || !hasRoom(endpoint)) continue;
    for (const at of [row.cursor, row.replay?.cursor ?? cursor]) {
      if (at < cursor && (lowest === undefined || at < lowest)) lowest = at;
    }
  }
  return lowest;
}

/** When the ledger is to be asked next, if nothing happens before. */
export function wakeOfPull(state: DeliveryState): number {
  if (state.pull !== undefined) return Number.POSITIVE_INFINITY;
  return state.pullMs;
}

export function pullFailed(state: DeliveryState, { nowMs, chance }: DeliveryClock): void {
  state.pullFailures++;
  state.pullMs = nowMs + originDelayMs(state.pullFailures, chance);
}

/** Takes up what was read, for whoever had read up to there; `heard` is what had been heard of when it was asked. */
export function takePage(
  state: DeliveryState,
  page: Page,
  heard: number,
  clock: DeliveryClock,
): void {
  const { cursor } = state.progress;
  // There are entries up to the cursor: a ledger that shows none has lost them, or is another one.
  if (page.entries.length === 0 && page.after < cursor) {
    pullFailed(state, clock);
    return;
  }
  state.pullFailures = 0;
  const touched = new Set<Endpoint>();
  let before = page.after;
  for (const entry of page.entries) {
    if (isNext(state.progress.cursor, before, entry)) {
      state.progress = { ...state.progress, cursor: entry.seq };
      applyChange(state, entry, clock.nowMs);
    }
    for (const endpoint of state.endpoints.values()) {
      if (takeUp(state, endpoint, before, entry, clock.nowMs)) touched.add(endpoint);
    }
    before = entry.seq;
  }
  for (const endpoint of touched) {
    if (state.endpoints.has(endpoint.row.id)) changeEndpoint(state, endpoint, {});
  }
  if (state.progress.cursor !== cursor) {
    state.changes.push({ kind: "progress", progress: state.progress });
  }
  // What was heard since may be newer than the answer; what was heard before is in it.
  if (state.head === heard) state.head = page.head;
  else state.head = Math.max(state.head, page.head);
  if (state.progress.cursor >= page.head) state.pullMs = clock.nowMs + IDLE_MS;
}

/** Whether an entry follows what was read up to a cursor; `before` is the entry that was read before it. */
const isNext = (cursor: number, before: number, entry: Entry): boolean =>
  before <= cursor && cursor < entry.seq;

function takeUp(
  state: DeliveryState,
  endpoint: Endpoint,
  before: number,
  entry: Entry,
  nowMs: number,
): boolean {
  const { row } = endpoint;
  const { replay } = row;
  const switched = entry.endpoint?.id === row.id ? entry.endpoint.config?.enabled : undefined;
  const takes = row.enabled && hasRoom(endpoint);
  // That it is switched off is taken up also where nothing else is: what it wants ends there.
  const isFresh = (takes || switched === false) && isNext(row.cursor, before, entry);
  const isReplayed = takes && replay !== null && isNext(replay.cursor, before, entry);
  if (!isFresh && !isReplayed) return false;
  const listens = switched ?? row.listens;
  const isWanted = isFresh && row.listens && listens;
  if (isWanted || (isReplayed && entry.seq <= replay.until)) {
    for (const event of entry.events) {
      if (!wants(row.events, event.type) || endpoint.waiting.has(event.place)) continue;
      const waits = { attempts: 0, firstMs: null, nextMs: nowMs, redelivery: !isWanted };
      changeDelivery(state, endpoint, { ...event, ...waits });
    }
  }
  if (isFresh) endpoint.row = { ...endpoint.row, cursor: entry.seq, listens };
  if (isReplayed) {
    const rest = entry.seq < replay.until ? { cursor: entry.seq, until: replay.until } : null;
    endpoint.row = { ...endpoint.row, replay: rest };
  }
  return true;
}

const wants = (events: readonly string[], type: string): boolean =>
  events.includes("*") || events.includes(type);

function applyChange(state: DeliveryState, entry: Entry, nowMs: number): void {
  if (entry.endpoint === undefined) return;
  const { id, config } = entry.endpoint;
  const known = state.endpoints.get(id);
  if (config === null) {
    if (known === undefined) return;
    state.endpoints.delete(id);
    state.changes.push({ kind: "endpoint_gone", id });
    return;
  }
  if (known === undefined) {
    const fresh = { failingSinceMs: null, failures: 0, resumeMs: 0, replay: null };
    const made = newEndpoint({
      ...config,
      cursor: entry.seq,
      listens: config.enabled,
      ...fresh,
    });
    state.endpoints.set(id, made);
    changeEndpoint(state, made, {});
    return;
  }
  if (known.row.seq >= config.seq) return;
  known.disabling = false;
  const isBack = config.enabled && !known.row.enabled;
  const isElsewhere = config.url !== known.row.url;
  changeEndpoint(state, known, {
    ...config,
    // While it was off nothing was wanted. What was not taken up before that is still wanted, and where there is
    // any the entries are read from there on.
    ...(isBack && !known.row.listens ? { cursor: entry.seq, listens: true } : {}),
    ...(isBack || isElsewhere ? { failingSinceMs: null, failures: 0, resumeMs: 0 } : {}),
  });
  if (!isBack && !isElsewhere) return;
  for (const delivery of known.waiting.values()) {
    changeDelivery(state, known, { ...delivery, nextMs: nowMs });
  }
}
