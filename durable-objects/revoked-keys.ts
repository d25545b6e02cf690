// Ephemeral keys that were taken back, one row each, until they would have ended anyway. A key lives for an hour,
// so there are never more rows than its account may take back in one.

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
  readonly #sql: Sql;
  #open = false;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Takes a key back; what was taken back and has ended since is forgotten. */
  add(whose: string, serial: string, untilMs: number, nowMs: number): void {
    const sql = this.#table();
    sql.exec("delete from revoked_keys where until_ms <= ?", nowMs);
    if (untilMs <= nowMs) return;
    sql.exec("insert or replace into revoked_keys values (?, ?, ?)", whose, serial, untilMs);
  }

  has(whose: string, serial: string): boolean {
    if (!this.#isThere()) return false;
    const text = "select 1 from revoked_keys where whose = ? and serial = ?";
    return this.#sql.exec(text, whose, serial).toArray().length > 0;
  }

  // Most slots never take a key back, and write nothing for it.
  #isThere(): boolean {
    const text = "select 1 from sqlite_master where name = 'revoked_keys'";
    this.#open ||= this.#sql.exec(text).toArray().length > 0;
    return this.#open;
  }

  #table(): Sql {
    if (!this.#isThere()) this.#sql.exec(SCHEMA);
    this.#open = true;
    return this.#sql;
  }
}
