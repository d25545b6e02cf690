// `npm run retain`: makes the periods that idempotency keys and audit entries will lie in and drops those that are over, in
// every database: the primaries, where the origins do it each minute as well, and the copies, which no
// origin may write to. A copy without the next period cannot take the primary's rows, so run it at least
// every ten days. Takes DATABASE_URL_* and REPLICA_URL_*, or those of the Tessera that runs on this machine.

import pg from "pg";
import { copies, NO_DATABASES, primaries, reasonOf, settings } from "./databases.ts";

/** Brings the periods of one database up to date; gives the first day of each that is there then. */
export async function retain(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("select keep_key_periods((now() at time zone 'UTC')::date)");
    await client.query("select keep_audit_months((now() at time zone 'UTC')::date)");
    const { rows } = await client.query<{ first: string }>(
      `select to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD')::text as first
         from pg_inherits where inhparent = 'idempotency_keys'::regclass order by 1`,
    );
    return rows.map(({ first }) => first);
  } finally {
    await client.end();
  }
}

async function main(): Promise<void> {
  const given = settings();
  const urls = [...copies(given), ...primaries(given).map(({ url }) => url)];
  if (urls.length === 0) {
    console.error(NO_DATABASES);
    process.exitCode = 1;
  }
  for (const url of urls) {
    const { host, pathname } = new URL(url);
    try {
      console.log(
        `${host}${pathname}: keys in periods of ten days from ${(await retain(url)).join(", ")}`,
      );
    } catch (error) {
      console.error(`${host}${pathname} ${reasonOf(error)}`);
      process.exitCode = 1;
    }
  }
}

if (import.meta.main) await main();
