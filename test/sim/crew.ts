// Threads that share the work of many runs.

import { Worker } from "node:worker_threads";
import type { Done, Job } from "./worker.ts";

/** Gives the jobs to `threads` threads; `onDone` is told as each ends, in any order. */
export async function employ(
  jobs: Iterable<Job>,
  threads: number,
  onDone: (done: Done) => void,
): Promise<void> {
  const waiting = jobs[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: threads }, async () => {
      const worker = new Worker(new URL("./worker.ts", import.meta.url));
      try {
        for (let next = waiting.next(); !next.done; next = waiting.next()) {
          onDone(await perform(worker, next.value));
        }
      } finally {
        await worker.terminate();
      }
    }),
  );
}

function perform(worker: Worker, job: Job): Promise<Done> {
  return new Promise((resolve, reject) => {
    const heard = (done: Done): void => {
      worker.off("error", failed);
      resolve(done);
    };
    const failed = (error: Error): void => {
      worker.off("message", heard);
      reject(error);
    };
    worker.once("message", heard);
    worker.once("error", failed);
    worker.postMessage(job);
  });
}

/** Jobs for these seeds, small enough that both ends of a run are told of in time. */
export function* jobsOf(seeds: Iterable<number>): Generator<Job> {
  const SEEDS_PER_JOB = 50;
  let some: number[] = [];
  for (const seed of seeds) {
    some.push(seed);
    if (some.length < SEEDS_PER_JOB) continue;
    yield { kind: "seeds", seeds: some };
    some = [];
  }
  if (some.length > 0) yield { kind: "seeds", seeds: some };
}

export function* range(from: number, count: number): Generator<number> {
  for (let seed = from; seed < from + count; seed++) yield seed;
}
