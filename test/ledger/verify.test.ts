// `npm run verify` on a ledger that somebody with all rights has changed: the untouched ledger has no finding,
// and whatever is changed in it is found and its place named. The column tests go through the catalogue, so
// that a column nobody thought of fails them.

import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import type { Finding } from "../../ops/examination.ts";
import { examine, verifyLedger } from "../../ops/verify.ts";
import { idOf, type ObjectPrefix, uuidOf } from "../../protocol/ids.ts";
import { type History, makeHistory, REWRITE } from "./history.ts";
import { connect, type OwnLedger, ownLedger } from "./region.ts";

let own: OwnLedger;
let intruder: pg.Client;
let history: History;
let no: number;
let untouched: Finding[];

beforeAll(async () => {
  own = await ownLedger(inject("bindings")["DATABASE_URL_US"] ?? "");
  intruder = await connect(own.url);
  history = await makeHistory(intruder);
  const { account, livemode } = history.scope;
  const { rows } = await intruder.query<{ no: number }>(
    "select no from accounts where id = $1 and livemode = $2",
    [account, livemode],
  );
  no = rows[0]?.no ?? 0;
  untouched = await verifyLedger(own.url);
  await intruder.query("begin isolation level repeatable read");
  await intruder.query("set local session_replication_role = replica");
  // Somebody with all rights is not held by a constraint either.
  const tables = TABLES.map((table) => `'${table}'`).join();
  await intruder.query(`do $$ declare c record; begin
    for c in select conrelid::regclass as t, conname from pg_constraint
       where contype in ('c', 'u') and conrelid::regclass::text in (${tables}) loop
      execute format('alter table %s drop constraint %I', c.t, c.conname);
    end loop;
    for c in select indexrelid::regclass as i from pg_index
       where indisunique and not indisprimary and indrelid::regclass::text in (${tables}) loop
      execute format('drop index %s', c.i);
    end loop;
  end $$`);
  await intruder.query("alter table accounts alter column no drop identity");
  await intruder.query("savepoint untouched");
});
beforeEach(async () => {
  await intruder.query("rollback to untouched");
});
afterAll(async () => {
  await intruder?.end();
  await own?.drop();
});

test("a ledger in which everything has happened has no finding", async () => {
  expect(untouched).toEqual([]);
  // Nor has it one within the transaction that the other tests break it in.
  expect(await examine(intruder)).toEqual([]);
});

const places = (findings: readonly Finding[]): string =>
  findings.map(({ place, why }) => `${place}: ${why}`).join("\n");

/** Columns of the proof's tables that nothing vouches for, and why. */
const UNCOVERED: Readonly<Record<string, string>> = {
  "accounts.name": "may have to be changed or erased",
  "accounts.email": "may have to be changed or erased",
  "accounts.created_at": "of no consequence",
  "balances.floor": "set by an operator; the balance is held to it",
  "charges.card_name": "may have to be erased for a person's sake",
  "charges.address_line1": "may have to be erased for a person's sake",
  "charges.address_zip": "may have to be erased for a person's sake",
  "charges.description": "may have to be erased for a person's sake",
  "charges.receipt_email": "may have to be erased for a person's sake",
  "charges.shipping": "may have to be erased for a person's sake",
  "charges.metadata": "may have to be erased for a person's sake",
  "operations.metadata": "may have to be erased for a person's sake",
};

const TABLES = [
  "accounts",
  "charges",
  "authorizations",
  "operations",
  "journal",
  "balances",
  "customers",
  "event_types",
  "ledger_accounts",
] as const;
type Table = (typeof TABLES)[number];

type Column = { table: Table; name: string; type: string; nullable: boolean };
type Row = Readonly<Record<string, unknown>>;

/** The least change of a value, by the type of its column. */
const CHANGES: Readonly<Record<string, (column: string) => string>> = {
  // Far enough to meet no neighbour's number.
  smallint: (c) => `${c} + 1000`,
  integer: (c) => `${c} + 1000`,
  bigint: (c) => `${c} + 1000`,
  boolean: (c) => `not ${c}`,
  text: (c) => `left(${c}, -1) || chr(ascii(right(${c}, 1)) # 1)`,
  bytea: (c) => `set_byte(${c}, 0, get_byte(${c}, 0) # 1)`,
  uuid: (c) =>
    `(left(${c}::text, -1) || case right(${c}::text, 1) when '0' then '1' else '0' end)::uuid`,
  json: (c) => `replace(${c}::text, 'card', 'carb')::json`,
  jsonb: (c) => `${c} || '{"fee_bps":1}'`,
  date: (c) => `${c} + 1`,
  // The sums of days to come.
  ARRAY: (c) => `array[${c}[1], ${c}[2] + 1]`,
  "timestamp with time zone": (c) => `${c} + interval '1 microsecond'`,
};

