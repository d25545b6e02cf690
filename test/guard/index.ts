// `npm run guard-sim`: every attack on simulated shops, what of it reached the processor and what it cost
// good buyers. Exit 1 when a bound does not hold.
//
//   npm run guard-sim -- --seed 7              another seed (1 unless told)
//   npm run guard-sim -- --seed 1 --seeds 10   so many from there on
//   npm run guard-sim -- --mutants             each limit switched off, and what notices

import { parseArgs } from "node:util";
import { ATTACKS } from "./attacks.ts";
import { SWITCHES, switchOff } from "./mutants.ts";
import type { Tally } from "./run.ts";
import { faultsOf, refusedShare, type Trial, trial } from "./verdict.ts";

const NAME_WIDTH = 42;
const WIDTH = 11;
const line = (name: string, cells: readonly (string | number)[]): string =>
  name.padEnd(NAME_WIDTH) + cells.map((cell) => String(cell).padStart(WIDTH)).join("");

const HEAD = ["probes", "tokens", "asked", "learned", "good", "victim's", "| asked", "proofs"];
const MORE = ["good", "victim's", "challenged"];

const percent = (tally: Tally): string =>
  tally.buyers === 0 ? "–" : `${(100 * refusedShare(tally)).toFixed(3)} %`;

function row({ attack, bare, hooked }: Trial): string {
  return line(attack?.name ?? "no attack", [
    bare.probes,
    bare.tokens,
    bare.asked,
    bare.learned,
    percent(bare.good),
    percent(bare.victims),
    hooked.asked,
    hooked.proofs,
    percent(hooked.good),
    percent(hooked.victims),
    hooked.good.challenged,
  ]);
}

function attackAll(first: number, count: number): boolean {
  let holds = true;
  for (let seed = first; seed < first + count; seed++) {
    const startMs = performance.now();
    let buyers = 0;
    console.log(`seed ${seed}; left: no challenge is set up, right: pages show one`);
    console.log(line("", [...HEAD, ...MORE]));
    for (const attack of [undefined, ...ATTACKS]) {
      const tried = trial(seed, attack);
      buyers = tried.bare.good.buyers;
      console.log(row(tried));
      for (const fault of faultsOf(tried)) {
        holds = false;
        console.log(`  DOES NOT HOLD: ${fault}`);
      }
    }
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
    console.log(`${buyers} good buyers in each run; ${seconds} s\n`);
  }
  return holds;
}

async function switchAllOff(seed: number): Promise<boolean> {
  let noticed = 0;
  for (const mutant of SWITCHES) {
    const attack = ATTACKS.find(({ name }) => name === mutant.attack);
    const [fault] = faultsOf(trial(seed, attack, await switchOff(mutant)));
    if (fault !== undefined) noticed++;
    console.log(`${mutant.name.padEnd(48)}${fault ?? "SURVIVES"}`);
  }
  console.log(`${noticed} of ${SWITCHES.length} noticed, seed ${seed}`);
  return noticed === SWITCHES.length;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { seed: { type: "string" }, seeds: { type: "string" }, mutants: { type: "boolean" } },
  });
  const seed = Number(values.seed ?? 1);
  if (values.mutants === true) return switchAllOff(seed);
  return attackAll(seed, Number(values.seeds ?? 1));
}

if (import.meta.main) process.exitCode = (await main()) ? 0 : 1;
