// One run: starts what the chosen rows need, measures them interleaved, counts, performs the
// experiments, and holds every ledger against what was answered.

import { cpus } from "node:os";
import { type Platform, startPlatform } from "../../local/platform.ts";
import { auditLedger } from "./audit.ts";
import { batchCost } from "./batch-cost.ts";
import {
  type Counted,
  type Counters,
  countedBehind,
  countedBy,
  startCounters,
} from "./counters.ts";
import { AMOUNT_MINOR } from "./fan-out.ts";
import { HISTORY_AMOUNT_MINOR } from "./fill.ts";
import { measureGrowth } from "./growth.ts";
import { CROWD_MERCHANTS, openLedger } from "./ledger.ts";
import { HOME } from "./merchants.ts";
import type { Options } from "./options.ts";
import { auditPeer, openPeer } from "./peer.ts";
import { PICTURE_LEVELS, PICTURE_ROWS } from "./picture.ts";
import { progress } from "./progress.ts";
import type { Bench, Need, Row } from "./row.ts";
import type { CountedRow, Run } from "./run.ts";
import { type Measured, summarize } from "./statistics.ts";
import { raiseStorm, type StormResult, stormFaults } from "./storm.ts";
import { startSystem } from "./system.ts";

/** Compilers and caches are warm after this, unless the whole run is shorter. */
const WARM_UP_MS_MAX = 500;
const WARM_UP_IN_FLIGHT = 20;
/** Every merchant of a crowd has its shard awake after so many requests. */
const WARM_UP_CROWD_REQUESTS = 1.5 * CROWD_MERCHANTS;
/** Floors are fast and steady: half the time tells as much. */
const FLOOR_SHARE = 0.5;
/** Enough for some batches of full depth, few enough for a second or two. */
const COUNTED_PER_LANE = 6;
const COUNTED_MIN = 100;
const STORM_CALLERS = 1000;
/** Charges of the batches whose cost is counted, for each second a row is given. */
const BATCHED_CHARGES_PER_SECOND = 5000;

type Stops = (() => Promise<void>)[];

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
  const url = platform.urls[HOME];
  const bench = await startBench(options, home, platform, stops);

  const measured = await measureAll(choice.rows, bench, counters, options);
  const counted = await countAll(choice.rows, bench, counters, platform, options);
  const does = (name: string) => choice.experiments.some((one) => one === name);
  const storms = does("storm") ? await raiseStorms(bench, counters, platform, repetitions) : [];
  progress("auditing");
  const audits = await auditAll(bench, url);
  if (does("batch")) progress("counting what a batch costs");
  const charges = Math.ceil(seconds * BATCHED_CHARGES_PER_SECOND);
  const batch = does("batch") ? await batchCost(url, counters, charges) : undefined;
  const growth = does("growth")
    ? await measureGrowth(url, { entries: options.growth, repetitions, seconds, home })
    : undefined;
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
    machine: {
      node: process.version,
      cpu: cpus()[0]?.model ?? "",
      cores: cpus().length,
      postgres: await counters.version(),
    },
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
  { choice, peer: directory }: Options,
  home: string,
  platform: Platform,
  stops: Stops,
): Promise<Bench> {
  const needed = (need: Need) => choice.rows.some(({ needs }) => needs === need);
  const url = platform.urls[HOME];
  const started: { -readonly [N in Need]?: NonNullable<Bench[N]> } = {};
  if (needed("system") || choice.experiments.includes("storm")) {
    progress("starting workerd");
    started.system = await startSystem(home, platform);
    stops.push(started.system.close);
  }
  if (needed("ledger")) {
    progress("making a ledger of its own");
    started.ledger = await openLedger(url, CROWD_MERCHANTS);
    stops.push(started.ledger.close);
  }
  if (directory !== undefined && needed("peer")) {
    progress("loading the peer");
    started.peer = await openPeer(url, directory);
    stops.push(started.peer.close);
  }
  return started;
}

/** Levels of a row; what is drawn has more of them. */
function levelsOf(row: Row, { inFlight, picture }: Options): readonly number[] {
  const drawn = picture !== undefined && PICTURE_ROWS.includes(row.name);
  return row.levels(drawn ? [...new Set([...inFlight, ...PICTURE_LEVELS])] : inFlight);
}

async function measureAll(
  rows: readonly Row[],
  bench: Bench,
  counters: Counters,
  options: Options,
): Promise<Measured[]> {
  const { repetitions, seconds } = options;
  const durationMs = Math.min(WARM_UP_MS_MAX, seconds * 1000);
  for (const row of rows) {
    progress(`warming up ${row.name}`);
    await row.measure(bench, WARM_UP_IN_FLIGHT, { durationMs });
    if (row.name.endsWith(".crowd")) {
      await row.measure(bench, WARM_UP_IN_FLIGHT, { requestsMax: WARM_UP_CROWD_REQUESTS });
    }
  }
  const levels = [...new Set(rows.flatMap((row) => levelsOf(row, options)))].sort((a, b) => a - b);
  const measured: Measured[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    for (const inFlight of levels) {
      for (const row of rows.filter((one) => levelsOf(one, options).includes(inFlight))) {
        progress(`repetition ${repetition}/${repetitions}, ${inFlight} in flight: ${row.name}`);
        await counters.settle();
        const share = row.kind === "floor" ? FLOOR_SHARE : 1;
        const sample = await row.measure(bench, inFlight, { durationMs: seconds * 1000 * share });
        const { good, bad, firstBad, elapsedMs, p50Ms, p99Ms } = sample;
        measured.push({
          row: row.name,
          inFlight,
          repetition,
          perSecond: (good / elapsedMs) * 1000,
          p50Ms: p50Ms ?? null,
          p99Ms: p99Ms ?? null,
          good,
          bad,
          ...(firstBad === undefined ? {} : { firstBad }),
          copyLagMs: await counters.settle(),
        });
      }
    }
  }
  return measured;
}

async function countAll(
  rows: readonly Row[],
  bench: Bench,
  counters: Counters,
  platform: Platform,
  options: Options,
): Promise<CountedRow[]> {
  const behind = countedBehind(platform.urls[HOME], platform.urls.sqlEndpoint);
  const { ledger } = bench;
  const counted: CountedRow[] = [];
  for (const row of rows.filter((one) => one.counted)) {
    const of: Counted =
      row.needs === "ledger" && ledger !== undefined
        ? countedBy(ledger.name, ledger.clients)
        : behind;
    for (const inFlight of row.levels(options.inFlight)) {
      progress(`counting, ${inFlight} in flight: ${row.name}`);
      const requestsMax = Math.max(COUNTED_MIN, inFlight * COUNTED_PER_LANE);
      const cost = await counters.count(of, () => row.measure(bench, inFlight, { requestsMax }));
      counted.push({ row: row.name, inFlight, ...cost });
    }
  }
  return counted;
}

async function raiseStorms(
  { system }: Bench,
  counters: Counters,
  platform: Platform,
  repetitions: number,
): Promise<StormResult[]> {
  if (system === undefined) throw new Error("Bug: a storm has a system");
  const storms: StormResult[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    progress(`retry storm ${repetition}/${repetitions}`);
    storms.push(await raiseStorm(system, counters, platform, STORM_CALLERS));
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
