// npm run fuzz: sends requests made from the OpenAPI document to the real system, with nothing in front of workerd
// so that a million takes less than an hour, and has the ledgers verified after them. Exit 1 when an answer was wrong.

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Platform, startPlatform } from "../../local/platform.ts";
import { verifyLedger } from "../../ops/verify.ts";
import { startRuntime } from "../bench/runtime.ts";
import { edgeAt } from "../edge.ts";
import { fuzz, type Options, type Outcome, UNLIMITED } from "./fuzz.ts";
import { parseOptions, USAGE } from "./options.ts";

const CLEAR_LINE = "\r\x1b[2K";

let told = 0;

function tell({ answered, statuses, faults }: Outcome): void {
  const { stderr } = process;
  for (const fault of faults.slice(told)) console.log(`wrong: ${fault}`);
  told = faults.length;
  const line = `${answered} answered, ${faults.length} wrongly: ${JSON.stringify(statuses)}`;
  stderr.write(stderr.isTTY ? `${CLEAR_LINE}${line}` : `${line}\n`);
}

async function run(options: Options, home: string, platform: Platform): Promise<number> {
  const runtime = await startRuntime(home, { ...platform.bindings, ...UNLIMITED });
  try {
    const edge = await edgeAt(runtime.composite, platform.bindings["API_KEY_SECRET"] ?? "");
    const { answered, statuses, faults } = await fuzz(edge, options, tell);
    if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
    const { us, eu } = platform.urls;
    const broken = (await Promise.all([us, eu].map((url) => verifyLedger(url)))).flat();
    const byStatus = Object.entries(statuses).map(([status, count]) => `${status} × ${count}`);
    console.log(`${answered} requests answered: ${byStatus.join(", ")}`);
    for (const breach of broken) console.log(`the ledger: ${JSON.stringify(breach)}`);
    return faults.length + broken.length === 0 ? 0 : 1;
  } finally {
    await runtime.stop();
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  console.log(`seed ${options.seed}`);
  const home = realpathSync(mkdtempSync(join(tmpdir(), "tessera-fuzz-")));
  const platform = await startPlatform({ home, databaseUrls: {} });
  try {
    return await run(options, home, platform);
  } finally {
    await platform.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

process.exitCode = await main();
