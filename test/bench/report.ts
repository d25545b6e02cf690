// The tables of a run, for people.

import type { Audit } from "./audit.ts";
import type { Cost } from "./counters.ts";
import type { Row } from "./rows.ts";
import type { Spread, Summary } from "./statistics.ts";

export type Counted = Cost & { readonly row: string; readonly inFlight: number };

const PREAMBLE = `\
Rates are bounded by this machine: load generator, workerd and two PostgreSQL clusters share its
cores. Only the ratios count; each is taken within one repetition. Median (min–max) of repetitions.`;

const INSIDE = `\
"inside" rows are driven by a Worker in the same process, without HTTP in front; local workerd has
no follower quorum, so what an object writes is some 10 ms cheaper here than deployed.`;

export function printReport(
  rows: readonly Row[],
  summaries: readonly Summary[],
  counted: readonly Counted[],
  audit: Audit,
): void {
  console.log(`\n${PREAMBLE}\n${INSIDE}\n`);
  const textOf = (name: string) => {
    const text = rows.find((row) => row.name === name)?.text ?? name;
    return `${name.split(".")[0]}: ${text}`;
  };
  const head = [
    "in flight",
    "row",
    "per second",
    "p50 ms",
    "p99 ms",
    "÷ empty Worker",
    "÷ empty object",
  ];
  const body = summaries.map((summary) => [
    String(summary.inFlight),
    textOf(summary.row),
    show(summary.perSecond, 0),
    summary.p50Ms === null ? "" : show(summary.p50Ms, 2),
    summary.p99Ms === null ? "" : show(summary.p99Ms, 2),
    ratio(summary.over["http.worker"]),
    ratio(summary.over["http.object"] ?? summary.over["inside.empty"]),
  ]);
  printTable([head, ...body]);
  if (counted.length > 0) {
    console.log(
      "\nWhat one charge (both phases) costs PostgreSQL, counted over a fixed number of charges:\n",
    );
    const heads = [
      "in flight",
      "row",
      "charges",
      "batch",
      "commits",
      "statements",
      "WAL bytes",
      "WAL records",
      "fsyncs",
    ];
    printTable([heads, ...counted.map((cost) => costCells(cost, textOf(cost.row)))]);
    console.log("batch: commands in one commit; the other figures are per charge.");
  }
  const verdict = audit.faults.length === 0 ? "the ledger agrees" : audit.faults.join("; ");
  console.log(`\n${audit.answered} charges answered, ${audit.captured} captured: ${verdict}.`);
}

/** A charge is two commands: open and close. */
const COMMANDS_PER_CHARGE = 2;

function costCells(cost: Counted, text: string): string[] {
  const { charges, commits, statements, walBytes, walRecords, fsyncs } = cost;
  const each = (value: number, digits: number) => (value / charges).toFixed(digits);
  return [
    String(cost.inFlight),
    text,
    String(charges),
    ((COMMANDS_PER_CHARGE * charges) / commits).toFixed(1),
    each(commits, 3),
    each(statements, 3),
    each(walBytes, 0),
    each(walRecords, 1),
    each(fsyncs, 3),
  ];
}

function show({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

const ratio = (spread: Spread | undefined): string => (spread === undefined ? "" : show(spread, 3));

/** The first row is the head; the second column is text, the others are figures. */
function printTable(cells: readonly (readonly string[])[]): void {
  const widths = (cells[0] ?? []).map((_, i) =>
    Math.max(...cells.map((row) => row[i]?.length ?? 0)),
  );
  const rule = widths.map((width) => "─".repeat(width));
  const [head = [], ...body] = cells;
  for (const row of [head, rule, ...body]) {
    const line = row.map((cell, i) =>
      i === 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    );
    console.log(line.join("  ").trimEnd());
  }
}
