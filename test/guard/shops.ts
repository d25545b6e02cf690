// Good traffic: shops of several kinds and people who buy there. Ground truth: nobody here tests cards.

import type { AccountId } from "../../protocol/ids.ts";
import type { Dice } from "../sim/chance.ts";
import type { Card, Way } from "./checkout.ts";

export type Kind =
  | "quiet"
  | "busy"
  | "giant"
  | "risky"
  | "office"
  | "subscriptions"
  | "marketplace"
  | "flash sale";

export type Shop = {
  readonly id: AccountId;
  readonly kind: Kind;
  /** Buyers a second, on average. */
  readonly rate: number;
  /** Share of cards that the issuer declines. */
  readonly declines: number;
  readonly way: Way;
  /** Share of buyers who have bought here before. */
  readonly returning: number;
  /** All buyers share one address. */
  readonly oneNetwork: boolean;
  /** Those who bought, for those who return. */
  readonly bought: Buyer[];
};

export type Buyer = { readonly card: Card; readonly network: string };

type Profile = Omit<Shop, "id" | "bought"> & { readonly count: number };

const PROFILES: readonly Profile[] = [
  {
    kind: "quiet",
    count: 40,
    rate: 0.004,
    declines: 0.08,
    way: "browser",
    returning: 0.3,
    oneNetwork: false,
  },
  {
    kind: "busy",
    count: 6,
    rate: 0.25,
    declines: 0.08,
    way: "browser",
    returning: 0.4,
    oneNetwork: false,
  },
  {
    kind: "giant",
    count: 1,
    rate: 1,
    declines: 0.06,
    way: "browser",
    returning: 0.6,
    oneNetwork: false,
  },
  // Games, top-ups, prepaid cards: half of the strangers are declined on an ordinary day.
  {
    kind: "risky",
    count: 3,
    rate: 0.1,
    declines: 0.45,
    way: "browser",
    returning: 0.3,
    oneNetwork: false,
  },
  // A canteen, a campus: all behind one address.
  {
    kind: "office",
    count: 2,
    rate: 0.05,
    declines: 0.04,
    way: "browser",
    returning: 0.7,
    oneNetwork: true,
  },
  // Cards are attached first; renewals of cards that ran dry are declined.
  {
    kind: "subscriptions",
    count: 3,
    rate: 0.1,
    declines: 0.25,
    way: "customer",
    returning: 0.5,
    oneNetwork: false,
  },
  {
    kind: "marketplace",
    count: 3,
    rate: 0.2,
    declines: 0.1,
    way: "server",
    returning: 0.4,
    oneNetwork: false,
  },
  // Nothing at all for an hour, and then everybody.
  {
    kind: "flash sale",
    count: 1,
    rate: 0.002,
    declines: 0.1,
    way: "browser",
    returning: 0,
    oneNetwork: false,
  },
];

export const KINDS: readonly Kind[] = PROFILES.map(({ kind }) => kind);

export const FLASH_BUYERS = 5_000;
/** Half of the buyers of a flash sale have typed their card by then, a tenth in a third of it. */
export const FLASH_HALF_MS = 35_000;

export function openShops(dice: Dice): Shop[] {
  return PROFILES.flatMap(({ count, ...profile }) =>
    Array.from({ length: count }, () => {
      const id = `acct_${Array.from({ length: 16 }, () => dice.pick(LETTERS)).join("")}`;
      return { ...profile, id: id as AccountId, bought: [] };
    }),
  );
}

const LETTERS = [..."ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"];

const BINS = 600;
/** Networks that people live in. */
const NETWORKS = 400_000;

/** Where cards and people come from; big banks have more of them (Zipf). */
export class Population {
  readonly #dice: Dice;
  readonly #steps: number[] = [];
  #cards = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
    let sum = 0;
    for (let rank = 1; rank <= BINS; rank++) {
      sum += 1 / rank ** 0.9;
      this.#steps.push(sum);
    }
  }

  card(isGood: boolean): Card {
    return { print: `p${++this.#cards}`, bin: this.#bin(), isGood };
  }

  network(): string {
    return `n${this.#dice.whole(1, NETWORKS)}`;
  }

  #bin(): string {
    const at = this.#dice.next() * (this.#steps.at(-1) ?? 1);
    let low = 0;
    let high = this.#steps.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#steps[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return `4${String(low).padStart(7, "0")}`;
  }
}
