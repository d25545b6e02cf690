// The `error` object of a refusal: what is told of the failure, where it is explained, and the objects it is
// about. Names and ids that we do not know are told back, but never a number as long as a card's.

import { entryOf } from "../../protocol/error-catalogue.ts";
import { type Failure, wireOf } from "../../protocol/failure.ts";
import type { StripeObject } from "../../protocol/object.ts";

/** Objects that an error shows as they stand after it. */
export type Shown = Readonly<
  Partial<Record<"payment_intent" | "payment_method" | "setup_intent" | "source", StripeObject>>
>;

/** Where the error catalogue is read. */
export const ERROR_PAGE = "/docs/errors";

/** HTTP status and `error` of a failure; `origin` is where it was asked, e.g. `https://api.example`. */
export function errorOf(
  failure: Failure & { readonly shows?: Shown },
  origin: string,
): { readonly status: number; readonly error: Readonly<Record<string, unknown>> } {
  const { status, ...told } = wireOf(failure);
  const entry = entryOf(failure.kind, told.code);
  const error = {
    ...withoutNumbers(told),
    ...(entry === undefined ? {} : { doc_url: `${origin}${ERROR_PAGE}#${entry.name}` }),
    ...failure.shows,
  };
  return { status, error };
}

/** As many digits as the shortest card number, grouped or not; no id or amount of ours has them in a row. */
const LONG_NUMBER = /[0-9](?:[ ._/-]?[0-9]){11,}/g;

// Digits glued to a letter look like no card to the search for card numbers.
function withoutNumbers<T extends Readonly<Record<string, string>>>(told: T): T {
  const shown = Object.entries(told).map(([name, text]) => [
    name,
    name === "charge" ? text : text.replace(LONG_NUMBER, "…"),
  ]);
  return Object.fromEntries(shown) as T;
}
