// Applies `migrations/NNNN_name.sql` in the order of their numbers, each in one transaction, and
// records the name and SHA-256 of what was applied. It promises that running it twice, or twice at
// once, does no more than running it once; and it refuses a database whose past differs from the
// files, because then nobody knows which tables it has. Each run also brings the periods up to date that
// idempotency keys lie in, in primaries and copies alike.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { withSession } from "./session.ts";

export type Migration = { name: string; sql: string; sha256: string };

export const MIGRATIONS_DIRECTORY = fileURLToPath(new URL("../migrations/", import.meta.url));
export const MIGRATIONS_TABLE = "schema_migrations";

const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/;
/** Any number, as long as nobody else locks with it: "tessera" on a telephone's keys. */
const ADVISORY_LOCK = 8_377_372;

const CREATE_TABLE = `
  create table if not exists ${MIGRATIONS_TABLE} (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
  )`;

/** The names of the migrations that were applied now, and whether they were the first. */
export type Migrated = { applied: string[]; wasEmpty: boolean };

export async function migrate(url: string, directory = MIGRATIONS_DIRECTORY): Promise<Migrated> {
  const migrations = readMigrations(directory);
  return withSession(url, async (client) => {
    // Given back at the end of the session.
    await client.query("select pg_advisory_lock($1)", [ADVISORY_LOCK]);
    await client.query("set client_min_messages = warning");
    await client.query(CREATE_TABLE);
    const pending = await findPending(client, migrations);
    for (const migration of pending) await apply(client, migration);
    await keepPeriods(client);
    const wasEmpty = pending.length === migrations.length;
    return { applied: pending.map(({ name }) => name), wasEmpty };
  });
}

/** Makes the periods that keys and audit entries will lie in from today on, and drops those that are over. */
async function keepPeriods(client: pg.Client): Promise<void> {
  for (const keep of ["keep_key_periods", "keep_audit_months"]) {
    const { rows } = await client.query<{ known: boolean }>(
      `select to_regprocedure('${keep}(date)') is not null as known`,
    );
    // The migrations of a test, or of another time, may have neither.
    if (rows[0]?.known !== true) continue;
    await client.query(`select ${keep}((now() at time zone 'UTC')::date)`);
  }
}

export function readMigrations(directory: string): Migration[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(".sql"));
  const misnamed = names.find((name) => !FILE_NAME.test(name));
  if (misnamed !== undefined) throw new Error(`${misnamed} is not named NNNN_name.sql.`);
  return names.sort().map((name, index, sorted) => {
    if (sorted[index - 1]?.slice(0, 4) === name.slice(0, 4)) {
      throw new Error(`${sorted[index - 1]} and ${name} have the same number.`);
    }
    const sql = readFileSync(join(directory, name), "utf8");
    return { name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
  });
}

async function findPending(client: pg.Client, migrations: Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<{ name: string; sha256: string }>(
    `select name, sha256 from ${MIGRATIONS_TABLE} order by name`,
  );
  for (const [index, applied] of rows.entries()) {
    const migration = migrations[index];
    const explanation = "a change belongs in a new migration";
    if (migration?.name !== applied.name) {
      const found = migration === undefined ? "nothing" : migration.name;
      throw new Error(
        `Migration ${applied.name} was applied, but here is ${found}: ${explanation}.`,
      );
    }
    if (migration.sha256 !== applied.sha256) {
      throw new Error(
        `Migration ${applied.name} was changed after it was applied: ${explanation}.`,
      );
    }
  }
  return migrations.slice(rows.length);
}

async function apply(client: pg.Client, { name, sql, sha256 }: Migration): Promise<void> {
  await client.query("begin");
  try {
    await client.query(sql);
    await client.query(`insert into ${MIGRATIONS_TABLE} (name, sha256) values ($1, $2)`, [
      name,
      sha256,
    ]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw explained(name, sql, error);
  }
}

function explained(name: string, sql: string, error: unknown): unknown {
  if (!(error instanceof pg.DatabaseError)) return error;
  const { position, detail, hint, message } = error;
  const line =
    position === undefined ? "" : `:${sql.slice(0, Number(position)).split("\n").length}`;
  const more = [detail, hint].filter((part) => part !== undefined).map((part) => ` (${part})`);
  return new Error(`Migration ${name}${line}: ${message}${more.join("")}`, { cause: error });
}
