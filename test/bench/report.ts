// What one or several runs found, for people.

import type { Audit } from "./audit.ts";
import { figuresOf, goalText, isReached, spreadText } from "./figures.ts";
import type { Row } from "./row.ts";
import type { CountedRow, Run } from "./run.ts";
import type { Summary } from "./statistics.ts";

const PREAMBLE = `\
Rates are bounded by this machine: load generator, workerd and two PostgreSQL clusters share its
cores. Only the ratios count; each is taken within one repetition. Median (min–max) of repetitions.`;

const INSIDE = `\
"inside" rows are driven by a Worker in the same process, without HTTP in front; local workerd has
no follower quorum, so what an object writes is some 10 ms cheaper here than deployed. "ledger" rows
are the ledger alone, over plain connections.`;

/** Columns that hold text; the others hold figures. */
type Table = { readonly text: ReadonlySet<number>; readonly cells: readonly (readonly string[])[] };

export function printReport(rows: readonly Row[], runs: readonly Run[]): void {
  console.log(`\n${PREAMBLE}\n${INSIDE}`);
  for (const run of runs) printRun(rows, run);
  const figures = figuresOf(runs);
  if (figures.length > 0) {
    console.log("\nFigures to reach:\n");
    const head = ["figure", "goal", "measured", ""];
    const body = figures.map((figure) => [
      figure.text,
      goalText(figure.goal),
      spreadText(figure.spread, figure.digits),
      isReached(figure) ? "" : "missed",
    ]);
    printTable({ text: new Set([0, 3]), cells: [head, ...body] });
  }
  if (!runs.some(({ peer }) => peer)) console.log("\nNo peer given (--peer DIR).");
}

function printRun(rows: readonly Row[], run: Run): void {
  const textOf = (name: string) => {
    const text = rows.find((row) => row.name === name)?.text;
    return text === undefined ? name : `${name}: ${text}`;
  };
  if (run.summaries.length > 0) {
    console.log("");
    const head = ["in flight", "row", "per second", "p50 ms", "p99 ms", "÷"];
    const body = run.summaries.map((summary) => summaryCells(summary, textOf(summary.row)));
    printTable({ text: new Set([1, 5]), cells: [head, ...body] });
  }
  if (run.counted.length > 0) {
    console.log(
      "\nWhat one charge (both phases) costs PostgreSQL, counted over so many charges:\n",
    );
    const heads = ["charges", "batch", "commits", "statements", "WAL bytes", "WAL records"];
    const head = ["in flight", "row", ...heads, "fsyncs"];
    const body = run.counted.map((cost) => costCells(cost, textOf(cost.row)));
    printTable({ text: new Set([1]), cells: [head, ...body] });
    console.log("batch: commands in one commit; the other figures are per charge.");
  }
  console.log("");
  for (const { text, audit } of auditsOf(run)) console.log(`${text}: ${audit}`);
  for (const fault of run.faults) console.log(`FAULT ${fault}`);
}

function auditsOf({ audits }: Run): { text: string; audit: string }[] {
  const verdict = ({ faults }: Audit) =>
    faults.length === 0 ? "the ledger agrees" : faults.join("; ");
  return audits.map((audit) => ({
    text: `${audit.ledger}: ${audit.answered} charges answered, ${audit.captured} captured`,
    audit: verdict(audit),
  }));
}

function summaryCells(summary: Summary, text: string): string[] {
  const { inFlight, perSecond, p50Ms, p99Ms, over } = summary;
  // The clock inside workerd has steps of a millisecond.
  const digits = summary.row.startsWith("inside.") ? 0 : 2;
  const ratios = Object.entries(over).map(
    ([floor, ratio]) => `${floor} ${spreadText(ratio, ratio.median < 10 ? 3 : 1)}`,
  );
  return [
    String(inFlight),
    text,
    spreadText(perSecond, 0),
    p50Ms === null ? "" : spreadText(p50Ms, digits),
    p99Ms === null ? "" : spreadText(p99Ms, digits),
    ratios.join(", "),
  ];
}

/** A charge is two commands: open and close. */
const COMMANDS_PER_CHARGE = 2;

function costCells(cost: CountedRow, text: string): string[] {
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

/** The first row is the head. */
function printTable({ text, cells }: Table): void {
  const widths = (cells[0] ?? []).map((_, i) =>
    Math.max(...cells.map((row) => row[i]?.length ?? 0)),
  );
  const rule = widths.map((width) => "─".repeat(width));
  const [head = [], ...body] = cells;
  for (const row of [head, rule, ...body]) {
    const line = row.map((cell, i) =>
      text.has(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    );
    console.log(line.join("  ").trimEnd());
  }
}
