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
  /** What this merchant has made lately, by prefix. */
  readonly made: Record<Made, string[]>;
};
export const MADE = ["tok", "ch", "cus", "pm", "pi", "seti", "we"] as const;
export type Made = (typeof MADE)[number];

export type Means = {
  readonly numbers: Numbers;
  readonly merchant: Merchant;
  readonly random: () => number;
  readonly pick: <T>(list: readonly T[]) => T;
  readonly keySet: KeySet;
};

export type Kind = {
  readonly name: string;
  readonly share: number;
  readonly rightly: readonly number[];
  readonly make: (means: Means, canary: Canary) => Sending | Promise<Sending>;
};

/** Above every security code, so that none is met as an amount. */
const AMOUNT_MIN = 10_000;
export const REFUSED = [
  400, 401, 402, 403, 404, 405, 409, 411, 413, 414, 415, 422, 426, 431, 501, 505,
];
export const PAID = [200, 402];

export const money = ({ random }: Means): Form => ({
  amount: String(AMOUNT_MIN + Math.floor(random() * 90_000)),
  currency: "usd",
});

/** How people and programs write a number into a text. */
export const written = ({ pick }: Means, { pan }: Canary): string =>
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

export const last = (merchant: Merchant, what: Made): string =>
  merchant.made[what].pop() ?? `${what}_none`;
export const some = ({ merchant, pick }: Means, what: Made): string =>
  merchant.made[what].length === 0 ? `${what}_none` : pick(merchant.made[what]);

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
