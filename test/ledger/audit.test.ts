// The audit log in PostgreSQL: what is taken, what is refused, and that an entry which was altered, removed or
// added past its functions is named.

import type pg from "pg";
import { afterAll, beforeEach, describe, expect, inject, test } from "vitest";
import { auditEntries } from "../../ops/audit.ts";
import { verifyLedger } from "../../ops/verify.ts";
import { auditGenesis, auditLink } from "../../protocol/audit.ts";
import { connect, type OwnLedger, ownLedger } from "./region.ts";

let own: OwnLedger;
let owner: pg.Client;

beforeEach(async () => {
  await owner?.end();
  await own?.drop();
  own = await ownLedger(inject("bindings")["DATABASE_URL_US"] ?? "");
  owner = await connect(own.url);
});
afterAll(async () => {
  await owner?.end();
  await own?.drop();
});

const STREAM = "vault/slot-7";
const ALICE = "acct_Alice00000000000";
const BOB = "acct_Bob0000000000000";

const opened = (n: number, account = ALICE): string =>
  JSON.stringify({
    at: 1_790_000_000_000 + n,
    action: "card.opened",
    actor: "vault",
    cards: { [`${account}/test`]: [[`tok_${n}`, `ch_${n}.authorize.1`, "1"]] },
  });

/** What a stream ends with after these entries. */
async function headOf(entries: readonly string[], before?: string): Promise<string> {
  let head = before ?? (await auditGenesis(STREAM));
  for (const entry of entries) head = await auditLink(head, entry);
  return head;
}

async function append(after: number, before: string, entries: string[], head?: string) {
  const { rows } = await owner.query<{ refused: string | null }>(
    "select append_audit($1, $2, $3, $4, $5) as refused",
    [STREAM, after, before, entries, head ?? (await headOf(entries, before))],
  );
  return rows[0]?.refused ?? "kept";
}

const seqs = async (): Promise<number[]> => {
  const { rows } = await owner.query<{ seq: string }>(
    "select seq from audit_entries where stream = $1 order by seq",
    [STREAM],
  );
  return rows.map(({ seq }) => Number(seq));
};

const five = [1, 2, 3, 4, 5].map((n) => opened(n, n === 3 ? BOB : ALICE));

const found = async (): Promise<string[]> =>
  (await verifyLedger(own.url)).map(({ place, why }) => `${place}: ${why}`);

describe("a shipment", () => {
  test("is kept, continues what is there, and may come again, alone or with more", async () => {
    const genesis = await auditGenesis(STREAM);
    expect(await append(0, genesis, five.slice(0, 2))).toBe("kept");
    expect(await append(0, genesis, five.slice(0, 2))).toBe("kept");
    expect(await append(0, genesis, five.slice(0, 1))).toBe("kept");
    expect(await append(0, genesis, five.slice(0, 4))).toBe("kept");
    expect(await append(4, await headOf(five.slice(0, 4)), five.slice(4))).toBe("kept");
    expect(await seqs()).toEqual([1, 2, 3, 4, 5]);
    expect(await found()).toEqual([]);
  });

  test("is refused when entries before it are missing, differ, or are not what its head says", async () => {
    const genesis = await auditGenesis(STREAM);
    expect(await append(2, genesis, five.slice(2))).toBe("gap");
    await append(0, genesis, five.slice(0, 2));
    expect(await append(3, await headOf(five.slice(0, 3)), five.slice(3))).toBe("gap");
    expect(await append(0, genesis, [opened(9), opened(2)])).toBe("forked");
    expect(await append(0, genesis, [opened(9)])).toBe("forked");
    expect(await append(2, genesis, five.slice(2))).toBe("forked");
    const head = await headOf(five.slice(0, 2));
    expect(await append(2, head, five.slice(2), genesis)).toBe("miscounted");
    expect(await seqs()).toEqual([1, 2]);
  });

  test("is found by the accounts it speaks of", async () => {
    const admin = JSON.stringify({ at: 1, action: "admin.call", actor: "platform", account: BOB });
    await append(0, await auditGenesis(STREAM), [...five, admin]);
    const of = async (account: string) =>
      (await auditEntries(own.url, { account })).map(({ seq }) => Number(seq)).sort();
    expect(await of(ALICE)).toEqual([1, 2, 4, 5]);
    expect(await of(BOB)).toEqual([3, 6]);
    expect(await auditEntries(own.url, { until: new Date(0) })).toEqual([]);
  });
});

