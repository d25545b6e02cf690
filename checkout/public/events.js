// The list of events under the shop: what arrives on /demo/events, newest on top, one tile each.
// Everything an event says is put on the page as text, never as markup: it is other people's data.

import { $, element } from "./dom.js";
import { formatMoney } from "./money.js";

/**
 * @typedef {{ id: string, type: string, created: number, data: { object: {
 *   id: string, object: string, amount?: number, currency?: string } } }} Event
 */

// As many as a reader would scroll through; the ledger keeps the rest.
const MOST = 48;
const RETRY_MS = 3_000;
const NEWS_DELAY_MS = 400;

const list = $("events");
const state = $("events-state");
const empty = $("events-empty");
const news = $("events-news");
const mosaic = $("mosaic");

/** @type {Map<string, string>} id → kind, oldest first */
const seen = new Map();
/** @type {string[]} */
let unread = [];
let newsTimer = 0;

/** Starts listening; a stream that the browser gives up on is opened again. */
export function watchEvents() {
  const openedAt = Date.now() / 1000;
  const source = new EventSource("/demo/events");
  source.addEventListener("open", () => setState("live", "Live"));
  source.addEventListener("error", () => {
    setState("waiting", "Reconnecting…");
    // The browser reconnects after a cut, but not after an error status: then it is up to us.
    if (source.readyState === EventSource.CLOSED) setTimeout(watchEvents, RETRY_MS);
  });
  source.addEventListener("event", (message) => {
    const event = parse(message.data);
    if (!event || seen.has(event.id)) return;
    show(event);
    // The backlog is on the page for whoever wants it; reading it all out would drown the rest.
    if (event.created >= openedAt - 1) announce(event);
  });
}

/**
 * @param {string} data
 * @returns {Event | undefined}
 */
function parse(data) {
  try {
    const event = JSON.parse(data);
    return typeof event?.id === "string" && event.data?.object ? event : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} name @param {string} label */
function setState(name, label) {
  state.dataset.state = name;
  if (state.textContent !== label) state.textContent = label;
}

/** @param {Event} event */
function show(event) {
  const kind = kindOf(event.type);
  seen.set(event.id, kind);
  empty.hidden = true;
  list.prepend(row(event, kind));
  while (list.childElementCount > MOST) list.lastElementChild?.remove();
  layTiles();
}

/**
 * @param {Event} event
 * @param {string} kind
 */
function row(event, kind) {
  const object = event.data.object;
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const time = element("time", clock(event.created), "event-time");
  time.setAttribute("datetime", new Date(event.created * 1000).toISOString());
  const tile = element("span", "", "tile");
  tile.dataset.kind = kind;
  summary.append(
    tile,
    element("span", event.type, "event-type"),
    element("span", object.id, "event-object"),
    element("span", amountOf(object), "event-amount"),
    time,
  );
  const json = element("pre", JSON.stringify(event, null, 2), "event-json");
  // A wide object scrolls inside its box, and a box that scrolls must be reachable by keyboard.
  json.tabIndex = 0;
  json.setAttribute("role", "region");
  json.setAttribute("aria-label", `${event.type} as JSON`);
  details.append(summary, json);
  const item = document.createElement("li");
  item.dataset.event = event.id;
  item.append(details);
  return item;
}

/** @param {string} type */
function kindOf(type) {
  if (/fail|dispute|expired/.test(type)) return "bad";
  if (/refund|cancel/.test(type)) return "back";
  return /^(charge|payment_intent)\./.test(type) ? "good" : "other";
}

/** @param {{ amount?: number, currency?: string }} object */
function amountOf({ amount, currency }) {
  return typeof amount === "number" && currency ? formatMoney(amount, currency) : "";
}

/** @param {number} seconds */
function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
}

/** Newest tile first on the left, as in the list; places still free are drawn faintly. */
function layTiles() {
  const kinds = [...seen.values()].slice(-MOST).reverse();
  const tiles = Array.from({ length: MOST }, (_, i) => {
    const tile = document.createElement("span");
    tile.dataset.kind = kinds[i] ?? "free";
    return tile;
  });
  mosaic.replaceChildren(...tiles);
}

/** @param {Event} event */
function announce(event) {
  unread.push(`${event.type} ${amountOf(event.data.object)}`.trim());
  clearTimeout(newsTimer);
  newsTimer = setTimeout(() => {
    news.textContent = `New: ${unread.join(", ")}`;
    unread = [];
  }, NEWS_DELAY_MS);
}

layTiles();
