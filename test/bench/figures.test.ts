// The arithmetic and the telling of the benchmark, on runs that were made up.

import { describe, expect, test } from "vitest";
import { choose } from "./choice.ts";
import { percentiles } from "./closed-loop.ts";
import { everyFigure, figuresOf, isReached } from "./figures.ts";
import { markdownOf } from "./markdown.ts";
import { parseOptions } from "./options.ts";
import { peerFiles } from "./peer.ts";
import { PICTURE_ROWS, pictureOf } from "./picture.ts";
import type { Run } from "./run.ts";
import { type Measured, spreadOf, summarize } from "./statistics.ts";

const cell = (row: string, inFlight: number, repetition: number, perSecond: number): Measured => ({
  row,
  inFlight,
  repetition,
  perSecond,
  p50Ms: inFlight,
  p99Ms: 2 * inFlight,
  good: perSecond,
  bad: 0,
  copyLagMs: 0,
});

const run = (measured: readonly Measured[], over: Partial<Run> = {}): Run => ({
  day: "2026-01-01",
  machine: { node: "v24", cpu: "a processor", cores: 2, postgres: "18" },
  seconds: 1,
  repetitions: 2,
  peer: false,
  summaries: summarize(measured, [
    { name: "inside.charge", over: ["inside.empty"] },
    { name: "inside.empty", over: [] },
    { name: "http.instant", over: [] },
    { name: "http.object", over: [] },
    { name: "ledger.charge", over: ["peer.transfer@20"] },
  ]),
  counted: [],
  measured,
  audits: [],
  faults: [],
  ...over,
});

test("a spread is the median, the least and the greatest", () => {
  expect(spreadOf([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9 });
  expect(spreadOf([4, 1])).toEqual({ median: 2.5, min: 1, max: 4 });
});

test("percentiles are values that were measured", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(percentiles(values)).toEqual({ p50Ms: 50, p99Ms: 99 });
  expect(percentiles([])).toEqual({ p50Ms: 0, p99Ms: 0 });
});

describe("a ratio", () => {
  test("is taken within one repetition, not between medians", () => {
    const measured = [
      cell("inside.empty", 256, 1, 100),
      cell("inside.charge", 256, 1, 60),
      cell("inside.empty", 256, 2, 1000),
      cell("inside.charge", 256, 2, 500),
    ];
    const [figure] = figuresOf([run(measured)]);
    expect(figure?.spread).toEqual({ median: 0.55, min: 0.5, max: 0.6 });
    expect(figure && isReached(figure)).toBe(true);
  });

  test("of rows at two levels divides by the level that was named", () => {
    const measured = [cell("ledger.charge", 1024, 1, 90), cell("peer.transfer", 20, 1, 3)];
    expect(run(measured).summaries.at(-1)?.over).toEqual({ "peer.transfer@20": spreadOf([30]) });
  });

  test("over what was not measured is not told", () => {
    expect(figuresOf([run([cell("inside.charge", 256, 1, 60)])])).toEqual([]);
  });
});

test("a figure that misses its goal says so, one that was not measured says nothing", () => {
  const measured = [cell("inside.empty", 256, 1, 100), cell("inside.charge", 256, 1, 40)];
  const text = markdownOf([run(measured)]);
  expect(text).toMatch(/\| ≥ 0\.5 +\| 0\.40 \*\*missed\*\* +\|/);
  expect(text.match(/\*\*missed\*\*/g)).toHaveLength(1);
  expect(text.split("\n").filter((line) => line.startsWith("| ")).length).toBe(
    everyFigure([]).length + 2,
  );
});

test("the picture draws each row once, at every level", () => {
  const measured = PICTURE_ROWS.flatMap((row) =>
    [1, 16, 1024].flatMap((level) => [cell(row, level, 1, 10 * level), cell(row, level, 2, 900)]),
  );
  const svg = pictureOf([run(measured)]);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  expect(svg.match(/<polyline /g)).toHaveLength(6);
  expect(svg.match(/<circle /g)).toHaveLength(18);
  expect(svg).toContain("prefers-color-scheme: dark");
});

test("a row that is chosen brings what it is divided by", () => {
  const names = choose(["ledger.charge"], true)?.rows.map(({ name }) => name);
  expect(names).toEqual([
    "peer.transfer",
    "ledger.charge",
    "ledger.crowd",
    "raw.insert",
    "raw.postings",
  ]);
  expect(choose(["ledger.charge"], false)?.rows.map(({ name }) => name)).not.toContain(
    "peer.transfer",
  );
  expect(choose(["growth"], false)).toEqual({ rows: [], experiments: ["growth"] });
  expect(choose(["no.such"], false)).toBeUndefined();
});

test.each([
  [["--seconds", "0"]],
  [["--repeat", "1.5"]],
  [["--concurrency", "0"]],
  [["--concurrency", "2000"]],
  [["--growth", "10"]],
  [["--only", "everything"]],
  [["--nonsense"]],
])("%j is not understood", (args) => {
  expect(parseOptions(args)).toBeUndefined();
});

test("a peer's files are run by name, the one that needs the others last", () => {
  expect(peerFiles(["pgledger.sql", "b.sql", "README.md", "a.sql"])).toEqual([
    "a.sql",
    "b.sql",
    "pgledger.sql",
  ]);
});
