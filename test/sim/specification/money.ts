// The money of what is captured and given back, as postings and totals, and what of it may be paid out.

import type { Posting } from "../../../protocol/projection.ts";
import { availableOn, feeOf } from "../../../protocol/terms.ts";
import type { Account } from "./account.ts";
import { dayOf, type Phase } from "./transaction.ts";

/** The posting of what is captured: the merchant's, less his fee, on the day he agreed to. */
export function taken(
  phase: Phase,
  { facts: { terms } }: Account,
  amount: number,
  currency: string,
  atOnce: boolean,
): Posting {
  return {
    debit: "processor",
    credit: "merchant",
    amount,
    currency,
    fee: feeOf(terms, amount, currency),
    availableOn: availableOn(terms, dayOf(phase.nowMs), atOnce),
  };
}

export const givenBack = (amount: number, currency: string): Posting => ({
  debit: "merchant",
  credit: "processor",
  amount,
  currency,
  fee: 0,
  availableOn: null,
});

export const totals = (charge: { amount_captured: number; amount_refunded: number }) => ({
  captured: charge.amount_captured,
  refunded: charge.amount_refunded,
});

/** What may be paid out on a day: the merchant's balance but for what comes free later. */
export function availableAt(account: Account, currency: string, day: number): number {
  let available = account.balances.get(`merchant/${currency}`) ?? 0;
  for (const [name, sum] of account.pending) {
    const [code, free] = name.split("/");
    if (code === currency && Number(free) > day) available -= sum;
  }
  return available;
}
