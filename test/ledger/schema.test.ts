// One description of what is stored: the code that reads, the codes of events and docs/storage.md are held
// against a migrated database, the Durable Objects' own schemas, and the wrangler.toml files.

import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import * as schema from "../../origin/schema.ts";
import { EVENT_TYPES } from "../../protocol/event.ts";
import { LEDGER_ACCOUNTS } from "../../protocol/ledger-account.ts";
import { connect } from "./region.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const page = read("docs/storage.md");

let client: pg.Client;
/** `required` is null for the column of a view, where PostgreSQL does not know. */
type Column = { table: string; name: string; type: string; required: boolean | null };
let columns: Column[];

beforeAll(async () => {
  client = await connect(inject("bindings")["DATABASE_URL_US"] ?? "");
  const { rows } = await client.query<Column>(
    `select table_name as table, column_name as name, data_type as type,
            case c.relkind when 'v' then null else is_nullable = 'NO' end as required
       from information_schema.columns
       join pg_class c on c.relnamespace = 'public'::regnamespace and c.relname = table_name
      where table_schema = 'public' and not c.relispartition
      order by table_name, ordinal_position`,
  );
  columns = rows;
});
afterAll(() => client?.end());

describe("origin/schema.ts", () => {
  const tables = Object.values(schema).filter((value) => value instanceof PgTable);

  test.each(tables.map((table) => getTableConfig(table)))("describes $name as it is", (table) => {
    const described = table.columns.map((column) => ({
      table: table.name,
      name: column.name,
      type: column.getSQLType(),
      required: column.notNull,
    }));
    const view = columns.some((column) => column.table === table.name && column.required === null);
    for (const column of described) {
      expect(columns).toContainEqual(view ? { ...column, required: null } : column);
    }
  });

  test("names its columns by their names in the code", () => {
    for (const table of tables) {
      for (const [property, column] of Object.entries(table)) {
        if (typeof column === "object" && column !== null && "columnType" in column) {
          expect((column as { name: string }).name).toBe(property);
        }
      }
    }
  });
});

test("the events of the code are those of the ledger", async () => {
  const { rows } = await client.query(
    "select code, name, subject, public from event_types order by code",
  );
  expect(EVENT_TYPES).toEqual(rows);
});

test("the ledger accounts of the code are those of the ledger", async () => {
  const { rows } = await client.query("select code, name from ledger_accounts order by code");
  expect(LEDGER_ACCOUNTS).toEqual(rows);
});

