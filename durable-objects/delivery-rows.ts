// What a stream keeps of webhooks, in its own SQLite: how far it has read, endpoints, what waits, and a log of
// attempts. No event is kept, only its number: what a person has erased from the ledger is not sent later.

import type { DeliveryFacts, DeliveryFailure } from "../protocol/webhook-delivery.ts";
import {
  type Change,
  type Delivery,
  type DeliveryState,
  type EndpointRow,
  type LogEntry,
  partOf,
  restore,
  seqOf,
} from "./delivery-state.ts";

/** Attempts kept of each endpoint; older ones go. */
export const LOG_MAX = 1_000;
/** How often the older ones are looked for, in attempts of all endpoints: one search for many inserts. */
const LOG_SWEEP = 200;

type Value = string | number | null;

/** What is used of an object's SQLite. */
export type Sql = {
  exec<T extends Record<string, Value>>(
    query: string,
    ...given: Value[]
  ): { toArray(): T[]; one(): T };
};

type EndpointColumns = {
  id: string;
  seq: number;
  url: string;
  events: string;
  ordered: number;
  enabled: number;
  secret_version: number;
  former_until: number | null;
  cursor: number;
  listens: number;
  failing_since_ms: number | null;
  failures: number;
  resume_ms: number;
  replay_cursor: number | null;
  replay_until: number | null;
};

type DeliveryColumns = {
  endpoint: string;
  place: number;
  type: string;
  attempts: number;
  first_ms: number | null;
  next_ms: number;
  redelivery: number;
};

type AttemptColumns = {
  number: number;
  endpoint: string;
  place: number;
  type: string;
  at_ms: number;
  attempt: number;
  redelivery: number;
  status: number | null;
  failure: string | null;
  took_ms: number;
  next_ms: number | null;
};

/** What was kept before a crash, or before the object slept. */
export function readState(sql: Sql): DeliveryState {
  const [progress] = sql
    .exec<{ cursor: number; watch_until_ms: number }>("select * from progress")
    .toArray();
  const endpoints = sql.exec<EndpointColumns>("select * from endpoints").toArray();
  const deliveries = sql.exec<DeliveryColumns>("select * from deliveries").toArray();
  return restore(
    progress && { cursor: progress.cursor, watchUntilMs: progress.watch_until_ms },
    endpoints.map(endpointOf),
    deliveries.map((row) => ({ endpoint: row.endpoint, delivery: deliveryOf(row) })),
  );
}

const endpointOf = (r: EndpointColumns): EndpointRow => ({
  id: r.id,
  seq: r.seq,
  url: r.url,
  events: r.events.split(","),
  ordered: r.ordered === 1,
  enabled: r.enabled === 1,
  secretVersion: r.secret_version,
  formerUntil: r.former_until,
  cursor: r.cursor,
  listens: r.listens === 1,
  failingSinceMs: r.failing_since_ms,
  failures: r.failures,
  resumeMs: r.resume_ms,
  replay:
    r.replay_cursor === null || r.replay_until === null
      ? null
      : { cursor: r.replay_cursor, until: r.replay_until },
});

const deliveryOf = (r: DeliveryColumns): Delivery => ({
  place: r.place,
  type: r.type,
  attempts: r.attempts,
  firstMs: r.first_ms,
  nextMs: r.next_ms,
  redelivery: r.redelivery === 1,
});

