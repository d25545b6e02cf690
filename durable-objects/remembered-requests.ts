// Requests that leave nothing in the ledger, by their idempotency keys: what the first with a key was and came to,
// so that one that is sent again hears the same. Kept as long as the ledger keeps keys, and so many for each
// account that none fills an object.

import type { RequestId } from "../protocol/ids.ts";
import type { KeyedRequest, Recalled } from "../protocol/remembered.ts";

/** As long as the ledger keeps a key (keep_key_periods). */
const KEPT_MS = 30 * 24 * 60 * 60_000;
/** Of one account in one mode; beyond it the oldest go. Some 300 bytes each. */
export const REMEMBERED_MAX = 10_000;
/** How often what is too old or too many is looked for, in requests: one search for many inserts. */
const SWEEP = 100;

const SCHEMA = `
  create table if not exists requests (
    number integer primary key autoincrement,
    whose text not null,
    key text not null,
    operation text not null,
    mac text not null,
    request text not null,
    note text not null,
    at_ms integer not null
  );
  create unique index if not exists requests_by_key on requests (whose, key);
  create index if not exists requests_by_time on requests (at_ms)`;

type Value = string | number | null;

/** What is used of an object's SQLite. */
type Sql = {
  exec<T extends Record<string, Value>>(query: string, ...given: Value[]): { toArray(): T[] };
};

type Row = { operation: string; mac: string; request: RequestId; note: string };

export class RememberedRequests {
  readonly #sql: Sql;
  #open = false;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** What a request is to hear: undefined when it is the first with its key. */
  recall(whose: string, { key, operation, macs }: KeyedRequest): Recalled | undefined {
    if (!this.#isThere()) return undefined;
    const [first] = this.#sql
      .exec<Row>("select * from requests where whose = ? and key = ?", whose, key)
      .toArray();
    if (first === undefined) return undefined;
    const isSame = first.operation === operation && macs.includes(first.mac);
    return isSame
      ? { kind: "known", request: first.request, note: first.note }
      : { kind: "other", first: first.operation };
  }

  /** Remembers the first request with a key; to be called only where `recall` found none. */
  keep(whose: string, asked: KeyedRequest, note: string, nowMs: number): void {
    const { key, operation, macs, request } = asked;
    const [kept] = this.#table()
      .exec<{ number: number }>(
        `insert into requests (whose, key, operation, mac, request, note, at_ms)
           values (?, ?, ?, ?, ?, ?, ?) returning number`,
        ...[whose, key, operation, macs[0], request, note, nowMs],
      )
      .toArray();
    if (kept === undefined || kept.number % SWEEP !== 0) return;
    this.#sql.exec("delete from requests where at_ms < ?", nowMs - KEPT_MS);
    for (const crowd of this.#crowds()) {
      this.#sql.exec(
        `delete from requests where whose = ?1 and number <=
           (select number from requests where whose = ?1 order by number desc limit 1 offset ?2)`,
        ...[crowd.whose, REMEMBERED_MAX],
      );
    }
  }

  #crowds(): { whose: string }[] {
    const text = "select whose from requests group by whose having count(*) > ?";
    return this.#sql.exec<{ whose: string }>(text, REMEMBERED_MAX).toArray();
  }

  // Most objects remember nothing, and write nothing for it.
  #isThere(): boolean {
    const text = "select 1 from sqlite_master where name = 'requests'";
    this.#open ||= this.#sql.exec(text).toArray().length > 0;
    return this.#open;
  }

  #table(): Sql {
    if (!this.#isThere()) this.#sql.exec(SCHEMA);
    this.#open = true;
    return this.#sql;
  }
}
