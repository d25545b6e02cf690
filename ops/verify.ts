// `npm run verify`: recomputes each region's ledger from its journal, in one snapshot, and names the first
// rows that disagree. Exit 1 when any does. Takes DATABASE_URL_US and DATABASE_URL_EU with
// LEDGER_VERIFY_KEYS, or those of the Tessera that runs on this machine.
//
// --seen us:812:<hash>   a checkpoint that an earlier run told of: it must still be there, as it was

import { parseArgs } from "node:util";
import pg from "pg";
import { importVerifiers } from "../protocol/signature.ts";
import { REGIONS, type Region } from "../protocol/slot.ts";
import { AUDIT_CHECK } from "./audit-check.ts";
import { CHAIN_CHECK } from "./chain-check.ts";
import { CHECKPOINT_CHECK } from "./checkpoint-check.ts";
import { NO_DATABASES, primaries, reasonOf, settings } from "./databases.ts";
import {
  type Check,
  type Examination,
  type Finding,
  type SeenCheckpoint,
  SHOWN_MAX,
} from "./examination.ts";
import { LEDGER_CHECKS } from "./ledger-checks.ts";
import { PROJECTION_CHECK } from "./projection-check.ts";

const CHECKS: readonly Check[] = [
  ...LEDGER_CHECKS,
  CHECKPOINT_CHECK,
  CHAIN_CHECK,
  PROJECTION_CHECK,
  AUDIT_CHECK,
];

export type VerifyOptions = Partial<Pick<Examination, "keys" | "region" | "seen" | "note">> & {
  onProgress?(name: string, share: number): void;
  /** Told as each check ends; `found` counts also what is not among the findings. */
  onCheck?(name: string, findings: readonly Finding[], found: number, ms: number): void;
};

/** Runs every check on one ledger; of each the first offending rows. */
export async function verifyLedger(url: string, options: VerifyOptions = {}): Promise<Finding[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("begin isolation level repeatable read read only");
    const findings = await examine(client, options);
    await client.query("commit");
    return findings;
  } finally {
    await client.end();
  }
}

/** The same in a transaction that is open already. */
export async function examine(client: pg.Client, options: VerifyOptions = {}): Promise<Finding[]> {
  const { keys, region, seen, note = () => {}, onProgress, onCheck } = options;
  // As the functions of the ledger rendered it, and sorts that large would not fit the server's default.
  await client.query("set local bytea_output = hex; set local work_mem = '64MB'");
  const all: Finding[] = [];
  for (const { name, run } of CHECKS) {
    const from = performance.now();
    const findings: Finding[] = [];
    let found = 0;
    const progress = (share: number) => onProgress?.(name, share);
    await run({ client, keys, region, seen, note, progress }, (place, why) => {
      found += 1;
      if (findings.length < SHOWN_MAX) findings.push({ check: name, place, why });
    });
    all.push(...findings);
    onCheck?.(name, findings, found, performance.now() - from);
  }
  return all;
}

function show(name: string, findings: readonly Finding[], found: number, ms: number): void {
  console.log(`  ${found === 0 ? "ok  " : "FAIL"} ${name} (${ms.toFixed(0)} ms)`);
  for (const { place, why } of findings) console.log(`       ${place}: ${why}`);
  if (found > findings.length) console.log("       … and more");
}

/** A line every two seconds of a check that takes longer. */
function progressPrinter(): (name: string, share: number) => void {
  const INTERVAL_MS = 2_000;
  let shownAt = performance.now();
  return (name, share) => {
    if (performance.now() - shownAt < INTERVAL_MS) return;
    shownAt = performance.now();
    console.log(`  ${String(Math.min(99, Math.floor(100 * share))).padStart(3)} % ${name}`);
  };
}

/** The checkpoints of `--seen`, by region. */
function seenCheckpoints(values: readonly string[]): Map<Region, SeenCheckpoint> {
  return new Map(
    values.map((value) => {
      const [region, no, hash] = value.split(":");
      const known = REGIONS.find((name) => name === region);
      if (known === undefined || !Number.isInteger(Number(no)) || !hash) {
        throw new Error(`--seen ${value} is not <region>:<number>:<hash>`);
      }
      return [known, { no: Number(no), hash }];
    }),
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seen: { type: "string", multiple: true } } });
  const seen = seenCheckpoints(values.seen ?? []);
  const given = settings();
  const ledgers = primaries(given);
  const jwks = given["LEDGER_VERIFY_KEYS"];
  if (ledgers.length === 0 || !jwks) {
    console.error(ledgers.length === 0 ? NO_DATABASES : "Set LEDGER_VERIFY_KEYS.");
    process.exitCode = 1;
  }
  const keys = jwks ? await importVerifiers(jwks) : undefined;
  for (const { region, url } of ledgers) {
    console.log(`Ledger of ${region}`);
    const options: VerifyOptions = {
      keys,
      region,
      seen: seen.get(region),
      note: (text) => console.log(`       ${text}`),
      onProgress: progressPrinter(),
      onCheck: show,
    };
    try {
      if ((await verifyLedger(url, options)).length > 0) process.exitCode = 1;
    } catch (error) {
      console.error(`  ${reasonOf(error)}`);
      process.exitCode = 1;
    }
  }
}

if (import.meta.main) await main();
