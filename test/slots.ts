// Which slots the merchants of a test file are in. All files share one ledger, and each starts a system of its own.
// A shard ends what it finds open in its slot, with the cards and the bank of its own system, so it would decline what
// another system is still charging: the card is not there. Files that run at once therefore have no slot in common.

import type { AccountId } from "../protocol/ids.ts";
import { slotOf } from "../protocol/slot.ts";

/** Test files that run at once. Two cores: more would only make each other slow. */
export const FILES_AT_ONCE = 2;

/**
 * Whether an account is in a slot of the file that is running. `place` is the file's among those that run at once, from
 * 1; outside of Vitest there is none, and every slot is the one system's.
 */
export function isOurs(account: AccountId, place = process.env["VITEST_POOL_ID"]): boolean {
  if (place === undefined) return true;
  const remainder = Number(place) - 1;
  if (!(remainder >= 0 && remainder < FILES_AT_ONCE)) {
    throw new Error(
      `Only ${FILES_AT_ONCE} test files may run at once: they share the slots of a ledger`,
    );
  }
  return slotOf(account) % FILES_AT_ONCE === remainder;
}
