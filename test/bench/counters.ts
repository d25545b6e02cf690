// What work costs PostgreSQL, counted and not timed, so that the figures repeat on a busy machine: page
// images and autovacuum are off meanwhile (both would add what belongs to no charge), and the server's
// own counters are read before and after.

import pg from "pg";
import type { Platform } from "../../local/platform.ts";
import type { Cluster } from "../../local/postgres.ts";
import { HOME } from "./merchants.ts";
import type { Sample } from "./row.ts";

/** Deltas of the server's counters over so many charges; both phases of each are in them. */
export type Cost = {
  readonly charges: number;
  readonly bad: number;
  readonly firstBad?: string;
  /** Transactions that wrote: a batch of commands is one. */
  readonly commits: number;
  /** All transactions, one statement each. */
  readonly statements: number;
  readonly walBytes: number;
  readonly walRecords: number;
  readonly fsyncs: number;
};

/** A database whose work is counted. */
export type Counted = {
  readonly database: string;
  /** Has its connections tell what they hold back, in so many transactions. */
  readonly flush: () => Promise<number>;
};

export type Counters = {
  count(of: Counted, work: () => Promise<Sample>): Promise<Cost>;
  /** Waits until the copy of this ledger in the other region has everything, and says how long. */
  settle(): Promise<number>;
  /** What PostgreSQL calls its version. */
  version(): Promise<string>;
  close(): Promise<void>;
};

const SETTLE_MS_MAX = 10_000;
const SETTLE_POLL_MS = 10;

const COUNTERS = `
  select (select xact_commit from pg_stat_database where datname = $1)::float8 as statements,
         pg_snapshot_xmax(pg_current_snapshot())::text::float8 as commits,
         (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 as wal_bytes,
         (select wal_records from pg_stat_wal)::float8 as wal_records,
         (FSYNCS)::float8 as fsyncs`;
// PostgreSQL 18 moved the count from pg_stat_wal to pg_stat_io.
const FSYNCS_18 = "select sum(fsyncs) from pg_stat_io where object = 'wal'";
const FSYNCS_BEFORE_18 = "select wal_sync from pg_stat_wal";
const VERSION_18 = 180_000;

const LAG = `select coalesce(bool_and(replay_lsn >= $1::pg_lsn), true) as settled
  from pg_stat_replication`;

type Reading = Record<"statements" | "commits" | "wal_bytes" | "wal_records" | "fsyncs", number>;

export async function startCounters(cluster: Pick<Cluster, "url">): Promise<Counters> {
  // Not the ledger's own database: what is asked here must not count as its work.
  const client = new pg.Client({ connectionString: cluster.url("postgres") });
  await client.connect();
  const setting = async (name: string): Promise<string> => {
    const { rows } = await client.query<{ text: string }>("select current_setting($1) as text", [
      name,
    ]);
    return rows[0]?.text ?? "";
  };
  const is18 = Number(await setting("server_version_num")) >= VERSION_18;
  const fsyncs = is18 ? FSYNCS_18 : FSYNCS_BEFORE_18;
  const text = COUNTERS.replace("FSYNCS", fsyncs);
  const read = async ({ database }: Counted): Promise<Reading> => {
    const { rows } = await client.query<Reading>(text, [database]);
    const [reading] = rows;
    if (reading === undefined) throw new Error("PostgreSQL has no counters");
    return reading;
  };
  return {
    settle: () => settle(client),
    version: () => setting("server_version"),
    close: () => client.end(),
    async count(of, work) {
      await quiet(client, true);
      try {
        await settle(client);
        await of.flush();
        const before = await read(of);
        const { good, bad, firstBad } = await work();
        const own = await of.flush();
        const after = await read(of);
        return {
          charges: good,
          bad,
          ...(firstBad === undefined ? {} : { firstBad }),
          commits: after.commits - before.commits,
          statements: after.statements - before.statements - own,
          walBytes: after.wal_bytes - before.wal_bytes,
          walRecords: after.wal_records - before.wal_records,
          fsyncs: after.fsyncs - before.fsyncs,
        };
      } finally {
        await quiet(client, false);
      }
    },
  };
}

async function quiet(client: pg.Client, on: boolean): Promise<void> {
  for (const name of ["full_page_writes", "autovacuum"]) {
    await client.query(`alter system ${on ? `set ${name} = off` : `reset ${name}`}`);
  }
  await client.query("select pg_reload_conf()");
}

// It reads a table, because a transaction that touched none is not told of until later.
const FLUSH = "select pg_stat_force_next_flush() from pg_class where relname = 'fence'";

/** A database reached by these connections alone. */
export const countedBy = (database: string, clients: readonly pg.Client[]): Counted => ({
  database,
  flush: async () => {
    await Promise.all(clients.map((client) => client.query(FLUSH)));
    return clients.length;
  },
});

/** The SQL endpoint's connections to a database; each holds back counts of its own. */
const POOL_CONNECTIONS = 16;
/** Long enough that no connection can serve two of the requests sent at once. */
const HOLD_SECONDS = 0.05;

/** The database behind the SQL endpoint, as the origins come there: each login has connections of its own. */
export const countedBehind = ({ bindings, urls }: Platform): Counted => {
  const url = bindings[`DATABASE_URL_${HOME.toUpperCase()}`] ?? "";
  const query = `${FLUSH.replace(" from", `, pg_sleep(${HOLD_SECONDS}) from`)}`;
  const ask = async () => {
    const response = await fetch(urls.sqlEndpoint, {
      method: "POST",
      headers: { "neon-connection-string": url },
      body: JSON.stringify({ query, params: [] }),
    });
    if (response.status !== 200) throw new Error(`The SQL endpoint: ${await response.text()}`);
    await response.arrayBuffer();
  };
  return {
    database: new URL(url).pathname.slice(1),
    flush: async () => {
      await Promise.all(Array.from({ length: POOL_CONNECTIONS }, ask));
      return POOL_CONNECTIONS;
    },
  };
};

async function settle(client: pg.Client): Promise<number> {
  const startMs = performance.now();
  const { rows } = await client.query<{ lsn: string }>("select pg_current_wal_lsn()::text as lsn");
  while (performance.now() - startMs < SETTLE_MS_MAX) {
    const lag = await client.query<{ settled: boolean }>(LAG, [rows[0]?.lsn]);
    if (lag.rows[0]?.settled) break;
    await new Promise((resume) => setTimeout(resume, SETTLE_POLL_MS));
  }
  return performance.now() - startMs;
}
