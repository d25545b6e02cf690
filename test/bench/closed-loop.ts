// A closed loop in this process: so many workers, each with one piece of work at a time. It promises
// that what is under way at the end is waited for, so that `good` is exactly what was answered.

import type { Limit, Sample } from "./row.ts";

/** One piece of work; undefined when it ended as it must, else what it said. */
export type Work = (worker: number) => Promise<string | undefined>;

export async function closedLoop(inFlight: number, limit: Limit, work: Work): Promise<Sample> {
  const most = "requestsMax" in limit ? limit.requestsMax : Number.POSITIVE_INFINITY;
  const latenciesMs: number[] = [];
  let begun = 0;
  let bad = 0;
  let firstBad: string | undefined;
  const startMs = performance.now();
  const stopMs = "durationMs" in limit ? startMs + limit.durationMs : Number.POSITIVE_INFINITY;
  const worker = async (number: number) => {
    let beganMs = performance.now();
    while (begun < most && beganMs < stopMs) {
      begun++;
      const answer = await work(number);
      const endedMs = performance.now();
      if (answer === undefined) {
        latenciesMs.push(endedMs - beganMs);
      } else {
        bad++;
        firstBad ??= answer;
      }
      beganMs = endedMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, number) => worker(number)));
  const elapsedMs = performance.now() - startMs;
  return {
    good: latenciesMs.length,
    bad,
    ...(firstBad === undefined ? {} : { firstBad }),
    elapsedMs,
    ...percentiles(latenciesMs),
  };
}

/** Nearest-rank percentiles, in the unit of the values. */
export function percentiles(values: readonly number[]): { p50Ms: number; p99Ms: number } {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
