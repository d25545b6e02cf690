// `npm run verify`: recomputes each region's ledger from its postings and events, in one snapshot, and
// names the first rows that disagree. Exit 1 when any does. Takes DATABASE_URL_US and DATABASE_URL_EU,
// or the databases of the Tessera that runs on this machine.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import pg from "pg";
import { CHECKS } from "./ledger-checks.ts";

/** Offending rows shown of each check; one is enough to start looking. */
const SHOWN_MAX = 5;

export type Finding = { readonly check: string; readonly place: string; readonly why: string };

/** Runs every check on one ledger; `onCheck` is told as each ends. */
export async function verifyLedger(
  url: string,
  onCheck: (name: string, findings: readonly Finding[], ms: number) => void = () => {},
): Promise<Finding[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const all: Finding[] = [];
  try {
    await client.query("begin isolation level repeatable read read only");
    for (const { name, sql } of CHECKS) {
      const from = performance.now();
      const { rows } = await client.query<{ place: string; why: string }>(
        `select * from (${sql}) as offending limit ${SHOWN_MAX}`,
      );
      const findings = rows.map((row) => ({ check: name, place: row.place, why: row.why }));
      all.push(...findings);
      onCheck(name, findings, performance.now() - from);
    }
    await client.query("commit");
  } finally {
    await client.end();
  }
  return all;
}

function urls(): { region: string; url: string }[] {
  const { TESSERA_HOME } = process.env;
  const home = TESSERA_HOME ?? join(fileURLToPath(new URL("..", import.meta.url)), ".local");
  const path = join(home, "dev.vars");
  const local = existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : {};
  return ["us", "eu"].flatMap((region) => {
    const name = `DATABASE_URL_${region.toUpperCase()}`;
    const url = process.env[name] ?? local[name];
    return url ? [{ region, url }] : [];
  });
}

function show(name: string, found: readonly Finding[], ms: number): void {
  console.log(`  ${found.length === 0 ? "ok  " : "FAIL"} ${name} (${ms.toFixed(0)} ms)`);
  for (const { place, why } of found) console.log(`       ${place}: ${why}`);
}

async function main(): Promise<void> {
  const ledgers = urls();
  if (ledgers.length === 0) {
    console.error("Set DATABASE_URL_US and DATABASE_URL_EU, or run `npm run database` first.");
    process.exitCode = 1;
  }
  for (const { region, url } of ledgers) {
    console.log(`Ledger of ${region}`);
    try {
      const findings = await verifyLedger(url, show);
      if (findings.length > 0) process.exitCode = 1;
    } catch (error) {
      const reason = error instanceof Error ? error.message || error.name : String(error);
      console.error(`  cannot be read: ${reason}. Locally, run \`npm run database\` first.`);
      process.exitCode = 1;
    }
  }
}

if (import.meta.main) await main();
