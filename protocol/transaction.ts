// Balance transactions: the postings of the journal as a merchant sees them, by the kind of their entry.

export type TransactionType = "charge" | "refund" | "payout" | "payout_failure" | "payout_cancel";

export type TransactionSource = "ch" | "re" | "po";

type Kind = {
  readonly type: TransactionType;
  readonly category: string;
  /** Codes of the entries that post it. */
  readonly codes: readonly number[];
  /** The prefix of its source's id. */
  readonly source: TransactionSource;
  /** Said of it, where the source has no description of its own. */
  readonly description?: string;
};

export const TRANSACTION_KINDS: readonly Kind[] = [
  { type: "charge", category: "charge", codes: [2, 5], source: "ch" },
  { type: "refund", category: "refund", codes: [6], source: "re" },
  {
    type: "payout",
    category: "payout",
    codes: [60],
    source: "po",
    description: "PAYOUT",
  },
  {
    type: "payout_failure",
    category: "payout_reversal",
    codes: [63],
    source: "po",
    description: "PAYOUT FAILURE",
  },
  {
    type: "payout_cancel",
    category: "payout_reversal",
    codes: [64],
    source: "po",
    description: "PAYOUT CANCELLATION",
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
