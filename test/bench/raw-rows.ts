// What the same PostgreSQL does for rows that promise nothing, through the same driver: the floor beneath
// every posting. No key but the primary one, no balance, no event, no check; the commit is durable.

import type pg from "pg";
import { connect } from "../ledger/region.ts";
import { closedLoop } from "./closed-loop.ts";
import type { Ledger } from "./ledger.ts";
import { PEER_WORKERS } from "./peer.ts";
import { type Row, rowOn } from "./row.ts";

const TABLES = `
  create schema if not exists raw;
  create table if not exists raw.rows (id bigint generated always as identity primary key,
    account integer not null, amount bigint not null);
  create table if not exists raw.postings (id bigint, leg smallint, account integer not null,
    amount bigint not null, primary key (id, leg));
  create sequence if not exists raw.posting`;

const INSERT = {
  name: "raw-insert",
  text: "insert into raw.rows (account, amount) values ($1, $2)",
};
const POSTINGS = {
  name: "raw-postings",
  text: `insert into raw.postings
    select n.id, leg, leg, leg * 1000
      from (select nextval('raw.posting') as id from generate_series(1, $1::integer) offset 0) n,
           (values (1), (2)) as l(leg)`,
};

/** Connections with the tables there, closed when the work is over. */
async function onConnections<T>(
  ledger: Ledger,
  count: number,
  work: (clients: readonly pg.Client[]) => Promise<T>,
): Promise<T> {
  await ledger.client.query(TABLES);
  const clients = await Promise.all(Array.from({ length: count }, () => connect(ledger.url)));
  try {
    return await work(clients);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

export const RAW_ROWS: readonly Row[] = [
  rowOn("ledger", {
    name: "raw.insert",
    text: "INSERT of one narrow row, a connection each",
    kind: "floor",
    levels: () => [1, PEER_WORKERS],
    over: [],
    counted: false,
    measure: (ledger, inFlight, limit) =>
      onConnections(ledger, inFlight, (clients) =>
        closedLoop(inFlight, limit, async (worker) => {
          const values = [worker, 1000];
          const answer = await clients[worker]?.query({ ...INSERT, values });
          return answer?.rowCount === 1 ? undefined : "no row was inserted";
        }),
      ),
  }),
  rowOn("ledger", {
    name: "raw.postings",
    text: "two narrow rows each, INSERT … SELECT, all in flight in one statement",
    kind: "floor",
    levels: () => [100, 1000],
    over: [],
    counted: false,
    measure: (ledger, inFlight, limit) =>
      onConnections(ledger, 1, async ([client]) => {
        const statements =
          "requestsMax" in limit ? { requestsMax: Math.ceil(limit.requestsMax / inFlight) } : limit;
        const sample = await closedLoop(1, statements, async () => {
          const answer = await client?.query({ ...POSTINGS, values: [inFlight] });
          return answer?.rowCount === 2 * inFlight ? undefined : "not all rows were inserted";
        });
        return { ...sample, good: sample.good * inFlight };
      }),
  }),
];
