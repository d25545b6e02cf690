// What happened to an account, by its sequence: the events, and the postings as balance transactions.

import { and, eq, gt, inArray, isNotNull, or, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { Scope } from "../protocol/command.ts";
import {
  type DerivedEvent,
  type EventSource,
  eventTypeOf,
  PUBLIC_EVENT_CODES,
} from "../protocol/event.ts";
import { idOf } from "../protocol/ids.ts";
import { PAYABLE } from "../protocol/ledger-account.ts";
import type { Page, Query, Row } from "../protocol/query.ts";
import { factsOf } from "../protocol/row.ts";
import { startOf } from "../protocol/terms.ts";
import {
  codesOfTransactions,
  SOURCES,
  type TransactionSource,
  transactionKind,
  transactionOf,
} from "../protocol/transaction.ts";
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
import { charge_facts, journal, objects } from "./schema.ts";

const epochOf = (column: PgColumn) => sql<number>`floor(extract(epoch from ${column}))::integer`;

export const eventSelect = (db: Drizzle) =>
  db
    .select({
      seq: journal.seq,
      type: journal.type,
      request: journal.request,
      created: epochOf(journal.created_at),
      subject: sql<unknown>`subject_of(${journal})`,
    })
    .from(journal);

export function eventRow(r: {
  seq: number;
  type: number;
  request: string | null;
  created: number;
  subject: unknown;
}): Row {
  const subject = r.subject as { request?: string; key?: string };
  return {
    kind: "event",
    seq: r.seq,
    code: r.type,
    created: r.created,
    request: r.request ?? subject.request ?? "",
    // An event of a later request on the same subject does not know that request's key.
    key: r.request === null ? (subject.key ?? null) : null,
    subject: factsOf(eventTypeOf(r.type)?.subject ?? "", subject),
  };
}

export function eventsPlan(
  db: Drizzle,
  ask: Scope,
  no: SQL<number>,
  q: Extract<Query, { kind: "events" }>,
): Plan | UnknownCursor {
  const { cursor, at } = sequencePage(ask, "evt", q.page);
  if (cursor !== undefined && at === undefined) return { kind: "cursor_unknown", ...cursor };
  const widened = at === undefined || q.inclusive !== true ? at : widen(at, q.page);
  const bounds = pageBounds(journal.seq, q.page, widened);
  return {
    ...onePlan(
      eventSelect(db)
        .where(
          and(
            eq(journal.account_no, no),
            q.sources === undefined
              ? inArray(journal.type, [...PUBLIC_EVENT_CODES])
              : or(...q.sources.map(isFrom)),
            ...spanOfTime(journal.created_at, q.created),
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

/** The bound that lets the cursor's own entry in. */
const widen = (at: number, page: Page): number =>
  page.ending_before === undefined ? at + 1 : at - 1;

function isFrom({ code, derived }: EventSource): SQL | undefined {
  const isCode = eq(journal.type, code);
  switch (derived?.of) {
    case undefined:
    case "charge":
      return isCode;
    case "intent": {
      const captured =
        derived.captured === undefined
          ? undefined
          : derived.captured === "some"
            ? gt(journal.captured, 0)
            : eq(journal.captured, 0);
      const ofIntent = sql`exists (select from charges c where c.account_no = ${journal.account_no}
        and c.id = ${journal.subject} and c.intent is not null)`;
      return and(isCode, captured, ofIntent);
    }
    case "object":
      return isFromObject(derived);
    case "card":
      return and(
        isCode,
        sql`exists (select from customer_versions v where v.account_no = ${journal.account_no}
          and v.seq = ${journal.seq} and v.card_change = ${derived.change})`,
      );
  }
}

function isFromObject({
  code,
  posted,
  status,
}: Extract<DerivedEvent, { of: "object" }>): SQL | undefined {
  const said = sql`exists (select from object_versions v where v.account_no = ${journal.account_no}
    and v.id = ${journal.subject} and v.seq = ${journal.seq} and v.document ->> 'status' = ${status})`;
  return and(
    eq(journal.type, code),
    posted === undefined ? undefined : isNotNull(journal.amount),
    status === undefined ? undefined : said,
  );
}

export const transactionSelect = (db: Drizzle) =>
  db
    .select({
      seq: journal.seq,
      created: epochOf(journal.created_at),
      amount: sql<number>`(case when ${journal.credit} = ${PAYABLE} then 1 else -1 end
      * ${journal.amount})::float8`,
      fee: sql<number>`coalesce(${journal.fee}, 0)::float8`,
      available_on: sql<number | null>`(${journal.available_on} - '1970-01-01'::date)::integer`,
      available: sql<boolean>`coalesce(${journal.available_on} <= (now() at time zone 'UTC')::date,
      true)`,
      currency: sql<string>`${journal.currency}`,
      type: journal.type,
      subject: journal.subject,
      description: charge_facts.description,
      parent: objects.parent,
    })
    .from(journal)
    .leftJoin(
      objects,
      and(eq(objects.account_no, journal.account_no), eq(objects.id, journal.subject)),
    )
    .leftJoin(
      charge_facts,
      and(eq(charge_facts.account_no, journal.account_no), eq(charge_facts.id, journal.subject)),
    );

export function transactionRow(r: {
  seq: number;
  created: number;
  amount: number;
  currency: string;
  type: number;
  subject: string;
  description: string | null;
  parent: string | null;
  fee: number;
  available_on: number | null;
  available: boolean;
}): Row {
  const { source } = transactionKind(r.type);
  const behind = r.parent === null ? "" : idOf("ch", r.parent);
  const told = transactionOf(r, idOf(source, r.subject), behind);
  return {
    kind: "transaction",
    ...told,
    description: told.description ?? r.description,
    available_on: r.available_on === null ? r.created : startOf(r.available_on),
    available: r.available,
  };
}

/** The prefix of the id of what a transaction is of. */
const prefixOf = (source: string): TransactionSource =>
  SOURCES.find((prefix) => source.startsWith(`${prefix}_`)) ?? "ch";

export function transactionsPlan(
  db: Drizzle,
  ask: Scope,
  no: SQL<number>,
  q: Extract<Query, { kind: "transactions" }>,
): Plan | UnknownCursor {
  const { cursor, at } = sequencePage(ask, "txn", q.page);
  if (cursor !== undefined && at === undefined) return { kind: "cursor_unknown", ...cursor };
  const bounds = pageBounds(journal.seq, q.page, at);
  const source =
    q.source === undefined ? [] : [eq(journal.subject, uuid(prefixOf(q.source), q.source))];
  return {
    ...onePlan(
      transactionSelect(db)
        .where(
          and(
            eq(journal.account_no, no),
            isNotNull(journal.amount),
            ...bounds.where,
            ...source,
            ...spanOfTime(journal.created_at, q.created),
            ...(q.type === undefined
              ? []
              : [inArray(journal.type, [...codesOfTransactions(q.type)])]),
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
