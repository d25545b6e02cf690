// What an origin's own login can do to a ledger, in real PostgreSQL: apply batches, read the one account that
// its transaction names, and nothing else, however a statement is written.

import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type NeonEndpoint, startNeonEndpoint } from "../../local/neon-endpoint.ts";
import { connect as connectOrigin, query } from "../../origin/database.ts";
import { read } from "../../origin/reading.ts";
import type { Scope } from "../../protocol/command.ts";
import { slotOf } from "../../protocol/slot.ts";
import {
  apply,
  applyOne,
  CARD,
  charged,
  connect,
  ending,
  keeping,
  mint,
  type OwnLedger,
  openAccount,
  opening,
  operating,
  ownLedger,
  saving,
  token,
} from "./region.ts";

const bindings = inject("bindings");
let own: OwnLedger;
let owner: pg.Client;
let origin: pg.Client;
let reader: pg.Client;
let originUrl: string;
let endpoint: NeonEndpoint;
let mine: Scope;
let theirs: Scope;

/** The login of this connection string, at the ledger of these tests. */
const at = (login: string): string => {
  const url = new URL(own.url);
  const { username, password } = new URL(login);
  return Object.assign(url, { username, password }).href;
};

beforeAll(async () => {
  own = await ownLedger(bindings["DATABASE_URL_US"] ?? "");
  originUrl = at(bindings["ORIGIN_URL_US"] ?? "");
  owner = await connect(own.url);
  origin = await connect(originUrl);
  // The same password, another cluster: what reads the copies.
  reader = await connect(at(bindings["REPLICA_URL_US_EU"] ?? ""));
  endpoint = await startNeonEndpoint({ connectionStrings: [own.url, originUrl] });
  [mine, theirs] = [await openAccount(origin), await openAccount(origin)];
  for (const scope of [mine, theirs]) {
    const { id } = await charged(origin, scope);
    const refund = operating(scope, id, { amount: 100 });
    await applyOne(origin, refund);
    await applyOne(origin, ending(refund));
    await applyOne(
      origin,
      saving(scope, { card_id: mint.mint("card"), token: token(), card: CARD }),
    );
    await apply(origin, [opening(scope), keeping(scope)]);
  }
});
afterAll(async () => {
  for (const client of [owner, origin, reader]) await client?.end();
  await endpoint?.stop();
  await own?.drop();
});

const READABLE = [
  "accounts",
  "customers",
  "customer_versions",
  "cards",
  "objects",
  "object_versions",
  "charges",
  "authorizations",
  "operations",
  "journal",
  "balances",
  "charge_facts",
  "operation_facts",
];

/** Runs work in one transaction that names an account, or none. */
async function naming<T>(client: pg.Client, scope: Scope | undefined, work: () => Promise<T>) {
  await client.query("begin");
  try {
    const name = scope && `${scope.account}/${scope.livemode ? "live" : "test"}`;
    if (name !== undefined) {
      await client.query("select set_config('tessera.account', $1, true)", [name]);
    }
    return await work();
  } finally {
    await client.query("rollback");
  }
}

const numberOf = async ({ account, livemode }: Scope): Promise<number> => {
  const found = await owner.query("select no from accounts where id = $1 and livemode = $2", [
    account,
    livemode,
  ]);
  return found.rows[0]?.no;
};

describe.each([
  ["an origin", () => origin],
  ["what reads a copy", () => reader],
])("a statement of %s that forgot to say whose", (_, login) => {
  test.each(READABLE)("sees of %s the rows of the named account only", async (table) => {
    const column = table === "accounts" ? "no" : "account_no";
    const select = `select ${column} as no from ${table}`;
    const all = await owner.query(`${select} group by 1`);
    expect(all.rowCount).toBeGreaterThan(1);
    const seen = await naming(login(), mine, () => login().query(select));
    expect(seen.rowCount).toBeGreaterThan(0);
    expect(new Set(seen.rows.map(({ no }) => no))).toEqual(new Set([await numberOf(mine)]));
  });

  test.each(READABLE)("sees nothing of %s when no account is named", async (table) => {
    const seen = await naming(login(), undefined, () => login().query(`select from ${table}`));
    expect(seen.rowCount).toBe(0);
  });

  test("sees nothing of another account that it asks for by name", async () => {
    const no = await numberOf(theirs);
    for (const table of READABLE.slice(1)) {
      const select = `select from ${table} where account_no = $1`;
      const seen = await naming(login(), mine, () => login().query(select, [no]));
      expect(seen.rowCount, table).toBe(0);
    }
  });

  test("sees nothing of the other mode of the same account", async () => {
    const live = { ...mine, livemode: true };
    const seen = await naming(login(), live, () => login().query("select livemode from accounts"));
    expect(seen.rows).toEqual([{ livemode: true }]);
    const charges = await naming(login(), live, () => login().query("select from charges"));
    expect(charges.rowCount).toBe(0);
  });

  test("sees nothing by the name of a transaction before it", async () => {
    await naming(login(), mine, async () => {});
    expect((await login().query("select from accounts")).rowCount).toBe(0);
  });

  test.each(["", "/", "acct_", "acct_x/test'; --", "null"])("sees nothing as %j", async (name) => {
    await login().query("begin");
    await login().query("select set_config('tessera.account', $1, true)", [name]);
    expect((await login().query("select from accounts")).rowCount).toBe(0);
    await login().query("rollback");
  });

  test("learns nothing from what a subject of another's entry says", async () => {
    const entry = await owner.query("select j::text as text from journal j where account_no = $1", [
      await numberOf(theirs),
    ]);
    expect(entry.rowCount).toBeGreaterThan(3);
    for (const { text } of entry.rows) {
      const told = await naming(login(), mine, () =>
        login().query("select subject_of($1::journal) as subject", [text]),
      );
      const { subject } = told.rows[0];
      // Of a customer only that there is none: what was asked for is given back.
      expect(subject === null || subject.deleted === true).toBe(true);
    }
  });
});

