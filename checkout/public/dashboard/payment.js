// One payment: what was taken from which card, all that happened since, and what it did to the balance.

import { $, element } from "../dom.js";
import { formatMoney } from "../money.js";
import { attemptRows, codeOf, linkToError } from "./attempts.js";
import { deliveriesOf, loadHistory } from "./history.js";
import { badge } from "./overview.js";
import { offerRefund } from "./refund.js";
import { timeOf } from "./time.js";
import {
  cardOf,
  kindOf,
  longTime,
  refundableOf,
  shortTime,
  signed,
  stateOf,
  titleOf,
} from "./words.js";

/** @type {string | undefined} */
let shown;

/** @param {string} id @param {{ quiet?: boolean }} [how] quiet: it is shown already and read again */
export async function showPayment(id, { quiet = false } = {}) {
  shown = id;
  if (!quiet) {
    $("payment-body").hidden = true;
    $("payment-state").textContent = "Loading the payment";
  }
  const history = await loadHistory(id);
  // Somebody has gone elsewhere while this was read.
  if (shown !== id) return;
  $("payment-state").textContent = "";
  $("payment-problem").hidden = !("error" in history);
  if ("error" in history) {
    $("payment-problem").textContent = history.error.message;
    return;
  }
  const { charge, refunds, postings, events } = history;
  head(charge);
  $("timeline").replaceChildren(...events.map(moment));
  $("timeline-empty").hidden = events.length > 0;
  attemptRows(history.attempts, charge.id);
  postingRows(postings);
  refundRows(refunds);
  details(charge);
  const deliveries = await deliveriesOf(events);
  if (shown !== id) return;
  deliveryRows(deliveries);
  $("payment-body").hidden = false;
  if (!quiet) $("payment-amount").focus({ preventScroll: true });
  document.title = `${formatMoney(charge.amount, charge.currency)} · Tessera`;
}

export function leavePayment() {
  shown = undefined;
}

/** @param {any} charge */
function head(charge) {
  const amount = $("payment-amount");
  amount.replaceChildren(
    formatMoney(charge.amount, charge.currency),
    element("span", charge.currency.toUpperCase(), "unit"),
  );
  $("payment-badge").replaceChildren(badge(stateOf(charge)));
  $("payment-what").textContent = charge.description ?? "";
  $("payment-id").textContent = charge.id;
  const refundable = refundableOf(charge);
  const button = /** @type {HTMLButtonElement} */ ($("refund-open"));
  button.hidden = refundable === 0;
  button.textContent = charge.captured ? "Refund" : "Release";
  button.onclick = () =>
    offerRefund(charge, refundable, () => {
      // The answer may come when another payment is shown.
      if (shown === charge.id) showPayment(charge.id, { quiet: true });
    });
  reason(charge);
}

/** @param {any} charge */
function reason(charge) {
  const box = $("reason");
  box.hidden = charge.status !== "failed";
  if (charge.status !== "failed") return;
  box.replaceChildren(
    element("span", charge.failure_message ?? "Declined."),
    linkToError(codeOf(charge)),
  );
}

/** @param {any} event */
function moment(event) {
  const { object } = event.data;
  const made = element("li");
  const tile = element("span", "", "tile");
  tile.dataset["kind"] = kindOf(event.type);
  const details = element("details");
  const summary = element("summary");
  const told = element("span", "", "told");
  told.append(
    element("strong", titleOf(event)),
    element("span", amountIn(object), "moment-amount"),
  );
  const under = element("span", "", "under");
  under.append(element("code", event.type), timeOf(event.created, longTime));
  summary.append(told, under);
  const json = element("pre", JSON.stringify(event, null, 2));
  json.tabIndex = 0;
  json.setAttribute("role", "region");
  json.setAttribute("aria-label", `${event.type} as JSON`);
  details.append(summary, json);
  made.append(tile, details);
  return made;
}

/** @param {any} object */
function amountIn(object) {
  if (typeof object.amount !== "number") return "";
  if (object.object === "refund") return formatMoney(object.amount, object.currency);
  const amount = object.amount_refunded > 0 ? object.amount_refunded : object.amount;
  return formatMoney(amount, object.currency);
}

