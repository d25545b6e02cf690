// The command line of `npm run fuzz`.

import { parseArgs } from "node:util";
import type { Options } from "./fuzz.ts";

export const USAGE = `\
npm run fuzz -- [options]
  --requests N   requests to make of the OpenAPI document and send (1000000)
  --seed N       makes the same requests again (random)
  --in-flight N  requests at a time (32)`;

const SEEDS = 1_000_000;

/** The options, or undefined when they cannot be understood. */
export function parseOptions(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        requests: { type: "string", default: "1000000" },
        seed: { type: "string", default: String(Date.now() % SEEDS) },
        "in-flight": { type: "string", default: "32" },
      },
    });
    const options = {
      requests: Number(values.requests),
      seed: Number(values.seed),
      inFlight: Number(values["in-flight"]),
    };
    const { requests, seed, inFlight } = options;
    const isGood = [requests, inFlight].every((n) => Number.isInteger(n) && n > 0);
    return isGood && Number.isInteger(seed) ? options : undefined;
  } catch {
    return undefined;
  }
}
