// Balance transactions: the postings of the journal as a merchant sees them, by the kind of their entry.

import type { TransactionFacts } from "./balance.ts";
import type { PostingFacts } from "./facts.ts";

export type TransactionType =
  | "charge"
  | "refund"
  | "adjustment"
  | "refund_failure"
  | "payout"
  | "payout_failure"
  | "payout_cancel";

export type TransactionSource = "ch" | "re" | "dp" | "po";

type Kind = {
  readonly type: TransactionType;
  readonly category: string;
  /** Codes of the entries that post it. */
  readonly codes: readonly number[];
  /** The prefix of its source's id. */
  readonly source: TransactionSource;
  /** Said of it, where the source has no description of its own; `of` is the charge behind it. */
  readonly describe?: (of: string) => string;
};

export const TRANSACTION_KINDS: readonly Kind[] = [
  { type: "charge", category: "charge", codes: [2, 5], source: "ch" },
  { type: "refund", category: "refund", codes: [6], source: "re" },
  {
    type: "payout",
    category: "payout",
    codes: [60],
    source: "po",
    describe: () => "PAYOUT",
  },
  {
    type: "payout_failure",
    category: "payout_reversal",
    codes: [63],
    source: "po",
    describe: () => "PAYOUT FAILURE",
  },
  {
    type: "payout_cancel",
    category: "payout_reversal",
    codes: [64],
    source: "po",
    describe: () => "PAYOUT CANCELLATION",
  },
  {
    type: "adjustment",
    category: "dispute",
    codes: [50, 53],
    source: "dp",
    describe: (of) => `Chargeback withdrawal for ${of}`,
  },
  {
    type: "adjustment",
    category: "dispute_reversal",
    codes: [52, 54],
    source: "dp",
    describe: (of) => `Chargeback reversal for ${of}`,
  },
  {
    type: "refund_failure",
    category: "refund_failure",
    codes: [81],
    source: "re",
    describe: () => "REFUND FAILURE",
  },
];

/** Prefixes of what transactions are of. */
export const SOURCES: readonly TransactionSource[] = [
  ...new Set(TRANSACTION_KINDS.map(({ source }) => source)),
];

export const TRANSACTION_TYPES: readonly TransactionType[] = [
  ...new Set(TRANSACTION_KINDS.map(({ type }) => type)),
];

/** Codes of the entries that post transactions of this type. */
export const codesOfTransactions = (type: TransactionType): readonly number[] =>
  TRANSACTION_KINDS.flatMap((kind) => (kind.type === type ? kind.codes : []));

/** The kind that an entry of this code posts. */
export function transactionKind(code: number): Kind {
  const kind = TRANSACTION_KINDS.find(({ codes }) => codes.includes(code));
  if (kind === undefined) throw new Error(`Bug: entries of type ${code} post nothing`);
  return kind;
}

/** The posting of an object as a transaction; `of` is the charge behind it. */
export function transactionOf(p: PostingFacts, source: string, of: string): TransactionFacts {
  const { type, category, describe } = transactionKind(p.type);
  return {
    seq: p.seq,
    created: p.created,
    amount: p.amount,
    currency: p.currency,
    type,
    category,
    source,
    description: describe?.(of) ?? null,
    fee: p.fee,
    // What an object moves is there, or gone, at once.
    available_on: p.created,
    available: true,
  };
}
