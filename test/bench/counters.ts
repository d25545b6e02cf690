// What charges cost PostgreSQL, counted and not timed, so that the figures repeat on a busy machine: a
// fixed number of charges is made with page images and autovacuum off (both would add what belongs to
// no charge), and the server's own counters are read before and after.

import pg from "pg";
import type { Cluster } from "../../local/postgres.ts";
import type { Bench, Row } from "./rows.ts";

/** Deltas of the server's counters over one run of charges; both phases of each are in them. */
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

export type Counters = {
  count(row: Row, bench: Bench, inFlight: number): Promise<Cost>;
  /** Waits until the copy of this ledger in the other region has everything, and says how long. */
  settle(): Promise<number>;
  close(): Promise<void>;
};

/** Enough for some batches of full depth, few enough for a second or two. */
const CHARGES_PER_LANE = 6;
const CHARGES_MIN = 100;
/** The endpoint's connections; each holds back its own counts until it is told to tell them. */
const POOL_CONNECTIONS = 16;
/** Long enough that no connection can serve two of the requests sent at once. */
const HOLD_SECONDS = 0.05;
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

export async function startCounters(
  cluster: Pick<Cluster, "url">,
  database: string,
  sqlEndpoint: string,
): Promise<Counters> {
  // Not the ledger's own database: what is asked here must not count as its work.
  const client = new pg.Client({ connectionString: cluster.url("postgres") });
  await client.connect();
  const version = await client.query<{ v: number }>(
    "select current_setting('server_version_num')::int as v",
  );
  const fsyncs = (version.rows[0]?.v ?? 0) >= VERSION_18 ? FSYNCS_18 : FSYNCS_BEFORE_18;
  const text = COUNTERS.replace("FSYNCS", fsyncs);
  const read = async (): Promise<Reading> => {
    await flushPool(sqlEndpoint, cluster.url(database));
    const { rows } = await client.query<Reading>(text, [database]);
    const [reading] = rows;
    if (reading === undefined) throw new Error("PostgreSQL has no counters");
    return reading;
  };
  return {
    settle: () => settle(client),
    close: () => client.end(),
    async count(row, bench, inFlight) {
      await quiet(client, true);
      try {
        await settle(client);
        const requestsMax = Math.max(CHARGES_MIN, inFlight * CHARGES_PER_LANE);
        const before = await read();
        const { good, bad, firstBad } = await row.measure(bench, inFlight, { requestsMax });
        const after = await read();
        return {
          charges: good,
          bad,
          ...(firstBad === undefined ? {} : { firstBad }),
          commits: after.commits - before.commits,
          statements: after.statements - before.statements - POOL_CONNECTIONS,
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

async function flushPool(sqlEndpoint: string, connectionString: string): Promise<void> {
  // It reads a table, because a transaction that touched none is not told of until later.
  const query = `select pg_stat_force_next_flush(), pg_sleep(${HOLD_SECONDS}) from fence`;
  const ask = async () => {
    const response = await fetch(sqlEndpoint, {
      method: "POST",
      headers: { "neon-connection-string": connectionString },
      body: JSON.stringify({ query, params: [] }),
    });
    if (response.status !== 200) throw new Error(`The SQL endpoint: ${await response.text()}`);
    await response.arrayBuffer();
  };
  await Promise.all(Array.from({ length: POOL_CONNECTIONS }, ask));
}

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