/** Something where there was nothing. */
const FILLINGS: Readonly<Record<string, string>> = {
  smallint: "1",
  integer: "1",
  bigint: "1",
  text: "'x'",
  uuid: "gen_random_uuid()",
  json: "'{}'",
  jsonb: "'{}'",
  boolean: "true",
  date: "'2044-01-01'",
  ARRAY: "'{27000,1}'",
};

/** Rows to choose one from, the one that tells the most first. */
const OF_THE_MERCHANT: Readonly<Record<Table, string>> = {
  accounts: "no = $1",
  charges: "account_no = $1",
  authorizations: "account_no = $1",
  // A refund that has succeeded, so that its end is told of as well.
  operations: "account_no = $1 order by kind = 'refund' desc, state = 'succeeded' desc",
  journal: "account_no = $1",
  balances: "account_no = $1",
  customers: "account_no = $1",
  event_types: "$1::integer is not null",
  ledger_accounts: "$1::integer is not null",
};

/** What verify must name when this column of this row has been changed: any of these. */
function namesOf(table: Table, column: string, row: Row): string[] {
  const of = (what: string) => `${what} ${history.scope.account} test`;
  const id = (prefix: ObjectPrefix) => idOf(prefix, String(row["id"]));
  switch (table) {
    case "accounts":
      // Its own id may be what was changed, in its last character.
      return [history.scope.account.slice(0, -1), `account number ${no}`];
    case "charges":
      return [`(charge.pending of ${id("ch")})`];
    case "authorizations":
      return /^(state|raised|amount_|balance_seq)/.test(column)
        ? [`${of("charge")} ${id("ch")}`]
        : [`(charge.succeeded of ${id("ch")})`, `(charge.failed of ${id("ch")})`];
    case "operations": {
      const name = [id("op"), id("re"), String(row["id"])];
      if (/^(state|seq|balance_seq|reversed_seq)$/.test(column))
        return name.map((n) => ` test ${n}`);
      return /^(processor_ref|pending|decline)$/.test(column)
        ? name.flatMap((n) =>
            ["refund.created", "refund.failed", "increment.failed"].map((t) => `(${t} of ${n})`),
          )
        : name.map((n) => `(operation.pending of ${n})`);
    }
    case "journal":
      return [`${of("journal")} entry ${row["seq"]} (`, `${of("journal")} entry ${row["seq"]}:`];
    case "balances":
      return [of("balance")];
    case "customers":
      return [`${of("customer")} ${id("cus")}`];
    default:
      return [table];
  }
}

async function columnsOf(tables: readonly string[]): Promise<Column[]> {
  const { rows } = await intruder.query<Column>(
    `select table_name as table, column_name as name, data_type as type,
            is_nullable = 'YES' as nullable
       from information_schema.columns
      where table_schema = 'public' and table_name = any ($1) order by 1, ordinal_position`,
    [tables],
  );
  return rows;
}

