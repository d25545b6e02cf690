// Each limit is switched off once and must be missed: the proof that the simulator can fail, and that no
// limit is there for nothing.

import { expect, test } from "vitest";
import { ATTACKS } from "./attacks.ts";
import { SWITCHES, switchOff } from "./mutants.ts";
import { faultsOf, trial } from "./verdict.ts";

const SEED = 1;

test.each(SWITCHES)("notices: $name", async (mutant) => {
  const attack = ATTACKS.find(({ name }) => name === mutant.attack);
  expect(attack?.name).toBe(mutant.attack);
  expect(faultsOf(trial(SEED, attack, await switchOff(mutant)))).not.toEqual([]);
});
