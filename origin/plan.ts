// A read as a plan: the select to run, how a row becomes facts, and the page it is of. Pages are keysets:
// a cursor is a place in an index, so page one and page one thousand cost the same.

import { asc, desc, gt, gte, lt, type SQL, type SQLWrapper } from "drizzle-orm";
import { drizzle } from "drizzle-orm/neon-http";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { Scope } from "../protocol/command.ts";
import { firstUuidAt, type ObjectPrefix, sequenceOf, uuidOf } from "../protocol/ids.ts";
import type { Page, ReadAnswer, Row, Span } from "../protocol/query.ts";
import { assert } from "../protocol/result.ts";
import type { Database } from "./database.ts";

export type Drizzle = ReturnType<typeof open>;
export const open = (database: Database) => drizzle(database);

/** A select of rows that are not yet facts, and what turns one into facts. */
export type Plan = {
  readonly rows: Parameters<Drizzle["batch"]>[0][number];
  readonly toRow: (row: never) => Row;
  readonly limit: number;
  /** Rows were read from the old end, because the page ends before its cursor. */
  readonly reversed: boolean;
  readonly cursor?: {
    readonly id: string;
    readonly param: string;
    readonly exists: Parameters<Drizzle["batch"]>[0][number];
  };
};

export type Bounds = { readonly where: SQL[]; readonly order: SQL; readonly reversed: boolean };

/** A cursor that names nothing of this account. */
export type UnknownCursor = Extract<ReadAnswer, { kind: "cursor_unknown" }>;

export const onePlan = <R>(rows: unknown, toRow: (row: R) => Row): Plan => ({
  rows: rows as Plan["rows"],
  toRow: toRow as Plan["toRow"],
  limit: 1,
  reversed: false,
});

export const uuid = (prefix: ObjectPrefix, id: string): string => {
  const value = uuidOf(prefix, id);
  assert(value !== undefined, "the edge parsed ids before it asked");
  return value;
};

export function pageBounds(
  column: SQLWrapper,
  page: Page,
  at: string | number | undefined,
): Bounds {
  const reversed = page.ending_before !== undefined;
  return {
    where: at === undefined ? [] : [reversed ? gt(column, at) : lt(column, at)],
    order: reversed ? asc(column) : desc(column),
    reversed,
  };
}

export const cursorOf = (page: Page): { id: string; param: string } | undefined => {
  if (page.starting_after !== undefined) {
    return { id: page.starting_after, param: "starting_after" };
  }
  return page.ending_before === undefined
    ? undefined
    : { id: page.ending_before, param: "ending_before" };
};

// The time of an object is in its id, so a span of time is a span of the primary key.
export function spanOf(column: SQLWrapper, span: Span | undefined): SQL[] {
  return [
    ...(span?.from === undefined ? [] : [gte(column, firstUuidAt(span.from))]),
    ...(span?.to === undefined ? [] : [lt(column, firstUuidAt(span.to + 1))]),
  ];
}

export function sequencePage(
  ask: Scope,
  prefix: "evt" | "txn",
  page: Page,
): { cursor: ReturnType<typeof cursorOf>; at: number | undefined } {
  const cursor = cursorOf(page);
  const at =
    cursor === undefined ? undefined : sequenceOf(prefix, ask.account, ask.livemode, cursor.id);
  return { cursor, at };
}

export const spanOfTime = (column: PgColumn, span: Span | undefined): SQL[] => [
  ...(span?.from === undefined ? [] : [gte(column, new Date(span.from * 1000).toISOString())]),
  ...(span?.to === undefined ? [] : [lt(column, new Date((span.to + 1) * 1000).toISOString())]),
];
