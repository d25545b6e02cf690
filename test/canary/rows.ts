// What the files hold, as their owners read it: every row of both ledgers and of every Durable Object. A value
// may be compressed or cut in two by a page's edge on disk; as a row it is whole. Here security codes are looked
// for as well, since a value can be told from its neighbours.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { withSession } from "../../local/session.ts";
import type { Matcher } from "./matcher.ts";
import type { Numbers } from "./numbers.ts";
import type { Finding, Place } from "./places.ts";

const ROWS_AT_ONCE = 5_000;
const FINDINGS_MAX = 20;

/** Looks at texts of one place: for needles, and for a code that stands alone in a text. */
export class RowSearch {
  readonly place: Place;
  readonly findings: Finding[] = [];
  readonly #matcher: Matcher;
  readonly #code: RegExp;
  readonly #wholeCode: RegExp;

  constructor(name: string, matcher: Matcher, { codes, longCode }: Numbers) {
    this.place = { name, files: [], bytes: 0 };
    this.#matcher = matcher;
    const all = [...codes.three, ...codes.four, longCode].join("|");
    // Not a part of a UUID, a time or an id.
    this.#code = new RegExp(`(?<![0-9A-Za-z.-])(?:${all})(?![0-9A-Za-z-])`);
    this.#wholeCode = new RegExp(`^(?:${all})$`);
  }

  /** `value` is a column's: a number in it is an amount, a time or a count, and no code. */
  look(where: string, value: unknown): void {
    if (typeof value === "string") {
      this.#search(where, Buffer.from(value));
      const parsed = value.startsWith("{") || value.startsWith("[") ? parse(value) : undefined;
      this.#walk(where, parsed ?? value);
    } else if (value instanceof Uint8Array) {
      this.#search(where, Buffer.from(value));
    } else if (typeof value === "object" && value !== null) {
      this.#search(where, Buffer.from(JSON.stringify(value)));
      this.#walk(where, value);
    } else if (value !== null) {
      this.#search(where, Buffer.from(String(value)));
    }
  }

  /** A sealed card is base64url between dots: what looks like a code within a part is chance, a whole part is not. */
  lookSealed(where: string, value: string): void {
    this.#search(where, Buffer.from(value));
    for (const part of value.split(".")) {
      if (this.#wholeCode.test(part)) this.#find(where, "CVC as a value");
    }
  }

  #walk(where: string, value: unknown): void {
    if (typeof value === "string") {
      if (this.#code.test(value)) this.#find(where, "CVC as a value");
    } else if (typeof value === "object" && value !== null) {
      for (const [name, inner] of Object.entries(value)) this.#walk(`${where}.${name}`, inner);
    }
  }

  #search(where: string, bytes: Buffer): void {
    this.place.bytes += bytes.length;
    this.#matcher.search(bytes, ({ needle }) => this.#find(where, needle.spelling));
  }

  #find(where: string, spelling: string): void {
    if (this.findings.length >= FINDINGS_MAX) return;
    this.findings.push({ place: this.place.name, where, spelling });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Every row of a ledger. */
export async function searchLedger(url: string, search: RowSearch): Promise<void> {
  await withSession(url, async (client) => {
    const tables = await client.query<{ name: string }>(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
        where table_schema not in ('pg_catalog', 'information_schema')
          and table_type = 'BASE TABLE' order by 1`,
    );
    for (const { name } of tables.rows) {
      search.place.files.push(name);
      await client.query("begin");
      await client.query(`declare rows cursor for select to_jsonb(t) as row from ${name} t`);
      for (;;) {
        const { rows } = await client.query<{ row: Record<string, unknown> }>(
          `fetch ${ROWS_AT_ONCE} from rows`,
        );
        for (const { row } of rows) {
          for (const [column, value] of Object.entries(row))
            search.look(`${name}.${column}`, value);
        }
        if (rows.length < ROWS_AT_ONCE) break;
      }
      await client.query("rollback");
    }
  });
}

/** The column of a card box that holds a sealed card. */
const SEALED = "sealed";

/** Every row of the SQLite files of Durable Objects below a folder. Opening them may rewrite them. */
export function searchObjects(folder: string, search: RowSearch, onSealed: () => void): void {
  for (const file of sqliteFiles(folder)) {
    search.place.files.push(file);
    const db = new DatabaseSync(file);
    const tables = db.prepare("select name from sqlite_master where type = 'table'").all();
    for (const { name } of tables as { name: string }[]) {
      const rows = db.prepare(`select * from "${name}"`);
      rows.setReadBigInts(true);
      for (const row of rows.iterate()) {
        for (const [column, value] of Object.entries(row)) {
          const where = `${file}: ${name}.${column}`;
          if (column === SEALED && typeof value === "string") {
            search.lookSealed(where, value);
            onSealed();
          } else search.look(where, value);
        }
      }
    }
    db.close();
  }
}

function sqliteFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sqlite"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
