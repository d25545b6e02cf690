// What a stream keeps in SQLite: read again it is what was written, whatever happened, and the log does not grow
// for ever. The rows are those of a real SQLite (Node's own), under the schema of stream.ts.

import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  keep,
  LOG_MAX,
  readAttempts,
  readState,
  type Sql,
} from "../../durable-objects/delivery-rows.ts";
import {
  type Change,
  type EndpointRow,
  type LogEntry,
  placeOf,
} from "../../durable-objects/delivery-state.ts";

const source = readFileSync(
  fileURLToPath(new URL("../../durable-objects/stream.ts", import.meta.url)),
  "utf8",
);
const SCHEMA = /const SCHEMA = `([^`]*)`/.exec(source)?.[1] ?? "";

/** SQLite with the one method of Cloudflare's that is used. */
function storage(): Sql {
  const database = new DatabaseSync(":memory:");
  database.exec(SCHEMA);
  const exec = (query: string, ...given: (string | number | null)[]) => {
    const rows = database.prepare(query).all(...given);
    return { toArray: () => rows, one: () => rows[0] };
  };
  return { exec } as unknown as Sql;
}

const time = fc.nat({ max: 2 ** 45 });
const endpointId = fc.constantFrom("we_1", "we_2", "we_3");
const place = fc.nat({ max: 20 }).map((n) => placeOf(n, n % 2));

const row: fc.Arbitrary<EndpointRow> = fc.record({
  id: endpointId,
  seq: fc.nat(),
  url: fc.webUrl(),
  events: fc.constantFrom(["*"], ["charge.failed", "charge.succeeded"]),
  ordered: fc.boolean(),
  enabled: fc.boolean(),
  secretVersion: fc.integer({ min: 1, max: 9 }),
  formerUntil: fc.option(time),
  cursor: fc.nat(),
  listens: fc.boolean(),
  failingSinceMs: fc.option(time),
  failures: fc.nat(),
  resumeMs: time,
  replay: fc.option(fc.record({ cursor: fc.nat(), until: fc.nat() })),
});
const delivery = fc.record({
  place,
  type: fc.constantFrom("charge.failed", "charge.succeeded"),
  attempts: fc.nat({ max: 99 }),
  firstMs: fc.option(time),
  nextMs: time,
  redelivery: fc.boolean(),
});
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constant("progress" as const),
    progress: fc.record({ cursor: fc.nat(), watchUntilMs: time }),
  }),
  fc.record({ kind: fc.constant("endpoint" as const), row }),
  fc.record({ kind: fc.constant("endpoint_gone" as const), id: endpointId }),
  fc.record({ kind: fc.constant("delivery" as const), endpoint: endpointId, delivery }),
  fc.record({ kind: fc.constant("delivery_ended" as const), endpoint: endpointId, place }),
);

/** What is left of changes, kept in plain maps. */
function left(changes: readonly Change[]) {
  const endpoints = new Map<string, EndpointRow>();
  const deliveries = new Map<string, { endpoint: string; place: number; delivery: object }>();
  let progress: object = { cursor: 0, watchUntilMs: 0 };
  for (const one of changes) {
    if (one.kind === "progress") progress = one.progress;
    if (one.kind === "endpoint") endpoints.set(one.row.id, one.row);
    if (one.kind === "delivery") {
      const { endpoint, delivery } = one;
      deliveries.set(`${endpoint}/${delivery.place}`, {
        endpoint,
        place: delivery.place,
        delivery,
      });
    }
    if (one.kind === "delivery_ended") deliveries.delete(`${one.endpoint}/${one.place}`);
    if (one.kind === "endpoint_gone") {
      endpoints.delete(one.id);
      for (const [key, { endpoint }] of deliveries) if (endpoint === one.id) deliveries.delete(key);
    }
  }
  return { endpoints, deliveries, progress };
}

test("what was kept is read again as it was", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const sql = storage();
      for (const one of changes) keep(sql, one);
      const state = readState(sql);
      const expected = left(changes);
      expect(state.progress).toEqual(expected.progress);
      expect(new Map([...state.endpoints].map(([id, endpoint]) => [id, endpoint.row]))).toEqual(
        expected.endpoints,
      );
      for (const [id, { waiting }] of state.endpoints) {
        const own = [...expected.deliveries.values()].filter(({ endpoint }) => endpoint === id);
        expect(waiting).toEqual(new Map(own.map(({ place, delivery }) => [place, delivery])));
      }
    }),
    { numRuns: 300 },
  );
});

const attempt = (n: number, over: Partial<LogEntry> = {}): LogEntry => ({
  endpoint: "we_1",
  place: placeOf(n, 0),
  type: "charge.failed",
  atMs: 1000 * n,
  attempt: 1,
  redelivery: false,
  status: 200,
  failure: null,
  tookMs: 5,
  nextMs: null,
  ...over,
});

test("the log keeps the last thousand attempts of each endpoint, and a few more until it is swept", () => {
  const sql = storage();
  const ids = ["we_1", "we_2", "we_3"];
  const [made] = fc.sample(row, 1);
  if (made === undefined) throw new Error("no row");
  for (const id of ids) keep(sql, { kind: "endpoint", row: { ...made, id } });
  // In turns, so that some endpoint never has the attempt at which the log is swept.
  for (let n = 1; n <= 5000; n++) {
    keep(sql, { kind: "log", entry: attempt(n, { endpoint: ids[n % 2] ?? "" }) });
  }
  keep(sql, { kind: "log", entry: attempt(5001, { endpoint: "we_3" }) });
  for (const [id, newest] of [
    ["we_1", 5000],
    ["we_2", 4999],
  ] as const) {
    const { attempts, more } = readAttempts(sql, id, { limit: 5000 });
    expect(attempts[0]).toMatchObject({ number: newest, seq: newest, part: 0 });
    expect(attempts.length).toBeGreaterThanOrEqual(LOG_MAX);
    expect(attempts.length).toBeLessThanOrEqual(LOG_MAX + 200);
    expect(more).toBe(false);
  }
  expect(readAttempts(sql, "we_3", { limit: 10 }).attempts.length).toBe(1);
});

test("the log is read in pages both ways, and by event and outcome", () => {
  const sql = storage();
  for (let n = 1; n <= 9; n++) {
    const failed = n % 3 === 0;
    const end = failed ? { status: 500, failure: "status" as const } : {};
    keep(sql, { kind: "log", entry: attempt(n % 4, end) });
  }
  const numbers = (ask: Parameters<typeof readAttempts>[2]) => {
    const page = readAttempts(sql, "we_1", ask);
    return [page.attempts.map(({ number }) => number), page.more];
  };
  expect(numbers({ limit: 3 })).toEqual([[9, 8, 7], true]);
  expect(numbers({ limit: 3, before: 7 })).toEqual([[6, 5, 4], true]);
  expect(numbers({ limit: 3, after: 4 })).toEqual([[7, 6, 5], true]);
  expect(numbers({ limit: 3, after: 7 })).toEqual([[9, 8], false]);
  expect(numbers({ limit: 9, failed: true })).toEqual([[9, 6, 3], false]);
  expect(numbers({ limit: 9, place: placeOf(1, 0) })).toEqual([[9, 5, 1], false]);
  expect(numbers({ limit: 9, place: placeOf(1, 0), failed: true })).toEqual([[9], false]);
});
