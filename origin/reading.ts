// Reads of one account, from the home region's primary or a copy of it. Account row and answer are read
// in one transaction, and the account's sequence tells whether a copy is fresh enough to be believed.

import { and, asc, eq, gt, inArray, isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Scope } from "../protocol/command.ts";
import { PUBLIC_EVENT_CODES } from "../protocol/event.ts";
import { type ObjectPrefix, uuidOf } from "../protocol/ids.ts";
import { PAYABLE } from "../protocol/ledger-account.ts";
import type {
  FoundRows,
  Page,
  Query,
  Read,
  ReadAnswer,
  ReadSeveral,
  ReadSeveralAnswer,
  Row,
  Span,
} from "../protocol/query.ts";
import { assert } from "../protocol/result.ts";
import { accountFacts, chargeFacts, operationFacts } from "../protocol/row.ts";
import { cardPlan, customerPlan, customersPlan } from "./customers.ts";
import type { Database } from "./database.ts";
import {
  eventRow,
  eventSelect,
  eventsPlan,
  transactionRow,
  transactionSelect,
  transactionsPlan,
} from "./history.ts";
import { objectPlan, objectsPlan } from "./objects.ts";
import {
  cursorOf,
  type Drizzle,
  onePlan,
  open,
  type Plan,
  pageBounds,
  spanOf,
  type UnknownCursor,
  uuid,
} from "./plan.ts";
import {
  accounts,
  balances,
  cards,
  charge_facts,
  journal,
  objects,
  operation_facts,
} from "./schema.ts";
import { searchEndPlan, searchPlan } from "./search.ts";

type Charges = Extract<Query, { kind: "charges" }>;

/** Answers a read; `from` says whether `database` is the home's primary or a copy. */
export async function read(
  database: Database,
  { query, ...ask }: Read,
  from: "primary" | "replica",
): Promise<ReadAnswer> {
  const answer = await readSeveral(database, { ...ask, queries: [query] }, from);
  if (answer.kind !== "several") return answer;
  const { found, seq } = answer;
  const [only] = found;
  assert(only !== undefined, "one query finds one page");
  return { kind: "rows", ...only, seq, from };
}

/** Answers several queries of one account from one transaction, and so of one moment. */
export async function readSeveral(
  database: Database,
  ask: ReadSeveral,
  from: "primary" | "replica",
): Promise<ReadSeveralAnswer> {
  const db = open(database);
  const mine = alias(accounts, "mine");
  const account = db
    .select()
    .from(mine)
    .where(and(eq(mine.id, ask.account), eq(mine.livemode, ask.livemode)));
  const no = sql<number>`(select no from accounts where id = ${ask.account}
    and livemode = ${ask.livemode})`;
  const plans: Plan[] = [];
  for (const query of ask.queries) {
    const plan = planOf(db, ask, query, no);
    if (!("rows" in plan)) return plan;
    plans.push(plan);
  }
  const cursors = plans.flatMap(({ cursor }) => (cursor === undefined ? [] : [cursor]));
  const name = `${ask.account}/${ask.livemode ? "live" : "test"}`;
  const [, owner, ...answers] = (await db.batch([
    // The second wall: row security shows no other account to this transaction, whatever it asks for.
    db.execute(sql`select set_config('tessera.account', ${name}, true)`),
    account,
    ...plans.map(({ rows }) => rows),
    ...cursors.map(({ exists }) => exists),
  ] as never)) as unknown as [unknown, (typeof accounts.$inferSelect)[], ...never[][]];
  const [holder] = owner;
  if (from === "replica" && (holder === undefined || holder.seq < (ask.min_seq ?? Infinity))) {
    return { kind: "stale" };
  }
  if (holder === undefined) return { kind: "account_unknown" };
  for (const [i, { id, param }] of cursors.entries()) {
    if (answers[plans.length + i]?.length === 0) return { kind: "cursor_unknown", id, param };
  }
  const found = plans.map((plan, i) => pageOf(plan, answers[i] ?? []));
  return { kind: "several", found, seq: holder.seq, from };
}

function pageOf(plan: Plan, rows: readonly never[]): FoundRows {
  const page = rows.slice(0, plan.limit).map(plan.toRow);
  if (plan.reversed) page.reverse();
  return { rows: page, more: rows.length > plan.limit };
}

