// docs/bench.md, made of one or several runs: every figure, its goal, what was measured, and how to
// measure it again.

import { everyFigure, goalText, isReached, spreadText } from "./figures.ts";
import type { Run } from "./run.ts";

const HEAD = `# What it costs

Written by \`npm run bench -- --markdown docs/bench.md\`. Every ratio is taken inside one repetition of one
run, so that a noisy machine blurs both sides alike: median (least–greatest). Rates by themselves say more
of the machine than of Tessera.

![Throughput and latency against requests in flight](throughput.svg)
`;

const NOTES = `## What is compared

- A **whole charge** is two commits with the processor's word in between: intent, key and event; then outcome,
  posting, both balances and event. Both are hash-chained, signed on their way and fsynced before the answer.
- The **bank in process** is a vault that approves at once (\`test/bench/instant-vault.ts\`). Shard, origin,
  signatures and PostgreSQL are the real ones. With the vault and the test bank: rows \`inside.bank\` and
  \`http.charge\`.
- The **peer** is loaded into a database of its own in the same cluster and called by the same driver with
  prepared statements, on 20 connections; each transfer goes from one of 10,000 customers to the one merchant.
  It keeps a running balance in every entry and checks limits of its accounts, which we do not; it has no
  idempotency key, no event, no hash chain and no second phase, which we have. Ours travels as from a shard:
  what waits while two batches are under way is the next batch.
- A **long history** is made in the rows that the ledger's own functions would have left, hash chain and all;
  the short one is copied afresh for each repetition.
- A local workerd keeps what an object writes on this disk alone; deployed, each such write waits some 10 ms
  for other machines. A token waits for one; a charge for one beside the
  processor's answer.
`;

export function markdownOf(runs: readonly Run[]): string {
  const rows = everyFigure(runs).map((figure) => [
    figure.text,
    goalText(figure.goal),
    "spread" in figure
      ? `${spreadText(figure.spread, figure.digits)}${isReached(figure) ? "" : " **missed**"}`
      : "",
    `\`${figure.again}\``,
  ]);
  const table = aligned([["figure", "goal", "measured", "again"], ...rows]);
  const machines = runs.map(
    ({ day, machine, seconds, repetitions }) =>
      `- ${day}: ${machine.cores} × ${machine.cpu}, PostgreSQL ${machine.postgres}, Node ${machine.node}; ` +
      `${repetitions} repetitions of ${seconds} s.`,
  );
  const again = "Measured again with `npm run bench -- ` and the arguments in the last column.";
  const peer =
    runs.length === 0 || runs.some((run) => run.peer)
      ? ""
      : "No peer was given, so nothing is said of it.\n\n";
  const told = machines.length === 0 ? [] : [`${peer}${machines.join("\n")}\n`];
  return [HEAD, `${table}\n`, `${again}\n`, ...told, NOTES].join("\n");
}

/** A table as the formatter of this repository leaves it; the first row is the head. */
function aligned(cells: readonly (readonly string[])[]): string {
  const [head = [], ...body] = cells;
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}
