// The dashboard: which view is shown, and that what happens meanwhile appears in it. A payment has its id as
// the address's fragment, so that it can be linked to and gone back from.

import { $ } from "../dom.js";
import { openSession } from "./api.js";
import { focusPayment, listenOverview, loadOverview } from "./overview.js";
import { leavePayment, showPayment } from "./payment.js";
import { listenRefund } from "./refund.js";

/** Events come in bursts: a payment has several. */
const SETTLE_MS = 600;
const RETRY_MS = 3_000;

/** @type {string | undefined} the payment that is shown */
let current;
let timer = 0;

start();

async function start() {
  listenOverview();
  listenRefund();
  const session = await openSession().catch(() => undefined);
  if (!session) {
    $("note").hidden = false;
    $("overview").hidden = true;
    return;
  }
  addEventListener("hashchange", show);
  addEventListener("keydown", (event) => {
    const inField = /** @type {HTMLElement} */ (event.target).closest("dialog, input, select, pre");
    if (event.key === "Escape" && current && !inField) $("back").click();
  });
  show();
  await loadOverview();
  watch();
}

function show() {
  const before = current;
  const id = location.hash.slice(1);
  current = /^ch_[0-9A-Za-z]+$/.test(id) ? id : undefined;
  $("overview").hidden = current !== undefined;
  $("payment").hidden = current === undefined;
  if (current) {
    scrollTo(0, 0);
    return void showPayment(current);
  }
  leavePayment();
  document.title = "Tessera · Dashboard";
  if (before) focusPayment(before);
}

/** What the ledger writes is shown as it is written. */
function watch() {
  const opened = Date.now() / 1000;
  const source = new EventSource("/demo/events");
  source.addEventListener("open", () => setState("live", "Live"));
  source.addEventListener("error", () => {
    setState("waiting", "Reconnecting…");
    if (source.readyState === EventSource.CLOSED) setTimeout(watch, RETRY_MS);
  });
  source.addEventListener("event", (message) => {
    if (createdOf(message.data) < opened - 1) return;
    clearTimeout(timer);
    timer = setTimeout(refresh, SETTLE_MS);
  });
}

/** @param {string} data @returns {number} */
function createdOf(data) {
  try {
    return Number(JSON.parse(data).created);
  } catch {
    return 0;
  }
}

function refresh() {
  loadOverview();
  // A dialog that is open over the payment would be pulled from under somebody's hands.
  if (current && !$("refund").hasAttribute("open")) showPayment(current, { quiet: true });
}

/** @param {string} name @param {string} text */
function setState(name, text) {
  $("live").dataset["state"] = name;
  if ($("live").textContent !== text) $("live").textContent = text;
}
