// Moves a slot's cards to newer keys while they are read and charged: a record opens under the key it
// names, so at no moment is there one that does not. One call goes a bounded way; the place is the box's.

import type { AccountId } from "../../protocol/ids.ts";
import type {
  CardToMove,
  KeyOutcome,
  KeyPurpose,
  KeyReport,
  KeyStep,
  MovedCard,
  PageOfCards,
} from "../../protocol/keys.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { KeyProvider } from "./key-provider.ts";
import { type Belonging, fingerprint, rewrap, type SealFailure, unseal } from "./seal.ts";

/** How long a key is current before the schedule makes a new one (PCI DSS 3.7.4, a cryptoperiod). */
export const CRYPTOPERIOD_S = 90 * 24 * 60 * 60;
/** Wraps after which the schedule makes a new key, long before the 2^32 that are allowed. */
export const ROTATE_AT_WRAPS = 2 ** 30;
/** Cards moved between two writes of the place: about 150 KB each way, and a tenth of a second of work. */
const PAGE_CARDS = 500;
/** Pages of one call, so that a call ends within seconds and can tell how far it came. */
const PAGES_MAX = 8;
/** Name of the log line of a key that only its configuration can renew and that is older than its period. */
export const OVERDUE_LINE = "card key is older than its cryptoperiod";

/** The parts of a card box that a step needs. */
export type Box = {
  keyUses(purpose: KeyPurpose): Promise<
    {
      readonly account: string;
      readonly version: number;
      readonly made: number;
      readonly wraps: number;
    }[]
  >;
  holdings(): Promise<
    {
      readonly owner: string;
      readonly version: number;
      readonly print_version: number;
      readonly cards: number;
    }[]
  >;
  pageToMove(goal: string, cardsMax: number): Promise<PageOfCards>;
  moveCards(
    moved: readonly MovedCard[],
    last: { owner: string; token: string } | undefined,
  ): Promise<number>;
};

/** Takes one step with the cards of one box. */
export async function takeStep(
  step: KeyStep,
  purpose: KeyPurpose,
  box: Box,
  keys: KeyProvider,
): Promise<KeyReport> {
  if (step === "status") return status(purpose, box, keys);
  if (step === "rewrap") return move(box, keys);
  if (keys.name !== "transit") return report(keys, "by_configuration");
  let [changed, failed] = [0, 0];
  for (const { account } of await box.keyUses(purpose)) {
    const done = await keys[step](account, purpose);
    if (!done.ok) failed += 1;
    else changed += typeof done.value === "number" ? done.value : 1;
  }
  return { ...report(keys, failed === 0 ? "done" : "failed"), changed, failed };
}

/** What the schedule does with a slot each time: new keys where they are due, then the cards after them. */
export async function maintain(box: Box, keys: KeyProvider, nowS: number): Promise<KeyReport> {
  for (const purpose of ["card", "fingerprint"] as const) {
    // A fingerprint key wraps nothing and is renewed by command only: merchants see what it makes.
    const due = (await box.keyUses(purpose)).filter(
      ({ made, wraps }) =>
        purpose === "card" && (nowS - made >= CRYPTOPERIOD_S || wraps >= ROTATE_AT_WRAPS),
    );
    for (const { account, version } of due) {
      const rotated = await keys.rotate(account, purpose);
      if (rotated.ok) continue;
      console.error(OVERDUE_LINE, account, `version ${version}`, rotated.failure.kind);
    }
  }
  return move(box, keys);
}

const report = (keys: KeyProvider, outcome: KeyOutcome): KeyReport => ({
  provider: keys.name,
  outcome,
  changed: 0,
  failed: 0,
  cards: -1,
  behind: -1,
});

async function status(purpose: KeyPurpose, box: Box, keys: KeyProvider): Promise<KeyReport> {
  let [cards, behind] = [0, 0];
  for (const held of await box.holdings()) {
    const ring = await keys.ring(held.owner.split("/")[0] ?? "", purpose);
    if (!ring.ok) return report(keys, "failed");
    cards += held.cards;
    const version = purpose === "card" ? held.version : held.print_version;
    if (version !== ring.value.current) behind += held.cards;
  }
  return { ...report(keys, "done"), cards, behind };
}

/** What all cards of the box are moved to, as a text: another one begins at the first card again. */
async function goalOf(box: Box, keys: KeyProvider): Promise<string | undefined> {
  const goals: string[] = [];
  for (const purpose of ["card", "fingerprint"] as const) {
    const uses = keys.name === "transit" ? await box.keyUses(purpose) : [{ account: "any" }];
    let versions = 0;
    for (const { account } of uses) {
      const ring = await keys.ring(account, purpose);
      if (!ring.ok) return undefined;
      versions += ring.value.current;
    }
    goals.push(`${purpose} ${versions}`);
  }
  return [keys.name, ...goals].join(", ");
}

async function move(box: Box, keys: KeyProvider): Promise<KeyReport> {
  const goal = await goalOf(box, keys);
  if (goal === undefined) return report(keys, "failed");
  let [changed, failed] = [0, 0];
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const { cards, done } = await box.pageToMove(goal, PAGE_CARDS);
    if (done) return { ...report(keys, "done"), changed, failed };
    const moved = await Promise.all(cards.map((card) => moveOne(card, keys)));
    if (moved.some((one) => !one.ok && one.failure === "key_unavailable")) {
      // The place stays before this page: it is taken again when the keys answer.
      return { ...report(keys, "failed"), changed, failed: cards.length };
    }
    failed += moved.filter(({ ok }) => !ok).length;
    const changes = moved.flatMap((one) => (one.ok && one.value !== undefined ? [one.value] : []));
    changed += await box.moveCards(changes, cards.at(-1));
  }
  return { ...report(keys, "more"), changed, failed };
}

/** What a card becomes; undefined when it is already under its account's current keys. */
async function moveOne(
  card: CardToMove,
  keys: KeyProvider,
): Promise<Result<MovedCard | undefined, SealFailure>> {
  const [account = "", mode] = card.owner.split("/");
  const of: Belonging = {
    account: account as AccountId,
    livemode: mode === "live",
    token: card.token,
  };
  const [ring, prints] = await Promise.all([
    keys.ring(account, "card"),
    keys.ring(account, "fingerprint"),
  ]);
  if (!ring.ok || !prints.ok) return refuse("key_unavailable");
  const isWrapped = card.version === ring.value.current && card.sealed.startsWith("v2.");
  const isPrinted = card.printVersion === prints.value.current;
  if (isWrapped && isPrinted) return ok(undefined);
  const wrapped = isWrapped
    ? ok({ text: card.sealed, version: card.version })
    : await rewrap(card.sealed, of, keys);
  if (!wrapped.ok) return wrapped;
  const print = isPrinted ? ok(card.print) : await printAnew(card, of, prints.value.current, keys);
  if (!print.ok) return print;
  return ok({
    owner: card.owner,
    token: card.token,
    from: card.sealed,
    sealed: wrapped.value.text,
    version: wrapped.value.version,
    printVersion: prints.value.current,
    print: print.value,
    wrapped: !isWrapped,
  });
}

// A fingerprint cannot be moved to another key without the number it was made of.
async function printAnew(
  card: CardToMove,
  of: Belonging,
  version: number,
  keys: KeyProvider,
): Promise<Result<string | null, SealFailure>> {
  const digits = await unseal(card.sealed, of, keys);
  if (!digits.ok) return digits;
  const print = await fingerprint(digits.value, of.account, version, keys);
  if (!print.ok) return refuse("key_unavailable");
  return ok(print.value === card.fingerprint ? null : print.value);
}
