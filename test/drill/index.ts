// npm run drill: kills what the system is made of while merchants sell, cuts the ways between the parts,
// fills a disk, and then holds three books against each other. Exit 1 when any two of them disagree, when
// something did not end in time, or when a ledger does not verify.

import { drill, type Progress } from "./drill.ts";
import { parseOptions, USAGE } from "./options.ts";
import { isSound, report } from "./report.ts";

const CLEAR_LINE = "\r\x1b[2K";
/** Where a line cannot be rewritten, one of so many is shown. */
const TICKS_SHOWN_EVERY = 10;

function progress(): Progress {
  const { stderr } = process;
  let ticks = 0;
  return {
    step: (what) => stderr.write(stderr.isTTY ? `${CLEAR_LINE}${what}` : `${what}\n`),
    tick: (line) => {
      ticks++;
      if (stderr.isTTY) stderr.write(`${CLEAR_LINE}${line}`);
      else if (ticks % TICKS_SHOWN_EVERY === 0) stderr.write(`${line}\n`);
    },
  };
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  console.log(`seed ${options.seed}`);
  const outcome = await drill(options, progress());
  if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
  console.log(report(outcome));
  return isSound(outcome) ? 0 : 1;
}

process.exitCode = await main();
