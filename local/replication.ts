// The logical-replication copy of one region's ledger in the other region. It promises that the
// copy has the primary's tables and, soon after each commit, its rows; that it can be started again
// and again, also when the primary moved to another port; and that a copy that cannot follow any
// more (its schema changed, its slot was lost) is emptied and filled anew rather than left wrong.

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { MIGRATIONS_TABLE, migrate } from "./migrations.ts";
import { withSession } from "./session.ts";

export type Link = {
  /** Also names the publication's slot: one for each direction. */
  subscription: string;
  primaryUrl: string;
  copyUrl: string;
  migrationsDirectory?: string | undefined;
};

type Region = "us" | "eu";

const PUBLICATION = "tessera";
const CONNECT_SECONDS_MAX = 5;
/** Making a slot waits for the primary's open transactions: rather fail than wait for one for ever. */
const STATEMENT_MS_MAX = 30_000;
/** Local ledgers are small; a larger one goes on filling its copy after this. */
const FIRST_COPY_MS_MAX = 30_000;
const POLL_MS = 20;

/** Ordinary and partitioned tables; partitions travel under the name of their root. */
const PUBLISHED_TABLES = `
  select c.oid::regclass::text as name,
         c.relreplident = 'd' and not exists (
           select from pg_index i where i.indrelid = c.oid and i.indisprimary) as "keyless"
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'
    and n.nspname not in ('information_schema', 'pg_catalog') and n.nspname not like 'pg\\_%'
    and c.relname <> '${MIGRATIONS_TABLE}'
  order by 1`;

/**
 * What arrives was checked where it was written, and an apply worker reads every check of a table from
 * its catalogue text again for each row: more than half of what a row costs it.
 */
const DROP_CHECKS = `
  do $$ declare checked record; begin
    for checked in
      select conrelid::regclass as name, conname from pg_constraint
       where contype = 'c' and conislocal and conrelid <> 0
         and connamespace = 'public'::regnamespace
    loop
      execute format('alter table %s drop constraint if exists %I', checked.name, checked.conname);
    end loop;
  end $$`;

/** The copy of region `from` in region `to` is a database of its own beside the primary there. */
export function linkBetween(from: Region, to: Region, primaries: Record<Region, string>): Link {
  const copyUrl = new URL(primaries[to]);
  copyUrl.pathname = `/tessera_copy_${from}`;
  return {
    subscription: `tessera_${from}_to_${to}`,
    primaryUrl: primaries[from],
    copyUrl: copyUrl.href,
  };
}

/**
 * Migrates the copy, then the primary, then lets the copy follow. One link at a time: making a slot
 * waits for the transactions of its cluster, so two links that are made crosswise wait for each other.
 */
export async function replicate(link: Link): Promise<void> {
  const onCopy = await migrate(link.copyUrl, link.migrationsDirectory);
  const onPrimary = await migrate(link.primaryUrl, link.migrationsDirectory);
  const tables = await publish(link.primaryUrl);
  const keptUp = await followsSlot(link);
  await withClient(link.copyUrl, async (copy) => {
    await copy.query(DROP_CHECKS);
    const exists = await hasSubscription(copy, link.subscription);
    if (exists && onCopy.applied.length === 0 && keptUp) await resume(copy, link);
    else await startAnew(copy, link, tables, onCopy.wasEmpty && onPrimary.wasEmpty);
  });
}

async function publish(primaryUrl: string): Promise<string[]> {
  return withClient(primaryUrl, async (primary) => {
    const { rows } = await primary.query<{ name: string; keyless: boolean }>(PUBLISHED_TABLES);
    // Without a key an update can only be told by the whole old row.
    for (const { name } of rows.filter(({ keyless }) => keyless)) {
      await primary.query(`alter table ${name} replica identity full`);
    }
    const tables = rows.map(({ name }) => name);
    const list = tables.join(", ");
    const found = await primary.query("select from pg_publication where pubname = $1", [
      PUBLICATION,
    ]);
    if (tables.length === 0) return tables;
    if (found.rowCount === 0) {
      const options = "publish_via_partition_root = true";
      await primary.query(`create publication ${PUBLICATION} for table ${list} with (${options})`);
    } else if (await publishesOther(primary, tables)) {
      await primary.query(`alter publication ${PUBLICATION} set table ${list}`);
    }
    return tables;
  });
}

