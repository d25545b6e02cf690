// Every planted bug is found: the proof that the simulator can fail, and of what.

import { expect, test } from "vitest";
import { plant } from "./breeding.ts";
import { employ } from "./crew.ts";
import { MUTANT_SEEDS_MAX } from "./index.ts";
import { MUTANTS } from "./mutants.ts";

const THREADS = 2;

test("every planted bug has its place in the sources, and a name of its own", () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  for (const mutant of MUTANTS) expect(plant(mutant)).toContain(mutant.replace);
});

test(`the simulator finds each of ${MUTANTS.length} planted bugs`, async () => {
  const survivors: string[] = [];
  const jobs = MUTANTS.map(({ name }) => ({
    kind: "mutant" as const,
    name,
    seedsMax: MUTANT_SEEDS_MAX,
  }));
  await employ(jobs, THREADS, (done) => {
    if (done.kind === "mutant" && done.found === undefined) survivors.push(done.name);
  });
  expect(survivors).toEqual([]);
}, 300_000);
