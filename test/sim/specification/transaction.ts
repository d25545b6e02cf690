// One transaction of the ledger: each kind of command reads what stood before it, writes all at once, and can
// be taken back whole when a constraint is broken.

import type { Posting } from "../../../protocol/projection.ts";
import type { Account, Entry, Ledger } from "./account.ts";

export const DAY_MS = 86_400_000;

/** A constraint is broken: the batch did nothing. */
export class Conflict extends Error {}

/** One kind of command in one transaction: it reads what was, then writes all at once. */
export type Phase = {
  readonly ledger: Ledger;
  readonly nowMs: number;
  readonly writes: (() => void)[];
  readonly undo: (() => void)[];
  /** The last number given out to each account by this phase. */
  readonly numbers: Map<Account, number>;
};

export function nextNumber(phase: Phase, account: Account): number {
  const next = (phase.numbers.get(account) ?? account.seq) + 1;
  phase.numbers.set(account, next);
  return next;
}

export function tell(
  phase: Phase,
  account: Account,
  entry: Pick<Entry, "seq" | "type" | "subject"> & Partial<Entry>,
): void {
  const nothing = { posting: null, captured: null, refunded: null, request: null };
  const day = dayOf(phase.nowMs);
  account.journal.push({ ...nothing, ...entry, createdMs: phase.nowMs, day });
  phase.undo.push(() => account.journal.pop());
  if (entry.posting) post(phase, account, entry.posting);
}

function post(phase: Phase, account: Account, posting: Posting): void {
  const { debit, credit, amount, currency, fee, availableOn: day } = posting;
  for (const [name, sum] of [
    [`${debit}/${currency}`, -amount],
    [`${credit}/${currency}`, amount],
    ...(fee === 0
      ? []
      : ([
          [`merchant/${currency}`, -fee],
          [`fees/${currency}`, fee],
        ] as const)),
  ] as const) {
    change(phase, account.balances, name, (account.balances.get(name) ?? 0) + sum);
  }
  if (day === null) return;
  const name = `${currency}/${day}`;
  change(phase, account.pending, name, (account.pending.get(name) ?? 0) + amount - fee);
}

export function insert<K, V>(phase: Phase, table: Map<K, V>, key: K, row: V): void {
  hold(!table.has(key));
  table.set(key, row);
  phase.undo.push(() => table.delete(key));
}

export function change<K, V>(phase: Phase, table: Map<K, V>, key: K, row: V): void {
  const before = table.get(key);
  table.set(key, row);
  phase.undo.push(() => (before === undefined ? table.delete(key) : table.set(key, before)));
}

export function remove<K, V>(phase: Phase, table: Map<K, V>, key: K): void {
  const before = table.get(key);
  table.delete(key);
  if (before !== undefined) phase.undo.push(() => table.set(key, before));
}

/** A CHECK or a unique index. */
export function hold(kept: boolean): asserts kept {
  if (!kept) throw new Conflict();
}

export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);
