// Reads of customers and of the cards kept for them.

import { and, eq, type SQL, sql } from "drizzle-orm";
import type { Json, KeptCard } from "../protocol/facts.ts";
import { type CardId, type CustomerId, idOf, uuidOf } from "../protocol/ids.ts";
import type { CardRow, Query, Row } from "../protocol/query.ts";
import { customerFacts, keptCardOf } from "../protocol/row.ts";
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
import { cards, customer_versions, customers, journal } from "./schema.ts";

type CardColumns = { id: string; card: KeptCard; customer: string; created: number };

// When a card came: its id tells of no time, its entry does.
const CREATED = sql<number>`floor(extract(epoch from ${journal.created_at}))::integer`;

const cardRow = ({ id, card, customer, created }: CardColumns): CardRow => ({
  kind: "card",
  id: idOf("card", id),
  customer: idOf("cus", customer),
  card: keptCardOf(card),
  created,
});

export const cardPlan = (db: Drizzle, no: SQL<number>, id: CardId): Plan =>
  onePlan(
    db
      .select({ id: cards.id, card: cards.card, customer: cards.customer, created: CREATED })
      .from(cards)
      .innerJoin(journal, and(eq(journal.account_no, cards.account_no), eq(journal.seq, cards.seq)))
      .where(and(eq(cards.account_no, no), eq(cards.id, uuid("card", id)))),
    cardRow,
  );

export const customerPlan = (db: Drizzle, no: SQL<number>, id: CustomerId): Plan =>
  onePlan(
    customerSelect(db).where(and(eq(customers.account_no, no), eq(customers.id, uuid("cus", id)))),
    customerRow,
  );

export const customerSelect = (db: Drizzle) =>
  db
    .select({
      customer: customers.id,
      deleted: customers.deleted,
      document: customer_versions.document,
      default_source: customer_versions.default_source,
      cards: sql<CardColumns[]>`coalesce((select jsonb_agg(jsonb_build_object(
      'id', ${cards.id}, 'card', ${cards.card}, 'customer', ${cards.customer}, 'created', ${CREATED})
      order by ${cards.seq} desc) from ${cards}
      join ${journal} on ${journal.account_no} = ${cards.account_no} and ${journal.seq} = ${cards.seq}
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

export function customerRow(r: {
  customer: string;
  deleted: boolean;
  document: Record<string, Json> | null;
  default_source: string | null;
  cards: CardColumns[];
}): Row {
  return {
    ...customerFacts({ ...r, document: r.document ?? {} }),
    cards: r.cards.map(cardRow),
  };
}

export function customersPlan(
  db: Drizzle,
  no: SQL<number>,
  q: Extract<Query, { kind: "customers" }>,
): Plan | UnknownCursor {
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
