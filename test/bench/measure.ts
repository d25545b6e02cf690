// One run: starts what the chosen rows need, measures and counts them, performs the experiments, and
// holds every ledger against what was answered.

import { cpus } from "node:os";
import { type Platform, startPlatform } from "../../local/platform.ts";
import { auditLedger } from "./audit.ts";
import { batchCost } from "./batch-cost.ts";
import { countRows, measureRows } from "./cells.ts";
import type { Experiment } from "./choice.ts";
import { type Counters, startCounters } from "./counters.ts";
import { AMOUNT_MINOR } from "./fan-out.ts";
import { HISTORY_AMOUNT_MINOR } from "./fill.ts";
import { measureGrowth } from "./growth.ts";
import { openLedger } from "./ledger.ts";
import { HOME } from "./merchants.ts";
import type { Options } from "./options.ts";
import { auditPeer, openPeer } from "./peer.ts";
import { progress } from "./progress.ts";
import type { Bench, Need } from "./row.ts";
import type { CountedRow, Machine, Run } from "./run.ts";
import { type Measured, summarize } from "./statistics.ts";
import { raiseStorm, type StormResult, stormFaults } from "./storm.ts";
import { startSystem } from "./system.ts";

const STORM_CALLERS = 1000;
/** Charges of the batches whose cost is counted, for each second a row is given. */
const BATCHED_CHARGES_PER_SECOND = 5000;

type Stops = (() => Promise<void>)[];

/** Measures what was chosen; what it starts is stopped by `stops`. */
export async function measure(options: Options, home: string, stops: Stops): Promise<Run> {
  const { choice, repetitions, seconds } = options;
  progress("starting PostgreSQL");
  // Databases from elsewhere would be filled with charges: only the embedded ones are measured.
  const platform = await startPlatform({ home, databaseUrls: {} });
  stops.push(platform.stop);
  const cluster = platform.clusters[HOME];
  if (cluster === undefined) throw new Error("The benchmark's region has no cluster");
  const counters = await startCounters(cluster);
  stops.push(counters.close);
  const bench = await startBench(options, home, platform, stops);
  const url = platform.urls[HOME];
  const does = (name: Experiment) => choice.experiments.includes(name);

  const measured: Measured[] = [];
  const counted: CountedRow[] = [];
  const work = async (phase: "crowd" | undefined) => {
    const rows = choice.rows.filter((row) => row.phase === phase);
    measured.push(...(await measureRows(rows, bench, counters, options)));
    counted.push(...(await countRows(rows, bench, counters, platform, options)));
  };
  await work(undefined);
  const storms = does("storm") ? await raiseStorms(bench, platform, repetitions) : [];
  if (does("batch")) progress("counting what a batch costs");
  const charges = Math.ceil(seconds * BATCHED_CHARGES_PER_SECOND);
  const batch = does("batch") ? await batchCost(url, counters, charges) : undefined;
  const growth = does("growth")
    ? await measureGrowth(url, { entries: options.growth, repetitions, seconds, home })
    : undefined;
  await work("crowd");

  progress("auditing");
  const audits = await auditAll(bench, url);
  if (growth !== undefined) audits.push({ ledger: "long history", ...growth.audit });
  const faults = [
    ...[...measured, ...counted]
      .filter(({ bad }) => bad > 0)
      .map((one) => `${one.row} at ${one.inFlight} in flight: ${one.bad} bad: ${one.firstBad}`),
    ...storms.flatMap(stormFaults),
    ...audits.flatMap(({ ledger, faults: found }) => found.map((fault) => `${ledger}: ${fault}`)),
    ...(bench.peer === undefined ? [] : await auditPeer(bench.peer)),
  ];
  return {
    day: new Date().toISOString().slice(0, 10),
    machine: await machineOf(counters),
    seconds,
    repetitions,
    peer: bench.peer !== undefined,
    summaries: summarize(measured, choice.rows),
    counted,
    measured,
    ...(batch === undefined ? {} : { batch }),
    ...(storms.length === 0 ? {} : { storms }),
    ...(growth === undefined ? {} : { growth }),
    audits,
    faults,
  };
}

async function startBench(
  { choice, merchants, peer: directory }: Options,
  home: string,
  platform: Platform,
  stops: Stops,
): Promise<Bench> {
  const needed = (need: Need) => choice.rows.some(({ needs }) => needs === need);
  const url = platform.urls[HOME];
  const started: { -readonly [N in Need]?: NonNullable<Bench[N]> } = {};
  if (needed("system") || choice.experiments.includes("storm")) {
    progress("starting workerd");
    started.system = await startSystem(home, platform, merchants);
    stops.push(started.system.close);
  }
  if (needed("ledger")) {
    progress("making a ledger of its own");
    started.ledger = await openLedger(url, merchants);
    stops.push(started.ledger.close);
  }
  if (directory !== undefined && needed("peer")) {
    progress("loading the peer");
    started.peer = await openPeer(url, directory);
    stops.push(started.peer.close);
  }
  return started;
}

async function raiseStorms(
  { system }: Bench,
  platform: Platform,
  repetitions: number,
): Promise<StormResult[]> {
  if (system === undefined) throw new Error("Bug: a storm has a system");
  const storms: StormResult[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    progress(`retry storm ${repetition}/${repetitions}`);
    storms.push(await raiseStorm(system, platform, STORM_CALLERS));
  }
  return storms;
}

async function auditAll({ system, ledger }: Bench, url: string): Promise<Run["audits"][number][]> {
  const audits: Run["audits"][number][] = [];
  if (system !== undefined) {
    audits.push({ ledger: "system", ...(await auditLedger(url, system.captured, AMOUNT_MINOR)) });
  }
  if (ledger !== undefined) {
    const { captured } = ledger;
    const audit = await auditLedger(ledger.url, captured, HISTORY_AMOUNT_MINOR);
    audits.push({ ledger: "ledger alone", ...audit });
  }
  return audits;
}

const machineOf = async (counters: Counters): Promise<Machine> => ({
  node: process.version,
  cpu: cpus()[0]?.model ?? "",
  cores: cpus().length,
  postgres: await counters.version(),
});
