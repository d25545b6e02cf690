// Pages of a long list, through the SQL that the origin reads with: the newest, and one far down. The
// statements are taken from the origin's own reading and then timed alone, as a connection of the SQL
// endpoint would run them: prepared, rows as arrays.

import pg from "pg";
import type { Database } from "../../origin/database.ts";
import { read } from "../../origin/reading.ts";
import type { Scope } from "../../protocol/command.ts";
import { idOf, sequenceId } from "../../protocol/ids.ts";
import type { Query } from "../../protocol/query.ts";
import { HOME } from "./merchants.ts";
import { type Spread, spreadOf } from "./statistics.ts";

export const PAGE_ROWS = 100;
/** How far down the other page is: row 4,000,000 of 5,000,000. */
const DEPTH_SHARE = 0.8;
/** Pages read of each kind in one repetition, by turns. */
const PAGES_READ = 100;
const WARM_UP_PAGES = 10;

export const LISTS = ["charges", "events", "transactions"] as const;
export type List = (typeof LISTS)[number];

export type PageTimes = {
  readonly list: List;
  readonly depth: number;
  readonly firstMs: Spread;
  readonly deepMs: Spread;
  /** Deep page over first page, each the median of its repetition. */
  readonly ratio: Spread;
};

type Statement = { readonly text: string; readonly values: unknown[] };

export async function timePages(
  client: pg.Client,
  scope: Scope,
  repetitions: number,
): Promise<PageTimes[]> {
  const times: PageTimes[] = [];
  for (const list of LISTS) {
    const { cursor, depth } = await cursorAt(client, scope, list);
    const first = await statementOf(client, scope, list, undefined);
    const deep = await statementOf(client, scope, list, cursor);
    const medians: { first: number; deep: number }[] = [];
    for (let repetition = 0; repetition < repetitions; repetition++) {
      medians.push(await oneByOne(client, list, first, deep));
    }
    times.push({
      list,
      depth,
      firstMs: spreadOf(medians.map((m) => m.first)),
      deepMs: spreadOf(medians.map((m) => m.deep)),
      ratio: spreadOf(medians.map((m) => m.deep / m.first)),
    });
  }
  return times;
}

async function oneByOne(
  client: pg.Client,
  list: List,
  first: Statement,
  deep: Statement,
): Promise<{ first: number; deep: number }> {
  const spent = { first: [] as number[], deep: [] as number[] };
  for (let n = -WARM_UP_PAGES; n < PAGES_READ; n++) {
    for (const [name, statement] of [
      ["first", first],
      ["deep", deep],
    ] as const) {
      const fromMs = performance.now();
      await client.query({ name: `${list} ${name}`, rowMode: "array", ...statement });
      if (n >= 0) spent[name].push(performance.now() - fromMs);
    }
  }
  return { first: spreadOf(spent.first).median, deep: spreadOf(spent.deep).median };
}

/** The id behind which the deep page begins, found without walking there through the API. */
async function cursorAt(
  client: pg.Client,
  { account, livemode }: Scope,
  list: List,
): Promise<{ cursor: string; depth: number }> {
  const held = await client.query<{ no: number; charges: string; seq: string }>(
    `select a.no, a.seq, (select count(*) from charges c where c.account_no = a.no) as charges
       from accounts a where a.id = $1 and a.livemode = $2`,
    [account, livemode],
  );
  const [holder] = held.rows;
  if (holder === undefined) throw new Error(`There is no account ${account}`);
  // A captured charge is one row of each list, and two entries of the journal.
  const depth = Math.floor(Number(holder.charges) * DEPTH_SHARE);
  if (list !== "charges") {
    const seq = Number(holder.seq) - 2 * depth;
    const prefix = list === "events" ? "evt" : "txn";
    return { cursor: sequenceId(prefix, account, livemode, seq), depth };
  }
  const { rows } = await client.query<{ id: string }>(
    "select id from charges where account_no = $1 order by id desc offset $2 limit 1",
    [holder.no, depth],
  );
  return { cursor: idOf("ch", rows[0]?.id ?? ""), depth };
}

/** The statement by which the origin reads this page; it must give a full one. */
async function statementOf(
  client: pg.Client,
  { account, livemode }: Scope,
  list: List,
  cursor: string | undefined,
): Promise<Statement> {
  const statements: Statement[] = [];
  const page = {
    limit: PAGE_ROWS,
    ...(cursor === undefined ? {} : { starting_after: cursor }),
  };
  const query: Query = { kind: list, page };
  const ask = { account, livemode, home: HOME, min_seq: null, query };
  const answer = await read(recording(client, statements), ask, "primary");
  if (answer.kind !== "rows" || answer.rows.length !== PAGE_ROWS) {
    throw new Error(`A page of ${list} is not full: ${answer.kind}`);
  }
  // The account comes first, then the page, then whether the cursor exists.
  const [, statement] = statements;
  if (statement === undefined) throw new Error("Bug: the origin reads a page with a statement");
  return statement;
}

/** What the origin takes for its database: it runs on one connection and notes each statement. */
function recording(client: pg.Client, statements: Statement[]): Database {
  const query = (text: string, values: unknown[]): Statement => ({ text, values });
  const transaction = async (batch: readonly Statement[]) => {
    statements.push(...batch);
    const results: pg.QueryArrayResult[] = [];
    for (const statement of batch) {
      results.push(await client.query({ ...statement, rowMode: "array", types: TEXT_TIMES }));
    }
    return results;
  };
  return Object.assign(() => {}, { query, transaction }) as unknown as Database;
}

// As the driver of the origin has it: times stay text.
const asText = (text: string) => text;
const TEXT_TIMES = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    oid === pg.types.builtins.TIMESTAMPTZ
      ? asText
      : pg.types.getTypeParser(oid, (format ?? "text") as "text"),
};
