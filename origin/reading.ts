// Reads of one account, from the home region's primary or a copy of it. Account row and answer are read
// in one transaction, and the account's sequence tells whether a copy is fresh enough to be believed.

import { and, asc, desc, eq, gt, gte, inArray, isNull, lt, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/neon-http";
import { alias, type PgColumn } from "drizzle-orm/pg-core";
import { eventTypeOf, PUBLIC_EVENT_CODES } from "../protocol/event.ts";
import type { Json } from "../protocol/facts.ts";
import { firstUuidAt, idOf, type ObjectPrefix, sequenceOf, uuidOf } from "../protocol/ids.ts";
import type { Page, Query, Read, ReadAnswer, Row, Span } from "../protocol/query.ts";
import { assert } from "../protocol/result.ts";
import type { Database } from "./database.ts";
import { accountFacts, chargeFacts, customerFacts, factsOf, operationFacts } from "./row.ts";
import {
  accounts,
  balances,
  cards,
  charges,
  customer_versions,
  customers,
  events,
  operations,
  postings,
} from "./schema.ts";

type Drizzle = ReturnType<typeof open>;
const open = (database: Database) => drizzle(database);

/** A select of rows that are not yet facts, and what turns one into facts. */
type Plan = {
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

type Bounds = { readonly where: SQL[]; readonly order: SQL; readonly reversed: boolean };

/** Answers a read; `from` says whether `database` is the home's primary or a copy. */
export async function read(
  database: Database,
  ask: Read,
  from: "primary" | "replica",
): Promise<ReadAnswer> {
  const db = open(database);
  const mine = alias(accounts, "mine");
  const account = db
    .select()
    .from(mine)
    .where(and(eq(mine.id, ask.account), eq(mine.livemode, ask.livemode)));
  const no = sql<number>`(select no from accounts where id = ${ask.account}
    and livemode = ${ask.livemode})`;
  const plan = planOf(db, ask, ask.query, no);
  if (!("rows" in plan)) return plan;
  const [owner, rows, cursor] = (await db.batch([
    account,
    plan.rows,
    ...(plan.cursor === undefined ? [] : [plan.cursor.exists]),
  ] as never)) as unknown as [(typeof accounts.$inferSelect)[], never[], unknown[] | undefined];
  const [holder] = owner;
  if (from === "replica" && (holder === undefined || holder.seq < (ask.min_seq ?? Infinity))) {
    return { kind: "stale" };
  }
  if (holder === undefined) return { kind: "account_unknown" };
  if (plan.cursor !== undefined && cursor?.length === 0) {
    return { kind: "cursor_unknown", id: plan.cursor.id, param: plan.cursor.param };
  }
  const page = rows.slice(0, plan.limit).map(plan.toRow);
  if (plan.reversed) page.reverse();
  return { kind: "rows", rows: page, more: rows.length > plan.limit, seq: holder.seq, from };
}

function planOf(
  db: Drizzle,
  ask: Read,
  q: Query,
  no: SQL<number>,
): Plan | Extract<ReadAnswer, { kind: "cursor_unknown" }> {
  switch (q.kind) {
    case "charge":
      return onePlan(
        db
          .select()
          .from(charges)
          .where(and(eq(charges.account_no, no), eq(charges.id, uuid("ch", q.id)))),
        chargeFacts,
      );
    case "charges": {
      const filter =
        q.customer === undefined ? [] : [eq(charges.customer, uuid("cus", q.customer))];
      return listPlan(db, charges, "ch", no, q, filter, chargeFacts);
    }
    case "refund":
      return onePlan(
        db
          .select()
          .from(operations)
          .where(
            and(
              eq(operations.account_no, no),
              eq(operations.id, uuid("re", q.id)),
              inArray(operations.kind, ["refund", "release"]),
            ),
          ),
        operationFacts,
      );
    case "refunds": {
      const filter = [
        inArray(operations.kind, ["refund", "release"]),
        ...(q.charge === undefined ? [] : [eq(operations.charge, uuid("ch", q.charge))]),
      ];
      return listPlan(db, operations, "re", no, q, filter, operationFacts);
    }
    case "customer":
      return onePlan(
        customerSelect(db).where(
          and(eq(customers.account_no, no), eq(customers.id, uuid("cus", q.id))),
        ),
        customerRow,
      );
    case "customers":
      return customersPlan(db, no, q);
    case "event":
      return onePlan(
        eventSelect(db).where(
          and(
            eq(events.account_no, no),
            eq(events.seq, q.seq),
            inArray(events.type, [...PUBLIC_EVENT_CODES]),
          ),
        ),
        eventRow,
      );
    case "events_after":
      return {
        ...onePlan(
          eventSelect(db)
            .where(and(eq(events.account_no, no), gt(events.seq, q.seq)))
            .orderBy(asc(events.seq))
            .limit(q.limit),
          eventRow,
        ),
        limit: q.limit,
      };
    case "events":
      return eventsPlan(db, ask, no, q);
    case "transaction":
      return onePlan(
        transactionSelect(db).where(and(eq(postings.account_no, no), eq(postings.seq, q.seq))),
        transactionRow,
      );
    case "transactions":
      return transactionsPlan(db, ask, no, q);
    case "balance":
      return {
        ...onePlan(
          db
            .select()
            .from(balances)
            .where(and(eq(balances.account_no, no), eq(balances.ledger_account, "merchant")))
            .orderBy(asc(balances.currency)),
          (b: typeof balances.$inferSelect) => ({
            kind: "balance" as const,
            currency: b.currency,
            amount: b.amount,
          }),
        ),
        limit: Number.MAX_SAFE_INTEGER,
      };
    case "token_use": {
      const token = uuid("tok", q.token);
      const paid = db
        .select({ id: charges.id })
        .from(charges)
        .where(and(eq(charges.account_no, no), eq(charges.token, token), isNull(charges.card_id)));
      const kept = db
        .select({ id: cards.id })
        .from(cards)
        .where(and(eq(cards.account_no, no), eq(cards.token, token)));
      return onePlan(paid.unionAll(kept), () => ({ kind: "token_use" as const }));
    }
    case "account":
      return onePlan(db.select().from(accounts).where(eq(accounts.no, no)), accountFacts);
  }
}

const uuid = (prefix: ObjectPrefix, id: string): string => {
  const value = uuidOf(prefix, id);
  assert(value !== undefined, "the edge parsed ids before it asked");
  return value;
};

const onePlan = <R>(rows: unknown, toRow: (row: R) => Row): Plan => ({
  rows: rows as Plan["rows"],
  toRow: toRow as Plan["toRow"],
  limit: 1,
  reversed: false,
});

function pageBounds(column: PgColumn, page: Page, at: string | number | undefined): Bounds {
  const reversed = page.ending_before !== undefined;
  return {
    where: at === undefined ? [] : [reversed ? gt(column, at) : lt(column, at)],
    order: reversed ? asc(column) : desc(column),
    reversed,
  };
}

const cursorOf = (page: Page): { id: string; param: string } | undefined => {
  if (page.starting_after !== undefined) {
    return { id: page.starting_after, param: "starting_after" };
  }
  return page.ending_before === undefined
    ? undefined
    : { id: page.ending_before, param: "ending_before" };
};

// The time of an object is in its id, so a span of time is a span of the primary key.
function spanOf(column: PgColumn, span: Span | undefined): SQL[] {
  return [
    ...(span?.from === undefined ? [] : [gte(column, firstUuidAt(span.from))]),
    ...(span?.to === undefined ? [] : [lt(column, firstUuidAt(span.to + 1))]),
  ];
}

function listPlan<R>(
  db: Drizzle,
  table: typeof charges | typeof operations,
  prefix: ObjectPrefix,
  no: SQL<number>,
  q: { readonly page: Page; readonly created?: Span },
  filter: SQL[],
  toRow: (row: R) => Row,
): Plan | Extract<ReadAnswer, { kind: "cursor_unknown" }> {
  const cursor = cursorOf(q.page);
  const at = cursor === undefined ? undefined : uuidOf(prefix, cursor.id);
  if (cursor !== undefined && at === undefined) return { kind: "cursor_unknown", ...cursor };
  const bounds = pageBounds(table.id, q.page, at);
  return {
    ...onePlan(
      db
        .select()
        .from(table)
        .where(
          and(eq(table.account_no, no), ...spanOf(table.id, q.created), ...bounds.where, ...filter),
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
            exists: db
              .select({ id: table.id })
              .from(table)
              .where(and(eq(table.account_no, no), eq(table.id, at))),
          },
        }),
  };
}

const customerSelect = (db: Drizzle) =>
  db
    .select({
      customer: customers.id,
      deleted: customers.deleted,
      document: customer_versions.document,
      default_source: customer_versions.default_source,
      cards: sql<{ id: string; card: never }[]>`coalesce((select jsonb_agg(jsonb_build_object(
      'id', ${cards.id}, 'card', ${cards.card}) order by ${cards.id} desc) from ${cards}
      where ${cards.account_no} = ${customers.account_no} and ${cards.customer} = ${customers.id}),
      '[]')`,
    })
    .from(customers)
    .leftJoin(
      customer_versions,
      and(
        eq(customer_versions.account_no, customers.account_no),
        eq(customer_versions.seq, customers.seq),
      ),
    );

function customerRow(r: {
  customer: string;
  deleted: boolean;
  document: Record<string, Json> | null;
  default_source: string | null;
  cards: { id: string; card: never }[];
}): Row {
  return {
    ...customerFacts({ ...r, document: r.document ?? {} }),
    cards: r.cards.map(({ id, card }) => ({ id: idOf("card", id), card })),
  };
}

function customersPlan(
  db: Drizzle,
  no: SQL<number>,
  q: Extract<Query, { kind: "customers" }>,
): Plan | Extract<ReadAnswer, { kind: "cursor_unknown" }> {
  const cursor = cursorOf(q.page);
  const at = cursor === undefined ? undefined : uuidOf("cus", cursor.id);
  if (cursor !== undefined && at === undefined) return { kind: "cursor_unknown", ...cursor };
  const bounds = pageBounds(customers.id, q.page, at);
  return {
    ...onePlan(
      customerSelect(db)
        .where(
          and(
            eq(customers.account_no, no),
            eq(customers.deleted, false),
            ...spanOf(customers.id, q.created),
            ...bounds.where,
            ...(q.email === undefined
              ? []
              : [sql`${customer_versions.document}->>'email' = ${q.email}`]),
          ),
        )
        .orderBy(bounds.order)
        .limit(q.page.limit + 1),
      customerRow,
    ),
    limit: q.page.limit,
    reversed: bounds.reversed,
    ...(cursor === undefined || at === undefined
      ? {}
      : {
          cursor: {
            ...cursor,
            exists: db
              .select({ id: customers.id })
              .from(customers)
              .where(and(eq(customers.account_no, no), eq(customers.id, at))),
          },
        }),
  };
}

const epochOf = (column: PgColumn) => sql<number>`floor(extract(epoch from ${column}))::integer`;

const eventSelect = (db: Drizzle) =>
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

function eventRow(r: {
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

function sequencePage(
  ask: Read,
  prefix: "evt" | "txn",
  page: Page,
): { cursor: ReturnType<typeof cursorOf>; at: number | undefined } {
  const cursor = cursorOf(page);
  const at =
    cursor === undefined ? undefined : sequenceOf(prefix, ask.account, ask.livemode, cursor.id);
  return { cursor, at };
}

const spanOfTime = (column: PgColumn, span: Span | undefined): SQL[] => [
  ...(span?.from === undefined ? [] : [gte(column, new Date(span.from * 1000).toISOString())]),
  ...(span?.to === undefined ? [] : [lt(column, new Date((span.to + 1) * 1000).toISOString())]),
];

function eventsPlan(
  db: Drizzle,
  ask: Read,
  no: SQL<number>,
  q: Extract<Query, { kind: "events" }>,
): Plan | Extract<ReadAnswer, { kind: "cursor_unknown" }> {
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

const transactionSelect = (db: Drizzle) =>
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

function transactionRow(r: {
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

function transactionsPlan(
  db: Drizzle,
  ask: Read,
  no: SQL<number>,
  q: Extract<Query, { kind: "transactions" }>,
): Plan | Extract<ReadAnswer, { kind: "cursor_unknown" }> {
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
