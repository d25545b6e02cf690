// How long keys are kept: 30 days and at most ten more for those of customers and refusals, whose periods are
// dropped as a whole; for ever for those of charges and operations. The clock is moved by what the database
// writes as a key's day.

import type pg from "pg";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { migrate } from "../../local/migrations.ts";
import { linkBetween, replicate } from "../../local/replication.ts";
import { retain } from "../../ops/retention.ts";
import { verifyLedger } from "../../ops/verify.ts";
import type { Scope } from "../../protocol/command.ts";
import {
  applyOne,
  charged,
  connect,
  ending,
  type OwnLedger,
  openAccount,
  opening,
  operating,
  ownLedger,
  saving,
  withConnections,
  wordOf,
} from "./region.ts";

const bindings = inject("bindings");
let own: OwnLedger;
let client: pg.Client;
let scope: Scope;

beforeEach(async () => {
  own = await ownLedger(bindings["DATABASE_URL_US"] ?? "");
  client = await connect(own.url);
  scope = await openAccount(client);
});
afterEach(async () => {
  await client?.end();
  await own?.drop();
});

const TODAY = "(now() at time zone 'UTC')::date";

/** Moves the database's calendar; the periods are kept as they would have been each day. */
async function daysAhead(days: number): Promise<void> {
  await client.query(`alter table idempotency_keys alter day set default ${TODAY} + ${days}`);
  await client.query(`select keep_key_periods(${TODAY} + ${days})`);
}

/** Three that are over but still kept, the one of today, and two ahead. */
const PERIODS = 6;

/** The period that a key lies in. */
async function periodOf(key: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "select tableoid::regclass::text as name from idempotency_keys where key = $1",
    [key],
  );
  return rows.map(({ name }) => name);
}

async function periods(): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits
      where inhparent = 'idempotency_keys'::regclass order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Requests whose keys make a customer, and a refusal that is kept. */
async function keyed() {
  const paid = await charged(client, scope, { order_id: "A", attempt_number: 1 });
  const refund = operating(scope, paid.id, { amount: 100 });
  await applyOne(client, refund);
  await applyOne(client, ending(refund));
  const customer = saving(scope);
  const refused = opening(scope, { order_id: "A", attempt_number: 1 });
  expect(wordOf(await applyOne(client, customer))).toBe("closed");
  expect(wordOf(await applyOne(client, refused))).toBe("order_attempt_taken");
  return { paid, refund, customer, refused };
}

test("a key is known 29 days later, each day", async () => {
  const { customer, refused } = await keyed();
  for (let day = 1; day <= 29; day++) {
    await daysAhead(day);
    expect(wordOf(await applyOne(client, customer)), `customer, day ${day}`).toBe("known");
    expect(wordOf(await applyOne(client, refused)), `refusal, day ${day}`).toBe("known");
  }
});

test("after 41 days its period is gone and the key is free", async () => {
  const { customer, refused } = await keyed();
  const [period] = await periodOf(customer.key);
  expect(await periods()).toContain(period);
  await daysAhead(41);
  expect(await periods()).not.toContain(period);
  expect(await periods()).toHaveLength(PERIODS);
  expect(wordOf(await applyOne(client, { ...customer, id: saving(scope).id }))).toBe("closed");
  // The request is judged anew: its order's attempt is still taken, and that is kept again.
  expect(wordOf(await applyOne(client, refused))).toBe("order_attempt_taken");
  expect(wordOf(await applyOne(client, refused))).toBe("known");
});

test("the key of a charge, a refund or a capture is known for ever", async () => {
  const { paid, refund } = await keyed();
  const held = await charged(client, scope, { capture: false });
  const capture = operating(scope, held.id, { capture: true });
  await applyOne(client, capture);
  await applyOne(client, ending(capture));
  await daysAhead(4_000);
  for (const command of [paid, refund, capture, held]) {
    expect(wordOf(await applyOne(client, command))).toBe("known");
    const other = { ...command, mac: "ff".repeat(16) };
    expect(wordOf(await applyOne(client, other))).toBe("idempotency_mismatch");
  }
});

test("no row is ever deleted: a period goes as a whole", async () => {
  await keyed();
  const deleted = async () => {
    await client.query("select pg_stat_force_next_flush()");
    await client.query("select 1");
    const { rows } = await client.query<{ n: number; inserted: number }>(
      `select coalesce(sum(n_tup_del), 0)::integer as n, coalesce(sum(n_tup_ins), 0)::integer as inserted
         from pg_stat_all_tables where relname like 'idempotency_keys%'`,
    );
    return rows[0];
  };
  const before = await deleted();
  expect(before?.inserted).toBeGreaterThan(0);
  expect(before?.n).toBe(0);
  for (let day = 0; day < 60; day++) {
    await daysAhead(day);
    await applyOne(client, saving(scope));
    expect((await deleted())?.n, `day ${day}`).toBe(0);
  }
});

