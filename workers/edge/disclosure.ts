// Looks for card numbers where none belongs: every name and value of the parameters but a card's own
// number and code, all of the URL, and the idempotency key. What is found is never stored, shown or logged.

import { looksLikePan } from "../../protocol/luhn.ts";
import { nameOf, type Tree, type Value } from "./parameters.ts";

const CARD_PARENTS = new Set(["card", "source"]);
const CARD_FIELDS = new Set(["number", "cvc", "exp_month", "exp_year"]);

/**
 * The part of a URL that seems to hold a card number, or undefined. URLs are written to logs on their
 * way, so not even a card's own number may stand there.
 */
export function disclosedInUrl(url: URL): string | undefined {
  if (looksLikePan(decoded(url.pathname))) return "path";
  for (const [name, value] of url.searchParams) {
    if (looksLikePan(name)) return "query";
    if (looksLikePan(value)) return name.slice(0, 100);
  }
  return undefined;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The name of a parameter that seems to hold a card number, or undefined. */
export function disclosedIn(tree: Tree): string | undefined {
  return search(tree, []);
}

function search(value: Value, path: readonly string[]): string | undefined {
  if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      // A name with a number in it is itself the leak, so its parent is named instead.
      if (looksLikePan(name)) return nameOf(path) || "parameters";
      if (isCardField(path, name)) continue;
      const found = search(inner, [...path, name]);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return looksLikePan(String(value)) ? nameOf(path) : undefined;
}

const isCardField = (path: readonly string[], name: string): boolean =>
  path.length === 1 && CARD_PARENTS.has(path[0] ?? "") && CARD_FIELDS.has(name);

/** The tree without its card fields, for what is compared and kept of a request. */
export function withoutCard(tree: Tree): Tree {
  const kept: Tree = Object.create(null) as Tree;
  for (const [name, value] of Object.entries(tree)) {
    const isCard = CARD_PARENTS.has(name) && typeof value === "object" && value !== null;
    kept[name] = isCard ? "typed card" : value;
  }
  return kept;
}
