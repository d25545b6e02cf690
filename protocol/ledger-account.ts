// The ledger accounts each merchant has; mirrors `ledger_accounts` in migrations/0001_codes.sql, and a
// test holds them equal.

/** What the acquirer owes us, by its usual name. */
export const RECEIVABLE = 1;
/** What we owe the merchant. */
export const PAYABLE = 2;
/** What the merchant paid us for the work. */
export const FEES = 3;

/** What was sent to the merchant's bank. */
export const PAYOUTS = 4;

export const LEDGER_ACCOUNTS = [
  { code: RECEIVABLE, name: "processor" },
  { code: PAYABLE, name: "merchant" },
  { code: FEES, name: "fees" },
  { code: PAYOUTS, name: "payouts" },
] as const;

export type LedgerAccount = (typeof LEDGER_ACCOUNTS)[number]["name"];

/** The code of a ledger account in the tables. */
export const codeOf = (name: LedgerAccount): number =>
  LEDGER_ACCOUNTS.find((account) => account.name === name)?.code ?? 0;
