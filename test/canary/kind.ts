// What a kind of request is, what it may be made with, and what the kinds have in common.

import type { KeySet } from "../../checkout/public/seal.js";
import { card, type Form, post } from "./http-message.ts";
import type { Canary, Numbers } from "./numbers.ts";
import { grouped } from "./spellings.ts";
import type { Sending } from "./wire.ts";

export type Merchant = {
  readonly account: string;
  readonly secret: string;
  readonly publishable: string;
  /** The ids of what this merchant has made lately. */
  readonly made: Record<Made, string[]>;
};
export const PREFIXES = ["tok", "ch", "cus", "pm", "pi", "seti", "we", "dp"] as const;
/** By prefix; `sold` are charges that were captured, `held` intents that wait for it, `kept` methods of a customer. */
export const MADE = [...PREFIXES, "sold", "held", "kept"] as const;
export type Made = (typeof MADE)[number];

export type Means = {
  readonly numbers: Numbers;
  readonly merchant: Merchant;
  readonly random: () => number;
  readonly pick: <T>(list: readonly T[]) => T;
  readonly keySet: KeySet;
  /** Writes this into the text of that name instead of a number, to see the same request succeed. */
  readonly innocent?: (text: string) => string;
};

export type Kind = {
  readonly name: string;
  readonly share: number;
  /** Answers that are right also to what other requests have used up already. */
  readonly rightly: readonly number[];
  /** What the merchant must have made before. */
  readonly needs?: readonly Made[];
  readonly make: (means: Means, canary: Canary) => Sending | Promise<Sending>;
};

/** Above every security code, so that none is met as an amount. */
const AMOUNT_MIN = 10_000;
export const REFUSED = [
  400, 401, 402, 403, 404, 405, 409, 411, 413, 414, 415, 422, 426, 431, 501, 505,
];
/** A number where none belongs is looked for before anything else of a request with a good key. */
export const DETECTED = [400];
export const PAID = [200, 402];

export const money = ({ random }: Means): Form => ({
  amount: String(AMOUNT_MIN + Math.floor(random() * 90_000)),
  currency: "usd",
});

/** A text of this name with a number in it, as people and programs write one. */
export const written = ({ pick, innocent }: Means, { pan }: Canary, text: string): string =>
  innocent?.(text) ??
  pick([
    pan,
    grouped(pan, [4], " "),
    grouped(pan, [4], "-"),
    grouped(pan, [4], "."),
    grouped(pan, [4], "/"),
    // As it is printed on the card: other groups are not taken for a number.
    grouped(pan, pan.length === 15 ? [4, 6, 5] : [4], " - "),
    `card ${pan}`,
    `${pan} 12/34`,
    `my number is ${grouped(pan, [4], " ")}, thanks`,
    [...pan].map((digit) => String.fromCodePoint(0xff10 + Number(digit))).join(""),
    [...pan].map((digit) => String.fromCodePoint(0x0660 + Number(digit))).join(""),
    [...pan].map((digit) => `%3${digit}`).join(""),
    Buffer.from(pan).toString("hex"),
    Buffer.from(pan).toString("base64"),
    `card no. ${grouped(pan, [4], "_")}`,
  ]);

/** One of these texts, with a number in it. */
export function noted(m: Means, c: Canary, texts: readonly string[]): Form {
  const text = m.pick(texts);
  return { [text]: written(m, c, text) };
}

/** One that the merchant has made, and never an invented one: that would be refused before anything is reached. */
export function some({ merchant, pick }: Means, what: Made): string {
  const made = merchant.made[what];
  if (made.length === 0) throw new Error(`${merchant.account} has made no ${what}`);
  return pick(made);
}

export const tokens = (
  name: string,
  share: number,
  over: (c: Canary, m: Means) => Form,
  rightly: readonly number[],
) => ({
  name,
  share,
  rightly,
  make: (means: Means, c: Canary) => ({
    bytes: post(
      "/v1/tokens",
      means.pick([means.merchant.publishable, means.merchant.secret]),
      card("card", c, over(c, means)),
    ),
  }),
});
