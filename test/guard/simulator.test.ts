// The guard's simulator as part of every test run: one seed of every attack. `npm run guard-sim` runs more.

import { expect, test } from "vitest";
import { ATTACKS } from "./attacks.ts";
import { run } from "./run.ts";
import { faultsOf, trial } from "./verdict.ts";

const SEED = 1;

test(`a day without an attack refuses and challenges nobody, seed ${SEED}`, () => {
  const day = trial(SEED, undefined);
  expect(faultsOf(day)).toEqual([]);
  expect(day.bare.good.buyers).toBeGreaterThan(20_000);
  for (const { tally } of day.bare.kinds) expect(tally.buyers).toBeGreaterThan(500);
});

test.each(ATTACKS)(`bounds $name, seed ${SEED}`, (attack) => {
  expect(faultsOf(trial(SEED, attack))).toEqual([]);
});

test("one seed is one run", () => {
  const [attack] = ATTACKS;
  expect(run(7, attack)).toEqual(run(7, attack));
});
