// A merchant's balance and what made it, as objects of Stripe's v1 API: pure functions of what was read, with
// the same promise of equal bytes as object.ts.

import type { Scope } from "./command.ts";
import { sequenceId } from "./ids.ts";
import type { StripeObject } from "./object.ts";
import type { TransactionType } from "./transaction.ts";

/** A posting as it moved the merchant's balance. */
export type TransactionFacts = {
  readonly seq: number;
  readonly created: number;
  readonly amount: number;
  readonly currency: string;
  readonly type: TransactionType;
  /** Stripe's `reporting_category`. */
  readonly category: string;
  readonly source: string;
  readonly description: string | null;
  readonly fee: number;
  /** Unix seconds, and whether that was over when it was read. */
  readonly available_on: number;
  readonly available: boolean;
};

export function transactionObject(t: TransactionFacts, scope: Scope): StripeObject {
  return {
    id: sequenceId("txn", scope.account, scope.livemode, t.seq),
    object: "balance_transaction",
    amount: t.amount,
    available_on: t.available_on,
    created: t.created,
    currency: t.currency,
    description: t.description,
    exchange_rate: null,
    fee: t.fee,
    fee_details: t.fee === 0 ? [] : [feeDetail(t)],
    net: t.amount - t.fee,
    reporting_category: t.category,
    source: t.source,
    status: t.available ? "available" : "pending",
    type: t.type,
  };
}

const feeDetail = ({ fee, currency }: TransactionFacts): StripeObject => ({
  amount: fee,
  application: null,
  currency,
  description: "Processing fees",
  type: "stripe_fee",
});

export function balanceObject(
  amounts: readonly {
    readonly currency: string;
    readonly amount: number;
    readonly pending: number;
  }[],
  livemode: boolean,
): StripeObject {
  const lines = amounts.length === 0 ? [{ currency: "usd", amount: 0, pending: 0 }] : amounts;
  const line = (currency: string, amount: number) => ({
    amount,
    currency,
    source_types: { card: amount },
  });
  return {
    object: "balance",
    available: lines.map(({ currency, amount, pending }) => line(currency, amount - pending)),
    livemode,
    pending: lines.map(({ currency, pending }) => line(currency, pending)),
  };
}
