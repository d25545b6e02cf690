// What a charge costs the disk when a hundred share a commit: each batch opens a hundred charges of one
// merchant in one transaction and closes them in the next, so both phases of each are counted. Counters
// and sizes, no clock; in a fresh ledger, so that every byte that was added is the charges'.

import { closing } from "../ledger/region.ts";
import { freshOpening, scopeOf, unless } from "./charge.ts";
import type { Cost, Counters } from "./counters.ts";
import { countedBy } from "./counters.ts";
import { applyPrepared, type Ledger, openLedger } from "./ledger.ts";
import type { Sample } from "./row.ts";

export const BATCH_CHARGES = 100;

/** Bytes that the charges added to the tables, and to their indexes. */
export type Bytes = { readonly heap: number; readonly indexes: number };
export type BatchCost = Cost & Bytes & { readonly batch: number };

const SIZES = `
  select sum(pg_table_size(c.oid))::float8 as heap, sum(pg_indexes_size(c.oid))::float8 as indexes
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'r' and n.nspname = 'public'`;

export async function batchCost(
  url: string,
  counters: Counters,
  charges: number,
): Promise<BatchCost> {
  const ledger = await openLedger(url, 0);
  try {
    const { client } = ledger;
    // The first batch makes the balances and plans the statement.
    await chargeBatch(ledger);
    const before = await bytesOf(ledger);
    const cost = await counters.count(countedBy(ledger.name, [client]), async () => {
      const startMs = performance.now();
      let good = 0;
      while (good < charges) good += await chargeBatch(ledger);
      return { good, bad: 0, elapsedMs: performance.now() - startMs } satisfies Sample;
    });
    const after = await bytesOf(ledger);
    return {
      ...cost,
      batch: BATCH_CHARGES,
      heap: after.heap - before.heap,
      indexes: after.indexes - before.indexes,
    };
  } finally {
    await ledger.close();
  }
}

async function chargeBatch({ client, hot }: Ledger): Promise<number> {
  const opens = Array.from({ length: BATCH_CHARGES }, () => freshOpening(hot));
  const closes = opens.map((open) => closing(scopeOf(open), open.id));
  const opened = await applyPrepared(client, opens);
  const closed = await applyPrepared(client, closes);
  const bad =
    opened.map((verdict) => unless(verdict, "charge_opened")).find((text) => text !== undefined) ??
    closed.map((verdict) => unless(verdict, "charge_closed")).find((text) => text !== undefined);
  if (bad !== undefined) throw new Error(`A charge of a batch went wrong: ${bad}`);
  return closed.length;
}

async function bytesOf({ client }: Ledger): Promise<Bytes> {
  const { rows } = await client.query<Bytes>(SIZES);
  const [bytes] = rows;
  if (bytes === undefined) throw new Error("PostgreSQL has no sizes");
  return bytes;
}
