// How well card numbers are told from other numbers, over a labelled corpus. PAN_SEED makes another one.

import { describe, expect, test } from "vitest";
import { disclosedIn } from "../../workers/edge/disclosure.ts";
import type { Tree } from "../../workers/edge/parameters.ts";
import { negatives, UNDECIDABLE } from "./other-numbers.ts";
import { Dice, panOf, positives, type Sample } from "./pan-corpus.ts";

const SEED = Number(process.env["PAN_SEED"] ?? 20_261_122);
const RECALL_MIN = 0.999;
const FALSE_POSITIVES_MAX = 0.001;
const POSITIVES_MIN = 20_000;
const NEGATIVES_MIN = 100_000;
/** Of each class of other numbers; one wrong of a thousand must show. */
const EACH = 8_000;

/** The parameters of a request with these fields. */
function treeOf(fields: Sample["fields"]): Tree {
  const tree: Tree = {};
  for (const [name, value] of Object.entries(fields)) {
    const [head = "", inner] = name.split(".");
    if (inner === undefined) tree[head] = value;
    else {
      tree[head] ??= {};
      (tree[head] as Tree)[inner] = value;
    }
  }
  return tree;
}

type Count = { samples: number; found: number; odd: string[] };

/** Counts what is found, keeping a few of those that should not have been `expected`. */
function count(samples: Iterable<Sample>, expected: boolean): Map<string, Count> {
  const counts = new Map<string, Count>();
  for (const { kind, fields } of samples) {
    const of = counts.get(kind) ?? { samples: 0, found: 0, odd: [] };
    counts.set(kind, of);
    const found = disclosedIn(treeOf(fields)) !== undefined;
    of.samples++;
    if (found) of.found++;
    if (found !== expected && of.odd.length < 3) of.odd.push(JSON.stringify(fields));
  }
  return counts;
}

function print(title: string, counts: ReadonlyMap<string, Count>): void {
  const lines = [...counts].map(
    ([kind, { samples, found, odd }]) =>
      `  ${kind.padEnd(36)} ${String(found).padStart(7)} of ${String(samples).padStart(7)}  ${((100 * found) / samples).toFixed(3)} %  ${odd.join(" ")}`,
  );
  console.info(`${title}, seed ${SEED}\n${lines.join("\n")}`);
}

const total = (counts: ReadonlyMap<string, Count>, of: "samples" | "found"): number =>
  [...counts.values()].reduce((sum, each) => sum + each[of], 0);

describe("the search for card numbers", () => {
  test("finds 99.9 % of those of every class", () => {
    const counts = count(positives(new Dice(SEED)), true);
    print("found of the card numbers", counts);
    expect(total(counts, "samples")).toBeGreaterThanOrEqual(POSITIVES_MIN);
    const low = [...counts].filter(([, { samples, found }]) => found / samples < RECALL_MIN);
    expect(low).toEqual([]);
  });

  test("takes at most 0.1 % of any class of other numbers for cards", () => {
    const counts = count(negatives(new Dice(SEED), EACH), false);
    print("taken for card numbers", counts);
    expect(total(counts, "samples")).toBeGreaterThanOrEqual(NEGATIVES_MIN);
    const high = [...counts].filter(
      ([, { samples, found }]) => found / samples > FALSE_POSITIVES_MAX,
    );
    expect(high).toEqual([]);
  });

  test("takes random digits for a card as often as chance makes one, and says so", () => {
    const dice = new Dice(SEED);
    const samples = Object.entries(UNDECIDABLE).flatMap(([kind, make]) =>
      Array.from({ length: EACH }, () => ({ kind, fields: { description: make(dice) } })),
    );
    const counts = count(samples, false);
    print("undecidable by their digits", counts);
    // One in ten has a right check digit.
    const visa = counts.get("16 random digits after a 4");
    expect((visa?.found ?? 0) / EACH).toBeGreaterThan(0.08);
    expect((visa?.found ?? 0) / EACH).toBeLessThan(0.12);
  });

  test("misses a number with one digit changed nine times in ten or more", () => {
    const dice = new Dice(SEED);
    for (let brand = 0; brand < 18; brand++) {
      const { digits } = panOf(dice, brand);
      const wrong = digits.slice(0, -1) + ((Number(digits.at(-1)) + 1 + dice.below(9)) % 10);
      expect(disclosedIn({ description: wrong })).toBeUndefined();
    }
  });
});
