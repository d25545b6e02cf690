// What must be true of every run, each invariant by its name, and the word that one is broken.

/** Each invariant in a word, and where it is held when it is not held here. */
export const INVARIANTS = {
  I1: "at most one effect at the processor for an account's key",
  I2: "each order and each success stands on exactly one row of the ledger",
  I3: "what was acknowledged is in the ledger, whatever crashed",
  I4: "every definite answer for a key is the same bytes",
  I5: "no answer contradicts what is read later",
  I6: "a reuse of a key that is refused changes nothing",
  I7: "in use, or locked, is only said while something is under way",
  I8: "when the faults stop, everything ends in time",
  I9: "debits equal credits, in each posting and in all",
  I10: "the journal is never altered (its hash chain: test/ledger)",
  I11: "refunds ≤ captured ≤ authorized, here and at the processor",
  I12: "one entry for each change of state, none without",
  I13: "an account's sequence has no gap and follows the commits",
  I14: "who follows the journal arrives at the same state, duplicates and disorder or not",
  I15: "replaying the journal rebuilds what the ledger keeps",
  I16: "no balance falls below its floor (a CHECK of the ledger: test/ledger)",
  I17: "nothing of one account is shown to or changed by another",
  I18: "no card number leaves the vault (test/canary)",
  I19: "only declared moves happen",
  I20: "no clock opens a lock that somebody holds",
  fence: "what was fenced off changes nothing",
  bug: "nothing held to be impossible happens",
} as const;
export type Invariant = keyof typeof INVARIANTS;

export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

export const fail = (invariant: Invariant, message: string): never => {
  throw new Violation(invariant, message);
};

/** Which invariant an entry breaks that cannot follow. */
export function invariantOf(why: string): Invariant {
  if (/more is refunded/.test(why)) return "I11";
  if (/money|posting/.test(why)) return "I9";
  if (/cannot|not refunded|end again|open already/.test(why)) return "I19";
  return "I12";
}
