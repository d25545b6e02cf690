// Rows measured by turns, and rows counted: a cell is one row at one level in one repetition.

import { setTimeout as sleep } from "node:timers/promises";
import { ALARM_MS, LATE_SEARCHES } from "../../durable-objects/shard-state.ts";
import type { Platform } from "../../local/platform.ts";
import { type Counted, type Counters, countedBehind, countedBy } from "./counters.ts";
import type { Options } from "./options.ts";
import { PICTURE_LEVELS, PICTURE_ROWS } from "./picture.ts";
import { progress } from "./progress.ts";
import type { Bench, Row } from "./row.ts";
import type { CountedRow } from "./run.ts";
import type { Measured } from "./statistics.ts";

/** Compilers and caches are warm after this, unless the whole run is shorter. */
const WARM_UP_MS_MAX = 500;
const WARM_UP_IN_FLIGHT = 20;
/** A run of shorter cells only shows that it runs: it need not wait for anybody. */
const EARNEST_SECONDS_MIN = 1;
/** Floors are fast and steady: half the time tells as much. */
const FLOOR_SHARE = 0.5;
/** Enough for some batches of full depth, few enough for a second or two. */
const COUNTED_PER_WORKER = 6;
const COUNTED_MIN = 100;

/** Levels of a row; what is drawn has more of them. */
function levelsOf(row: Row, { inFlight, picture }: Options): readonly number[] {
  const own = row.levels(inFlight);
  const drawn = picture !== undefined && PICTURE_ROWS.includes(row.name);
  return drawn ? [...new Set([...own, ...PICTURE_LEVELS])] : own;
}

/** Measures the rows: all of one level by turns, one level after the other, again and again. */
export async function measureRows(
  rows: readonly Row[],
  bench: Bench,
  counters: Counters,
  options: Options,
): Promise<Measured[]> {
  const { repetitions, seconds } = options;
  await warmUp(rows, bench, options);
  const levels = [...new Set(rows.flatMap((row) => levelsOf(row, options)))].sort((a, b) => a - b);
  const measured: Measured[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    for (const inFlight of levels) {
      for (const row of rows.filter((one) => levelsOf(one, options).includes(inFlight))) {
        progress(`repetition ${repetition}/${repetitions}, ${inFlight} in flight: ${row.name}`);
        measured.push(await measureCell(row, bench, counters, { inFlight, repetition, seconds }));
      }
    }
  }
  return measured;
}

async function warmUp(
  rows: readonly Row[],
  bench: Bench,
  { merchants, seconds }: Options,
): Promise<void> {
  const durationMs = Math.min(WARM_UP_MS_MAX, seconds * 1000);
  for (const row of rows) {
    progress(`warming up ${row.name}`);
    await row.measure(bench, WARM_UP_IN_FLIGHT, { durationMs });
  }
  const crowds = rows.filter(({ phase, over }) => phase === "crowd" && over.length === 0);
  if (crowds.length === 0 || seconds < EARNEST_SECONDS_MIN) return;
  for (const crowd of crowds) {
    // Each merchant has its shard awake after so many.
    await crowd.measure(bench, WARM_UP_IN_FLIGHT, { requestsMax: merchants });
  }
  progress("waiting until a thousand shards know that nothing was left open");
  await sleep((LATE_SEARCHES + 2) * ALARM_MS);
}

async function measureCell(
  row: Row,
  bench: Bench,
  counters: Counters,
  at: { readonly inFlight: number; readonly repetition: number; readonly seconds: number },
): Promise<Measured> {
  await counters.settle();
  const share = row.kind === "floor" ? FLOOR_SHARE : 1;
  const sample = await row.measure(bench, at.inFlight, { durationMs: at.seconds * 1000 * share });
  const { good, bad, firstBad, elapsedMs, p50Ms = null, p99Ms = null } = sample;
  return {
    row: row.name,
    inFlight: at.inFlight,
    repetition: at.repetition,
    perSecond: (good / elapsedMs) * 1000,
    p50Ms,
    p99Ms,
    good,
    bad,
    ...(firstBad === undefined ? {} : { firstBad }),
    copyLagMs: await counters.settle(),
  };
}

/** What the rows that charge cost the ledger, each at each of its levels. */
export async function countRows(
  rows: readonly Row[],
  bench: Bench,
  counters: Counters,
  platform: Platform,
  options: Options,
): Promise<CountedRow[]> {
  const behind = countedBehind(platform);
  const { ledger } = bench;
  const alone = ledger && countedBy(ledger.name, ledger.clients);
  const counted: CountedRow[] = [];
  for (const row of rows.filter((one) => one.counted)) {
    const of: Counted = row.needs === "ledger" && alone !== undefined ? alone : behind;
    for (const inFlight of row.levels(options.inFlight)) {
      progress(`counting, ${inFlight} in flight: ${row.name}`);
      const requestsMax = Math.max(COUNTED_MIN, inFlight * COUNTED_PER_WORKER);
      const cost = await counters.count(of, () => row.measure(bench, inFlight, { requestsMax }));
      counted.push({ row: row.name, inFlight, ...cost });
    }
  }
  return counted;
}
