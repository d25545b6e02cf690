// `npm run sim`: runs many seeds of the simulator and tells of the first that fails, made small; replays one
// seed with its whole story; hunts the planted bugs. Exit 1 when anything is wrong.
//
//   npm run sim -- --seeds 20000          that many seeds from 1 on, regressions first
//   npm run sim -- --seeds 500 --seed 7   that many from 7 on
//   npm run sim -- --seed 7               one seed, every line of it
//   npm run sim -- --mutants              every planted bug, and the seeds it took
//   npm run sim -- --seed 7 --mutant "no lock on a key in flight"

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { breed } from "./breeding.ts";
import { FAULTS, NO_MASK } from "./chance.ts";
import { employ, jobsOf, range } from "./crew.ts";
import { MUTANTS } from "./mutants.ts";
import { INVARIANTS } from "./oracle/oracle.ts";
import { type Outcome, run } from "./run.ts";
import { maskOf, maskText, shrink } from "./shrink.ts";
import { REAL, type Subject } from "./subject.ts";
import type { Failure } from "./worker.ts";

const SEEDS_DEFAULT = 2_000;
const THREADS_DEFAULT = 2;
/** Seeds in which a planted bug must be found; the rarest takes some two thousand. */
export const MUTANT_SEEDS_MAX = 6_000;
/** Failing seeds told of; one is enough to start looking. */
const SHOWN_MAX = 5;

export type Regression = { readonly seed: number; readonly why: string };

/** Seeds that failed once, run before all others. */
export const REGRESSIONS = JSON.parse(
  readFileSync(new URL("./regressions.json", import.meta.url), "utf8"),
) as readonly Regression[];

function options() {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      seed: { type: "string" },
      without: { type: "string" },
      mutants: { type: "boolean" },
      mutant: { type: "string" },
      threads: { type: "string" },
    },
  });
  return {
    ...values,
    seed: values.seed === undefined ? undefined : Number(values.seed),
    seeds: values.seeds === undefined ? undefined : Number(values.seeds),
    threads: Number(values.threads ?? THREADS_DEFAULT),
  };
}

async function main(): Promise<boolean> {
  const { seed, seeds, without, mutants, mutant, threads } = options();
  if (mutants === true) return hunt(threads);
  const planted = MUTANTS.find(({ name }) => name === mutant);
  if (mutant !== undefined && planted === undefined) {
    console.error(`There is no mutant "${mutant}".`);
    return false;
  }
  const subject = planted === undefined ? REAL : await breed(planted);
  if (seed !== undefined && seeds === undefined) return replay(seed, without, subject);
  return runAll(seed ?? 1, seeds ?? SEEDS_DEFAULT, threads);
}

/** One seed, line by line. */
function replay(seed: number, without: string | undefined, subject: Subject): boolean {
  const mask = without === undefined ? NO_MASK : maskOf(without);
  const outcome = run(seed, { mask, subject, onLine: (line) => console.log(line) });
  console.log(`\nfaults: ${outcome.faults.join(", ") || "none"}`);
  if (outcome.violation === undefined) {
    console.log(`seed ${seed} holds`);
    return true;
  }
  showFailure({ seed, ...outcome.violation }, outcome, subject);
  return false;
}

async function runAll(from: number, count: number, threads: number): Promise<boolean> {
  const seeds = [...REGRESSIONS.map(({ seed }) => seed), ...range(from, count)];
  const startMs = performance.now();
  const struck = FAULTS.map(() => 0);
  const failures: Failure[] = [];
  let runs = 0;
  let requests = 0;
  await employ(jobsOf(seeds), threads, (done) => {
    if (done.kind !== "seeds") return;
    runs += done.runs;
    requests += done.requests;
    failures.push(...done.failures);
    done.struck.forEach((times, i) => {
      struck[i] = (struck[i] ?? 0) + times;
    });
    const perSecond = (runs / (performance.now() - startMs)) * 1000;
    progress(`${runs}/${seeds.length} seeds, ${perSecond.toFixed(0)}/s, ${failures.length} failed`);
  });
  progress(undefined);
  const seconds = (performance.now() - startMs) / 1000;
  console.log(
    `${runs} seeds (from ${from}, and ${REGRESSIONS.length} regressions) in ${seconds.toFixed(1)} s on ` +
      `${threads} threads: ${(runs / seconds).toFixed(0)} seeds/s, ` +
      `${(requests / runs).toFixed(1)} requests each`,
  );
  console.log("faults injected:");
  FAULTS.forEach((fault, i) => {
    console.log(`  ${fault.padEnd(26)}${String(struck[i]).padStart(9)}`);
  });
  if (failures.length === 0) {
    console.log("every invariant holds in every run");
    return true;
  }
  for (const failure of failures.slice(0, SHOWN_MAX)) {
    console.log(`FAIL seed ${failure.seed}: ${failure.message}`);
  }
  const [first] = failures.sort((a, b) => a.seed - b.seed);
  if (first !== undefined) showFailure(first, run(first.seed), REAL);
  return false;
}

/** A failing seed, shrunk, with its story and the way to see it again. */
function showFailure(failure: Failure, outcome: Outcome, subject: Subject): void {
  const { mask, outcome: small } = shrink(outcome, subject);
  const lines: string[] = [];
  run(failure.seed, { mask, subject, onLine: (line) => lines.push(line) });
  console.log(`\nseed ${failure.seed}, made small:`);
  for (const line of lines) console.log(`  ${line}`);
  console.log(`\n${failure.message}`);
  console.log(`${failure.invariant}: ${INVARIANTS[failure.invariant]}`);
  console.log(`faults left: ${small.faults.join(", ") || "none"}`);
  console.log(`replay: npm run sim -- --seed ${failure.seed}`);
  console.log(`small:  npm run sim -- --seed ${failure.seed} --without "${maskText(mask)}"`);
}

async function hunt(threads: number): Promise<boolean> {
  const startMs = performance.now();
  const jobs = MUTANTS.map(({ name }) => ({
    kind: "mutant" as const,
    name,
    seedsMax: MUTANT_SEEDS_MAX,
  }));
  const found = new Map<string, Failure | undefined>();
  await employ(jobs, threads, (done) => {
    if (done.kind !== "mutant") return;
    found.set(done.name, done.found);
    progress(`${found.size}/${MUTANTS.length} mutants`);
  });
  progress(undefined);
  console.log(`${"planted bug".padEnd(52)}${"found by".padEnd(10)}${"seeds".padStart(6)}`);
  for (const { name } of MUTANTS) {
    const failure = found.get(name);
    const seen = failure?.invariant ?? "SURVIVES";
    console.log(`${name.padEnd(52)}${seen.padEnd(10)}${String(failure?.seed ?? "").padStart(6)}`);
  }
  const survivors = MUTANTS.filter(({ name }) => found.get(name) === undefined);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  console.log(`${MUTANTS.length - survivors.length} of ${MUTANTS.length} found in ${seconds} s`);
  return survivors.length === 0;
}

/** One line that is written over; where nobody looks, nothing. */
function progress(text: string | undefined): void {
  if (!process.stdout.isTTY) return;
  process.stdout.write(`\r\x1b[K${text ?? ""}`);
}

if (import.meta.main) process.exitCode = (await main()) ? 0 : 1;