function planOf(db: Drizzle, ask: Scope, q: Query, no: SQL<number>): Plan | UnknownCursor {
  switch (q.kind) {
    case "charge":
      return onePlan(
        db
          .select()
          .from(charge_facts)
          .where(and(eq(charge_facts.account_no, no), eq(charge_facts.id, uuid("ch", q.id)))),
        chargeFacts,
      );
    case "charges": {
      const filter = [
        ...(q.customer === undefined ? [] : [eq(charge_facts.customer, uuid("cus", q.customer))]),
        ...(q.intent === undefined ? [] : [eq(charge_facts.intent, uuid("pi", q.intent))]),
        ...(q.group === undefined
          ? []
          : [sql`${charge_facts.id} = any (array${ofGroup(no, q.group, q)})`]),
      ];
      return listPlan(db, charge_facts, "ch", no, q, filter, chargeFacts);
    }
    case "refund":
      return onePlan(
        db
          .select()
          .from(operation_facts)
          .where(
            and(
              eq(operation_facts.account_no, no),
              eq(operation_facts.id, uuid("re", q.id)),
              inArray(operation_facts.kind, ["refund", "release"]),
            ),
          ),
        operationFacts,
      );
    case "refunds": {
      const filter = [
        inArray(operation_facts.kind, ["refund", "release"]),
        ...(q.charge === undefined ? [] : [eq(operation_facts.charge, uuid("ch", q.charge))]),
        ...(q.intent === undefined ? [] : [eq(operation_facts.intent, uuid("pi", q.intent))]),
      ];
      return listPlan(db, operation_facts, "re", no, q, filter, operationFacts);
    }
    case "customer":
      return customerPlan(db, no, q.id);
    case "card":
      return cardPlan(db, no, q.id);
    case "customers":
      return customersPlan(db, no, q);
    case "object":
      return objectPlan(db, no, q);
    case "objects":
      return objectsPlan(db, no, q);
    case "event":
      return onePlan(
        eventSelect(db).where(
          and(
            eq(journal.account_no, no),
            eq(journal.seq, q.seq),
            inArray(journal.type, [...PUBLIC_EVENT_CODES]),
          ),
        ),
        eventRow,
      );
    case "events_after":
      return {
        ...onePlan(
          eventSelect(db)
            .where(and(eq(journal.account_no, no), gt(journal.seq, q.seq)))
            .orderBy(asc(journal.seq))
            .limit(q.limit),
          eventRow,
        ),
        limit: q.limit,
      };
    case "events":
      return eventsPlan(db, ask, no, q);
    case "transaction":
      return onePlan(
        transactionSelect(db).where(
          and(eq(journal.account_no, no), eq(journal.seq, q.seq), isNotNull(journal.amount)),
        ),
        transactionRow,
      );
    case "transactions":
      return transactionsPlan(db, ask, no, q);
    case "balance":
      return {
        ...onePlan(
          db
            .select({
              currency: balances.currency,
              amount: balances.amount,
              pending: sql<string>`pending_of(pending)`,
            })
            .from(balances)
            .where(and(eq(balances.account_no, no), eq(balances.ledger_account, PAYABLE)))
            .orderBy(asc(balances.currency)),
          ({
            currency,
            amount,
            pending,
          }: {
            currency: string;
            amount: number;
            pending: string;
          }) => ({
            kind: "balance" as const,
            currency,
            amount,
            pending: Number(pending),
          }),
        ),
        limit: Number.MAX_SAFE_INTEGER,
      };
    case "token_use": {
      const token = uuid("tok", q.token);
      const paid = db
        .select({ id: charge_facts.id })
        .from(charge_facts)
        .where(
          and(
            eq(charge_facts.account_no, no),
            eq(charge_facts.token, token),
            isNull(charge_facts.card_id),
          ),
        );
      const kept = db
        .select({ id: cards.id })
        .from(cards)
        .where(and(eq(cards.account_no, no), eq(cards.token, token)));
      const method = db
        .select({ id: objects.id })
        .from(objects)
        .where(and(eq(objects.account_no, no), eq(objects.token, token)));
      return onePlan(paid.unionAll(kept).unionAll(method), () => ({ kind: "token_use" as const }));
    }
    case "search":
      return searchPlan(db, no, q);
    case "search_end":
      return searchEndPlan(db, no, q);
    case "account":
      return onePlan(db.select().from(accounts).where(eq(accounts.no, no)), accountFacts);
  }
}

/**
 * The charges of a transfer group that a page may be made of: those that were made with it, and those that were given
 * it since, of each no more than the page takes, unless other filters choose among them. Asked for as an array, so that
 * the rows are reached by their keys however old they are (docs/decisions/0009).
 */
function ofGroup(no: SQL<number>, group: string, { page, created, ...filters }: Charges): SQL {
  const cursor = cursorOf(page);
  const isAlone = filters.customer === undefined && filters.intent === undefined;
  const limit = isAlone ? page.limit + 1 : null;
  const pageOfIds = (id: SQL, from: SQL): SQL => {
    const bounds = pageBounds(id, page, cursor && uuidOf("ch", cursor.id));
    const where = and(sql`true`, ...spanOf(id, created), ...bounds.where);
    return sql`(select distinct ${id} from ${from} and ${where} order by ${bounds.order} limit ${limit}::bigint)`;
  };
  const made = sql`charges c where c.account_no = ${no} and c.transfer_group = ${group}::text`;
  const given = sql`object_versions v join objects o on o.account_no = v.account_no and o.id = v.id
    and o.type = 'charge' where v.account_no = ${no} and v.transfer_group = ${group}::text`;
  return sql`(${pageOfIds(sql`c.id`, made)} union ${pageOfIds(sql`v.id`, given)})`;
}

function listPlan<R>(
  db: Drizzle,
  table: typeof charge_facts | typeof operation_facts,
  prefix: ObjectPrefix,
  no: SQL<number>,
  q: { readonly page: Page; readonly created?: Span },
  filter: SQL[],
  toRow: (row: R) => Row,
): Plan | UnknownCursor {
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
