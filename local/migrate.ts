// `npm run migrate`: brings the tables of both regions up to date. Takes DATABASE_URL_US and
// DATABASE_URL_EU (and REPLICA_URL_*, if those may be written to); where none is set, the databases
// of the Tessera that runs on this machine. Copies come first: a copy must know a column before rows
// arrive with it.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { migrate } from "./migrations.ts";
import { linkBetween, replicate } from "./replication.ts";

const COPIES_FIRST = [
  "REPLICA_URL_US_EU",
  "REPLICA_URL_EU_US",
  "DATABASE_URL_US",
  "DATABASE_URL_EU",
] as const;

const repository = fileURLToPath(new URL("..", import.meta.url));

async function main(): Promise<void> {
  const given = COPIES_FIRST.map((name) => process.env[name]).filter((url) => url);
  if (given.length === 0) return migrateRunning();
  for (const url of given) await report(url ?? "");
}

/** Here the copies are ours as well: they are made to follow what has changed. */
async function migrateRunning(): Promise<void> {
  const path = join(process.env["TESSERA_HOME"] ?? join(repository, ".local"), "dev.vars");
  const vars = existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : {};
  const us = vars["OWNER_URL_US"] ?? vars["DATABASE_URL_US"];
  const eu = vars["OWNER_URL_EU"] ?? vars["DATABASE_URL_EU"];
  if (!us || !eu) {
    throw new Error("Set DATABASE_URL_US and DATABASE_URL_EU, or run `npm run database` first.");
  }
  const primaries = { us, eu };
  if (vars["REPLICA_URL_EU_US"]) await replicate(linkBetween("us", "eu", primaries));
  if (vars["REPLICA_URL_US_EU"]) await replicate(linkBetween("eu", "us", primaries));
  for (const url of [us, eu]) await report(url);
}

async function report(url: string): Promise<void> {
  const { host, pathname } = new URL(url);
  const { applied } = await migrate(url);
  console.log(`${host}${pathname}: ${applied.length === 0 ? "up to date" : applied.join(", ")}`);
}

await main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  const remedy = message.includes("ECONNREFUSED")
    ? ": is it running? `npm run database` starts it"
    : "";
  console.error(`${message}${remedy}`);
  process.exitCode = 1;
});