/** The part of the page under a heading that begins so. */
function sectionOf(title: string): string {
  const at = page.indexOf(`### ${title}`);
  if (at < 0) throw new Error(`docs/storage.md has no section ${title}`);
  const rest = page.slice(at + 4);
  const end = rest.search(/^##/m);
  return end < 0 ? rest : rest.slice(0, end);
}

/** The names in the first column of a section's tables. */
const firstColumn = (section: string): string[] =>
  [...section.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name ?? "");

describe("docs/storage.md", () => {
  test("has a section for each table and view, with each column and no other", () => {
    const tables = [...new Set(columns.map(({ table }) => table))];
    expect(tables.length).toBeGreaterThan(10);
    for (const table of tables) {
      const names = columns.filter((column) => column.table === table).map(({ name }) => name);
      expect(firstColumn(sectionOf(`\`${table}\``)), table).toEqual(names);
    }
    const described = page.slice(page.indexOf("## PostgreSQL"), page.indexOf("## Durable Objects"));
    const sections = [...described.matchAll(/^### `(\w+)`/gm)].map(([, name]) => name ?? "");
    expect(sections.toSorted()).toEqual(tables.toSorted());
  });

  test("tells of each index and its columns, and of no other", async () => {
    const { rows } = await client.query<{ table: string; name: string; columns: string[] }>(
      // A partition's indexes are those of its table.
      `select t.relname as table, i.relname as name, array(
          select pg_get_indexdef(i.oid, k, true) from generate_series(1, x.indnkeyatts) as k) as columns
         from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
        where t.relnamespace = 'public'::regnamespace and not t.relispartition`,
    );
    // A row that is alone needs no index; its primary key is one.
    const real = rows.filter(({ table }) => table !== "fence");
    for (const { table, name, columns: of } of real) {
      const list = of.map((column) => `\`${column}\``).join(", ");
      expect(sectionOf(`\`${table}\``), name).toContain(`- \`${name}\` (${list})`);
    }
    expect(page.match(/^- `\w+` \(/gm)).toHaveLength(real.length);
  });

  const sources = globSync(["durable-objects/*.ts", "workers/**/*.ts"], { cwd: root });
  const classes = sources.flatMap((path) => {
    const found = read(path).matchAll(/export class (\w+) extends DurableObject/g);
    return [...found].map(([, name]) => ({ name: name ?? "", path, source: read(path) }));
  });

  /** The text of a file and of those beside it that it imports: an object's tables may be another's to describe. */
  function textsOf(path: string): string {
    const beside = [...read(path).matchAll(/^import \{[^}]*\} from "(\.\/[^"]+)";/gm)];
    const others = beside.map(([, name = ""]) => read(join(dirname(path), name)));
    return [read(path), ...others].join("\n");
  }

  test("has a section for each Durable Object class, and no other", () => {
    const described = page.slice(page.indexOf("## Durable Objects"), page.indexOf("## In memory"));
    const sections = [...described.matchAll(/^### `(\w+)`/gm)].map(([, name]) => name);
    expect(sections.toSorted()).toEqual(classes.map(({ name }) => name).toSorted());
  });

  test.each(classes)(
    "names each table, column and key that $name stores",
    ({ name, path, source }) => {
      const section = sectionOf(`\`${name}\``);
      const tables = textsOf(path).matchAll(/create table if not exists (\w+) \(([^;`]*)\)/gi);
      const stored: string[] = [];
      for (const [, table = "", body = ""] of tables) {
        const names = [...body.matchAll(/^\s+(\w+) (?:text|integer)\b/gim)].flatMap(
          ([, column]) => column ?? [],
        );
        expect(names.length, table).toBeGreaterThan(1);
        stored.push(table);
        // A table that another class has too is described there.
        const elsewhere = new RegExp(`Table \`${table}\`[^.]* as in \`(\\w+)\``).exec(section);
        const of = elsewhere?.[1] === undefined ? section : sectionOf(`\`${elsewhere[1]}\``);
        for (const column of names) expect(of, table).toContain(`\`${column}\``);
      }
      for (const [, constant] of source.matchAll(/storage\.kv\.(?:put|get)(?:<\w+>)?\((\w+)/g)) {
        stored.push(new RegExp(`const ${constant} = "(\\w+)"`).exec(source)?.[1] ?? `${constant}?`);
      }
      for (const word of stored) expect(section).toContain(`\`${word}\``);
      // A class that says that it stores nothing does so.
      expect(section.includes("Stores nothing")).toBe(
        !/storage\.(sql|kv|setAlarm|put)/.test(source),
      );
      if (source.includes("setAlarm")) expect(section).toContain("alarm");
    },
  );

  test("tells what each secret of each wrangler.toml is, and of which Worker", () => {
    const secrets = page.slice(page.indexOf("## Secrets"), page.indexOf("## Files"));
    const workers = new Map(
      [...secrets.matchAll(/^\| `(\w+)` +\| ([^|]+) \|/gm)].map(([, name = "", of = ""]) => [
        name,
        of,
      ]),
    );
    const files = globSync(["wrangler.toml", "workers/*/wrangler.toml", "origin/wrangler.toml"], {
      cwd: root,
    });
    expect(files.length).toBeGreaterThan(4);
    const named = new Set<string>();
    for (const file of files) {
      const worker = /(\w+)\/wrangler\.toml$/.exec(file)?.[1] ?? "";
      for (const [, list = ""] of read(file).matchAll(/required = \[([^\]]*)\]/g)) {
        for (const [, secret = ""] of list.matchAll(/"(\w+)"/g)) {
          named.add(secret);
          expect(workers.get(secret), `${secret} of ${file}`).toContain(worker);
        }
      }
    }
    expect([...workers.keys()].toSorted()).toEqual([...named].toSorted());
  });
});
