// The attempts at a payment, oldest first. Without an intent the charge is the only one; an intent has one for each
// card that was tried, and some that never came to a charge: its cardholder failed to prove himself, or is still asked.

import { $, element } from "../dom.js";
import { ask, listAll } from "./api.js";
import { badge } from "./overview.js";
import { timeOf } from "./time.js";
import { cardOf, stateOf } from "./words.js";

/**
 * @typedef {object} Attempt
 * @property {string} number
 * @property {string | undefined} charge
 * @property {{ name: string, kind: string }} state
 * @property {string} said what the bank answered
 * @property {{ text: string, anchor: string } | undefined} code why it failed, and its place among the errors
 * @property {string[]} facts
 * @property {number | undefined} created unix seconds
 * @typedef {{ intent: any, charges: any[], events: any[], more: boolean }} Found
 */

const CHARGES_MAX = 100;
const EVENTS_MAX = 500;
const UNCHARGED = ["payment_intent.payment_failed", "payment_intent.requires_action"];

/**
 * The intent of a charge, its charges, and the events that tell of its failures and its cardholder's turns, oldest first;
 * and whether there is more than was read, which is older.
 * @param {any} charge
 * @returns {Promise<Found | { error: import("./api.js").ApiError }>}
 */
export async function loadAttempts(charge) {
  const id = charge.payment_intent;
  if (id === null) return { intent: undefined, charges: [charge], events: [], more: false };
  const [intent, charges] = await Promise.all([
    ask(`/v1/payment_intents/${encodeURIComponent(id)}`),
    listAll("/v1/charges", { payment_intent: id }, CHARGES_MAX),
  ]);
  if ("error" in intent) return intent;
  if ("error" in charges) return charges;
  const span = spanOf(intent.body, charges.data);
  const pages = await Promise.all(
    UNCHARGED.map((type) => listAll("/v1/events", { type, ...span }, EVENTS_MAX)),
  );
  /** @type {any[]} */
  const events = [];
  let { more } = charges;
  for (const page of pages) {
    if ("error" in page) return page;
    events.push(...page.data.filter((event) => event.data.object.id === id).reverse());
    more ||= page.more;
  }
  return { intent: intent.body, charges: charges.data.reverse(), events, more };
}

/** Nothing is tried before an intent is made, nor after it is paid. @param {any} intent @param {any[]} charges */
function spanOf(intent, charges) {
  const from = { "created[gte]": String(intent.created) };
  const [latest] = charges;
  const paid = latest !== undefined && latest.status === "succeeded";
  return paid ? { ...from, "created[lte]": String(latest.created) } : from;
}

/** @param {Found} found @returns {Attempt[]} */
function attemptsOf({ intent, charges, events }) {
  const failures = events.filter(({ type }) => type === "payment_intent.payment_failed");
  const tried = [
    ...failures
      .filter((event) => !chargeOf(event))
      .map((event) => ({ attempt: ofEvent(event), place: failures.indexOf(event) })),
    ...charges.map((charge) => {
      const place = failures.findIndex((event) => chargeOf(event) === charge.id);
      const isLast = place < 0 && charge.status !== "failed";
      return { attempt: ofCharge(charge), place: isLast ? failures.length : place };
    }),
  ];
  // Failures are in order, behind those whose events are too old to be read; what did not fail is the last, or the only one.
  const attempts = tried.sort((a, b) => a.place - b.place).map(({ attempt }) => attempt);
  if (intent?.status === "requires_action") attempts.push(waiting(events));
  return attempts.map((attempt, i) => ({ ...attempt, number: attempt.number || String(i + 1) }));
}

/** The charge that failed; none where it did not come to one. @param {any} event @returns {string | undefined} */
const chargeOf = ({ data: { object } }) => object.last_payment_error?.charge;

