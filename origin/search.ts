// Searches compiled to SQL: names of columns are written here, whatever was sent is a parameter. A page looks at
// no more than `SEARCH_ROWS_MAX` of the newest rows before its cursor, by the primary key, and filters those:
// so a search costs at most that however much a merchant has, and the next page goes on where it ended.

import { and, desc, eq, type SQL, sql } from "drizzle-orm";
import { firstUuidAt, idOf, uuidOf } from "../protocol/ids.ts";
import type { Query, Row } from "../protocol/query.ts";
import { chargeFacts, objectFacts } from "../protocol/row.ts";
import {
  SEARCH_ROWS_MAX,
  type SearchClause,
  type SearchResource,
} from "../protocol/search-query.ts";
import { customerRow, customerSelect } from "./customers.ts";
import { objectSelect } from "./objects.ts";
import { type Drizzle, onePlan, type Plan } from "./plan.ts";
import { charge_facts, customers, objects } from "./schema.ts";

type SearchQuery = Extract<Query, { kind: "search" | "search_end" }>;

const PREFIX = { charge: "ch", customer: "cus", payment_intent: "pi" } as const;

/** What is looked at: the newest rows of the account before the cursor, with all that can be asked of them. */
const SOURCE: Readonly<Record<SearchResource, SQL>> = {
  charge: sql`select c.* from charge_facts c where`,
  customer: sql`select c.account_no, c.id, v.document from customers c
    join customer_versions v on v.account_no = c.account_no and v.seq = c.seq
    where not c.deleted and`,
  payment_intent: sql`select c.account_no, c.id, c.customer, v.document, l.state, l.raised, l.intent_attempt
    from objects c
    join object_versions v on v.account_no = c.account_no and v.id = c.id and v.seq = c.seq
    left join lateral (select coalesce(a.state, 'opened') as state, t.intent_attempt,
        t.amount + a.raised as raised
      from charges t left join authorizations a on a.account_no = t.account_no and a.id = t.id
      where t.account_no = c.account_no and t.intent = c.id
      order by t.intent_attempt desc limit 1) l on true
    where c.type = 'payment_intent' and not c.deleted and`,
};

/** A text of a charge that may have been changed since. */
const METADATA: Readonly<Record<SearchResource, SQL>> = {
  charge: sql`case when w.changes ? 'metadata' then w.changes -> 'metadata' else w.metadata::jsonb end`,
  customer: sql`w.document -> 'metadata'`,
  payment_intent: sql`w.document -> 'metadata'`,
};

// As protocol/payment-intent.ts has it.
const INTENT_STATUS = sql`case
  when w.state in ('authorized', 'incrementing', 'capturing', 'releasing') then 'requires_capture'
  when w.state = 'opened' then 'processing' when w.state = 'captured' then 'succeeded'
  when w.state = 'released' or w.document ? 'canceled_at' then 'canceled'
  when w.state = 'failed' and w.intent_attempt > (w.document ->> 'attempts')::integer
    then 'requires_payment_method'
  when w.document ? 'action' then 'requires_action'
  when w.document ? 'payment_method' then 'requires_confirmation'
  else 'requires_payment_method' end`;

const FIELDS: Readonly<Record<SearchResource, Readonly<Record<string, SQL>>>> = {
  charge: {
    amount: sql`w.amount`,
    "billing_details.address.postal_code": sql`w.address_zip`,
    currency: sql`w.currency`,
    disputed: sql`w.dispute is not null`,
    "payment_method_details.card.brand": sql`case w.brand when 'American Express' then 'amex'
      when 'Diners Club' then 'diners' else lower(w.brand) end`,
    "payment_method_details.card.exp_month": sql`w.exp_month`,
    "payment_method_details.card.exp_year": sql`w.exp_year`,
    "payment_method_details.card.fingerprint": sql`w.fingerprint`,
    "payment_method_details.card.last4": sql`w.last4`,
    refunded: sql`w.state = 'released' or w.state = 'captured' and w.amount_refunded = w.amount_captured`,
    status: sql`case w.state when 'failed' then 'failed' when 'opened' then 'pending'
      else 'succeeded' end`,
  },
  customer: {
    email: sql`w.document ->> 'email'`,
    name: sql`w.document ->> 'name'`,
    phone: sql`w.document ->> 'phone'`,
  },
  payment_intent: {
    amount: sql`coalesce(w.raised, (w.document ->> 'amount')::bigint)`,
    currency: sql`w.document ->> 'currency'`,
    status: INTENT_STATUS,
  },
};

function conditionOf(resource: SearchResource, clause: SearchClause): SQL {
  const said = factOf(resource, clause);
  // What is not there is not what was asked for, so its negation is true.
  return clause.negated ? sql`not coalesce(${said}, false)` : sql`coalesce(${said}, false)`;
}

