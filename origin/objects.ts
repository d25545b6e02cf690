// Reads of objects that are kept as documents: one that stands, and lists by kind, customer and parent.

import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import { uuidOf } from "../protocol/ids.ts";
import { OBJECT_PREFIXES, parentUuidOf } from "../protocol/object-type.ts";
import type { Query, Row } from "../protocol/query.ts";
import { assert } from "../protocol/result.ts";
import { type ObjectRow, objectFacts } from "../protocol/row.ts";
import {
  cursorOf,
  type Drizzle,
  onePlan,
  type Plan,
  pageBounds,
  spanOf,
  type UnknownCursor,
  uuid,
} from "./plan.ts";
import { object_versions, objects } from "./schema.ts";

type ObjectQuery = Extract<Query, { kind: "object" }>;
type ObjectsQuery = Extract<Query, { kind: "objects" }>;

// Of an intent, its latest attempt as it is now: everything up to the last number there could be.
const LATEST_CHARGE = sql<ObjectRow["charge"]>`case when ${objects.type} = 'charge' then
  charge_at(${objects.account_no}, ${objects.id}, 9223372036854775807)
  when ${objects.type} = 'payment_intent' then (select charge_at(c.account_no, c.id, 9223372036854775807) from charges c
    where c.account_no = ${objects.account_no} and c.intent = ${objects.id}
    order by c.intent_attempt desc limit 1) end`;

const REFUND = sql<ObjectRow["operation"]>`case when ${objects.type} = 'refund' then
  (select operation_at(w, 9223372036854775807) from operations w
    where w.account_no = ${objects.account_no} and w.id = ${objects.id}) end`;

const POSTINGS = sql<ObjectRow["postings"]>`case when ${objects.type} in ('dispute', 'refund') then
  postings_of(${objects.account_no}, ${objects.id}, ${objects.seq}) end`;

export const objectSelect = (db: Drizzle) =>
  db
    .select({
      id: objects.id,
      type: objects.type,
      seq: objects.seq,
      customer: objects.customer,
      parent: objects.parent,
      token: objects.token,
      document: object_versions.document,
      charge: LATEST_CHARGE,
      operation: REFUND,
      postings: POSTINGS,
    })
    .from(objects)
    .innerJoin(
      object_versions,
      and(
        eq(object_versions.account_no, objects.account_no),
        eq(object_versions.id, objects.id),
        eq(object_versions.seq, objects.seq),
      ),
    );

const standing = (no: SQL<number>, type: ObjectQuery["type"]): SQL[] => [
  eq(objects.account_no, no),
  eq(objects.type, type),
  eq(objects.deleted, false),
];

const toRow = (row: ObjectRow): Row => objectFacts(row);

export const objectPlan = (db: Drizzle, no: SQL<number>, q: ObjectQuery): Plan =>
  onePlan(
    objectSelect(db).where(
      and(...standing(no, q.type), eq(objects.id, uuid(OBJECT_PREFIXES[q.type], q.id))),
    ),
    toRow,
  );

export function objectsPlan(db: Drizzle, no: SQL<number>, q: ObjectsQuery): Plan | UnknownCursor {
  const cursor = cursorOf(q.page);
  const at = cursor === undefined ? undefined : uuidOf(OBJECT_PREFIXES[q.type], cursor.id);
  if (cursor !== undefined && at === undefined) return { kind: "cursor_unknown", ...cursor };
  const bounds =
    q.from_end === true
      ? { where: [], order: asc(objects.id), reversed: true }
      : pageBounds(objects.id, q.page, at);
  return {
    ...onePlan(
      objectSelect(db)
        .where(
          and(
            ...standing(no, q.type),
            ...(q.customer === undefined ? [] : [eq(objects.customer, uuid("cus", q.customer))]),
            ...(q.parent === undefined ? [] : [eq(objects.parent, parentOf(q.type, q.parent))]),
            ...spanOf(objects.id, q.created),
            ...bounds.where,
          ),
        )
        .orderBy(bounds.order)
        .limit(q.page.limit + 1),
      toRow,
    ),
    limit: q.page.limit,
    reversed: bounds.reversed,
    ...(cursor === undefined || at === undefined
      ? {}
      : {
          cursor: {
            ...cursor,
            // Also one that was deleted since: a page may end before it.
            exists: db
              .select({ id: objects.id })
              .from(objects)
              .where(and(eq(objects.account_no, no), eq(objects.type, q.type), eq(objects.id, at))),
          },
        }),
  };
}

function parentOf(type: ObjectQuery["type"], id: string): string {
  const parent = parentUuidOf(type, id);
  assert(parent !== undefined, "the edge parsed ids before it asked");
  return parent;
}
