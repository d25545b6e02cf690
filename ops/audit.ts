// `npm run audit`: prints the audit log of an account, or all of it, oldest first, as lines of JSON.
//
// --account acct_…   entries that speak of this account
// --since 2026-11-01 --until 2026-12-01   a span of time, any form that Date reads
//
// Takes DATABASE_URL_*, or those of the Tessera that runs on this machine. What an object has written in its
// last ten seconds may still be on its way.

import { parseArgs } from "node:util";
import pg from "pg";
import { NO_DATABASES, primaries, reasonOf, settings } from "./databases.ts";

export type AuditQuery = {
  readonly account?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
};

export type AuditRow = { readonly stream: string; readonly seq: string; readonly entry: string };

/** The entries of one region's ledger that a query asks for. */
export async function auditEntries(url: string, asked: AuditQuery): Promise<AuditRow[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<AuditRow>(
      `select stream, seq, entry from audit_entries
        where ($1::text is null or accounts @> array[$1::text])
          and ($2::timestamptz is null or kept_at >= $2)
          and ($3::timestamptz is null or kept_at < $3)
        order by (entry::json ->> 'at')::bigint, stream, seq`,
      [asked.account ?? null, asked.since ?? null, asked.until ?? null],
    );
    return rows;
  } finally {
    await client.end();
  }
}

async function main(): Promise<void> {
  const options = { type: "string" } as const;
  const { values } = parseArgs({ options: { account: options, since: options, until: options } });
  const time = (text: string | undefined) => (text === undefined ? undefined : new Date(text));
  const asked = {
    account: values.account,
    since: time(values.since),
    until: time(values.until),
  };
  const ledgers = primaries(settings());
  if (ledgers.length === 0) {
    console.error(NO_DATABASES);
    process.exitCode = 1;
  }
  for (const { region, url } of ledgers) {
    try {
      for (const { stream, seq, entry } of await auditEntries(url, asked)) {
        const { at, ...said } = JSON.parse(entry) as { at: number };
        console.log(
          JSON.stringify({ at: new Date(at).toISOString(), region, stream, seq, ...said }),
        );
      }
    } catch (error) {
      console.error(`${region} ${reasonOf(error)}`);
      process.exitCode = 1;
    }
  }
}

if (import.meta.main) await main();