function factOf(resource: SearchResource, clause: SearchClause): SQL {
  const { field, metadata, operator, value } = clause;
  if (!metadata && field === "created") return createdIs(operator, value);
  if (!metadata && field === "customer") return customerIs(resource, value);
  const column = metadata
    ? sql`((${METADATA[resource]}) ->> ${field}::text)`
    : sql`(${FIELDS[resource][field] ?? sql`null`})`;
  if (value === null) return sql`${column} is null`;
  if (typeof value === "boolean") return sql`${column} = ${value}::boolean`;
  if (typeof value === "number") return compared(column, operator, sql`${value}::bigint`);
  return operator === "~"
    ? sql`strpos(lower(${column}), lower(${value}::text)) > 0`
    : sql`lower(${column}) = lower(${value}::text)`;
}

const compared = (column: SQL, operator: SearchClause["operator"], value: SQL): SQL => {
  switch (operator) {
    case ">":
      return sql`${column} > ${value}`;
    case "<":
      return sql`${column} < ${value}`;
    case ">=":
      return sql`${column} >= ${value}`;
    case "<=":
      return sql`${column} <= ${value}`;
    default:
      return sql`${column} = ${value}`;
  }
};

/** The latest second that an id can hold, and a little less. */
const SECONDS_MAX = 99_999_999_999;

// The time of a thing is in its id.
function createdIs(operator: SearchClause["operator"], value: SearchClause["value"]): SQL {
  if (typeof value !== "number") return sql`false`;
  const second = Math.min(Math.max(value, 0), SECONDS_MAX);
  const [from, to] = [firstUuidAt(second), firstUuidAt(second + 1)];
  switch (operator) {
    case ">":
      return sql`w.id >= ${to}::uuid`;
    case ">=":
      return sql`w.id >= ${from}::uuid`;
    case "<":
      return sql`w.id < ${from}::uuid`;
    case "<=":
      return sql`w.id < ${to}::uuid`;
    default:
      return sql`w.id >= ${from}::uuid and w.id < ${to}::uuid`;
  }
}

function customerIs(resource: SearchResource, value: SearchClause["value"]): SQL {
  const given = resource === "charge" ? sql`w.changes ->> 'customer'` : sql`null::text`;
  if (value === null) return sql`w.customer is null and (${given}) is null`;
  const of = typeof value === "string" ? uuidOf("cus", value) : undefined;
  if (of === undefined) return sql`false`;
  return sql`(w.customer = ${of}::uuid or coalesce((${given}) = ${String(value)}::text, false))`;
}

/** The rows that a page looks at; the oldest of them when there are more. */
function looked(no: SQL<number>, { resource, after }: SearchQuery): SQL {
  const cursor = after === undefined ? undefined : uuidOf(PREFIX[resource], after);
  const before = cursor === undefined ? sql`` : sql`and c.id < ${cursor}::uuid`;
  return sql`${SOURCE[resource]} c.account_no = ${no} ${before}
    order by c.id desc limit ${SEARCH_ROWS_MAX}::integer`;
}

export function searchPlan(
  db: Drizzle,
  no: SQL<number>,
  q: Extract<Query, { kind: "search" }>,
): Plan {
  const { resource, search, limit } = q;
  const conditions = search.clauses.map((clause) => sql`(${conditionOf(resource, clause)})`);
  const where = sql.join(conditions, search.join === "and" ? sql` and ` : sql` or `);
  const ids = sql`(select w.id from (${looked(no, q)}) w where ${where}
    order by w.id desc limit ${limit + 1}::integer)`;
  return { ...selectOf(db, no, resource, ids, limit + 1), limit };
}

function selectOf(
  db: Drizzle,
  no: SQL<number>,
  resource: SearchResource,
  ids: SQL,
  count: number,
): Plan {
  switch (resource) {
    case "charge":
      return onePlan(
        db
          .select()
          .from(charge_facts)
          .where(and(eq(charge_facts.account_no, no), sql`${charge_facts.id} in ${ids}`))
          .orderBy(desc(charge_facts.id))
          .limit(count),
        chargeFacts,
      );
    case "customer":
      return onePlan(
        customerSelect(db)
          .where(and(eq(customers.account_no, no), sql`${customers.id} in ${ids}`))
          .orderBy(desc(customers.id))
          .limit(count),
        customerRow,
      );
    case "payment_intent":
      return onePlan(
        objectSelect(db)
          .where(and(eq(objects.account_no, no), sql`${objects.id} in ${ids}`))
          .orderBy(desc(objects.id))
          .limit(count),
        objectFacts,
      );
  }
}

/** Where a page ended that looked at as much as it may; nothing when it saw all there is. */
export function searchEndPlan(
  db: Drizzle,
  no: SQL<number>,
  q: Extract<Query, { kind: "search_end" }>,
): Plan {
  const last = sql`select w.id from (${looked(no, q)}) w
    order by w.id desc offset ${SEARCH_ROWS_MAX - 1}::integer limit 1`;
  const toRow = (row: { id: string }): Row => ({
    kind: "search_end",
    id: idOf(PREFIX[q.resource], row.id),
  });
  const table = sql`(${last}) as ended`;
  return onePlan(db.select({ id: sql<string>`ended.id` }).from(table), toRow);
}
