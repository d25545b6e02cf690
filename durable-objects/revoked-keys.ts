// Ephemeral keys that were taken back, one row each, until they would have ended anyway. A key lives for an hour,
// so there are never more rows than its account may take back in one.

import { LazyTables } from "./lazy-tables.ts";

const SCHEMA = `
  create table if not exists revoked_keys (
    whose text not null,
    serial text not null,
    until_ms integer not null,
    primary key (whose, serial)
  ) without rowid;
  create index if not exists revoked_keys_until on revoked_keys (until_ms)`;

/** What is used of an object's SQLite. */
type Sql = { exec(query: string, ...given: (string | number)[]): { toArray(): unknown[] } };

export class RevokedKeys {
  readonly #tables: LazyTables<Sql>;

  constructor(sql: Sql) {
    this.#tables = new LazyTables(sql, SCHEMA, "revoked_keys");
  }

  /** Takes a key back; what was taken back and has ended since is forgotten. */
  add(whose: string, serial: string, untilMs: number, nowMs: number): void {
    const sql = this.#tables.toWrite();
    sql.exec("delete from revoked_keys where until_ms <= ?", nowMs);
    if (untilMs <= nowMs) return;
    sql.exec("insert or replace into revoked_keys values (?, ?, ?)", whose, serial, untilMs);
  }

  has(whose: string, serial: string): boolean {
    const text = "select 1 from revoked_keys where whose = ? and serial = ?";
    const found = this.#tables.toRead()?.exec(text, whose, serial).toArray() ?? [];
    return found.length > 0;
  }
}
