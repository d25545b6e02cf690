// Which changes of an object move money, and between which ledger accounts: no other change may.

import type { LedgerAccount } from "./ledger-account.ts";

/** Kinds of entries whose change of an object moves money, by the ledger accounts it moves between. */
export const OBJECT_POSTINGS: Readonly<Record<string, readonly [LedgerAccount, LedgerAccount]>> = {
  "charge.dispute.created": ["merchant", "processor"],
  "charge.dispute.funds_withdrawn": ["merchant", "processor"],
  "charge.dispute.funds_reinstated": ["processor", "merchant"],
  "charge.dispute.closed": ["processor", "merchant"],
  "refund.updated": ["processor", "merchant"],
  "payout.created": ["merchant", "payouts"],
  "payout.failed": ["payouts", "merchant"],
  "payout.canceled": ["payouts", "merchant"],
};
