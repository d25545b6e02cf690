// The proof's command line.

import { parseArgs } from "node:util";

export type Options = {
  readonly requests: number;
  /** Decides the card numbers, the requests and who is killed; not the scheduler. */
  readonly seed: number;
  readonly inFlight: number;
  /** Processes to kill with kill -9. */
  readonly crashes: number;
  readonly merchants: number;
  /** Settings for the edge and the vault, such as higher limits. */
  readonly vars: Readonly<Record<string, string>>;
  /** Keep what was written, instead of deleting it. */
  readonly keep: boolean;
};

export const USAGE = `\
npm run canary -- [options]
  --requests N   requests to send, each with a card number of its own (100000)
  --seed N       draws the numbers and the requests (random)
  --in-flight N  connections (32)
  --crashes N    processes to kill -9 meanwhile (one for each 5000 requests, at least 6)
  --merchants N  accounts to share the requests (one for each 250 requests, at least 8)
  --var K=V      a setting of the edge and the vault, e.g. a higher limit; may be repeated
  --keep         leave what was written where it is, and say where`;

const SEEDS = 1_000_000;
const REQUESTS_PER_CRASH = 5_000;
const CRASHES_MIN = 6;
const REQUESTS_PER_MERCHANT = 250;
const MERCHANTS_MIN = 8;
/** Above any rate here: the shards' token buckets are not what is tested. */
const VARS = { RATE_PER_SECOND: "1000000" };

/** The options, or undefined when they cannot be understood. */
export function parseOptions(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        requests: { type: "string", default: "100000" },
        seed: { type: "string", default: String(Date.now() % SEEDS) },
        "in-flight": { type: "string", default: "32" },
        crashes: { type: "string" },
        merchants: { type: "string" },
        var: { type: "string", multiple: true, default: [] },
        keep: { type: "boolean", default: false },
      },
    });
    const vars = Object.fromEntries(values.var.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
    const { crashes, merchants, keep } = values;
    const options = optionsOf(Number(values.requests), Number(values.seed), {
      inFlight: Number(values["in-flight"]),
      ...(crashes === undefined ? {} : { crashes: Number(crashes) }),
      ...(merchants === undefined ? {} : { merchants: Number(merchants) }),
      vars: { ...VARS, ...vars },
      keep,
    });
    const { seed, crashes: none, ...counts } = options;
    const numbers = [counts.requests, counts.inFlight, counts.merchants];
    const good = numbers.every((n) => Number.isInteger(n) && n > 0);
    return good && Number.isInteger(seed) && Number.isInteger(none) && none >= 0
      ? options
      : undefined;
  } catch {
    return undefined;
  }
}

/** The options of a run, with what follows from its size. */
export function optionsOf(requests: number, seed: number, over: Partial<Options> = {}): Options {
  return {
    requests,
    seed,
    inFlight: 32,
    crashes: Math.max(CRASHES_MIN, Math.round(requests / REQUESTS_PER_CRASH)),
    merchants: Math.max(MERCHANTS_MIN, Math.round(requests / REQUESTS_PER_MERCHANT)),
    vars: VARS,
    keep: false,
    ...over,
  };
}
