// The SQL endpoint, seen by the driver that the origins use, in front of a real PostgreSQL.

import { NeonDbError, neon, neonConfig } from "@neondatabase/serverless";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type NeonEndpoint, startNeonEndpoint } from "../../local/neon-endpoint.ts";
import { type Cluster, ensureDatabase, STOP_CRASH } from "../../local/postgres.ts";
import { type Home, makeHome, startScratchCluster } from "./scratch.ts";

let home: Home;
let cluster: Cluster;
let endpoint: NeonEndpoint;
let sql: ReturnType<typeof neon<false, false>>;

beforeAll(async () => {
  home = makeHome();
  cluster = await startScratchCluster(home.path);
  const url = cluster.url("ledger");
  await ensureDatabase(cluster.url("postgres"), "ledger");
  const nowhere = "postgresql://nobody:none@127.0.0.1:1/nowhere";
  endpoint = await startNeonEndpoint({ connectionStrings: [url, nowhere] });
  neonConfig.fetchEndpoint = () => endpoint.url;
  sql = neon(url);
  await sql`create table purses (id int primary key, amount bigint not null,
    constraint purse_floor check (amount >= 0))`;
}, 30_000);

afterAll(async () => {
  await endpoint.stop();
  await cluster.stop();
  home.remove();
});

test("values of every kind come back as they were sent", async () => {
  const bytes = Buffer.from([0, 1, 254, 255]);
  const moment = new Date("2026-11-22T12:34:56.789Z");
  const [row] = await sql`select ${true}::boolean as flag, ${42}::int as small,
    ${"9007199254740993"}::bigint as large, ${"0.10"}::numeric as exact, ${null}::text as nothing,
    ${"naïve 'quotes' \\ and ✓"}::text as words, ${["a", 'b"c', null]}::text[] as list,
    ${{ a: [1, { b: null }] }}::jsonb as document, ${bytes}::bytea as bytes,
    ${moment}::timestamptz as moment`;
  expect(row).toEqual({
    flag: true,
    small: 42,
    large: "9007199254740993",
    exact: "0.10",
    nothing: null,
    words: "naïve 'quotes' \\ and ✓",
    list: ["a", 'b"c', null],
    document: { a: [1, { b: null }] },
    bytes,
    moment,
  });
});

test("full results name the command, the count and the fields", async () => {
  const insert = "insert into purses select n, 0 from generate_series(100, 102) n";
  const result = await sql.query(insert, [], { fullResults: true });
  expect(result).toMatchObject({ command: "INSERT", rowCount: 3, rows: [], fields: [] });
  const { fields } = await sql.query("select id from purses", [], { fullResults: true });
  expect(fields).toMatchObject([{ name: "id", dataTypeID: 23, format: "text" }]);
});

test("a batch is one transaction in the isolation it asks for", async () => {
  const results = await sql.transaction(
    [
      sql`select current_setting('transaction_isolation') as level`,
      sql`select txid_current() as id`,
      sql`select txid_current() as id`,
    ],
    { isolationLevel: "Serializable", readOnly: false },
  );
  expect(results[0]).toEqual([{ level: "serializable" }]);
  expect(results[1]).toEqual(results[2]);
});

test("a batch that fails leaves nothing behind", async () => {
  const batch = sql.transaction(
    [sql`insert into purses values (1, 10)`, sql`insert into purses values (2, -1)`],
    { isolationLevel: "Serializable" },
  );
  await expect(batch).rejects.toMatchObject({ code: "23514", constraint: "purse_floor" });
  expect(await sql`select 1 from purses where id in (1, 2)`).toEqual([]);
});

test("a read-only batch cannot write", async () => {
  const batch = sql.transaction([sql`insert into purses values (3, 10)`], { readOnly: true });
  await expect(batch).rejects.toMatchObject({ code: "25006" });
});

test("a refused row tells its code, constraint and table", async () => {
  const refused = await sql`insert into purses values (4, -1)`.catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(NeonDbError);
  expect(refused).toMatchObject({
    code: "23514",
    constraint: "purse_floor",
    table: "purses",
    severity: "ERROR",
  });
});

test("of two conflicting serializable transactions one fails with 40001 and can try again", async () => {
  await sql`insert into purses values (10, 100), (11, 100)`;
  const withdraw = (from: number, other: number) =>
    sql.transaction(
      [
        sql`select sum(amount) from purses where id in (10, 11)`,
        sql`select pg_sleep(0.2)`,
        sql`update purses set amount = amount - (select amount from purses where id = ${other})
          where id = ${from}`,
      ],
      { isolationLevel: "Serializable" },
    );
  const ends = await Promise.allSettled([withdraw(10, 11), withdraw(11, 10)]);
  const failed = ends.filter((end) => end.status === "rejected");
  expect(failed).toHaveLength(1);
  expect(failed[0]?.reason).toMatchObject({ code: "40001" });
});

test("several statements in one text are refused", async () => {
  await expect(sql.query("select 1; select 2")).rejects.toMatchObject({ code: "42601" });
});

test("a statement keeps working after its table was altered", async () => {
  const read = () => sql.query("select * from growing");
  await sql`create table growing (a int)`;
  await sql`insert into growing values (1)`;
  await Promise.all(Array.from({ length: 40 }, read));
  await sql`alter table growing add column b int default 2`;
  const rows = await Promise.all(Array.from({ length: 40 }, read));
  expect(new Set(rows.map((row) => JSON.stringify(row)))).toEqual(new Set(['[{"a":1,"b":2}]']));
});

describe("what it does not serve", () => {
  test("a database that it was not started with is refused with 403", async () => {
    const other = neon(cluster.url("postgres"));
    await expect(other`select 1`).rejects.toThrow(/HTTP status 403.*does not serve/);
    const wrongPassword = neon(cluster.url("ledger").replace(":scratch@", ":guess@"));
    await expect(wrongPassword`select 1`).rejects.toThrow(/HTTP status 403/);
  });

  test("a database that cannot be reached is a 503", async () => {
    const nowhere = neon("postgresql://nobody:none@127.0.0.1:1/nowhere");
    await expect(nowhere`select 1`).rejects.toThrow(/HTTP status 503.*unreachable/);
  });

  test.each([
    ["no JSON", "select 1", 400],
    ["no query", "{}", 400],
    ["a batch with a stranger in it", '{"queries":[{"query":"select 1"},7]}', 400],
    ["more than 10 MiB", JSON.stringify({ query: "x".repeat(11 * 1024 * 1024) }), 413],
  ])("a body with %s is refused", async (_, body, status) => {
    const headers = { "neon-connection-string": cluster.url("ledger") };
    const response = await fetch(endpoint.url, { method: "POST", headers, body });
    expect(response.status).toBe(status);
  });
});

test("a crash of the database fails what is under way and is over when the database is back", async () => {
  const underWay = sql`select pg_sleep(20)`.catch((error: unknown) => error);
  await sql`select 1`;
  await cluster.stop(STOP_CRASH);
  expect(String(await underWay)).toMatch(/HTTP status 502/);
  await expect(sql`select 1`).rejects.toThrow(/HTTP status 50[23]/);
  cluster = await startScratchCluster(home.path, cluster.port);
  // Each connection that the crash broke may cost one more request.
  await expect.poll(() => sql`select 1 as one`.catch(() => "not yet")).toEqual([{ one: 1 }]);
}, 15_000);
