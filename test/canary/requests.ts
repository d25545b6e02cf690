// The requests of a run, each of a kind that is drawn by its share and with a card number that no other has had.

import { type Kind, MADE, type Made, type Means, type Merchant } from "./kind.ts";
import { broken } from "./kinds/broken.ts";
import { misplaced } from "./kinds/misplaced.ts";
import { payments } from "./kinds/payments.ts";
import { right } from "./kinds/right.ts";
import { sealed } from "./kinds/sealed.ts";
import { strange } from "./kinds/strange.ts";
import type { Sending } from "./wire.ts";

export type Request = Sending & {
  readonly kind: string;
  /** Answers that are right for this kind when nothing is broken. */
  readonly rightly: readonly number[];
  readonly merchant: Merchant;
};

const MADE_MAX = 50;

export const KINDS: readonly Kind[] = [
  ...right,
  ...payments,
  ...sealed,
  ...misplaced,
  ...broken,
  ...strange,
];
/** Each kind as often as its share. */
const DECK = KINDS.flatMap((kind) => Array.from({ length: kind.share }, () => kind));

/** Deals decks without end, each shuffled by `random`: so no kind is missing in a run that deals one whole. */
export function* deal(random: () => number): Generator<Kind, never> {
  for (;;) {
    const deck = [...DECK];
    for (let left = deck.length; left > 0; left--) {
      const [kind] = deck.splice(Math.floor(random() * left), 1);
      if (kind !== undefined) yield kind;
    }
  }
}

/** The next request of a run, of this kind and drawn by `random`. */
export async function nextRequest(
  kind: Kind,
  means: Omit<Means, "merchant" | "pick">,
  merchants: readonly Merchant[],
): Promise<Request> {
  const { random, numbers } = means;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const merchant = pick(merchants);
  const sending = await kind.make({ ...means, merchant, pick }, numbers.fresh());
  return { ...sending, kind: kind.name, rightly: kind.rightly, merchant };
}

const MADE_ID = new RegExp(`"id": ?"((${MADE.join("|")})_[0-9A-Za-z]+)"`);

/** Keeps what was made, so that later requests can use it. */
export function remember(merchant: Merchant, answer: Buffer): void {
  const id = MADE_ID.exec(answer.toString("latin1"));
  if (id === null) return;
  const made = merchant.made[id[2] as Made];
  made.push(id[1] ?? "");
  if (made.length > MADE_MAX) made.shift();
}

export const newMerchant = (of: Omit<Merchant, "made">): Merchant => ({
  ...of,
  made: { tok: [], ch: [], cus: [], pm: [], pi: [], seti: [], we: [] },
});
