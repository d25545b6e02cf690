// The requests of a run, each of a kind that is drawn by its share and with a card number that no other has had.

import { type Kind, MADE, type Made, type Means, type Merchant, PREFIXES } from "./kind.ts";
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

const MADE_ID = new RegExp(`"id": ?"((${PREFIXES.join("|")})_[0-9A-Za-z]+)"`);

/** Keeps what was made, so that later requests can use it. */
export function remember(merchant: Merchant, answer: Buffer): void {
  const text = answer.toString("latin1");
  const [, id, prefix] = MADE_ID.exec(text) ?? [];
  if (id === undefined) return;
  const made = merchant.made[stateOf(prefix as Made, text)];
  if (!made.includes(id)) made.push(id);
  if (made.length > MADE_MAX) made.shift();
}

function stateOf(prefix: Made, text: string): Made {
  if (prefix === "pi" && /"status": ?"requires_capture"/.test(text)) return "held";
  if (prefix === "ch" && /"captured": ?true/.test(text)) return "sold";
  return prefix === "pm" && /"customer": ?"cus_/.test(text) ? "kept" : prefix;
}

export const newMerchant = (of: Omit<Merchant, "made">): Merchant => ({
  ...of,
  made: Object.fromEntries(MADE.map((what): [Made, string[]] => [what, []])) as Merchant["made"],
});
