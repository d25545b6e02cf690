// The benchmark's command line.

import { parseArgs } from "node:util";

export type Options = {
  readonly json: string | undefined;
  readonly seconds: number;
  readonly repetitions: number;
  readonly inFlight: readonly number[];
};

export const USAGE = `\
npm run bench -- [options]
  --json PATH          write everything that was measured to this file
  --seconds N          how long each row is measured at each level (3); floors take half of it
  --repeat N           repetitions, interleaved: A B C A B C … (3)
  --concurrency N,N    requests in flight (1,20,256)`;

/** Beyond it the generator's sockets, not the system, would be measured. */
const IN_FLIGHT_MAX = 1024;

/** The options, or undefined when they cannot be understood. */
export function parseOptions(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: "string" },
        seconds: { type: "string", default: "3" },
        repeat: { type: "string", default: "3" },
        concurrency: { type: "string", default: "1,20,256" },
      },
    });
    const seconds = Number(values.seconds);
    const repetitions = Number(values.repeat);
    const inFlight = values.concurrency.split(",").map(Number);
    const good =
      seconds > 0 &&
      Number.isInteger(repetitions) &&
      repetitions > 0 &&
      inFlight.every((n) => Number.isInteger(n) && n > 0 && n <= IN_FLIGHT_MAX);
    return good ? { json: values.json, seconds, repetitions, inFlight } : undefined;
  } catch {
    return undefined;
  }
}
