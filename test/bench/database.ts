// An empty database of its own in a cluster, for what does not belong into a ledger.

import { randomBytes } from "node:crypto";
import { withSession } from "../../local/session.ts";

export type Beside = { readonly url: string; readonly name: string; drop(): Promise<void> };

export async function databaseBeside(url: string, kind: string): Promise<Beside> {
  const name = `${kind}_${randomBytes(6).toString("hex")}`;
  await run(url, `create database ${name}`);
  const beside = new URL(url);
  beside.pathname = `/${name}`;
  return {
    url: beside.href,
    name,
    drop: () => run(url, `drop database if exists ${name} with (force)`),
  };
}

const run = (url: string, statement: string): Promise<void> =>
  withSession(url, async (client) => {
    await client.query(statement);
  });
