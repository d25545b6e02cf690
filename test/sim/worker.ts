// One thread of the crew: runs seeds and hunts mutants as it is told, one job at a time.

import { parentPort } from "node:worker_threads";
import { breed } from "./breeding.ts";
import { FAULTS } from "./chance.ts";
import { MUTANTS } from "./mutants.ts";
import { type Outcome, run } from "./run.ts";

export type Job =
  | { readonly kind: "seeds"; readonly seeds: readonly number[] }
  /** Runs seeds from 1 on until the mutant is found out. */
  | { readonly kind: "mutant"; readonly name: string; readonly seedsMax: number };

export type Failure = { readonly seed: number } & NonNullable<Outcome["violation"]>;

export type Done =
  | {
      readonly kind: "seeds";
      readonly runs: number;
      readonly requests: number;
      readonly struck: readonly number[];
      readonly failures: readonly Failure[];
    }
  | {
      readonly kind: "mutant";
      readonly name: string;
      /** How it was found; undefined when it was not. */
      readonly found: Failure | undefined;
    };

parentPort?.on("message", (job: Job) => {
  void work(job).then(
    (done) => parentPort?.postMessage(done),
    (error: unknown) => {
      throw error;
    },
  );
});

async function work(job: Job): Promise<Done> {
  if (job.kind === "seeds") return runSeeds(job.seeds);
  const mutant = MUTANTS.find(({ name }) => name === job.name);
  if (mutant === undefined) throw new Error(`there is no mutant "${job.name}"`);
  const subject = await breed(mutant);
  for (let seed = 1; seed <= job.seedsMax; seed++) {
    const { violation } = run(seed, { subject });
    if (violation !== undefined)
      return { kind: "mutant", name: job.name, found: { seed, ...violation } };
  }
  return { kind: "mutant", name: job.name, found: undefined };
}

function runSeeds(seeds: readonly number[]): Done {
  const struck = FAULTS.map(() => 0);
  const failures: Failure[] = [];
  let requests = 0;
  for (const seed of seeds) {
    const outcome = run(seed);
    requests += outcome.requests;
    outcome.struck.forEach((times, i) => {
      struck[i] = (struck[i] ?? 0) + times;
    });
    if (outcome.violation !== undefined) failures.push({ seed, ...outcome.violation });
  }
  return { kind: "seeds", runs: seeds.length, requests, struck, failures };
}
