// What happened to an account, by its sequence: the events, and the postings as balance transactions.

import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { eventTypeOf, PUBLIC_EVENT_CODES } from "../protocol/event.ts";
import { idOf } from "../protocol/ids.ts";
import type { Query, Read, Row } from "../protocol/query.ts";
import {
  type Drizzle,
  onePlan,
  type Plan,
  pageBounds,
  sequencePage,
  spanOfTime,
  type UnknownCursor,
  uuid,
} from "./plan.ts";
import { factsOf } from "./row.ts";
import { charges, events, postings } from "./schema.ts";

const epochOf = (column: PgColumn) => sql<number>`floor(extract(epoch from ${column}))::integer`;

export const eventSelect = (db: Drizzle) =>
  db
    .select({
      seq: events.seq,
      type: events.type,
      request: events.request,
      created: epochOf(events.created_at),
      subject: sql<unknown>`subject_at(${events.account_no},
      (select subject from event_types where code = ${events.type}),
      ${events.subject}, ${events.seq}, ${events.data})`,
    })
    .from(events);

export function eventRow(r: {
  seq: number;
  type: number;
  request: string;
  created: number;
  subject: unknown;
}): Row {
  const subject = r.subject as { request?: string; key?: string };
  return {
    kind: "event",
    seq: r.seq,
    code: r.type,
    created: r.created,
    request: r.request,
    // An event of a later request on the same subject does not know that request's key.
    key: subject.request === r.request ? (subject.key ?? null) : null,
    subject: factsOf(eventTypeOf(r.type)?.subject ?? "", subject),
  };
}

export function eventsPlan(
  db: Drizzle,
  ask: Read,
  no: SQL<number>,
  q: Extract<Query, { kind: "events" }>,
): Plan | UnknownCursor {
  const { cursor, at } = sequencePage(ask, "evt", q.page);
  if (cursor !== undefined && at === undefined) return { kind: "cursor_unknown", ...cursor };
  const bounds = pageBounds(events.seq, q.page, at);
  return {
    ...onePlan(
      eventSelect(db)
        .where(
          and(
            eq(events.account_no, no),
            inArray(events.type, [...(q.codes ?? PUBLIC_EVENT_CODES)]),
            ...spanOfTime(events.created_at, q.created),
            ...bounds.where,
          ),
        )
        .orderBy(bounds.order)
        .limit(q.page.limit + 1),
      eventRow,
    ),
    limit: q.page.limit,
    reversed: bounds.reversed,
  };
}

export const transactionSelect = (db: Drizzle) =>
  db
    .select({
      seq: postings.seq,
      created: epochOf(postings.created_at),
      amount: sql<number>`(case when ${postings.credit} = 'merchant' then 1 else -1 end
      * ${postings.amount})::integer`,
      currency: postings.currency,
      type: events.type,
      subject: events.subject,
      description: charges.description,
    })
    .from(postings)
    .innerJoin(
      events,
      and(eq(events.account_no, postings.account_no), eq(events.seq, postings.seq)),
    )
    .leftJoin(
      charges,
      and(eq(charges.account_no, events.account_no), eq(charges.id, events.subject)),
    );

export function transactionRow(r: {
  seq: number;
  created: number;
  amount: number;
  currency: string;
  type: number;
  subject: string;
  description: string | null;
}): Row {
  const charge = eventTypeOf(r.type)?.subject === "charge";
  return {
    kind: "transaction",
    seq: r.seq,
    created: r.created,
    amount: r.amount,
    currency: r.currency,
    type: charge ? "charge" : "refund",
    source: idOf(charge ? "ch" : "re", r.subject),
    description: r.description,
  };
}

export function transactionsPlan(
  db: Drizzle,
  ask: Read,
  no: SQL<number>,
  q: Extract<Query, { kind: "transactions" }>,
): Plan | UnknownCursor {
  const { cursor, at } = sequencePage(ask, "txn", q.page);
  if (cursor !== undefined && at === undefined) return { kind: "cursor_unknown", ...cursor };
  const bounds = pageBounds(postings.seq, q.page, at);
  const source =
    q.source === undefined
      ? []
      : [eq(events.subject, uuid(q.source.startsWith("ch_") ? "ch" : "re", q.source))];
  return {
    ...onePlan(
      transactionSelect(db)
        .where(
          and(
            eq(postings.account_no, no),
            ...bounds.where,
            ...source,
            ...spanOfTime(postings.created_at, q.created),
            ...(q.type === undefined
              ? []
              : [eq(postings.credit, q.type === "charge" ? "merchant" : "processor")]),
          ),
        )
        .orderBy(bounds.order)
        .limit(q.page.limit + 1),
      transactionRow,
    ),
    limit: q.page.limit,
    reversed: bounds.reversed,
  };
}
