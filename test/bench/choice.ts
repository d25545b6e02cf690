// Which rows and experiments are measured: all, or those that were named and what they are divided by.

import { overOf, type Row } from "./row.ts";
import { ROWS } from "./rows.ts";

/** What is not a row: `batch` counts a charge's cost, `storm` and `growth` tell in their own files. */
export const EXPERIMENTS = ["batch", "storm", "growth"] as const;
export type Experiment = (typeof EXPERIMENTS)[number];

export type Choice = {
  readonly rows: readonly Row[];
  readonly experiments: readonly Experiment[];
};

/** The choice these names make, or undefined when one of them names nothing. */
export function choose(names: readonly string[] | undefined, hasPeer: boolean): Choice | undefined {
  const there = ROWS.filter(({ needs }) => needs !== "peer" || hasPeer);
  if (names === undefined) return { rows: there, experiments: EXPERIMENTS };
  const experiments = EXPERIMENTS.filter((name) => names.includes(name));
  const named = (name: string) =>
    ROWS.filter((row) => row.name === name || row.name.startsWith(`${name}.`));
  const unknown = names.filter(
    (name) => named(name).length === 0 && !experiments.some((one) => one === name),
  );
  if (unknown.length > 0) return undefined;
  const wanted = new Set(names.flatMap(named).map((row) => row.name));
  // A set is walked to its end, also where it grows on the way: a floor may have floors of its own.
  for (const name of wanted) {
    for (const over of ROWS.find((row) => row.name === name)?.over ?? []) {
      wanted.add(overOf(over, 0).row);
    }
  }
  return { rows: there.filter(({ name }) => wanted.has(name)), experiments };
}
