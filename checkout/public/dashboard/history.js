// What happened to one payment: its attempts, its refunds, the postings they made, and the events that tell of it and
// of its intent. Events cannot be asked for by payment, so those around the moments at which something happened are
// read.

import { ask, listAll } from "./api.js";
import { loadAttempts } from "./attempts.js";

/** What a change is told of after it was asked for; a slow processor, and recovery, take part of it. */
const AROUND_S = 600;
const EVENTS_MAX = 500;
const ENDPOINTS_MAX = 16;
const DELIVERIES_MAX = 300;

/**
 * @param {string} id of a charge
 * @returns {Promise<{ charge: any, attempts: import("./attempts.js").Found, refunds: any[],
 *   postings: any[], events: any[] } | { error: import("./api.js").ApiError }>}
 */
export async function loadHistory(id) {
  const [charge, refunds] = await Promise.all([
    ask(`/v1/charges/${encodeURIComponent(id)}`),
    listAll("/v1/refunds", { charge: id }, 100),
  ]);
  if ("error" in charge) return charge;
  if ("error" in refunds) return refunds;
  const attempts = await loadAttempts(charge.body);
  if ("error" in attempts) return attempts;
  const sources = [id, ...refunds.data.map((refund) => refund.id)];
  const found = await Promise.all(
    sources.map((source) => listAll("/v1/balance_transactions", { source }, 100)),
  );
  const postings = found
    .flatMap((page) => ("error" in page ? [] : page.data))
    .sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
  const { intent, charges } = attempts;
  const made = [...(intent === undefined ? [] : [intent]), ...charges];
  const moments = [...made, ...refunds.data, ...postings].map(({ created }) => created);
  const ids = [id, intent?.id, ...refunds.data.map((refund) => refund.id)];
  const events = await eventsAround(
    moments,
    ({ data: { object } }) => ids.includes(object.id) || object.charge === id,
    attempts.events,
  );
  return "error" in events
    ? events
    : { charge: charge.body, attempts, refunds: refunds.data, postings, events: events.found };
}

/**
 * Which of these events endpoints were told, newest attempt first; none where there are no endpoints.
 * @param {readonly any[]} events
 * @returns {Promise<any[]>}
 */
export async function deliveriesOf(events) {
  const endpoints = await listAll("/v1/webhook_endpoints", {}, ENDPOINTS_MAX);
  if ("error" in endpoints || events.length === 0) return [];
  const ids = new Set(events.map((event) => event.id));
  const found = await Promise.all(
    endpoints.data.map(async ({ id, url }) => {
      const tried = await listAll(`/v1/webhook_endpoints/${id}/deliveries`, {}, DELIVERIES_MAX);
      return "error" in tried ? [] : tried.data.map((delivery) => ({ ...delivery, url }));
    }),
  );
  return found
    .flat()
    .filter(({ event }) => ids.has(event))
    .sort((a, b) => b.created - a.created);
}

/**
 * @param {number[]} moments unix seconds
 * @param {(event: any) => boolean} wanted
 * @param {any[]} known events that are wanted and were read already
 * @returns {Promise<{ found: any[] } | { error: import("./api.js").ApiError }>}
 */
async function eventsAround(moments, wanted, known) {
  /** @type {Map<string, any>} */
  const found = new Map();
  for (const [from, to] of spansOf(moments)) {
    const span = { "created[gte]": String(from), "created[lte]": String(to) };
    const events = await listAll("/v1/events", span, EVENTS_MAX);
    if ("error" in events) return events;
    for (const event of events.data.reverse()) if (wanted(event)) found.set(event.id, event);
  }
  for (const event of known) found.set(event.id, event);
  // Those of one second stay as they were listed; their ids do not say which of them came first.
  return { found: [...found.values()].sort((a, b) => a.created - b.created) };
}

/**
 * The times to look at, with those that meet made one.
 * @param {number[]} moments
 * @returns {[from: number, to: number][]}
 */
export function spansOf(moments) {
  /** @type {[number, number][]} */
  const spans = [];
  for (const at of [...moments].sort((a, b) => a - b)) {
    const last = spans.at(-1);
    if (last && at <= last[1]) last[1] = at + AROUND_S;
    else spans.push([at - 1, at + AROUND_S]);
  }
  return spans;
}
