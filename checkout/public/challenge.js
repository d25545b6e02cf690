// The cardholder's answer: reads the intent that waits, shows what is to be paid, hands the answer on, and goes back to
// the shop. It speaks to the API as any page does, with a publishable key and the intent's client secret,
// which came in the part of the address that is sent nowhere.

import { $, element } from "./dom.js";
import { formatMoney } from "./money.js";

const query = new URLSearchParams(location.search);
const key = query.get("key") ?? "";
const id = query.get("intent") ?? "";
const secret = location.hash.slice(1);
const isSetup = id.startsWith("seti_");
const path = isSetup ? "/v1/setup_intents" : "/v1/payment_intents";
/** Schemes that would run here instead of leading away. */
const NO_PLACE = ["javascript:", "data:", "vbscript:", "blob:", "file:"];

let returnUrl = "";

/** @param {string} url @param {RequestInit} [init] */
async function ask(url, init = {}) {
  const headers = { authorization: `Bearer ${key}` };
  const response = await fetch(url, { ...init, headers });
  const body = await response.json();
  const { error } = body;
  if (!error) return { intent: body, message: "" };
  const intent = error.payment_intent ?? error.setup_intent;
  return { intent, message: String(error.message ?? "") };
}

/** @param {string} name @param {string} value @param {string} [className] */
function row(name, value, className = "") {
  const line = element("div", "", className);
  line.append(element("dt", name), element("dd", value));
  $("rows").append(line);
}

/** @param {string} text */
function problem(text) {
  $("problem").textContent = text;
  $("problem").hidden = text === "";
}

/** @param {boolean} busy */
function setBusy(busy) {
  for (const button of /** @type {HTMLButtonElement[]} */ ([$("complete"), $("fail")])) {
    button.disabled = busy;
  }
}

/** @param {string} title @param {string} lead */
function end(title, lead) {
  $("title").textContent = title;
  $("lead").textContent = lead;
  $("buttons").hidden = true;
  $("aside").hidden = true;
  $("title").focus();
}

/** @param {string} status */
const wentWell = (status) =>
  ["succeeded", "requires_capture", "requires_confirmation", "processing"].includes(status);

/** Where the shop waits, told how it went as Stripe tells it. @param {boolean} well */
function goBack(well) {
  if (!URL.canParse(returnUrl)) return false;
  const url = new URL(returnUrl);
  if (NO_PLACE.includes(url.protocol)) return false;
  const name = isSetup ? "setup_intent" : "payment_intent";
  url.searchParams.set(name, id);
  url.searchParams.set(`${name}_client_secret`, secret);
  url.searchParams.set("redirect_status", well ? "succeeded" : "failed");
  location.assign(url.href);
  return true;
}

/** @param {{ status: string }} intent @param {string} message */
function conclude(intent, message) {
  const well = wentWell(intent.status);
  if (goBack(well)) {
    $("state").textContent = "Going back to the shop.";
    return;
  }
  if (well) end("Thank you", "Your bank knows that it was you. You can close this page.");
  else end("Not confirmed", message || "The payment was not made. You can close this page.");
}

/** @param {"complete" | "fail"} outcome */
async function answer(outcome) {
  setBusy(true);
  problem("");
  $("state").textContent = "Telling your bank.";
  const body = new URLSearchParams({ client_secret: secret, outcome });
  try {
    const told = await ask(`/v1/challenges/${encodeURIComponent(id)}`, { method: "POST", body });
    if (told.intent) {
      conclude(told.intent, told.message);
      return;
    }
    problem(told.message);
  } catch {
    problem("The bank could not be reached. Try again: your answer counts once.");
  }
  $("state").textContent = "";
  setBusy(false);
}

async function begin() {
  const { intent, message } = await ask(
    `${path}/${encodeURIComponent(id)}?client_secret=${encodeURIComponent(secret)}`,
  );
  if (!intent?.status) {
    end("Nothing to confirm", "This address is not of a payment that waits. Go back to the shop.");
    problem(message);
    return;
  }
  if (isSetup) {
    $("lead").textContent = "Your bank wants to know that the card to be kept is yours.";
    row("Purpose", "Keep the card for later", "amount");
  } else {
    row("Amount", formatMoney(intent.amount, intent.currency), "amount");
    if (intent.description) row("For", intent.description);
  }
  returnUrl = intent.next_action?.redirect_to_url?.return_url ?? "";
  if (intent.status !== "requires_action") {
    conclude(intent, intent.last_payment_error?.message ?? intent.last_setup_error?.message ?? "");
    return;
  }
  $("complete").addEventListener("click", () => answer("complete"));
  $("fail").addEventListener("click", () => answer("fail"));
  setBusy(false);
}

begin().catch(() => problem("The bank could not be reached. Load this page again."));
