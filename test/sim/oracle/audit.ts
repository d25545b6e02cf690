// What must be true when all is over: balances, journals and the processor's book agree with the ledger.

import type { ChargeId } from "../../../protocol/ids.ts";
import {
  type JournalEntry,
  newProjection,
  type Projection,
  project,
} from "../../../protocol/projection.ts";
import type { Booked } from "../processor.ts";
import type { Account } from "../specification/ledger.ts";
import { fail } from "./invariants.ts";
import { isErased, render } from "./rendering.ts";
import { nameOf, type Seen, type Watched } from "./seen.ts";

/** What must be true when nothing fails any more and nothing is under way. */
export function audit(
  seen: Seen,
  book: ReadonlyMap<string, Booked>,
  deliver: (entries: readonly JournalEntry[]) => JournalEntry[],
): void {
  const ledger = seen.ledger;
  if (ledger === undefined) return;
  let total = 0;
  for (const account of ledger.accounts.values()) {
    const watched = seen.accounts.get(nameOf(account.scope));
    if (watched === undefined) continue;
    auditBalances(account, watched);
    auditJournal(account, watched, deliver);
    for (const sum of account.balances.values()) total += sum;
    for (const { state } of watched.projection.operations.values()) {
      if (state === "opened") fail("I8", "an operation never ended");
    }
    for (const [id, { state }] of watched.projection.charges) {
      if (["opened", "incrementing", "capturing", "releasing"].includes(state)) {
        fail("I8", `${id} is ${state} for ever`);
      }
    }
    auditBook(seen, account, watched, book);
  }
  if (total !== 0) fail("I9", `the whole ledger sums to ${total}`);
}

function auditBalances(account: Account, { projection }: Watched): void {
  for (const [name, sum] of projection.freed) {
    if (account.pending.get(name) !== sum) {
      fail("I15", `${account.pending.get(name)} comes free of ${name}, its postings say ${sum}`);
    }
  }
  for (const [name, sum] of projection.balances) {
    if (account.balances.get(name) !== sum) {
      fail("I15", `${name} is ${account.balances.get(name)} and its postings sum to ${sum}`);
    }
  }
  const sums = new Map<string, number>();
  for (const [name, sum] of account.balances) {
    const currency = name.slice(name.indexOf("/") + 1);
    sums.set(currency, (sums.get(currency) ?? 0) + sum);
  }
  for (const [currency, sum] of sums) if (sum !== 0) fail("I9", `${currency} sums to ${sum}`);
}

function auditJournal(
  account: Account,
  watched: Watched,
  deliver: (entries: readonly JournalEntry[]) => JournalEntry[],
): void {
  const { journal } = account;
  if (journal.length !== watched.journal.length) fail("I10", "the journal lost entries");
  watched.journal.forEach((text, i) => {
    if (JSON.stringify(journal[i]) !== text) fail("I10", `entry ${i + 1} was altered`);
  });
  const follower = newProjection();
  const early = new Map<number, JournalEntry>();
  for (const entry of deliver(journal)) {
    if (entry.seq > follower.seq) early.set(entry.seq, entry);
    for (;;) {
      const next = early.get(follower.seq + 1);
      if (next === undefined) break;
      early.delete(next.seq);
      const taken = project(follower, next, watched.intents);
      if (!taken.ok) fail("I14", taken.failure);
    }
  }
  if (textOf(follower) !== textOf(watched.projection)) fail("I14", "a follower arrives elsewhere");
}

/** What the processor did and what the ledger says it did are the same. */
function auditBook(
  seen: Seen,
  account: Account,
  watched: Watched,
  book: ReadonlyMap<string, Booked>,
): void {
  for (const [id, versions] of watched.charges) {
    const booked = book.get(`${id}.authorize.1`);
    const closed = versions[1]?.facts;
    const row = seen.subject.ledger.chargeFacts(account, id as ChargeId);
    if (row === undefined) fail("I3", `${id} is lost`);
    const approved = closed !== undefined && closed.state !== "failed";
    if ((booked?.effect.kind === "approved") !== approved) {
      fail("I3", `${id} is ${closed?.state} and the processor says ${booked?.effect.kind}`);
    }
    if (approved && booked?.effect.ref !== row?.processor_ref) {
      fail("I3", `${id} does not name what the processor did`);
    }
    const last = versions.at(-1)?.facts;
    if (last !== undefined && row !== undefined) {
      const scope = watched.scope;
      const [a, b] = [
        render({ ok: true, facts: last }, scope),
        render({ ok: true, facts: row }, scope),
      ];
      if (a !== b && !isErased(seen, b, a)) fail("I15", `${id} is ${b} and should be ${a}`);
    }
  }
  for (const [id, { facts }] of watched.operations) {
    const verb = facts.operation === "release" ? "void" : facts.operation;
    const approved = book.get(`${id}.${verb}.1`)?.effect.kind === "approved";
    if (approved !== (facts.state === "succeeded")) {
      fail("I3", `${id} is ${facts.state} and the processor says ${approved ? "yes" : "no"}`);
    }
  }
}

const textOf = ({
  seq,
  charges,
  operations,
  customers,
  objects,
  balances,
  freed,
}: Projection): string =>
  JSON.stringify([
    seq,
    ...[charges, operations, customers, objects, balances, freed].map((map) => [...map]),
  ]);
