// The peer: pgledger, whose SQL the operator puts beside the repository. It is loaded into a database of
// its own in the cluster that our ledger is measured in. A transfer goes from one of many customers to
// the one merchant, in one statement, on the worker's own connection.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { withSession } from "../../local/session.ts";
import { connect } from "../ledger/region.ts";
import { closedLoop } from "./closed-loop.ts";
import { databaseBeside } from "./database.ts";
import { rowOn } from "./row.ts";

export type Peer = {
  readonly url: string;
  readonly clients: readonly pg.Client[];
  readonly customers: readonly string[];
  readonly merchant: string;
  /** Transfers that were answered. */
  transfers: number;
  close(): Promise<void>;
};

/** Told in --help: the order in which a peer's files are run. */
export const PEER_RULE = "its *.sql in the order of their names, pgledger.sql last";
const LAST = "pgledger.sql";
const CUSTOMERS = 10_000;
/** The peer's own check runs as many workers; each has a connection here. */
export const PEER_WORKERS = 20;

const OPEN = "select id from pgledger_create_account($1, 'USD')";
const TRANSFER = {
  name: "transfer",
  text: "select id from pgledger_create_transfer($1, $2, $3)",
};

/** The files of a peer, in the order in which they are run. */
export function peerFiles(names: readonly string[]): string[] {
  const sql = names.filter((name) => name.endsWith(".sql") && name !== LAST).sort();
  return names.includes(LAST) ? [...sql, LAST] : sql;
}

export async function openPeer(url: string, directory: string): Promise<Peer> {
  const files = peerFiles(readdirSync(directory));
  if (files.length === 0) throw new Error(`There is no *.sql in ${directory}`);
  const database = await databaseBeside(url, "peer");
  const clients: pg.Client[] = [];
  for (let n = 0; n < PEER_WORKERS; n++) clients.push(await connect(database.url));
  const [client] = clients;
  if (client === undefined) throw new Error("Bug: there is a connection");
  for (const file of files) await client.query(readFileSync(join(directory, file), "utf8"));
  const merchant = await client.query<{ id: string }>(OPEN, ["merchant"]);
  const customers = await client.query<{ id: string }>(
    `select a.id from generate_series(1, $1::integer) n,
       lateral pgledger_create_account('customer ' || n, 'USD') a`,
    [CUSTOMERS],
  );
  await client.query("vacuum analyze");
  return {
    url: database.url,
    clients,
    customers: customers.rows.map(({ id }) => id),
    merchant: merchant.rows[0]?.id ?? "",
    transfers: 0,
    async close() {
      await Promise.all(clients.map((one) => one.end()));
      await database.drop();
    },
  };
}

export const peerRow = rowOn("peer", {
  name: "peer.transfer",
  text: `pgledger transfer to one merchant, ${PEER_WORKERS} connections`,
  kind: "work",
  levels: () => [PEER_WORKERS],
  over: [],
  counted: false,
  measure: async (peer, inFlight, limit) => {
    const { clients, customers, merchant } = peer;
    const sample = await closedLoop(inFlight, limit, async (worker) => {
      const customer = customers[Math.floor(Math.random() * customers.length)];
      const values = [customer, merchant, 10 + Math.floor(Math.random() * 1000)];
      const answer = await clients[worker]?.query({ ...TRANSFER, values });
      return answer?.rowCount === 1 ? undefined : "no transfer came back";
    });
    peer.transfers += sample.good;
    return sample;
  },
});

/** What is wrong with the peer's book: each answered transfer must be in it. */
export async function auditPeer(peer: Peer): Promise<string[]> {
  const { rows } = await withSession(peer.url, (client) =>
    client.query<{ n: number }>("select count(*)::integer as n from pgledger_transfers"),
  );
  const [{ n } = { n: 0 }] = rows;
  return n === peer.transfers ? [] : [`${peer.transfers} transfers were answered, ${n} are booked`];
}
