// What is in the ledger stays as it is: no statement of anyone who does not switch the guards off
// changes or removes a journal entry, what was asked or what was signed, or removes an account.

import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { MIGRATIONS_DIRECTORY, migrate, readMigrations } from "../../local/migrations.ts";
import { charged, connect, type OwnLedger, openAccount, ownLedger } from "./region.ts";

let own: OwnLedger;
let owner: pg.Client;

beforeAll(async () => {
  own = await ownLedger(inject("bindings")["DATABASE_URL_US"] ?? "");
  owner = await connect(own.url);
  await charged(owner, await openAccount(owner));
});
afterAll(async () => {
  await owner?.end();
  await own?.drop();
});

const TABLES = ["accounts", "journal", "balances", "charges", "authorizations", "operations"];

async function contents(): Promise<unknown> {
  const all: Record<string, unknown> = {};
  for (const table of TABLES) all[table] = (await owner.query(`table ${table}`)).rows;
  return all;
}

describe("the owner of the tables", () => {
  test.each([
    "update journal set amount = amount + 1",
    "update journal set amount = amount where false",
    "delete from journal",
    "delete from journal where seq = 1",
    "truncate journal",
    "insert into journal select * from journal on conflict (account_no, seq) do update set amount = 1",
    "update postings set amount = 1",
    "truncate journal, charges cascade",
    "with gone as (delete from journal returning 1) select count(*) from gone",
    "merge into journal j using accounts a on j.account_no = a.no when matched then delete",
    "update charges set amount = 1",
    "delete from charges",
    "truncate charges",
    "delete from authorizations",
    "delete from operations",
    "delete from accounts",
    "truncate accounts",
    "update checkpoints set made_at = now()",
    "delete from checkpoints",
    "truncate checkpoints",
    "update checkpoint_heads set seq = 1",
    "delete from checkpoint_heads",
    "truncate checkpoint_heads",
  ])("is refused %s", async (text) => {
    const before = await contents();
    await expect(owner.query(text)).rejects.toMatchObject({ code: "23001" });
    expect(await contents()).toEqual(before);
  });

  test("may let an account's sequence and an authorization's state move", async () => {
    await owner.query("begin");
    await owner.query("update accounts set seq = seq + 1");
    await owner.query("update authorizations set state = 'captured'");
    await owner.query("rollback");
  });
});

test("migrating again applies nothing and keeps every row", async () => {
  const applied = () => owner.query("select name, sha256, applied_at from schema_migrations");
  const [rows, history] = [await contents(), (await applied()).rows];
  const again = await Promise.all([migrate(own.url), migrate(own.url)]);
  expect(again).toEqual([
    { applied: [], wasEmpty: false },
    { applied: [], wasEmpty: false },
  ]);
  expect(await contents()).toEqual(rows);
  expect((await applied()).rows).toEqual(history);
  expect(history.map(({ name }) => name)).toEqual(
    readMigrations(MIGRATIONS_DIRECTORY).map(({ name }) => name),
  );
});