test("the origin's own reading, as its role, answers as it does to the owner", async () => {
  const asks = [
    { kind: "charges", page: { limit: 10 } },
    { kind: "events", page: { limit: 10 } },
    { kind: "transactions", page: { limit: 10 } },
    { kind: "customers", page: { limit: 10 } },
    { kind: "refunds", page: { limit: 10 } },
    { kind: "balance" },
    { kind: "account" },
  ] as const;
  for (const asked of asks) {
    const ask = { ...mine, home: "us", min_seq: null, query: asked } as const;
    const [as, by] = [originUrl, own.url].map((url) => connectOrigin(url, endpoint.url));
    if (as === undefined || by === undefined) throw new Error("there are two");
    const answer = await read(as, ask, "primary");
    expect(answer).toEqual(await read(by, ask, "primary"));
    expect(answer.kind === "rows" && answer.rows.length).toBeGreaterThan(0);
  }
});

const NOT_ALLOWED = "42501";

async function codeOf(client: pg.Client, statement: string): Promise<string> {
  await client.query("begin");
  try {
    await client.query("select set_config('tessera.account', $1, true)", [`${mine.account}/test`]);
    await client.query(statement);
    return "done";
  } catch (error) {
    return (error as { code?: string }).code ?? "";
  } finally {
    await client.query("rollback");
  }
}

describe("an origin's login cannot", () => {
  const TABLES = [
    ...READABLE.filter((name) => !name.endsWith("_facts")),
    "idempotency_keys",
    "checkpoints",
    "checkpoint_heads",
    "fence",
  ];
  const statements = [
    ...TABLES.flatMap((table) => [
      `delete from ${table}`,
      `truncate ${table}`,
      `insert into ${table} default values`,
      `drop table ${table}`,
    ]),
    ...["idempotency_keys", "checkpoints", "fence", "schema_migrations"].map(
      (table) => `select * from ${table}`,
    ),
    "drop view charge_facts",
    "update accounts set seq = 0",
    "update journal set amount = 1",
    "update charges set amount = 1",
    "update authorizations set amount_captured = 0",
    "update balances set amount = 0",
    "update fence set epoch = 2",
    "alter table journal disable trigger journal_append_only",
    "alter table journal disable row level security",
    "drop policy own_account on journal",
    "create policy all_of_it on journal using (true)",
    "create table mine (a integer)",
    "create temporary table accounts (no integer, id text, livemode boolean)",
    "create function mine() returns integer language sql as 'select 1'",
    "create schema mine",
    "create role another",
    "grant select on fence to public",
    "set role tessera",
    "set session_replication_role = replica",
    "alter function apply_batch security invoker",
    "alter role tessera_origin bypassrls",
    "select * from open_charges('[]', '{}')",
    "select * from close_charges('[]', '{}')",
    "select * from close_operations('[]', '{}')",
    "select * from save_customers('[]', '{}')",
    "select * from create_accounts('[]')",
    "select * from answer_of(1, 'key-1')",
    "select * from claim_of(1, 'key-1')",
    "select pg_read_file('postgresql.conf')",
    "copy accounts to program 'cat'",
  ];
  test.each(statements)("%s", async (statement) => {
    expect(await codeOf(origin, statement)).toBe(NOT_ALLOWED);
  });
});

