// The whole platform: two regions that follow each other, across stops, crashes and new migrations.

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Platform, startPlatform } from "../../local/platform.ts";
import { STOP_CRASH } from "../../local/postgres.ts";
import { isAlive } from "../../local/process-table.ts";
import { withSession } from "../../local/session.ts";
import { type Home, makeHome, writeMigrations } from "./scratch.ts";

const FIRST = `
  create table merchants (id int primary key, name text);
  insert into merchants values (0, 'made by the migration');
  create table notes (body text);
  create table entries (id int, month date, primary key (id, month)) partition by range (month);
  create table entries_2026 partition of entries for values from ('2026-01-01') to ('2027-01-01');
  create function forbid() returns trigger language plpgsql as
    $$ begin raise exception 'rows of this table stay as they are'; end $$;
  create trigger forbid before truncate on merchants execute function forbid();
  grant select on all tables in schema public to tessera_reader;`;
const SECOND = `
  alter table merchants add column country text not null default 'us';
  insert into merchants values (-1, 'made by the second migration', 'eu');
  create table orders (id int primary key);
  insert into orders values (1);
  grant select on orders to tessera_reader;`;

let home: Home;
let migrationsDirectory: string;
let platform: Platform;

const start = () => startPlatform({ home: home.path, migrationsDirectory, databaseUrls: {} });

beforeAll(async () => {
  home = makeHome();
  migrationsDirectory = writeMigrations(home, { "0001_first.sql": FIRST });
  platform = await start();
}, 30_000);

afterAll(async () => {
  await platform.stop();
  home.remove();
});

function query(url: string | undefined, text: string): Promise<unknown[]> {
  if (url === undefined) throw new Error("There is no such database.");
  return withSession(url, async (client) => (await client.query(text)).rows);
}

const NAMES = "select name from merchants where id > 0 order by id";

test("a row of one region appears in its copy in the other", async () => {
  const { us, eu, euOfUs, usOfEu } = platform.urls;
  await query(us, "insert into merchants values (1, 'from us')");
  await query(eu, "insert into merchants values (1, 'from eu')");
  await expect.poll(() => query(euOfUs, NAMES)).toEqual([{ name: "from us" }]);
  await expect.poll(() => query(usOfEu, NAMES)).toEqual([{ name: "from eu" }]);
});

test("tables without a key and partitioned tables follow, too", async () => {
  const { us, euOfUs } = platform.urls;
  await query(us, "insert into notes values ('first'), ('second')");
  await query(us, "update notes set body = 'third' where body = 'first'");
  await query(us, "insert into entries values (1, '2026-05-01')");
  await expect
    .poll(() => query(euOfUs, "select body from notes order by 1"))
    .toEqual([{ body: "second" }, { body: "third" }]);
  await expect.poll(() => query(euOfUs, "select id from entries")).toEqual([{ id: 1 }]);
});

test("a copy cannot be written to", async () => {
  const write = query(platform.urls.euOfUs, "delete from merchants");
  await expect(write).rejects.toMatchObject({ code: "25006" });
});

test("a second start in the same home is refused while the first runs", async () => {
  await expect(start()).rejects.toThrow(/Tessera already runs in .*TESSERA_HOME/);
});

test("secrets are made once and readable by their owner only", () => {
  const path = join(home.path, "secrets.json");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const secrets = JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  expect(platform.bindings).toMatchObject({ CARD_ROOT_KEY: secrets["CARD_ROOT_KEY"] });
  expect(Buffer.from(secrets["CARD_ROOT_KEY"] ?? "", "base64url")).toHaveLength(32);
  expect(secrets["EDGE_VERIFY_KEYS"]).not.toContain('"d"');
});

test("stop leaves no process, and the next start has the data and the same secrets", async () => {
  const { clusters, endpoint, bindings } = platform;
  const pids = [clusters.us?.pid, clusters.eu?.pid, endpoint?.pid];
  await platform.stop();
  for (const pid of pids) expect(isAlive(pid ?? 0)).toBe(false);
  expect(existsSync(join(home.path, "lock"))).toBe(false);

  platform = await start();
  expect(platform.bindings["API_KEY_SECRET"]).toBe(bindings["API_KEY_SECRET"]);
  const { us, euOfUs } = platform.urls;
  await query(us, "insert into merchants values (2, 'after the stop')");
  await expect
    .poll(() => query(euOfUs, NAMES))
    .toEqual([{ name: "from us" }, { name: "after the stop" }]);
}, 20_000);

test("new migrations reach primaries and copies, which then follow again", async () => {
  await platform.stop();
  writeFileSync(join(migrationsDirectory, "0002_second.sql"), SECOND);
  platform = await start();
  const { us, euOfUs } = platform.urls;
  await query(us, "insert into merchants values (3, 'after the migration', 'fr')");
  await query(us, "insert into orders values (2)");
  const everything = "select id, name, country from merchants order by id";
  await expect.poll(() => query(euOfUs, "select id from orders")).toHaveLength(2);
  await expect.poll(() => query(euOfUs, "select * from merchants")).toHaveLength(5);
  expect(await query(euOfUs, everything)).toEqual(await query(us, everything));
}, 20_000);

test("a lost replication slot is made again, and the copy filled anew", async () => {
  const { us } = platform.urls;
  await platform.stop();
  platform = await start();
  await query(
    platform.urls.euOfUs?.replace("tessera_reader", "tessera"),
    "alter subscription tessera_us_to_eu disable",
  );
  await expect
    .poll(() => query(platform.urls.us, "select from pg_replication_slots where active"))
    .toHaveLength(0);
  await query(platform.urls.us, "select pg_drop_replication_slot('tessera_us_to_eu')");
  await query(platform.urls.us, "insert into merchants values (4, 'unseen', 'us')");
  await platform.stop();
  platform = await start();
  expect(us).not.toBe(platform.urls.us);
  await expect.poll(() => query(platform.urls.euOfUs, NAMES)).toHaveLength(4);
}, 30_000);

test("the end of a part is told, and committed rows survive it", async () => {
  await query(platform.urls.eu, "insert into merchants values (9, 'committed', 'eu')");
  process.kill(platform.clusters.eu?.pid ?? 0, "SIGKILL");
  expect(await platform.failed).toMatch(/^PostgreSQL eu ended by itself \(SIGKILL\); see /);
  await platform.stop();
  platform = await start();
  expect(await query(platform.urls.eu, "select name from merchants where id = 9")).toEqual([
    { name: "committed" },
  ]);
}, 20_000);

test("a cluster that was asked to stop is not told as a failure", async () => {
  const told = await Promise.race([
    platform.failed,
    platform.clusters.eu
      ?.stop(STOP_CRASH)
      .then(() => new Promise((r) => setTimeout(r, 100, "silence"))),
  ]);
  expect(told).toBe("silence");
});