describe("the owner of the tables", () => {
  test.each([
    "update audit_entries set entry = '{}'",
    "delete from audit_entries",
    "truncate audit_entries",
    "delete from audit_streams",
    "truncate audit_streams",
  ])("is refused %s", async (text) => {
    await append(0, await auditGenesis(STREAM), five);
    await expect(owner.query(text)).rejects.toMatchObject({ code: "23001" });
    expect(await seqs()).toHaveLength(5);
  });

  test("is refused the same in a month's own table", async () => {
    await append(0, await auditGenesis(STREAM), five);
    const { rows } = await owner.query<{ name: string }>(
      "select tableoid::regclass::text as name from audit_entries limit 1",
    );
    for (const verb of ["delete from", "truncate"]) {
      await expect(owner.query(`${verb} ${rows[0]?.name}`)).rejects.toMatchObject({
        code: "23001",
      });
    }
  });
});

describe("npm run verify names", () => {
  test.each([
    {
      what: "an entry that was altered",
      sql: "update audit_entries set entry = replace(entry, 'tok_3', 'tok_8') where seq = 3",
      place: "audit vault/slot-7 entry 3: its hash is not that of what it says",
    },
    {
      what: "an entry that was removed",
      sql: "delete from audit_entries where seq = 2",
      place: "audit vault/slot-7 entry 2: is missing",
    },
    {
      what: "the last entry, removed",
      sql: "delete from audit_entries where seq = 5",
      place: "audit vault/slot-7 entry 5: is missing",
    },
    {
      what: "an entry that was added",
      sql: `insert into audit_entries (stream, seq, kept_at, entry, hash)
              select stream, 6, kept_at, entry, hash from audit_entries where seq = 5`,
      place: "audit vault/slot-7 entry 6: its hash is not that of what it says",
    },
    {
      what: "an entry with its hash made to fit, where the next does not",
      sql: `update audit_entries e set entry = '{}', hash = sha256((select hash from audit_entries
              where seq = 2) || convert_to('{}', 'UTF8')) where seq = 3`,
      place: "audit vault/slot-7 entry 4: its hash is not that of what it says",
    },
    {
      what: "a stream without its row",
      sql: "delete from audit_streams",
      place: "audit vault/slot-7: has entries, but there is no such stream",
    },
    {
      what: "entries cut off with the row taken back",
      sql: `delete from audit_entries where seq > 3;
            update audit_streams set seq = 3`,
      place: "audit vault/slot-7 entry 3: is not the head of its stream",
    },
  ])("$what", async ({ sql, place }) => {
    await append(0, await auditGenesis(STREAM), five);
    expect(await found()).toEqual([]);
    await owner.query(`begin; set local session_replication_role = replica; ${sql}; commit`);
    expect(await found()).toContain(place);
  });

  test("a guard that was switched off", async () => {
    await owner.query("alter table audit_entries disable trigger audit_entries_append_only");
    expect(await found()).toContain("audit_entries_append_only: is off");
  });
});

test("entries are kept for twelve months, and what is left still verifies", async () => {
  const genesis = await auditGenesis(STREAM);
  await append(0, genesis, five.slice(0, 3));
  await owner.query(`begin; set local session_replication_role = replica;
    update audit_entries set kept_at = kept_at - interval '11 months' where seq <= 2; commit`);
  const months = async (ahead: number) =>
    owner.query("select keep_audit_months((now() + $1 * interval '1 month')::date)", [ahead]);
  await months(1);
  expect(await seqs()).toEqual([1, 2, 3]);
  await months(2);
  expect(await seqs()).toEqual([3]);
  expect(await append(3, await headOf(five.slice(0, 3)), five.slice(3))).toBe("kept");
  expect(await found()).toEqual([]);
  await owner.query(`begin; set local session_replication_role = replica;
    delete from audit_entries where seq = 3; commit`);
  expect(await found()).toContain("audit vault/slot-7 entry 3: is missing");
});
