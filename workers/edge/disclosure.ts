// Looks for card numbers where none belongs: every name and value of the parameters but a card's own
// number and code, all of the URL, and the headers that callers fill. What is found is never stored, shown
// or logged.

import { loneDigits, looksLikePan, splitPanAt } from "../../protocol/pan-detection.ts";
import { nameOf, type Tree, type Value } from "./parameters.ts";

/** Where a card may be typed, and nowhere else. */
const CARD_PARENTS = ["card", "source", "payment_method_data[card]"] as const;
const CARD_FIELDS = new Set(["number", "cvc", "exp_month", "exp_year"]);

/** Headers with text of the caller's own, as they are read here or written to the runtime's logs. */
const FREE_HEADERS = [
  "Idempotency-Key",
  "Stripe-Version",
  "Stripe-Account",
  "User-Agent",
  "Referer",
];

/** The header that seems to hold a card number, or undefined. */
export function disclosedInHeaders(headers: Headers): string | undefined {
  return FREE_HEADERS.find((name) => looksLikePan(headers.get(name) ?? ""));
}

/**
 * The part of a URL that seems to hold a card number, or undefined. URLs are written to logs on their
 * way, so not even a card's own number may stand there.
 */
export function disclosedInUrl(url: URL): string | undefined {
  if (looksLikePan(url.pathname)) return "path";
  const split: Lone[] = [];
  for (const [name, value] of url.searchParams) {
    if (looksLikePan(name)) return "query";
    const shown = name.slice(0, 100);
    if (looksLikePan(value, name)) return shown;
    addLone(split, shown, name, value);
  }
  return disclosedTogether(split);
}

/** The name of a parameter that seems to hold a card number, or a part of one; or undefined. */
export function disclosedIn(tree: Tree): string | undefined {
  const split: Lone[] = [];
  return search(tree, [], split) ?? disclosedTogether(split);
}

/** A parameter that is a number and nothing else. */
type Lone = { readonly param: string; readonly digits: string };

function search(value: Value, path: readonly string[], split: Lone[]): string | undefined {
  if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      // A name with a number in it is itself the leak, so its parent is named instead.
      if (looksLikePan(name)) return nameOf(path) || "parameters";
      if (isCardField(path, name)) continue;
      if (name.length >= NAME_DIGITS_MIN) {
        addLone(split, nameOf(path) || "parameters", "", name);
      }
      const found = search(inner, [...path, name], split);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const name = path.at(-1) ?? "";
  const text = String(value);
  if (looksLikePan(text, name)) return nameOf(path);
  addLone(split, nameOf(path), name, text);
  return undefined;
}

/** A shorter name of digits is a place in a list. */
const NAME_DIGITS_MIN = 4;
// Names of numbers that stand beside each other in every shop's metadata, and are no parts of a card.
const OTHER_NAMES = new Set(
  (
    "id ids order orders invoice customer client user account member merchant store shop branch terminal cart " +
    "basket session booking reservation ticket receipt shipment tracking parcel phone telephone tel mobile fax " +
    "zip postal postcode plz date day month year time timestamp ts created updated expires due at gt gte lt lte " +
    "amount total subtotal price cost fee tax vat discount tip sum net gross balance limit qty quantity count " +
    "items item attempt version build ref reference sku ean gtin upc isbn weight width height length size lat " +
    "lng lon score points rate percent po ip port campaign warehouse employee contract policy project"
  ).split(" "),
);

function addLone(split: Lone[], param: string, name: string, value: string): void {
  const digits = loneDigits(value);
  if (digits === "" || isOther(name)) return;
  split.push({ param, digits });
}

function isOther(name: string): boolean {
  const spaced = name.replace(/([a-z])(?=[A-Z])/g, "$1 ").toLowerCase();
  const words: readonly string[] = spaced.match(/[a-z]+/g) ?? [];
  return words.some((word) => OTHER_NAMES.has(word)) && !words.includes("card");
}

function disclosedTogether(split: readonly Lone[]): string | undefined {
  if (split.length < 2) return undefined;
  return split[splitPanAt(split.map(({ digits }) => digits))]?.param;
}

const isCardField = (path: readonly string[], name: string): boolean =>
  CARD_FIELDS.has(name) && CARD_PARENTS.some((parent) => parent === nameOf(path));

/** An expiry's parts have no more; what is longer could be anything. */
const EXPIRY_CHARACTERS_MAX = 4;

/** Whether fields of a card itself were sent, and not only a token or a new expiry of one that is kept. */
const isTyped = (card: Value | undefined): card is Tree =>
  isTree(card) &&
  (card["number"] !== undefined ||
    card["cvc"] !== undefined ||
    [card["exp_month"], card["exp_year"]].some(
      (part) => String(part ?? "").length > EXPIRY_CHARACTERS_MAX,
    ));

const isTree = (value: Value | undefined): value is Tree =>
  typeof value === "object" && value !== null;

/** The parameter that holds the fields of a typed card, if there is one. */
export function typedCardIn(tree: Tree): string | undefined {
  const data = tree["payment_method_data"];
  const places: Record<(typeof CARD_PARENTS)[number], Value | undefined> = {
    card: tree["card"],
    source: tree["source"],
    "payment_method_data[card]": isTree(data) ? data["card"] : undefined,
  };
  return CARD_PARENTS.find((parent) => isTyped(places[parent]));
}

/** The tree without its typed cards, for what is compared and kept of a request. */
export function withoutCard(tree: Tree): Tree {
  const data = tree["payment_method_data"];
  return {
    ...withoutTyped(tree, ["card", "source"]),
    ...(isTree(data) ? { payment_method_data: withoutTyped(data, ["card"]) } : {}),
  };
}

const withoutTyped = (tree: Tree, names: readonly string[]): Tree =>
  Object.fromEntries(
    Object.entries(tree).map(([name, value]) => [
      name,
      names.includes(name) && isTyped(value) ? "typed card" : value,
    ]),
  );
