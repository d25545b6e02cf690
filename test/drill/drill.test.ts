// A small drill of the real system, so that the drill itself stays alive: `npm run drill` is the whole one.

import { expect, test } from "vitest";
import { seedOf } from "../ledger/region.ts";
import { drill } from "./drill.ts";
import { isSound, report } from "./report.ts";

const KILLS = 6;
const CHARGES = 200;
/** Three times what the whole drill allows: other tests run beside this one. */
const SECONDS = 30;
const seed = seedOf();

test(`${KILLS} kills over ${CHARGES} charges leave three books that agree (seed ${seed})`, async () => {
  const outcome = await drill(
    { kills: KILLS, charges: CHARGES, seed, minutes: 2, seconds: SECONDS },
    { step: () => {}, tick: () => {} },
  );
  console.log(report(outcome));
  expect(isSound(outcome), report(outcome)).toBe(true);
  expect(outcome.charges).toBe(CHARGES);
  expect([...outcome.toll.kills.values()].reduce((sum, n) => sum + n, 0)).toBe(KILLS);
  // A drill that broke nothing, or after which nothing was left to be ended, would prove nothing.
  expect(outcome.answers.get("200 again")).toBeGreaterThan(CHARGES);
  expect(outcome.recoveries.some(({ open }) => open > 0)).toBe(true);
}, 180_000);
