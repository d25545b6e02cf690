// docs/states.md draws what the code runs on: each arrow is a declared move, each declared move an arrow.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { REQUEST_MOVES } from "../../durable-objects/request.ts";
import { CHARGE_MOVES, OPERATION_MOVES } from "../../protocol/charge.ts";
import { DISPUTE_MOVES } from "../../protocol/dispute.ts";
import { PAYOUT_MOVES } from "../../protocol/payout.ts";
import { REFUND_MOVES } from "../../protocol/refund.ts";

type Moves = Readonly<Record<string, Readonly<Partial<Record<string, string>>>>>;

const TABLES: readonly [heading: string, moves: Moves, first: string][] = [
  ["A charge", CHARGE_MOVES, "opened"],
  ["An operation", OPERATION_MOVES, "opened"],
  ["A refund after the processor took it", REFUND_MOVES, "pending"],
  ["A dispute", DISPUTE_MOVES, "needs_response"],
  ["A payout", PAYOUT_MOVES, "pending"],
  ["A request in the shard", REQUEST_MOVES, "asked"],
];

const page = readFileSync(new URL("../../docs/states.md", import.meta.url), "utf8");
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const end = section.indexOf("\n");
      return [section.slice(0, end), section.slice(end)] as const;
    }),
);

/** The lines of a section's drawing. */
function drawn(heading: string): string[] {
  const drawing = /```mermaid\nstateDiagram-v2\n(.*?)```/s.exec(sections.get(heading) ?? "")?.[1];
  return (drawing ?? "").trim().split(/\n\s*/);
}

/** The lines that draw a table: into its first state, along its moves, out of where it ends. */
function linesOf(moves: Moves, first: string): string[] {
  const arrows = Object.entries(moves).flatMap(([from, ways]) =>
    Object.entries(ways).map(([move, to]) => `${from} --> ${to}: ${move}`),
  );
  const ends = Object.keys(moves).filter((state) => Object.keys(moves[state] ?? {}).length === 0);
  return [`[*] --> ${first}`, ...arrows, ...ends.map((state) => `${state} --> [*]`)];
}

describe.each(TABLES)("%s", (heading, moves, first) => {
  test("is drawn as it is declared", () => {
    expect(drawn(heading).toSorted()).toEqual(linesOf(moves, first).toSorted());
  });

  test("has a line on each of its states", () => {
    const told = [...(sections.get(heading) ?? "").matchAll(/^- `(\w+)`:/gm)].map(([, s]) => s);
    expect(told.toSorted()).toEqual(Object.keys(moves).sort());
  });
});

test("nothing is drawn that has no table", () => {
  expect([...sections.keys()]).toEqual(TABLES.map(([heading]) => heading));
});