async function publishesOther(primary: pg.Client, tables: string[]): Promise<boolean> {
  const { rows } = await primary.query<{ name: string }>(
    `select prrelid::regclass::text as name from pg_publication_rel r
     join pg_publication p on p.oid = r.prpubid where p.pubname = $1`,
    [PUBLICATION],
  );
  const published = rows.map(({ name }) => name);
  return published.toSorted().join() !== tables.toSorted().join();
}

/** False when the primary has thrown away WAL that the copy has not seen, or never had the slot. */
async function followsSlot({ primaryUrl, subscription }: Link): Promise<boolean> {
  return withClient(primaryUrl, async (primary) => {
    const { rowCount } = await primary.query(
      "select from pg_replication_slots where slot_name = $1 and wal_status <> 'lost'",
      [subscription],
    );
    return rowCount === 1;
  });
}

async function hasSubscription(copy: pg.Client, subscription: string): Promise<boolean> {
  const { rowCount } = await copy.query(
    `select from pg_subscription where subname = $1
     and subdbid = (select oid from pg_database where datname = current_database())`,
    [subscription],
  );
  return rowCount === 1;
}

async function resume(copy: pg.Client, { subscription, primaryUrl }: Link): Promise<void> {
  await copy.query(`alter subscription ${subscription} connection ${conninfo(primaryUrl)}`);
  await copy.query(`alter subscription ${subscription} enable`);
  await copy.query(`alter subscription ${subscription} refresh publication`);
}

async function startAnew(
  copy: pg.Client,
  link: Link,
  tables: string[],
  bothNew: boolean,
): Promise<void> {
  if (await hasSubscription(copy, link.subscription)) await dropSubscription(copy, link);
  await dropSlot(link);
  if (tables.length === 0) return;
  if (!bothNew) {
    // Migrations may have put rows here that will also arrive from the primary. The tables' own
    // guards against truncation do not apply to what is only a copy.
    await copy.query("set session_replication_role = replica");
    await copy.query(`truncate ${tables.join(", ")}`);
  }
  // Two new databases hold what the same migrations put there: nothing is left to be copied.
  await copy.query(
    `create subscription ${link.subscription} connection ${conninfo(link.primaryUrl)}
     publication ${PUBLICATION} with (copy_data = ${!bothNew})`,
  );
  await untilFilled(copy);
}

async function untilFilled(copy: pg.Client): Promise<void> {
  const deadline = performance.now() + FIRST_COPY_MS_MAX;
  while (performance.now() < deadline) {
    const { rowCount } = await copy.query(
      `select from pg_subscription_rel r join pg_subscription s on s.oid = r.srsubid
       join pg_database d on d.oid = s.subdbid
       where d.datname = current_database() and r.srsubstate <> 'r' limit 1`,
    );
    if (rowCount === 0) return;
    await sleep(POLL_MS);
  }
}

async function dropSubscription(copy: pg.Client, { subscription }: Link): Promise<void> {
  // Detached first: dropping it must not depend on a primary that may have moved or gone.
  await copy.query(`alter subscription ${subscription} disable`);
  await copy.query(`alter subscription ${subscription} set (slot_name = none)`);
  await copy.query(`drop subscription ${subscription}`);
}

async function dropSlot({ primaryUrl, subscription }: Link): Promise<void> {
  await withClient(primaryUrl, async (primary) => {
    // A walsender that still holds the slot is a leftover of the subscription dropped just now.
    await primary.query(
      `select pg_terminate_backend(active_pid, 5000) from pg_replication_slots
       where slot_name = $1 and active_pid is not null`,
      [subscription],
    );
    await primary.query(
      "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1",
      [subscription],
    );
  });
}

/** A connection string as an SQL literal. */
function conninfo(url: string): string {
  const withTimeout = new URL(url);
  withTimeout.searchParams.set("connect_timeout", String(CONNECT_SECONDS_MAX));
  return pg.escapeLiteral(withTimeout.href);
}

function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const limits = { connectMsMax: CONNECT_SECONDS_MAX * 1000, statementMsMax: STATEMENT_MS_MAX };
  return withSession(url, work, limits);
}
