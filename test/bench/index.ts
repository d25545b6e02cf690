// npm run bench: the whole system in workerd and real PostgreSQL, and the ledger alone, each kind of work
// measured against floors in the same run, interleaved. It promises that every answer was checked and
// that each ledger agrees with the answers afterwards, else it exits with 1.
//
// How workerd is reached is told in runtime.ts, what is measured in rows.ts, what for in figures.ts.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { markdownOf } from "./markdown.ts";
import { measure } from "./measure.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { pictureOf } from "./picture.ts";
import { progress } from "./progress.ts";
import { printReport } from "./report.ts";
import { ROWS } from "./rows.ts";
import type { Run } from "./run.ts";

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  if (options.from.length > 0) {
    tell(
      options,
      options.from.map((path) => JSON.parse(readFileSync(path, "utf8")) as Run),
    );
    return 0;
  }
  const home = mkdtempSync(join(tmpdir(), "tessera-bench-"));
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
    rmSync(home, { recursive: true, force: true });
  };
  process.once("SIGINT", () => void stop().finally(() => process.exit(130)));
  try {
    const run = await measure(options, home, stops);
    progress(undefined);
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify(run, null, 2)}\n`);
    tell(options, [run]);
    return run.faults.length === 0 ? 0 : 1;
  } finally {
    await stop();
  }
}

function tell({ markdown, picture }: Options, runs: readonly Run[]): void {
  printReport(ROWS, runs);
  if (picture !== undefined) writeFileSync(picture, pictureOf(runs));
  if (markdown !== undefined) writeFileSync(markdown, markdownOf(runs));
}

process.exitCode = await main();