/** @param {any} charge @returns {Attempt} */
function ofCharge(charge) {
  const { outcome } = charge;
  const network = outcome?.network_decline_code;
  const proof = charge.payment_method_details?.card?.three_d_secure?.result;
  return {
    // Without an intent it is the merchant who counts.
    number: charge.payment_intent === null ? (charge.metadata.attempt_number ?? "") : "",
    charge: charge.id,
    state: stateOf({ ...charge, amount_refunded: 0, refunded: false, disputed: false }),
    said: outcome?.seller_message ?? "The processor has not answered yet.",
    code: charge.status === "failed" ? codeOf(charge) : undefined,
    facts: [
      network && `network ${network}`,
      proof && `3-D Secure: ${proof}`,
      cardOf(charge),
    ].filter(Boolean),
    created: charge.created,
  };
}

/** @param {any} event @returns {Attempt} */
function ofEvent({ created, data: { object } }) {
  const error = object.last_payment_error;
  const notAsked = error.decline_code === "authentication_not_handled";
  return {
    number: "",
    charge: undefined,
    state: { name: "Not charged", kind: "bad" },
    said: notAsked
      ? "The bank wanted the cardholder to prove himself, and he was not asked."
      : "The cardholder could not prove himself to his bank.",
    code: { text: error.decline_code ?? error.code, anchor: anchorOf(error.code, error.code) },
    facts: [`3-D Secure: ${notAsked ? "wanted, not done" : "failed"}`, cardOfError(error)].filter(
      Boolean,
    ),
    created,
  };
}

/** @param {any[]} events @returns {Attempt} */
function waiting(events) {
  const asked = events
    .filter(({ type }) => type === "payment_intent.requires_action")
    .map(({ created }) => created);
  return {
    number: "",
    charge: undefined,
    state: { name: "Waiting", kind: "wait" },
    said: "The cardholder is asked to prove himself to his bank.",
    code: undefined,
    facts: ["3-D Secure: open"],
    created: asked.length === 0 ? undefined : Math.max(...asked),
  };
}

/** @param {any} error */
function cardOfError({ payment_method: method, source }) {
  const card = method?.card ?? source;
  if (!card) return "";
  return cardOf({ payment_method_details: { card: { ...card, brand: card.brand.toLowerCase() } } });
}

/**
 * Why a charge failed, and where that is explained.
 * @param {any} charge
 */
export function codeOf(charge) {
  const text = charge.outcome?.reason ?? charge.failure_code ?? "";
  return { text, anchor: anchorOf(charge.failure_code, text) };
}

/** @param {string | null} code @param {string} reason */
const anchorOf = (code, reason) =>
  code === "card_declined" || code === "authentication_required" ? `decline-${reason}` : `${code}`;

/** @param {{ text: string, anchor: string }} code */
export function linkToError({ text, anchor }) {
  const link = /** @type {HTMLAnchorElement} */ (element("a", text));
  link.href = `/docs/errors#${encodeURIComponent(anchor)}`;
  return link;
}

/** @param {Found} found @param {string} shown the charge that the page is of */
export function attemptRows(found, shown) {
  $("attempts").replaceChildren(...attemptsOf(found).map((attempt) => rowOf(attempt, shown)));
  $("attempts-more").hidden = !found.more;
}

/** @param {Attempt} attempt @param {string} shown */
function rowOf({ number, charge, state, said, code, facts, created }, shown) {
  const row = element("tr");
  if (charge === shown) row.setAttribute("aria-current", "true");
  const result = element("td", "", "result");
  if (charge === undefined || charge === shown) result.append(badge(state));
  else {
    const link = /** @type {HTMLAnchorElement} */ (element("a"));
    link.href = `#${charge}`;
    link.append(badge(state));
    result.append(link);
  }
  const told = element("td", "", "said");
  const under = element("p", "", "facts");
  if (code) under.append(linkToError(code));
  under.append(...facts.map((fact) => element("span", fact)));
  told.append(element("p", said), under);
  const when = element("td", "", "when");
  when.append(created === undefined ? "–" : timeOf(created));
  row.append(element("td", number, "number"), result, told, when);
  return row;
}
