// The first view: what there is, how it came to be, and the payments, newest first.

import { $, element } from "../dom.js";
import { formatMoney } from "../money.js";
import { ask, listAll } from "./api.js";
import { stepsOf, turnoverOf } from "./balance.js";
import { showChart } from "./chart.js";
import { timeOf } from "./time.js";
import { cardOf, stateOf } from "./words.js";

/** Postings that the line is drawn from; a longer history begins where they end. */
const POSTINGS_MAX = 1_000;
const PAGE_SIZE = 25;

/** @type {any[]} the payments that are listed */
let payments = [];
let currency = "usd";
let more = false;
let stopChart = () => {};

/** Loads everything anew; what was listed beyond the first page is read again as well. */
export async function loadOverview() {
  await Promise.all([loadBalance(), loadPayments(Math.max(PAGE_SIZE, payments.length))]);
}

async function loadBalance() {
  const [balance, postings] = await Promise.all([
    ask("/v1/balance"),
    listAll("/v1/balance_transactions", {}, POSTINGS_MAX),
  ]);
  if ("error" in balance) return showProblem(balance.error.message);
  if ("error" in postings) return showProblem(postings.error.message);
  const { available, pending } = balance.body;
  const known = available.map((/** @type {any} */ funds) => funds.currency);
  if (!known.includes(currency)) currency = known[0] ?? "usd";
  chooseCurrency(known);
  const of = (/** @type {any[]} */ all) =>
    all.find((funds) => funds.currency === currency)?.amount ?? 0;
  const own = postings.data.filter((posting) => posting.currency === currency);
  const day = turnoverOf(own, new Date().setHours(0, 0, 0, 0) / 1000);
  figure("available", of(available));
  figure("pending", of(pending));
  figure("taken", day.taken);
  figure("returned", day.returned);
  const steps = stepsOf(own, of(available) + of(pending));
  stopChart();
  $("chart").hidden = steps.length === 0;
  $("chart-empty").hidden = steps.length > 0;
  $("chart-note").textContent = postings.more ? `The last ${POSTINGS_MAX} postings` : "";
  if (steps.length > 0) stopChart = showChart($("chart"), steps, currency);
}

/** @param {string} id @param {number} amount */
function figure(id, amount) {
  $(id).textContent = formatMoney(amount, currency);
}

/** @param {string[]} known */
function chooseCurrency(known) {
  const select = /** @type {HTMLSelectElement} */ ($("currency"));
  const options = known.map(
    (code) => new Option(code.toUpperCase(), code, false, code === currency),
  );
  select.replaceChildren(...options);
  select.hidden = known.length < 2;
}

/** @param {number} count */
async function loadPayments(count) {
  const found = await listAll("/v1/charges", {}, count);
  if ("error" in found) return showProblem(found.error.message);
  payments = found.data;
  more = found.more;
  showProblem("");
  showPayments();
}

async function loadMore() {
  const last = payments.at(-1);
  if (last === undefined) return;
  const params = { limit: String(PAGE_SIZE), starting_after: last.id };
  const page = await ask("/v1/charges", { params });
  if ("error" in page) return showProblem(page.error.message);
  const first = payments.length;
  payments.push(...page.body.data);
  more = page.body.has_more;
  showPayments();
  links()[first]?.focus();
}

function showPayments() {
  const focused = document.activeElement?.closest("tr")?.dataset["payment"];
  $("rows").replaceChildren(...payments.map(row));
  $("payments").hidden = payments.length === 0;
  $("payments-empty").hidden = payments.length > 0;
  $("more").hidden = !more;
  if (focused) focusPayment(focused);
}

/** @param {string} id */
export function focusPayment(id) {
  /** @type {HTMLElement | null} */ (
    document.querySelector(`tr[data-payment="${CSS.escape(id)}"] a`)
  )?.focus();
}

/** @param {any} charge */
function row(charge) {
  const state = stateOf(charge);
  const made = element("tr");
  made.dataset["payment"] = charge.id;
  const link = /** @type {HTMLAnchorElement} */ (
    element("a", formatMoney(charge.amount, charge.currency))
  );
  link.href = `#${charge.id}`;
  const amount = element("td", "", "amount");
  amount.append(link);
  const shown = element("td", "", "state");
  shown.append(badge(state));
  const when = element("td", "", "when");
  when.append(timeOf(charge.created));
  made.append(
    amount,
    shown,
    element("td", charge.description ?? charge.id, charge.description ? "what" : "what id"),
    element("td", cardOf(charge), "card"),
    when,
  );
  return made;
}

/** @param {{ name: string, kind: string }} state */
export function badge({ name, kind }) {
  const made = element("span", name, "badge");
  made.dataset["kind"] = kind;
  return made;
}

const links = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("#rows a")]);

/** @param {string} message */
function showProblem(message) {
  $("overview-problem").textContent = message;
  $("overview-problem").hidden = message === "";
}

export function listenOverview() {
  $("more").addEventListener("click", loadMore);
  $("currency").addEventListener("change", (event) => {
    currency = /** @type {HTMLSelectElement} */ (event.target).value;
    loadBalance();
  });
  // Up and down go from payment to payment, as in any list.
  $("rows").addEventListener("keydown", (event) => {
    const all = links();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const goals = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
    const goal = goals[/** @type {keyof typeof goals} */ (event.key)];
    if (at < 0 || goal === undefined || all[goal] === undefined) return;
    event.preventDefault();
    all[goal].focus();
  });
  // The whole row is the link, for a pointer; the link itself is there for everybody else.
  $("rows").addEventListener("click", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("a") || getSelection()?.toString()) return;
    target.closest("tr")?.querySelector("a")?.click();
  });
}
