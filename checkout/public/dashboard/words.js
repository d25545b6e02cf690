// How the dashboard says things: states, cards, times, events. Pure, and in one place, so that a payment is
// called the same wherever it is shown.

import { formatMoney } from "../money.js";

/** @typedef {"good" | "bad" | "back" | "wait" | "other"} Kind */

/**
 * Where a charge stands, for people.
 * @param {any} charge
 * @returns {{ name: string, kind: Kind }}
 */
export function stateOf(charge) {
  if (charge.status === "failed") return { name: "Declined", kind: "bad" };
  if (charge.status === "pending") return { name: "Pending", kind: "wait" };
  if (charge.disputed) return { name: "Disputed", kind: "bad" };
  if (charge.refunded) return { name: charge.captured ? "Refunded" : "Released", kind: "back" };
  if (!charge.captured) return { name: "Uncaptured", kind: "wait" };
  if (charge.amount_refunded > 0) return { name: "Partly refunded", kind: "back" };
  return { name: "Succeeded", kind: "good" };
}

/** What may still be given back. @param {any} charge @returns {number} */
export function refundableOf(charge) {
  if (charge.status !== "succeeded" || charge.refunded) return 0;
  return charge.captured ? charge.amount_captured - charge.amount_refunded : charge.amount;
}

const BRANDS = new Map([
  ["amex", "American Express"],
  ["diners", "Diners Club"],
  ["jcb", "JCB"],
  ["unionpay", "UnionPay"],
]);

/** @param {any} charge */
export function cardOf(charge) {
  const card = charge.payment_method_details?.card;
  if (!card) return "";
  const name = BRANDS.get(card.brand) ?? card.brand.charAt(0).toUpperCase() + card.brand.slice(1);
  return `${name} •••• ${card.last4}`;
}

const EVENTS = new Map([
  ["charge.failed", "Declined"],
  ["charge.captured", "Captured"],
  ["charge.refunded", "Money given back"],
  ["charge.updated", "Details changed"],
  ["charge.dispute.created", "Disputed by the cardholder"],
  ["charge.dispute.closed", "Dispute closed"],
  ["charge.dispute.funds_withdrawn", "Disputed money taken back"],
  ["charge.dispute.funds_reinstated", "Disputed money returned"],
  ["refund.created", "Refund made"],
  ["refund.updated", "Refund changed"],
  ["refund.failed", "Refund failed"],
  ["payment_intent.created", "Payment begun"],
  ["payment_intent.updated", "Payment changed"],
  ["payment_intent.requires_action", "Waits for the cardholder"],
  ["payment_intent.amount_capturable_updated", "Ready to capture"],
  ["payment_intent.payment_failed", "Attempt failed"],
  ["payment_intent.succeeded", "Payment complete"],
  ["payment_intent.canceled", "Payment canceled"],
]);

/** @param {any} event */
export function titleOf(event) {
  if (event.type === "charge.succeeded") return event.data.object.captured ? "Paid" : "Authorized";
  return EVENTS.get(event.type) ?? event.type.replaceAll(/[._]/g, " ");
}

/** @param {string} type @returns {Kind} */
export function kindOf(type) {
  if (/fail|dispute|expired/.test(type)) return "bad";
  if (/refund|cancel/.test(type)) return "back";
  if (/requires_action|created|updated/.test(type)) return "wait";
  return "good";
}

const DAY_MS = 86_400_000;
/** Of an axis with five times, two would be in the same minute. */
const SECONDS_SHOWN_BELOW = 300;

/** As short as it can be and still be right: today the hour, this year the day. @param {number} seconds */
export function shortTime(seconds, now = Date.now()) {
  const at = new Date(seconds * 1000);
  const today = new Date(now);
  if (at.toDateString() === today.toDateString()) {
    return at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  }
  const year =
    at.getFullYear() === today.getFullYear() ? {} : { year: /** @type {const} */ ("numeric") };
  const day = at.toLocaleDateString("en-US", { month: "short", day: "numeric", ...year });
  if (now - at.getTime() > 300 * DAY_MS) return day;
  return `${day}, ${at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

/** The times of an axis; a short one needs seconds. @param {number} seconds @param {number} span */
export function axisTime(seconds, span) {
  const at = new Date(seconds * 1000);
  if (span < SECONDS_SHOWN_BELOW) return at.toLocaleTimeString("en-GB");
  return shortTime(seconds);
}

/** With the second and the year. @param {number} seconds */
export function longTime(seconds) {
  const at = new Date(seconds * 1000);
  const day = at.toLocaleDateString("en-US", { month: "short", day: "numeric", year: "numeric" });
  return `${day}, ${at.toLocaleTimeString("en-GB")}`;
}

/** A move of the balance, with its sign. @param {number} amount @param {string} currency */
export function signed(amount, currency) {
  const shown = formatMoney(Math.abs(amount), currency);
  if (amount === 0) return shown;
  return `${amount > 0 ? "+" : "−"}${shown}`;
}
