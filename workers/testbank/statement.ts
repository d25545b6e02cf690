// What the book adds up to: totals, and authorizations page by page in the order they were booked,
// so that a test can compare the bank with a ledger row by row. Reads only. The sums are taken over
// the rows at the moment of asking, never kept beside them, so they cannot drift from the rows.

export interface Totals {
  readonly authorizations: number;
  readonly approved: number;
  readonly declined: number;
  /** Increments that were approved. */
  readonly incremented_count: number;
  readonly captured_count: number;
  readonly captured_amount: Readonly<Record<string, number>>;
  readonly refunded_count: number;
  readonly refunded_amount: Readonly<Record<string, number>>;
  readonly voided: number;
  readonly requests: number;
  readonly replays: number;
}

export interface StatementRow {
  readonly id: string;
  readonly key: string;
  readonly reference: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly status: string;
  readonly captured: number;
  readonly refunded: number;
  readonly voided: boolean;
  readonly created: number;
}

export interface StatementPage {
  readonly data: StatementRow[];
  readonly has_more: boolean;
}

type CurrencySums = {
  currency: string;
  authorizations: number;
  approved: number;
  captured_count: number;
  captured_minor: number;
  refunded_minor: number;
  voided: number;
};

type PageRow = {
  id: string;
  key: string;
  reference: string | null;
  amount_minor: number;
  currency: string;
  status: string;
  captured_minor: number;
  refunded_minor: number;
  voided: number;
  created_at: number;
};

export function totals(sql: SqlStorage): Totals {
  const sums = sql
    .exec<CurrencySums>(
      `SELECT currency,
              COUNT(*) AS authorizations,
              SUM(status = 'approved') AS approved,
              SUM(captured_minor > 0) AS captured_count,
              SUM(captured_minor) AS captured_minor,
              SUM(refunded_minor) AS refunded_minor,
              SUM(voided) AS voided
         FROM authorizations GROUP BY currency`,
    )
    .toArray();
  const moved = (kind: "refund" | "increment"): number =>
    sql
      .exec<{ count: number }>(
        "SELECT COUNT(*) AS count FROM movements WHERE kind = ? AND status = 'approved'",
        kind,
      )
      .one().count;
  const counters = sql
    .exec<{ requests: number; replays: number }>("SELECT requests, replays FROM counters")
    .one();
  const add = (name: Exclude<keyof CurrencySums, "currency">): number =>
    sums.reduce((sum, row) => sum + row[name], 0);
  return {
    authorizations: add("authorizations"),
    approved: add("approved"),
    declined: add("authorizations") - add("approved"),
    incremented_count: moved("increment"),
    captured_count: add("captured_count"),
    captured_amount: Object.fromEntries(sums.map((row) => [row.currency, row.captured_minor])),
    refunded_count: moved("refund"),
    refunded_amount: Object.fromEntries(sums.map((row) => [row.currency, row.refunded_minor])),
    voided: add("voided"),
    requests: counters.requests,
    replays: counters.replays,
  };
}

export function page(
  sql: SqlStorage,
  after: string | undefined,
  limit: number,
): StatementPage | undefined {
  const start = after === undefined ? 0 : sequenceOf(sql, after);
  if (start === undefined) return undefined;
  // One row more than asked tells whether there is a next page.
  const rows = sql
    .exec<PageRow>(
      `SELECT id, key, reference, amount_minor, currency, status, captured_minor, refunded_minor,
              voided, created_at
         FROM authorizations WHERE sequence > ? ORDER BY sequence LIMIT ?`,
      start,
      limit + 1,
    )
    .toArray();
  return { data: rows.slice(0, limit).map(statementRow), has_more: rows.length > limit };
}

function sequenceOf(sql: SqlStorage, id: string): number | undefined {
  return sql
    .exec<{ sequence: number }>("SELECT sequence FROM authorizations WHERE id = ?", id)
    .toArray()[0]?.sequence;
}

function statementRow(row: PageRow): StatementRow {
  return {
    id: row.id,
    key: row.key,
    reference: row.reference,
    amount: row.amount_minor,
    currency: row.currency,
    status: row.status,
    captured: row.captured_minor,
    refunded: row.refunded_minor,
    voided: row.voided === 1,
    created: Math.floor(row.created_at / 1000),
  };
}