test("keeping the periods again changes nothing", async () => {
  const before = await periods();
  expect(before).toHaveLength(PERIODS);
  const files = async () =>
    (
      await client.query(
        "select oid, relfilenode from pg_class where relname like 'idempotency_keys%' order by oid",
      )
    ).rows;
  const made = await files();
  await client.query(`select keep_key_periods(${TODAY}), keep_key_periods(${TODAY})`);
  await Promise.all([retain(own.url), retain(own.url), migrate(own.url)]);
  expect(await periods()).toEqual(before);
  expect(await files()).toEqual(made);
});

test("a batch of any day finds its period, if only the day before was kept", async () => {
  for (let day = 0; day < 40; day++) {
    await daysAhead(day);
    // Midnight has passed, and nobody has kept the periods yet.
    await client.query(`alter table idempotency_keys alter day set default ${TODAY} + ${day + 1}`);
    expect(wordOf(await applyOne(client, saving(scope))), `day ${day}`).toBe("closed");
  }
});

test("who reads a period that is over keeps neither it nor batches waiting", async () => {
  const { customer } = await keyed();
  const [old] = await periodOf(customer.key);
  const keep = () => client.query(`select keep_key_periods(${TODAY} + 41)`);
  await withConnections(own.url, 2, async ([reader, batches]) => {
    await reader?.query("begin isolation level repeatable read");
    await reader?.query("select count(*) from idempotency_keys");
    const kept = keep();
    // Queued behind a drop that waits for the reader, this one would wait for ever.
    await applyOne(batches as pg.Client, opening(scope));
    await kept;
    expect(await periods()).toContain(old);
    await reader?.query("commit");
  });
  await keep();
  expect(await periods()).not.toContain(old);
});

test("a period is made while a batch is under way", async () => {
  await withConnections(own.url, 1, async ([slow]) => {
    await slow?.query("begin");
    await applyOne(slow as pg.Client, saving(scope));
    const before = await periods();
    await client.query(`select keep_key_periods(${TODAY} + 10)`);
    expect((await periods()).filter((name) => !before.includes(name))).toHaveLength(1);
    await slow?.query("commit");
  });
});

test("a copy in the other region goes on following when periods are made and dropped", async () => {
  // The copy is made of a ledger that has keys of all the days that are kept.
  const old: string[] = [];
  for (const day of [-39, -30, -20, -10]) {
    await daysAhead(day);
    const command = saving(scope);
    await applyOne(client, command);
    old.push(command.key);
  }
  await daysAhead(0);
  const copy = await ownLedger(bindings["DATABASE_URL_EU"] ?? "");
  const link = {
    ...linkBetween("us", "eu", { us: own.url, eu: copy.url }),
    subscription: `test_${own.name}`,
    copyUrl: copy.url,
  };
  await replicate(link);
  const there = await connect(copy.url);
  const keys = async () =>
    (await there.query<{ key: string }>("select key from idempotency_keys")).rows.map(
      ({ key }) => key,
    );
  try {
    await expect.poll(keys, { timeout: 10_000 }).toEqual(expect.arrayContaining(old.slice(1)));
    const early = saving(scope);
    await applyOne(client, early);
    await expect.poll(keys, { timeout: 10_000 }).toContain(early.key);
    for (const days of [11, 22, 33, 45]) {
      await there.query(`select keep_key_periods(${TODAY} + ${days})`);
      await daysAhead(days);
      const late = saving(scope);
      await applyOne(client, late);
      await expect.poll(keys, { timeout: 10_000 }).toContain(late.key);
    }
    expect(await keys()).not.toContain(early.key);
    // Started again, the copy is the one it was: partitions are no tables of the publication.
    await client.query(`alter table idempotency_keys alter day set default ${TODAY}`);
    await replicate(link);
    const last = saving(scope);
    await applyOne(client, last);
    await expect.poll(keys, { timeout: 10_000 }).toContain(last.key);
    const { rows } = await client.query<{ name: string }>(
      `select tablename as name from pg_publication_tables where pubname = 'tessera'
         and tablename like 'idempotency_keys%'`,
    );
    expect(rows).toEqual([{ name: "idempotency_keys" }]);
    expect(await verifyLedger(copy.url)).toEqual([]);
  } finally {
    await there.query(`drop subscription if exists ${link.subscription}`);
    await there.end();
    await copy.drop();
  }
});
