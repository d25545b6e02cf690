// npm run canary: sends cards of every kind to the real system in every right and wrong way, breaks it
// meanwhile, and then looks for the numbers in all that was written and said. Exit 1 when one is found.

import { canary, type Progress } from "./canary.ts";
import { parseOptions, USAGE } from "./options.ts";
import { isClean, report } from "./report.ts";

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
  const outcome = await canary(options, progress());
  if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
  console.log(report(outcome));
  return isClean(outcome) ? 0 : 1;
}

process.exitCode = await main();
