// The simulator as part of every test run: two thousand seeds and those that failed once. `npm run sim`
// runs more of them, replays one and makes a failing one small.

import { expect, test } from "vitest";
import { breed } from "./breeding.ts";
import { FAULTS } from "./chance.ts";
import { employ, jobsOf, range } from "./crew.ts";
import { REGRESSIONS } from "./index.ts";
import { MUTANTS } from "./mutants.ts";
import { run } from "./run.ts";
import { shrink } from "./shrink.ts";
import type { Failure } from "./worker.ts";

const SEEDS = 2_000;
const THREADS = 2;

test(`holds every invariant in ${SEEDS} seeds and all that failed once`, async () => {
  const seeds = [...REGRESSIONS.map(({ seed }) => seed), ...range(1, SEEDS)];
  const failures: Failure[] = [];
  const struck = FAULTS.map(() => 0);
  await employ(jobsOf(seeds), THREADS, (done) => {
    if (done.kind !== "seeds") return;
    failures.push(...done.failures);
    done.struck.forEach((times, i) => {
      struck[i] = (struck[i] ?? 0) + times;
    });
  });
  expect(failures).toEqual([]);
  // A fault that never strikes is a fault nobody is safe from.
  expect(FAULTS.filter((_, i) => struck[i] === 0)).toEqual([]);
}, 180_000);

const storyOf = (seed: number): string[] => {
  const lines: string[] = [];
  run(seed, { onLine: (line) => lines.push(line) });
  return lines;
};

test.each([1, 2, 3])("tells the same story of seed %i every time", (seed) => {
  const story = storyOf(seed);
  expect(story.length).toBeGreaterThan(10);
  expect(storyOf(seed)).toEqual(story);
});

test("makes a failing run small: what is left still fails, and all of it is needed", async () => {
  const mutant = MUTANTS.find(({ name }) => name === "a lost opening leaves no doubt");
  if (mutant === undefined) throw new Error("there is such a mutant");
  const subject = await breed(mutant);
  let seed = 1;
  while (run(seed, { subject }).violation === undefined) seed++;
  const failed = run(seed, { subject });
  const { mask, outcome } = shrink(failed, subject);
  expect(outcome.violation?.invariant).toBe(failed.violation?.invariant);
  expect(outcome.faults.length).toBeLessThan(failed.faults.length);
  for (const fault of outcome.faults) {
    const less = { stories: mask.stories, faults: new Set([...mask.faults, fault]) };
    const { violation } = run(seed, { subject, mask: less });
    expect(violation?.invariant, fault).not.toBe(failed.violation?.invariant);
  }
});
