// A card as typed, checked: number (ISO/IEC 7812), expiry, security code. A card number is a type that
// cannot print itself; the one way to its digits is `expose`, called where it is sealed and where it is
// sent to the processor.

import type { CardSummary } from "../../protocol/facts.ts";
import type { CardFieldCode, Failure } from "../../protocol/failure.ts";
import { passesLuhn } from "../../protocol/luhn.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { TypedCard } from "../../protocol/vault.ts";

/** Length of a card number, ISO/IEC 7812-1. */
const DIGITS_MIN = 12;
const DIGITS_MAX = 19;
/** Further ahead an expiry is a typing error (Stripe refuses beyond 50 years). */
const EXPIRY_YEARS_MAX = 50;

/** A card number. Prints, serializes and inspects as `•••• 4242`. */
export class Pan {
  readonly #digits: string;

  private constructor(digits: string) {
    this.#digits = digits;
  }

  static parse(text: string): Result<Pan, CardFieldCode> {
    const digits = text.replace(/[ -]/g, "");
    if (!/^[0-9]+$/.test(digits)) return refuse("invalid_number");
    if (digits.length < DIGITS_MIN || digits.length > DIGITS_MAX || !passesLuhn(digits)) {
      return refuse("incorrect_number");
    }
    return ok(new Pan(digits));
  }

  /** The digits themselves. Never to be stored, logged or put into an error. */
  expose(): string {
    return this.#digits;
  }

  get last4(): string {
    return this.#digits.slice(-4);
  }

  get brand(): Brand {
    return brandOf(this.#digits);
  }

  toString(): string {
    return `•••• ${this.last4}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** Stripe's names, as `card.brand` of a token has them. */
export type Brand =
  | "Visa"
  | "MasterCard"
  | "American Express"
  | "Discover"
  | "Diners Club"
  | "JCB"
  | "UnionPay"
  | "Unknown";

// First and last value of the leading digits of each scheme.
const RANGES: readonly (readonly [Brand, number, number])[] = [
  ["Visa", 4, 4],
  ["MasterCard", 51, 55],
  ["MasterCard", 2221, 2720],
  ["American Express", 34, 34],
  ["American Express", 37, 37],
  ["Discover", 6011, 6011],
  ["Discover", 644, 649],
  ["Discover", 65, 65],
  ["Diners Club", 300, 305],
  ["Diners Club", 36, 36],
  ["Diners Club", 38, 39],
  ["JCB", 3528, 3589],
  ["UnionPay", 62, 62],
];

function brandOf(digits: string): Brand {
  for (const [brand, first, last] of RANGES) {
    const head = Number(digits.slice(0, String(first).length));
    if (head >= first && head <= last) return brand;
  }
  return "Unknown";
}

export type CheckedCard = {
  readonly pan: Pan;
  readonly expMonth: number;
  readonly expYear: number;
  readonly cvc: string | undefined;
};

/** A card that was opened to be charged. */
export type CardInHand = CheckedCard & { readonly summary: CardSummary };

/** Checks what was typed, in the order in which a form shows it; `now` tells what has expired. */
export function checkCard(typed: TypedCard, now: Date): Result<CheckedCard, Failure> {
  const pan = Pan.parse(typed.number);
  if (!pan.ok) return refuse({ kind: "card_field", code: pan.failure });
  const field = (code: CardFieldCode) => refuse<Failure>({ kind: "card_field", code });
  const expMonth = whole(typed.exp_month);
  if (expMonth === undefined || expMonth < 1 || expMonth > 12) return field("invalid_expiry_month");
  const year = whole(typed.exp_year);
  const thisYear = now.getUTCFullYear();
  const expYear = year !== undefined && year < 100 ? 2000 + year : year;
  if (expYear === undefined || expYear < thisYear || expYear > thisYear + EXPIRY_YEARS_MAX) {
    return field("invalid_expiry_year");
  }
  if (expYear === thisYear && expMonth < now.getUTCMonth() + 1)
    return field("invalid_expiry_month");
  const { cvc } = typed;
  if (cvc !== undefined && cvc !== "") {
    const isFour = /^[0-9]{4}$/.test(cvc) && pan.value.brand === "American Express";
    if (!isFour && !/^[0-9]{3}$/.test(cvc)) return field("invalid_cvc");
  }
  return ok({ pan: pan.value, expMonth, expYear, cvc: cvc === "" ? undefined : cvc });
}

const whole = (text: string): number | undefined =>
  /^[0-9]{1,4}$/.test(text) ? Number(text) : undefined;
