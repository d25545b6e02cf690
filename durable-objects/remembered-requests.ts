// Requests that leave nothing in the ledger, by their idempotency keys: what the first with a key was and came to,
// so that one that is sent again hears the same. Kept as long as the ledger keeps keys, and so many for each
// account that none fills an object.

import type { RequestId } from "../protocol/ids.ts";
import type { KeyedRequest, Recalled } from "../protocol/remembered.ts";
import { LazyTables } from "./lazy-tables.ts";

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
  readonly #tables: LazyTables<Sql>;

  constructor(sql: Sql) {
    this.#tables = new LazyTables(sql, SCHEMA, "requests");
  }

  /** What a request is to hear: undefined when it is the first with its key, or the first in so long. */
  recall(
    whose: string,
    { key, operation, macs }: KeyedRequest,
    nowMs: number,
  ): Recalled | undefined {
    const [first] =
      this.#tables
        .toRead()
        ?.exec<Row>(
          "select * from requests where whose = ? and key = ? and at_ms >= ?",
          ...[whose, key, nowMs - KEPT_MS],
        )
        .toArray() ?? [];
    if (first === undefined) return undefined;
    const isSame = first.operation === operation && macs.includes(first.mac);
    return isSame
      ? { kind: "known", request: first.request, note: first.note }
      : { kind: "other", first: first.operation };
  }

  /** Remembers the first request with a key; to be called only where `recall` found none. */
  keep(whose: string, asked: KeyedRequest, note: string, nowMs: number): void {
    const { key, operation, macs, request } = asked;
    const sql = this.#tables.toWrite();
    const [kept] = sql
      .exec<{ number: number }>(
        `insert or replace into requests (whose, key, operation, mac, request, note, at_ms)
           values (?, ?, ?, ?, ?, ?, ?) returning number`,
        ...[whose, key, operation, macs[0], request, note, nowMs],
      )
      .toArray();
    if (kept === undefined || kept.number % SWEEP !== 0) return;
    sql.exec("delete from requests where at_ms < ?", nowMs - KEPT_MS);
    const text = "select whose from requests group by whose having count(*) > ?";
    for (const crowd of sql.exec<{ whose: string }>(text, REMEMBERED_MAX).toArray()) {
      sql.exec(
        `delete from requests where whose = ?1 and number <=
           (select number from requests where whose = ?1 order by number desc limit 1 offset ?2)`,
        ...[crowd.whose, REMEMBERED_MAX],
      );
    }
  }
}
