// A failing run made smaller: stories, then kinds of faults, then single faults are left out as long as the
// same invariant still breaks. What is left is usually short enough to be read.

import type { Mask } from "./chance.ts";
import { type Outcome, run } from "./run.ts";
import type { Subject } from "./subject.ts";

/** Runs a shrinking may take; a second or two. */
const RUNS_MAX = 600;

export type Shrunk = { readonly mask: Mask; readonly outcome: Outcome };

/** The smallest failing run found from this one. */
export function shrink(failed: Outcome, subject: Subject): Shrunk {
  const wanted = failed.violation?.invariant;
  let best: Shrunk = { mask: { faults: new Set(), stories: new Set() }, outcome: failed };
  let runs = 0;
  const without = (faults: readonly string[], stories: readonly number[]): boolean => {
    if (runs++ >= RUNS_MAX) return false;
    const mask: Mask = {
      faults: new Set([...best.mask.faults, ...faults]),
      stories: new Set([...best.mask.stories, ...stories]),
    };
    const outcome = run(failed.seed, { subject, mask });
    if (outcome.violation?.invariant !== wanted) return false;
    best = { mask, outcome };
    return true;
  };
  for (let before = -1; before !== runs && runs < RUNS_MAX; ) {
    const size = best.outcome.faults.length;
    for (let story = 0; story < failed.stories; story++) {
      if (!best.mask.stories.has(story)) without([], [story]);
    }
    for (const kind of new Set(best.outcome.faults.map(kindOf))) without([kind], []);
    for (const fault of [...best.outcome.faults].reverse()) without([fault], []);
    before = best.outcome.faults.length === size ? runs : -1;
  }
  return best;
}

const kindOf = (fault: string): string => fault.slice(0, fault.indexOf("#"));

/** A mask as text for the command line, and back. */
export const maskText = ({ faults, stories }: Mask): string =>
  [...[...stories].map((story) => `story ${story}`), ...faults].join(",");

export function maskOf(text: string): Mask {
  const parts = text.split(",").filter((part) => part !== "");
  return {
    faults: new Set(parts.filter((part) => !part.startsWith("story "))),
    stories: new Set(
      parts.filter((part) => part.startsWith("story ")).map((part) => Number(part.slice(6))),
    ),
  };
}