/** Keeps a change; all that are kept in one turn are kept together or not at all. */
export function keep(sql: Sql, change: Change): void {
  switch (change.kind) {
    case "progress":
      sql.exec(
        "insert or replace into progress (row, cursor, watch_until_ms) values (1, ?, ?)",
        change.progress.cursor,
        change.progress.watchUntilMs,
      );
      break;
    case "endpoint":
      keepEndpoint(sql, change.row);
      break;
    case "endpoint_gone":
      for (const table of ["deliveries", "attempts"]) {
        sql.exec(`delete from ${table} where endpoint = ?`, change.id);
      }
      sql.exec("delete from endpoints where id = ?", change.id);
      break;
    case "delivery": {
      const { place, type, attempts, firstMs, nextMs, redelivery } = change.delivery;
      sql.exec(
        `insert or replace into deliveries (endpoint, place, type, attempts, first_ms, next_ms, redelivery)
         values (?, ?, ?, ?, ?, ?, ?)`,
        ...[change.endpoint, place, type, attempts, firstMs, nextMs, Number(redelivery)],
      );
      break;
    }
    case "delivery_ended": {
      const { endpoint, place } = change;
      sql.exec("delete from deliveries where endpoint = ? and place = ?", endpoint, place);
      break;
    }
    case "log":
      keepAttempt(sql, change.entry);
      break;
  }
}

function keepEndpoint(sql: Sql, r: EndpointRow): void {
  sql.exec(
    `insert or replace into endpoints (id, seq, url, events, ordered, enabled, secret_version, former_until,
       cursor, listens, failing_since_ms, failures, resume_ms, replay_cursor, replay_until)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[r.id, r.seq, r.url, r.events.join(","), Number(r.ordered), Number(r.enabled)],
    ...[r.secretVersion, r.formerUntil, r.cursor, Number(r.listens)],
    ...[r.failingSinceMs, r.failures, r.resumeMs],
    ...[r.replay?.cursor ?? null, r.replay?.until ?? null],
  );
}

function keepAttempt(sql: Sql, e: LogEntry): void {
  const { number } = sql
    .exec<{ number: number }>(
      `insert into attempts (endpoint, place, type, at_ms, attempt, redelivery, status, failure, took_ms, next_ms)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning number`,
      ...[e.endpoint, e.place, e.type, e.atMs, e.attempt, Number(e.redelivery)],
      ...[e.status, e.failure, e.tookMs, e.nextMs],
    )
    .one();
  if (number % LOG_SWEEP !== 0) return;
  for (const { id } of sql.exec<{ id: string }>("select id from endpoints").toArray()) {
    sql.exec(
      `delete from attempts where endpoint = ?1 and number <=
         (select number from attempts where endpoint = ?1 order by number desc limit 1 offset ?2)`,
      id,
      LOG_MAX,
    );
  }
}

/** Which attempts to read: newest first, at most so many, before or after one. */
export type AttemptsAsk = {
  readonly limit: number;
  /** Those with a lower number, or the nearest with a higher one. */
  readonly before?: number;
  readonly after?: number;
  readonly place?: number;
  readonly failed?: boolean;
};

/** A page of the log of an endpoint, newest first. */
export function readAttempts(
  sql: Sql,
  endpoint: string,
  { limit, before, after, place, failed }: AttemptsAsk,
): { readonly attempts: readonly DeliveryFacts[]; readonly more: boolean } {
  const upwards = after !== undefined;
  const rows = sql
    .exec<AttemptColumns>(
      `select * from attempts where endpoint = ?1 and number < ?2 and number > ?3
          and (?4 is null or place = ?4) and (?5 is null or (failure is not null) = ?5)
        order by number ${upwards ? "asc" : "desc"} limit ?6`,
      ...[endpoint, before ?? Number.MAX_SAFE_INTEGER, after ?? 0],
      ...[place ?? null, failed === undefined ? null : Number(failed), limit + 1],
    )
    .toArray();
  const page = rows.slice(0, limit).map(factsOf);
  return { attempts: upwards ? page.reverse() : page, more: rows.length > limit };
}

const factsOf = (r: AttemptColumns): DeliveryFacts => ({
  number: r.number,
  endpoint: r.endpoint,
  seq: seqOf(r.place),
  part: partOf(r.place),
  type: r.type,
  at_ms: r.at_ms,
  attempt: r.attempt,
  redelivery: r.redelivery === 1,
  status: r.status,
  failure: r.failure as DeliveryFailure | null,
  took_ms: r.took_ms,
  next_ms: r.next_ms,
});
