// The migration runner against a real PostgreSQL, with files written for the purpose.

import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate } from "../../local/migrations.ts";
import { type Cluster, ensureDatabase } from "../../local/postgres.ts";
import { withSession } from "../../local/session.ts";
import { type Home, makeHome, startScratchCluster, writeMigrations } from "./scratch.ts";

const FIRST = { "0001_first.sql": "create table first (id int primary key);" };
const SECOND = { "0002_second.sql": "create table second (id int primary key);" };

let home: Home;
let cluster: Cluster;
let databases = 0;

beforeAll(async () => {
  home = makeHome();
  cluster = await startScratchCluster(home.path);
}, 30_000);

afterAll(async () => {
  await cluster.stop();
  home.remove();
});

async function emptyDatabase(): Promise<string> {
  databases += 1;
  await ensureDatabase(cluster.url("postgres"), `empty_${databases}`);
  return cluster.url(`empty_${databases}`);
}

function rowCount(url: string, query: string): Promise<number | null> {
  return withSession(url, async (client) => (await client.query(query)).rowCount);
}

test("applies files in order, and a second run does nothing", async () => {
  const url = await emptyDatabase();
  const directory = writeMigrations(home, { ...SECOND, ...FIRST });
  const first = await migrate(url, directory);
  expect(first).toEqual({ applied: ["0001_first.sql", "0002_second.sql"], wasEmpty: true });
  expect(await migrate(url, directory)).toEqual({ applied: [], wasEmpty: false });
});

test("ten runs at once do the work of one", async () => {
  const url = await emptyDatabase();
  const directory = writeMigrations(home, { ...FIRST, ...SECOND });
  const runs = await Promise.all(Array.from({ length: 10 }, () => migrate(url, directory)));
  expect(runs.flatMap(({ applied }) => applied)).toEqual(["0001_first.sql", "0002_second.sql"]);
});

test("refuses a database that was made with another text of an applied file", async () => {
  const url = await emptyDatabase();
  await migrate(url, writeMigrations(home, FIRST));
  const changed = { "0001_first.sql": "create table first (id bigint primary key);", ...SECOND };
  const run = migrate(url, writeMigrations(home, changed));
  await expect(run).rejects.toThrow("Migration 0001_first.sql was changed after it was applied");
  expect(await rowCount(url, "select from pg_tables where tablename = 'second'")).toBe(0);
});

test("refuses a database that has a migration which is not here", async () => {
  const url = await emptyDatabase();
  await migrate(url, writeMigrations(home, { ...FIRST, ...SECOND }));
  const run = migrate(url, writeMigrations(home, FIRST));
  await expect(run).rejects.toThrow("Migration 0002_second.sql was applied, but here is nothing");
});

test("a file that fails leaves nothing of itself and tells the line", async () => {
  const url = await emptyDatabase();
  const broken = "create table third (id int);\n\ncreate tabel fourth (id int);";
  const directory = writeMigrations(home, { ...FIRST, "0002_broken.sql": broken });
  await expect(migrate(url, directory)).rejects.toThrow(/Migration 0002_broken.sql:3: .*"tabel"/);
  expect(await rowCount(url, "select from schema_migrations")).toBe(1);
  expect(await rowCount(url, "select from pg_tables where tablename = 'third'")).toBe(0);
});

test.each([
  ["a name without a number", { "first.sql": "select 1" }, "is not named NNNN_name.sql"],
  [
    "two files of one number",
    { "0001_a.sql": "select 1", "0001_b.sql": "select 1" },
    "have the same number",
  ],
])("refuses %s", async (_, files, message) => {
  const run = migrate(await emptyDatabase(), writeMigrations(home, files));
  await expect(run).rejects.toThrow(message);
});