test("what reads a copy calls no function that writes", async () => {
  for (const statement of [
    "select apply_batch(1, '{}', '{}', null, null, null, null, null, null, null)",
    "select keep_key_periods('2026-01-01')",
    "select add_checkpoint(1, now(), 'x', '[]')",
  ]) {
    expect(await codeOf(reader, statement)).toBe(NOT_ALLOWED);
  }
});

test("an origin's login can do what origins do", async () => {
  const slot = slotOf(mine.account);
  for (const statement of [
    `select * from unfinished(${slot}::smallint, '00000000-0000-0000-0000-000000000000')`,
    "select * from uncovered_heads(interval '0', 0, 10)",
    "select add_checkpoint(1, now(), 'x', '[]')",
    "select keep_key_periods((now() at time zone 'UTC')::date)",
    "select apply_batch(1, '{}', '{}', null, null, null, null, null, null, null)",
  ]) {
    expect(await codeOf(origin, statement), statement).toBe("done");
  }
});

describe("of the whole ledger", () => {
  test("each table that holds an account's rows has row security on", async () => {
    const { rows } = await owner.query<{ name: string; on: boolean }>(
      `select c.relname as name, c.relrowsecurity as on from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
          and not c.relispartition and exists (select from pg_attribute a
            where a.attrelid = c.oid and a.attname = 'account_no') order by 1`,
    );
    // Nobody has any right to these; they hold no merchant's words.
    const closed = new Set(["checkpoint_heads", "forgotten_tokens", "intent_methods"]);
    expect(rows.length).toBeGreaterThan(8);
    expect(rows.filter(({ name, on }) => !on && !closed.has(name))).toEqual([]);
  });

  test("the two roles may read what the wall covers and nothing more", async () => {
    const { rows } = await owner.query<{ grant: string }>(
      `select grantee || ' ' || lower(privilege_type) || ' ' || table_name as grant
         from information_schema.role_table_grants
        where table_schema = 'public' and grantee in ('tessera_origin', 'tessera_reader', 'PUBLIC')`,
    );
    expect(rows.map(({ grant }) => grant).toSorted()).toEqual(
      READABLE.map((table) => `tessera_reader select ${table}`).toSorted(),
    );
  });

  test("each view sees what its reader may see", async () => {
    const { rows } = await owner.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace
          and relkind = 'v' and not coalesce(reloptions @> '{security_invoker=true}', false)`,
    );
    expect(rows).toEqual([]);
  });

  test("no function is everybody's, and those that run as the owner name their tables by schema", async () => {
    const { rows } = await owner.query<{ name: string; everybody: boolean; definer: boolean }>(
      `select p.oid::regprocedure::text as name, p.prosecdef as definer,
              has_function_privilege('public', p.oid, 'execute') as everybody
         from pg_proc p where p.pronamespace = 'public'::regnamespace
          and (has_function_privilege('public', p.oid, 'execute')
            or p.prosecdef and not coalesce(p.proconfig @> '{"search_path=public, pg_temp"}', false))`,
    );
    expect(rows).toEqual([]);
  });
});

describe("a database password that ends", () => {
  test("is followed by the next, and no statement is lost or done twice", async () => {
    const [old, young] = ["rotation_old", "rotation_new"].map((name) => `${name}_${own.name}`);
    const url = (role: string | undefined) =>
      Object.assign(new URL(own.url), { username: role, password: "pw" }).href;
    for (const role of [old, young]) {
      await owner.query(`create role ${role} login password 'pw' in role tessera_origin`);
    }
    const door = await startNeonEndpoint({ connectionStrings: [url(old), url(young)] });
    try {
      const database = connectOrigin(`${url(old)} ${url(young)}`, door.url);
      const who = async () => {
        const answer = await query<{ who: string }>(database, "select current_user as who", []);
        return answer.ok ? answer.value[0]?.who : answer.failure;
      };
      expect(await who()).toBe(old);
      await owner.query(`alter role ${old} nologin`);
      await owner.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
        [old],
      );
      await expect
        .poll(
          async () =>
            (await owner.query("select from pg_stat_activity where usename = $1", [old])).rowCount,
        )
        .toBe(0);
      const many = await Promise.all(Array.from({ length: 20 }, who));
      expect(new Set(many)).toEqual(new Set([young]));
      const ask = { ...mine, home: "us", min_seq: null, query: { kind: "balance" } } as const;
      expect(await read(database, ask, "primary")).toMatchObject({ kind: "rows" });
      await owner.query(`alter role ${young} nologin`);
      await owner.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
        [young],
      );
      await expect
        .poll(
          async () =>
            (await owner.query("select from pg_stat_activity where usename = $1", [young]))
              .rowCount,
        )
        .toBe(0);
      expect(await who()).toBe("unreachable");
    } finally {
      await door.stop();
      for (const role of [old, young]) await owner.query(`drop role ${role}`);
    }
  });
});
