// The demo shop. One attempt = one card tokenized, one idempotency key, one charge: an attempt
// whose answer got lost is asked again with the same key and the same token, so it cannot be paid twice.

import { bindCard, clearCard, findMissing, lockCard, readCard, showRefusal } from "./card-form.js";
import { createToken } from "./checkout.js";
import { $, element } from "./dom.js";
import { watchEvents } from "./events.js";
import { formatMoney } from "./money.js";
import { mosaicOf } from "./mosaic.js";

/**
 * @typedef {{ id: string, name: string, description: string, amount: number }} Product
 * @typedef {{ publishable_key: string, currency: string, products: Product[] }} Config
 * @typedef {import("./checkout.js").Token} Token
 * @typedef {import("./checkout.js").Failure} Failure
 * @typedef {{ key: string, product: string, token: Token }} Attempt
 * @typedef {{ id: string, amount: number, currency: string,
 *   source?: { brand: string, last4: string } }} Charge
 */

const NO_REASON = { type: "api_error", message: "The payment was refused without a reason." };
const PAY_TIMEOUT_MS = 30_000;
// A lost answer is first asked for quietly; only then is the person at the form bothered with it.
const RETRY_DELAYS_MS = [400, 1_500];

/** @type {Config | undefined} */
let config;
/** @type {Attempt | undefined} the attempt whose outcome is not known yet */
let open;

start();

async function start() {
  listen();
  try {
    const response = await fetch("/demo/config");
    if (response.status === 404) return showNote();
    if (!response.ok) throw new Error(`config answered ${response.status}`);
    config = await response.json();
  } catch {
    return showProblem("The shop could not be loaded. Reload the page to try again.");
  }
  $("product-list").append(...config.products.map(productOption));
  showTotal();
  $("pay").disabled = false;
  watchEvents();
}

function showNote() {
  $("note").hidden = false;
  $("products").hidden = true;
  $("form").hidden = true;
  $("events-state").textContent = "Off";
}

function listen() {
  bindCard((filled) => {
    showProblem("");
    $("status").textContent = filled;
  });
  $("products").addEventListener("change", showTotal);
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
}

/** @param {Product} product @param {number} index */
function productOption(product, index) {
  const radio = element("input");
  Object.assign(radio, { type: "radio", name: "product", value: product.id, checked: index === 0 });
  const words = element("span", "", "words");
  words.append(element("strong", product.name), element("span", product.description));
  const label = element("label", "", "product");
  label.append(radio, mosaicOf(product.id), words, element("span", price(product), "price"));
  return label;
}

/** @param {Product} product */
const price = (product) => formatMoney(product.amount, config?.currency ?? "usd");

function chosen() {
  const radio = document.querySelector("input[name=product]:checked");
  return config?.products.find(({ id }) => id === radio?.value);
}

function showTotal() {
  const product = chosen();
  $("pay").textContent = product ? `Pay ${price(product)}` : "Pay";
}

async function submit() {
  const product = chosen();
  if (!config || !product || $("form").ariaBusy === "true") return;
  if (!open) {
    const missing = findMissing();
    if (missing) return missing.focus();
  }
  setBusy(true);
  const result = await attempt(product.id, config.publishable_key);
  setBusy(false);
  if ("charge" in result) showReceipt(result.charge, result.token);
  else if ("unknown" in result) showUnknown();
  else showDecline(result.error, result.token);
}

/**
 * @param {string} product
 * @param {string} publishableKey
 * @returns {Promise<{ charge: Charge, token: Token } | { unknown: true } |
 *   { error: Failure, token?: Token }>}
 */
async function attempt(product, publishableKey) {
  if (!open) {
    const made = await createToken({ publishableKey, card: readCard() });
    if ("error" in made) return made;
    open = { key: crypto.randomUUID(), product, token: made.token };
  }
  const { token } = open;
  const answer = await pay(open);
  if ("unknown" in answer) return answer;
  open = undefined;
  return { ...answer, token };
}

/**
 * @param {Attempt} attempt
 * @returns {Promise<{ charge: Charge } | { error: Failure } | { unknown: true }>}
 */
async function pay({ key, product, token }) {
  for (const delay of [0, ...RETRY_DELAYS_MS]) {
    await new Promise((resolve) => setTimeout(resolve, delay));
    try {
      const response = await fetch("/demo/pay", {
        method: "POST",
        headers: { "idempotency-key": key },
        body: new URLSearchParams({ token: token.id, product }),
        signal: AbortSignal.timeout(PAY_TIMEOUT_MS),
      });
      // In use, too many, or broken: none of these says what became of the payment.
      if ([409, 429].includes(response.status) || response.status >= 500) continue;
      const answer = await response.json();
      return response.ok ? { charge: answer } : { error: answer.error ?? NO_REASON };
    } catch {
      // No answer, or half of one: ask again with the same key.
    }
  }
  return { unknown: true };
}

/** @param {boolean} busy */
function setBusy(busy) {
  $("form").ariaBusy = String(busy);
  for (const id of ["products", "pay"]) $(id).disabled = busy;
  lockCard(busy);
  if (!busy) return showTotal();
  showProblem("");
  $("pay").textContent = "Paying…";
  $("status").textContent = "Paying. One moment.";
}

/** @param {Charge} charge @param {Token} token */
function showReceipt(charge, token) {
  const { brand, last4 } = charge.source ?? token.card;
  const amount = formatMoney(charge.amount, charge.currency);
  clearCard();
  $("receipt-title").textContent = `Paid ${amount}`;
  const rows = { Amount: amount, Card: `${brand} •••• ${last4}`, Charge: charge.id };
  $("receipt-rows").replaceChildren(
    ...Object.entries(rows).map(([term, value]) => {
      const row = element("div");
      row.append(element("dt", term), element("dd", value));
      return row;
    }),
  );
  $("receipt-token").textContent = token.id;
  $("path").hidden = true;
  $("receipt").hidden = false;
  $("status").textContent = "";
  // The whole receipt, not only the heading that takes the focus, should be on a phone's screen.
  $("receipt").scrollIntoView({ block: "nearest" });
  $("receipt-title").focus({ preventScroll: true });
}

/** @param {Failure} error @param {Token} [token] */
function showDecline(error, token) {
  showPath();
  showProblem(error.message, { reason: error.decline_code ?? error.code, token });
  showRefusal(error);
}

/** The card stays locked: another card would be a second payment if this one has gone through. */
function showUnknown() {
  $("products").disabled = true;
  lockCard(true);
  showPath();
  showProblem("No answer came back. Ask again: it is the same payment, never a second one.");
  $("pay").textContent = "Ask again";
  $("pay").focus();
}

function showPath() {
  $("receipt").hidden = true;
  $("path").hidden = false;
  $("status").textContent = "";
}

/**
 * @param {string} message
 * @param {{ reason?: string, token?: Token }} [more]
 */
function showProblem(message, { reason, token } = {}) {
  const parts = message ? [element("p", message)] : [];
  if (reason) parts[0].append(" ", element("code", reason));
  if (token) {
    const line = element("p", "The shop only saw ", "muted");
    line.append(element("code", token.id));
    parts.push(line);
  }
  $("form-error").replaceChildren(...parts);
}
