// The posting of an entry, taken into the balances of a replayed journal; refused where it is not the one that
// the change of state calls for.

import type { ChargeIntent, Intents, JournalEntry, Posting, Projection } from "./projection.ts";
import { availableOn, feeOf } from "./terms.ts";

/** What a capture moves: the merchant pays his fee of it and waits for the rest, if he has agreed to that. */
export function captured(
  entry: JournalEntry,
  { terms }: Intents,
  { currency, availableNow }: ChargeIntent,
  amount: number,
): Posting {
  return {
    debit: "processor",
    credit: "merchant",
    amount,
    currency,
    fee: feeOf(terms, amount, currency),
    availableOn: availableOn(terms, entry.day, availableNow),
  };
}

export const withoutPosting = (entry: JournalEntry): string | undefined =>
  entry.posting === null ? undefined : "money moves for no reason";

/** Takes the entry's posting into the balances; it must be this one. */
export function post(
  state: Projection,
  { posting }: JournalEntry,
  due: Posting,
): string | undefined {
  const { debit, credit, amount, currency, fee, availableOn: day } = due;
  if (
    posting?.debit !== debit ||
    posting.credit !== credit ||
    posting.amount !== amount ||
    posting.currency !== currency
  ) {
    return `the posting must move ${amount} ${currency} from ${debit} to ${credit}`;
  }
  if (posting.fee !== fee) return `the fee of the posting must be ${fee}, and it is ${posting.fee}`;
  if (posting.availableOn !== day) {
    return `the posting must come free on ${dayText(day)}, and does on ${dayText(posting.availableOn)}`;
  }
  const { balances, freed } = state;
  add(balances, `${debit}/${currency}`, -amount);
  add(balances, `${credit}/${currency}`, amount);
  if (fee > 0) {
    add(balances, `merchant/${currency}`, -fee);
    add(balances, `fees/${currency}`, fee);
  }
  if (day !== null) add(freed, `${currency}/${day}`, amount - fee);
  return undefined;
}

const dayText = (day: number | null): string => (day === null ? "its own day" : `day ${day}`);

const add = (sums: Map<string, number>, name: string, amount: number): void => {
  sums.set(name, (sums.get(name) ?? 0) + amount);
};
