// The card's fields: grouping while typing, hints, test cards, and which field a refusal is about.
// The number and the CVC live in these inputs and in the one request to the edge, nowhere else.

import {
  brandOf,
  digitsOf,
  formatExpiry,
  formatNumber,
  isComplete,
  isPast,
  parseExpiry,
  passesLuhn,
} from "./checkout.js";
import { $, element } from "./dom.js";

const TEST_CARDS = [
  { label: "Visa", number: "4242424242424242" },
  { label: "Declined", number: "4000000000000002" },
  { label: "No funds", number: "4000000000009995" },
  { label: "Wrong CVC", number: "4000000000000127" },
];
const FIELDS = ["number", "expiry", "cvc", "zip"];

// What a server calls a field → the input that holds it.
const INPUT_OF = {
  number: "number",
  exp_month: "expiry",
  exp_year: "expiry",
  cvc: "cvc",
  address_zip: "zip",
};
const INPUT_OF_CODE = {
  incorrect_number: "number",
  invalid_number: "number",
  expired_card: "expiry",
  invalid_expiry_month: "expiry",
  invalid_expiry_year: "expiry",
  incorrect_cvc: "cvc",
  invalid_cvc: "cvc",
  incorrect_zip: "zip",
};

/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ ($(id));

/** @param {(text: string) => void} onFilled told in words which test card was filled in */
export function bindCard(onFilled) {
  bindFormat(input("number"), formatNumber);
  bindFormat(input("expiry"), formatExpiry);
  bindFormat(input("cvc"), (text) => digitsOf(text).slice(0, 4));
  input("number").addEventListener("input", showBrand);
  for (const id of FIELDS) {
    input(id).addEventListener("blur", () => input(id).value && showHint(id, hintFor(id)));
    input(id).addEventListener("input", () => showHint(id, ""));
  }
  $("test-row").append(...TEST_CARDS.map((card) => testButton(card, onFilled)));
}

/**
 * Reformats while typing and keeps the caret behind the digit it stood behind.
 * @param {HTMLInputElement} field
 * @param {(text: string) => string} format
 */
function bindFormat(field, format) {
  let before = "";
  field.addEventListener("beforeinput", () => {
    before = field.value;
  });
  field.addEventListener("input", (event) => {
    let caret = digitsOf(field.value.slice(0, field.selectionStart ?? 0)).length;
    const erasing = event instanceof InputEvent && event.inputType === "deleteContentBackward";
    // While erasing only digits count: a separator left behind would be read as typed on purpose.
    let raw = erasing ? digitsOf(field.value) : field.value;
    if (erasing && caret > 0 && raw === digitsOf(before)) {
      // Only a separator went, and formatting would put it back: take the digit before it instead.
      raw = raw.slice(0, caret - 1) + raw.slice(caret);
      caret -= 1;
    }
    const atEnd = !erasing && caret === digitsOf(raw).length;
    field.value = format(raw);
    const place = atEnd ? field.value.length : placeAfter(field.value, caret);
    if (document.activeElement === field) field.setSelectionRange(place, place);
  });
}

/** @param {string} text @param {number} count @returns {number} just behind the count-th digit */
function placeAfter(text, count) {
  let place = 0;
  for (let left = count; left > 0 && place < text.length; place++) {
    if (/\d/.test(text[place])) left -= 1;
  }
  return place;
}

/**
 * @param {{ label: string, number: string }} card
 * @param {(text: string) => void} onFilled
 */
function testButton({ label, number }, onFilled) {
  const button = element("button", label);
  button.type = "button";
  button.append(element("span", ` ${number.slice(-4)}`));
  button.addEventListener("click", () => {
    const values = { number: formatNumber(number), expiry: "12 / 34", cvc: "123", zip: "94107" };
    for (const [id, value] of Object.entries(values)) {
      input(id).value = value;
      showHint(id, "");
    }
    showBrand();
    onFilled(`Filled in: ${label}, ending in ${number.slice(-4)}`);
  });
  return button;
}

function showBrand() {
  const brand = brandOf(input("number").value);
  $("brand").textContent = brand?.label ?? "";
  input("cvc").placeholder = brand?.cvc === 4 ? "1234" : "123";
}

/** What looks wrong, in words; the server decides. @param {string} id */
function hintFor(id) {
  const value = input(id).value;
  if (id === "number") {
    if (!value) return "Enter the card number.";
    if (!isComplete(value)) return "This card number looks incomplete.";
    return passesLuhn(value) ? "" : "This card number has a typing mistake.";
  }
  if (id === "expiry") {
    const expiry = parseExpiry(value);
    if (!expiry) return "Enter the expiry date as MM / YY.";
    return isPast(expiry, new Date()) ? "This card has expired." : "";
  }
  if (id === "cvc") {
    const length = brandOf(input("number").value)?.cvc ?? 3;
    return value.length >= length ? "" : `Enter the ${length} digits of the CVC.`;
  }
  return "";
}

/** @param {string} id @param {string} hint */
function showHint(id, hint) {
  $(`${id}-error`).textContent = hint;
  if (hint) input(id).setAttribute("aria-invalid", "true");
  else input(id).removeAttribute("aria-invalid");
}

/** Shows every hint, but holds back only what cannot be sent at all. */
export function findMissing() {
  for (const id of FIELDS) showHint(id, hintFor(id));
  if (!input("number").value) return input("number");
  if (!parseExpiry(input("expiry").value)) return input("expiry");
  return input("cvc").value ? undefined : input("cvc");
}

/** After a payment nothing of the card stays behind. */
export function clearCard() {
  for (const id of ["number", "expiry", "cvc"]) {
    input(id).value = "";
    showHint(id, "");
  }
  showBrand();
}

/**
 * Ties a refusal to its field, if it has one, and puts the reader where the next attempt starts:
 * the CVC has to be typed again in any case.
 * @param {import("./checkout.js").Failure} error
 */
export function showRefusal({ code = "", param = "", message }) {
  const id = INPUT_OF_CODE[code] ?? INPUT_OF[param.replace(/^card\[(\w+)\]$/, "$1")];
  input("cvc").value = "";
  if (id) showHint(id, message);
  input(id ?? "cvc").focus();
}

/** @param {boolean} locked */
export function lockCard(locked) {
  $("card").disabled = locked;
  $("tests").disabled = locked;
}

export function readCard() {
  const { month, year } = parseExpiry(input("expiry").value) ?? { month: "", year: "" };
  return {
    number: digitsOf(input("number").value),
    exp_month: month,
    exp_year: year,
    cvc: input("cvc").value,
    name: input("name").value.trim(),
    address_zip: input("zip").value.trim(),
  };
}
