// The ledger accounts each merchant has; mirrors `ledger_accounts` in migrations/0001_ledger.sql, and a
// test holds them equal.

/** What the acquirer owes us. */
export const PROCESSOR = 1;
/** What we owe the merchant. */
export const MERCHANT = 2;

export const LEDGER_ACCOUNTS = [
  { code: PROCESSOR, name: "processor" },
  { code: MERCHANT, name: "merchant" },
] as const;
