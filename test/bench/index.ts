// npm run bench: the whole system in workerd and real PostgreSQL, each kind of request measured against
// an empty Worker and an empty Durable Object call in the same process, interleaved. It promises that
// every answer was checked and that the ledger agrees with them afterwards, else it exits with 1.
//
// How workerd is reached is told in runtime.ts, what is measured in rows.ts.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { type Platform, startPlatform } from "../../local/platform.ts";
import { auditLedger } from "./audit.ts";
import { type Counters, startCounters } from "./counters.ts";
import { startLoad } from "./load.ts";
import { HOME, makeMerchants } from "./merchants.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { progress } from "./progress.ts";
import { type Counted, printReport } from "./report.ts";
import { type Bench, ROWS, type Row } from "./rows.ts";
import { startRuntime } from "./runtime.ts";
import { type Measured, summarize } from "./statistics.ts";

/** Enough that nearly every one has a shard of its own. */
const SPREAD_MERCHANTS = 100;
/** Higher than any rate here, so that the shard's token bucket is never what is measured. */
const RATE_PER_SECOND = "1000000";
/** Compilers and caches are warm after this. */
const WARM_UP_MS = 500;
const WARM_UP_IN_FLIGHT = 20;
/** Floors are fast and steady: half the time tells as much. */
const FLOOR_SHARE = 0.5;

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  const home = mkdtempSync(join(tmpdir(), "tessera-bench-"));
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
    rmSync(home, { recursive: true, force: true });
  };
  process.once("SIGINT", () => void stop().finally(() => process.exit(130)));
  try {
    return await run(options, home, stops);
  } finally {
    await stop();
  }
}

async function run(
  options: Options,
  home: string,
  stops: (() => Promise<void>)[],
): Promise<number> {
  progress("starting PostgreSQL");
  // Databases from elsewhere would be filled with charges: only the embedded ones are measured.
  const platform = await startPlatform({ home, databaseUrls: {} });
  stops.push(platform.stop);
  progress("starting workerd");
  const runtime = await startRuntime(home, { ...platform.bindings, RATE_PER_SECOND });
  stops.push(runtime.stop);
  const counters = await countersOf(platform);
  stops.push(counters.close);
  const load = startLoad();
  stops.push(load.stop);
  progress("making merchants");
  const secret = platform.bindings["API_KEY_SECRET"] ?? "";
  const [hot, ...spread] = await makeMerchants(runtime.composite, SPREAD_MERCHANTS + 1, secret);
  if (hot === undefined) throw new Error("No merchant was made");
  const bench: Bench = { runtime, load, hot, spread, captured: 0 };

  const measured = await measureAll(bench, counters, options);
  const counted = await countAll(bench, counters, options);
  progress("auditing the ledger");
  const audit = await auditLedger(platform.urls[HOME], bench.captured);
  progress(undefined);
  const summaries = summarize(measured, ROWS);
  printReport(ROWS, summaries, counted, audit);
  const bad = [...measured, ...counted].filter((one) => one.bad > 0);
  for (const one of bad) {
    console.error(`${one.row} at ${one.inFlight} in flight: ${one.bad} bad: ${one.firstBad}`);
  }
  if (options.json !== undefined) {
    const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
    const everything = { options, machine, summaries, counted, measured, audit };
    writeFileSync(options.json, `${JSON.stringify(everything, null, 2)}\n`);
  }
  return bad.length === 0 && audit.faults.length === 0 ? 0 : 1;
}

function countersOf(platform: Platform): Promise<Counters> {
  const cluster = platform.clusters[HOME];
  if (cluster === undefined) throw new Error("The benchmark's region has no cluster");
  const database = new URL(platform.urls[HOME]).pathname.slice(1);
  return startCounters(cluster, database, platform.urls.sqlEndpoint);
}

async function measureAll(bench: Bench, counters: Counters, options: Options): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const row of ROWS) {
    progress(`warming up ${row.name}`);
    await row.measure(bench, WARM_UP_IN_FLIGHT, { durationMs: WARM_UP_MS });
  }
  for (let repetition = 1; repetition <= options.repetitions; repetition++) {
    for (const inFlight of options.inFlight) {
      for (const row of ROWS) {
        progress(
          `repetition ${repetition}/${options.repetitions}, ${inFlight} in flight: ${row.name}`,
        );
        await counters.settle();
        measured.push(await measureOne(row, bench, counters, { inFlight, repetition, options }));
      }
    }
  }
  return measured;
}

async function measureOne(
  row: Row,
  bench: Bench,
  counters: Counters,
  at: { readonly inFlight: number; readonly repetition: number; readonly options: Options },
): Promise<Measured> {
  const share = row.kind === "floor" ? FLOOR_SHARE : 1;
  const durationMs = at.options.seconds * 1000 * share;
  const { good, bad, firstBad, elapsedMs, p50Ms, p99Ms } = await row.measure(bench, at.inFlight, {
    durationMs,
  });
  return {
    row: row.name,
    inFlight: at.inFlight,
    repetition: at.repetition,
    perSecond: (good / elapsedMs) * 1000,
    p50Ms: p50Ms ?? null,
    p99Ms: p99Ms ?? null,
    good,
    bad,
    ...(firstBad === undefined ? {} : { firstBad }),
    copyLagMs: await counters.settle(),
  };
}

async function countAll(bench: Bench, counters: Counters, options: Options): Promise<Counted[]> {
  const counted: Counted[] = [];
  for (const inFlight of options.inFlight) {
    for (const row of ROWS.filter((one) => one.counted)) {
      progress(`counting, ${inFlight} in flight: ${row.name}`);
      counted.push({ row: row.name, inFlight, ...(await counters.count(row, bench, inFlight)) });
    }
  }
  return counted;
}

process.exitCode = await main();