/** Sets one column of one row; undefined when there is no row of that kind. */
async function tamper(
  { table, name }: Column,
  when: string,
  value: string,
): Promise<Row | undefined> {
  const [where, order] = OF_THE_MERCHANT[table].split(" order by ");
  const { rows } = await intruder.query<Row & { ctid: string }>(
    `select ctid, * from ${table} where ${name} ${when} and ${where}
      ${order === undefined ? "" : `order by ${order}`} limit 1`,
    [no],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const { rowCount } = await intruder.query(
    `update ${table} set ${name} = ${value} where ctid = '${row.ctid}'`,
  );
  expect(rowCount).toBe(1);
  return row;
}

test.each(TABLES)(
  "each column of %s is vouched for: one change in one row is named",
  async (table) => {
    const columns = await columnsOf([table]);
    expect(columns.length).toBeGreaterThan(1);
    for (const column of columns) {
      if (`${table}.${column.name}` in UNCOVERED) continue;
      const { name, type, nullable } = column;
      const change = CHANGES[type]?.(name) ?? "null";
      const ways: [string, string, string][] = [
        ["changed", "is not null", change],
        ...(nullable ? ([["emptied", "is not null", "null"]] as [string, string, string][]) : []),
        ...(nullable
          ? ([["filled", "is null", FILLINGS[type] ?? "null"]] as [string, string, string][])
          : []),
      ];
      let tried = 0;
      for (const [how, when, value] of ways) {
        await intruder.query("rollback to untouched");
        const row = await tamper(column, when, value);
        if (row === undefined) continue;
        tried += 1;
        const found = places(await examine(intruder));
        const names = namesOf(table, name, row);
        expect(
          names.some((part) => found.includes(part)),
          `${table}.${name} ${how}, expected ${names.join(" or ")}, found\n${found}`,
        ).toBe(true);
      }
      expect(tried, `no row to change ${table}.${name} in`).toBeGreaterThan(0);
    }
  },
);

test("what is said to be vouched for by nothing does exist", async () => {
  const columns = await columnsOf(TABLES);
  const names = new Set(columns.map(({ table, name }) => `${table}.${name}`));
  expect(Object.keys(UNCOVERED).filter((name) => !names.has(name))).toEqual([]);
});

const charge = () => uuidOf("ch", history.held.id);
const journal = (seq: number) => `journal ${history.scope.account} test entry ${seq}`;

type Tampering = {
  readonly what: string;
  readonly sql: () => string;
  readonly place: () => string;
};

const TAMPERINGS: readonly Tampering[] = [
  {
    what: "a removed entry",
    sql: () => `delete from journal where account_no = ${no} and seq = 3`,
    place: () => `${journal(3)}: is missing`,
  },
  {
    what: "the last entry removed, and the account's count with it",
    sql: () => `delete from journal j using accounts a
        where a.no = ${no} and j.account_no = a.no and j.seq = a.seq;
      update accounts set seq = seq - 1 where no = ${no}`,
    place: () => "test entry",
  },
  {
    what: "two entries that changed places",
    sql: () => `update journal set seq = 1000 where account_no = ${no} and seq = 2;
      update journal set seq = 2 where account_no = ${no} and seq = 3;
      update journal set seq = 3 where account_no = ${no} and seq = 1000`,
    place: () => `${journal(2)} (`,
  },
  {
    what: "an entry that nobody made",
    sql: () => `insert into journal
        select account_no, type, debit, 1 + (select max(seq) from journal where account_no = ${no}),
               amount, created_at, captured, refunded, credit, subject, currency, request, link
          from journal where account_no = ${no} and seq = 2`,
    place: () => `(charge.succeeded of ${history.paid.id}): its link is not the hash`,
  },
  {
    what: "an account that counts too few entries",
    sql: () => `update accounts set seq = 6 where no = ${no}`,
    place: () => `${journal(7)} (charge.refunded of ${history.paid.id}): is too many`,
  },
  {
    what: "a refund that was pending, told as a reference that says so",
    sql: () => `update operations set processor_ref = processor_ref || ' pending', pending = false
      where account_no = ${no} and pending`,
    place: () => "its link is not the hash",
  },
  {
    what: "a posting's amount, and both balances with it",
    sql: () => `update journal set amount = amount + 1 where account_no = ${no} and seq = 2;
      update balances set amount = amount + case ledger_account when 2 then 1 else -1 end
       where account_no = ${no} and currency = 'usd'`,
    place: () => `${journal(2)} (charge.succeeded of ${history.paid.id})`,
  },
  {
    what: "a balance that is gone",
    sql: () => `delete from balances where account_no = ${no} and ledger_account = 1`,
    place: () => `balance ${history.scope.account} test 1/usd`,
  },
  {
    what: "a balance below its floor",
    sql: () => `update balances set floor = amount + 1
        where account_no = ${no} and ledger_account = 2`,
    place: () => `balance ${history.scope.account} test 2/usd`,
  },
  {
    what: "a charge that vanished",
    sql: () => `delete from charges where id = '${charge()}'`,
    place: () => `(charge.pending of ${history.held.id})`,
  },
  {
    what: "an authorization that vanished",
    sql: () => `delete from authorizations where id = '${charge()}'`,
    place: () => `(charge.succeeded of ${history.held.id})`,
  },
  {
    what: "a refund that vanished",
    sql: () => `delete from operations where id = '${uuidOf("re", history.refund.id)}'`,
    place: () => history.refund.id,
  },
  {
    what: "a customer that vanished",
    sql: () => `delete from customers where id = '${uuidOf("cus", history.customer.id)}'`,
    place: () => `customer ${history.scope.account} test ${history.customer.id}: is gone`,
  },
  {
    what: "a customer's version that vanished",
    sql: () => `delete from customer_versions v using customers u
        where u.id = '${uuidOf("cus", history.customer.id)}' and v.account_no = u.account_no
          and v.seq = u.seq`,
    place: () => `customer ${history.scope.account} test ${history.customer.id}: has no version`,
  },
  {
    what: "a charge that nothing tells of",
    sql: () => `create temp table copied on commit drop as select * from charges where id = '${charge()}';
      update copied set id = '01890000-0000-7000-8000-000000000000', key = 'another';
      insert into charges select * from copied`,
    place: () => `no entry opened it`,
  },
  {
    what: "a key that two requests have",
    sql: () => `insert into idempotency_keys (account_no, key, operation, mac, request, failure)
        select account_no, key, operation, mac, request, '{}' from charges where id = '${charge()}'`,
    place: () => `key ${history.scope.account} test ${history.held.key}: 2 requests have it`,
  },
  {
    what: "a kept key that leads to another entry",
    sql: () => `update idempotency_keys set seq = 1 where account_no = ${no} and seq is not null`,
    place: () => `key ${history.scope.account} test`,
  },
  {
    what: "an account that vanished",
    sql: () => `delete from accounts where no = ${no}`,
    place: () => `account number ${no}`,
  },
  {
    what: "a guard that was switched off",
    sql: () => "alter table journal disable trigger journal_append_only",
    place: () => "journal_append_only: is off",
  },
  {
    what: "periods of keys that nobody has made",
    sql: () => "select keep_key_periods((now() at time zone 'UTC')::date + 60)",
    place: () => "run npm run retain",
  },
];

test.each(TAMPERINGS)("names the place of $what", async ({ sql, place }) => {
  const changed = await intruder.query(sql());
  // A change that touched no row would be found by nobody.
  for (const { rowCount, command } of [changed].flat()) {
    if (!["ALTER", "CREATE"].includes(command)) expect(rowCount).toBeGreaterThan(0);
  }
  expect(places(await examine(intruder))).toContain(place());
});

describe("with all links computed anew", () => {
  test("an untouched ledger is as it was", async () => {
    const read = async () =>
      (await intruder.query("select seq, link from journal order by account_no, seq")).rows;
    const before = await read();
    await intruder.query(REWRITE);
    expect(await read()).toEqual(before);
  });

  const next = `(select max(seq) + 1 from journal where account_no = $no)`;
  test.each([
    [
      "a capture of what was captured",
      `insert into journal select account_no, type, debit, ${next}, amount, created_at, captured,
         refunded, credit, subject, currency, request, link
         from journal where account_no = $no and type = 5 limit 1`,
      "no capture is under way",
    ],
    [
      "an increment of what was captured",
      `insert into journal select account_no, type, debit, ${next}, amount, created_at, captured,
         refunded, credit, subject, currency, request, link
         from journal where account_no = $no and type = 13`,
      "no increment is under way",
    ],
    [
      "a sale of what was sold",
      `insert into journal select account_no, type, debit, ${next}, amount, created_at, captured,
         refunded, credit, subject, currency, request, link
         from journal where account_no = $no and seq = 2`,
      "a charge that is captured cannot sell",
    ],
    [
      "an authorization of what was declined",
      `insert into journal select account_no, 2, debit, ${next}, amount, created_at, captured,
         refunded, credit, subject, currency, request, link
         from journal where account_no = $no and type = 3`,
      "a charge that is failed cannot",
    ],
    [
      "a second end of a refund",
      `insert into journal select account_no, type, debit, ${next}, amount, created_at, captured,
         refunded, credit, subject, currency, request, link
         from journal where account_no = $no and type = 8 limit 1`,
      "does not end again",
    ],
    [
      "a posting for no reason",
      `update journal set debit = 1, credit = 2, amount = 5, currency = 'usd'
        where account_no = $no and seq = 1`,
      "an opened charge moves no money",
    ],
    [
      "a fee that is a cent less, in all its legs",
      `with b as (update balances set amount = amount
           + case ledger_account when 2 then 1 when 3 then -1 else 0 end
          where account_no = $no and currency = 'usd')
       update journal set fee = fee - 1 where account_no = $no and seq = 2`,
      "the fee of the posting must be 59, and it is 58",
    ],
    [
      "a fee that nobody agreed to",
      "update accounts set terms = terms - 'fee_bps' where no = $no",
      "the fee of the posting must be 30, and it is 59",
    ],
    [
      "money that comes free a day too early",
      "update journal set available_on = available_on - 1 where account_no = $no and seq = 2",
      "the posting must come free on day",
    ],
    [
      "money that is there at once",
      "update journal set available_on = null where account_no = $no and seq = 2",
      "and does on its own day",
    ],
    [
      "a sum that comes free on an earlier day",
      "update balances set pending[1] = pending[1] - 1 where account_no = $no and currency = 'usd' and ledger_account = 2",
      "of it comes free on day",
    ],
    [
      "a posting turned round",
      "update journal set debit = credit, credit = debit where account_no = $no and seq = 2",
      "the posting must move 1000 usd from processor to merchant",
    ],
  ])("%s is a move that nobody declared", async (_, sql, why) => {
    const { rowCount } = await intruder.query(sql.replaceAll("$no", String(no)));
    expect(rowCount).toBe(1);
    await intruder.query(REWRITE);
    expect(places(await examine(intruder))).toContain(why);
  });
});
