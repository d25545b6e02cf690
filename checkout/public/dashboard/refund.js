// Giving money back: a dialog, one idempotency key for as long as it is open, and so one refund, however
// often it has to be asked for.

import { $ } from "../dom.js";
import { amountFrom, decimalsOf, formatMoney } from "../money.js";
import { ask } from "./api.js";

/** @type {{ charge: any, most: number, key: string, done: () => void } | undefined} */
let open;

const dialog = () => /** @type {HTMLDialogElement} */ ($("refund"));
const amountField = () => /** @type {HTMLInputElement} */ ($("refund-amount"));
const reasonField = () => /** @type {HTMLSelectElement} */ ($("refund-reason"));
const submit = () => /** @type {HTMLButtonElement} */ ($("refund-submit"));

/**
 * @param {any} charge
 * @param {number} most in the currency's smallest unit
 * @param {() => void} done after a refund was made
 */
export function offerRefund(charge, most, done) {
  open = { charge, most, key: crypto.randomUUID(), done };
  const shown = formatMoney(most, charge.currency);
  // What is not captured is released as a whole.
  $("refund-title").textContent = charge.captured ? "Refund this payment" : "Release this payment";
  $("refund-lede").textContent = charge.captured
    ? `Up to ${shown} can go back to the card.`
    : `${shown} was held on the card and not taken. It will be let go of.`;
  $("refund-amount-field").hidden = !charge.captured;
  $("refund-currency").textContent = charge.currency.toUpperCase();
  amountField().value = (most / 10 ** decimalsOf(charge.currency)).toFixed(
    decimalsOf(charge.currency),
  );
  reasonField().value = "";
  say("");
  setBusy(false);
  dialog().showModal();
  if (charge.captured) amountField().select();
}

export function listenRefund() {
  $("refund-cancel").addEventListener("click", () => dialog().close());
  dialog().addEventListener("close", () => {
    open = undefined;
  });
  amountField().addEventListener("input", label);
  $("refund-form").addEventListener("submit", (event) => {
    event.preventDefault();
    make();
  });
}

/** The amount asked for, or what is wrong with it. @returns {{ amount: number } | { wrong: string }} */
function asked() {
  if (!open) return { wrong: "Nothing is open." };
  const { charge, most } = open;
  if (!charge.captured) return { amount: most };
  const amount = amountFrom(amountField().value, charge.currency);
  if (amount === undefined)
    return { wrong: `Enter an amount, such as ${amountField().placeholder}.` };
  if (amount > most)
    return { wrong: `No more than ${formatMoney(most, charge.currency)} is left.` };
  return { amount };
}

function label() {
  if (!open) return;
  const wanted = asked();
  const verb = open.charge.captured ? "Refund" : "Release";
  submit().textContent =
    "amount" in wanted ? `${verb} ${formatMoney(wanted.amount, open.charge.currency)}` : verb;
  if ("amount" in wanted) say("");
}

async function make() {
  const wanted = asked();
  if ("wrong" in wanted) {
    say(wanted.wrong);
    amountField().focus();
    return;
  }
  if (!open || dialog().ariaBusy === "true") return;
  const { charge, key, done } = open;
  setBusy(true);
  const form = {
    charge: charge.id,
    amount: String(wanted.amount),
    ...(reasonField().value ? { reason: reasonField().value } : {}),
  };
  const answer = await ask("/v1/refunds", { form, key });
  // Closed meanwhile, or open for another payment: what was given back is shown with its own, and nothing is said here.
  if (open?.key !== key) return done();
  setBusy(false);
  if ("body" in answer) {
    $("news").textContent = `Refunded ${formatMoney(answer.body.amount, answer.body.currency)}`;
    dialog().close();
    return done();
  }
  if (answer.unknown) {
    // With the same key and amount it is the same refund: nothing is given back twice.
    lock(true);
    submit().textContent = "Ask again";
    return say("No answer came back. Ask again: it is the same refund, never a second one.");
  }
  say(answer.error.message);
  // What is corrected is another request.
  open.key = crypto.randomUUID();
}

/** @param {boolean} busy */
function setBusy(busy) {
  dialog().ariaBusy = String(busy);
  submit().disabled = busy;
  lock(busy);
  if (busy) submit().textContent = "Asking…";
  else label();
}

/** @param {boolean} locked */
function lock(locked) {
  amountField().disabled = locked;
  reasonField().disabled = locked;
}

/** @param {string} problem */
function say(problem) {
  $("refund-problem").textContent = problem;
  if (problem) amountField().setAttribute("aria-invalid", "true");
  else amountField().removeAttribute("aria-invalid");
}