/**
 * A table's body, and whether the section that holds it has anything to show.
 * @param {string} id @param {HTMLElement[]} rows
 */
function fill(id, rows) {
  $(id).replaceChildren(...rows);
  const section = $(id).closest("section");
  if (section) section.hidden = rows.length === 0;
}

/** @param {(string | Node)[]} cells @param {string[]} classes */
function cells(cells, classes) {
  const row = element("tr");
  row.append(
    ...cells.map((content, i) => {
      const cell = element("td", "", classes[i] ?? "");
      cell.append(content);
      return cell;
    }),
  );
  return row;
}

/** @param {any[]} postings */
function postingRows(postings) {
  fill(
    "postings",
    postings.map((posting) =>
      cells(
        [
          posting.reporting_category,
          signed(posting.amount, posting.currency),
          posting.fee === 0 ? "–" : signed(-posting.fee, posting.currency),
          signed(posting.net, posting.currency),
          timeOf(posting.available_on),
        ],
        ["", "number", "number", "number strong", "when"],
      ),
    ),
  );
}

/** @param {any[]} refunds */
function refundRows(refunds) {
  const names = { succeeded: "good", failed: "bad", canceled: "back" };
  fill(
    "refunds",
    refunds.map((refund) =>
      cells(
        [
          formatMoney(refund.amount, refund.currency),
          badge({
            name: refund.status.charAt(0).toUpperCase() + refund.status.slice(1),
            kind: names[/** @type {keyof typeof names} */ (refund.status)] ?? "wait",
          }),
          refund.reason?.replaceAll("_", " ") ?? "–",
          timeOf(refund.created),
        ],
        ["number strong", "", "", "when"],
      ),
    ),
  );
}

/** @param {any[]} deliveries */
function deliveryRows(deliveries) {
  fill(
    "deliveries",
    deliveries.map((delivery) => {
      const good = delivery.status === "succeeded";
      const answer = delivery.response_status ?? delivery.failure?.replaceAll("_", " ") ?? "";
      const again =
        delivery.next_attempt === null ? "" : `, again ${shortTime(delivery.next_attempt)}`;
      return cells(
        [
          badge({ name: `${answer}${again}`, kind: good ? "good" : "bad" }),
          element("code", delivery.event_type),
          delivery.url.replace(/^https?:\/\//, ""),
          timeOf(delivery.created),
        ],
        ["", "", "where", "when"],
      );
    }),
  );
}

const CHECKS = new Map([
  ["pass", "passed"],
  ["fail", "failed"],
  ["unavailable", "not available"],
  ["unchecked", "not checked"],
]);

/** @param {any} charge */
function details(charge) {
  const card = charge.payment_method_details?.card;
  const { billing_details: billing } = charge;
  const check = (/** @type {string | null} */ result) => CHECKS.get(result ?? "") ?? "";
  const rows = {
    Card: cardOf(charge),
    Expires: card ? `${String(card.exp_month).padStart(2, "0")} / ${card.exp_year}` : "",
    Funding: [card?.funding, card?.country].filter(Boolean).join(", "),
    Fingerprint: card?.fingerprint ?? "",
    "Security code": check(card?.checks.cvc_check),
    "Postal code": [billing.address.postal_code, check(card?.checks.address_postal_code_check)]
      .filter(Boolean)
      .join(", "),
    Name: billing.name ?? "",
    Customer: charge.customer ?? "",
    "Payment intent": charge.payment_intent ?? "",
    Receipt: charge.receipt_email ?? "",
    Statement: charge.statement_descriptor ?? "",
    Risk: charge.outcome?.risk_level ?? "",
    ...charge.metadata,
  };
  $("details").replaceChildren(
    ...Object.entries(rows)
      .filter(([, value]) => value !== "")
      .map(([term, value]) => {
        const row = element("div");
        row.append(element("dt", term), element("dd", String(value)));
        return row;
      }),
  );
}
