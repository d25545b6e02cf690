// The benchmark's command line.

import { parseArgs } from "node:util";
import { type Choice, choose, EXPERIMENTS } from "./choice.ts";
import { PEER_RULE } from "./peer.ts";
import { ROWS } from "./rows.ts";

export type Options = {
  readonly json: string | undefined;
  readonly picture: string | undefined;
  readonly markdown: string | undefined;
  /** Files of earlier runs to tell of, instead of measuring. */
  readonly from: readonly string[];
  readonly seconds: number;
  readonly repetitions: number;
  readonly inFlight: readonly number[];
  readonly peer: string | undefined;
  /** Entries of the long history. */
  readonly growth: number;
  /** How many merchants a crowd is. */
  readonly merchants: number;
  readonly choice: Choice;
};

export const USAGE = `\
npm run bench -- [options]
  --json PATH          write everything that was measured to this file
  --picture PATH       draw throughput and latency against concurrency (docs/throughput.svg)
  --markdown PATH      write the table of figures (docs/bench.md)
  --from PATH,PATH     measure nothing: report, draw and write from files of --json
  --seconds N          how long each row is measured at each level (3); floors take half of it
  --repeat N           repetitions, interleaved: A B C A B C … (3)
  --concurrency N,N    requests in flight (1,20,256,1024)
  --only NAME,NAME     these rows (inside.charge, or all of inside) and what they are divided by,
                       and these experiments (${EXPERIMENTS.join(", ")}); all, if not given
  --peer DIR           measure pgledger as well: ${PEER_RULE}
  --merchants N        how many merchants a crowd is (1000)
  --growth ENTRIES     how long the long history is (200000); 10000000 takes ten minutes and 14 GB

rows: ${ROWS.map(({ name }) => name).join(" ")}`;

/** Beyond it the generator's sockets, not the system, would be measured. */
const IN_FLIGHT_MAX = 1024;
/** Shorter than this, a page far down is the first page. */
const GROWTH_ENTRIES_MIN = 2000;

/** The options, or undefined when they cannot be understood. */
export function parseOptions(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: "string" },
        picture: { type: "string" },
        markdown: { type: "string" },
        from: { type: "string" },
        seconds: { type: "string", default: "3" },
        repeat: { type: "string", default: "3" },
        concurrency: { type: "string", default: "1,20,256,1024" },
        only: { type: "string" },
        peer: { type: "string" },
        growth: { type: "string", default: "200000" },
        merchants: { type: "string", default: "1000" },
      },
    });
    const { json, picture, markdown, peer } = values;
    const seconds = Number(values.seconds);
    const repetitions = Number(values.repeat);
    const growth = Number(values.growth);
    const merchants = Number(values.merchants);
    const inFlight = values.concurrency.split(",").map(Number);
    const choice = choose(values.only?.split(","), peer !== undefined);
    const good =
      seconds > 0 &&
      Number.isInteger(repetitions) &&
      repetitions > 0 &&
      Number.isInteger(growth / 2) &&
      growth >= GROWTH_ENTRIES_MIN &&
      Number.isInteger(merchants) &&
      merchants > 0 &&
      inFlight.every((n) => Number.isInteger(n) && n > 0 && n <= IN_FLIGHT_MAX);
    if (!good || choice === undefined) return undefined;
    const from = values.from?.split(",") ?? [];
    const given = { json, picture, markdown, peer, from };
    return { ...given, seconds, repetitions, inFlight, growth, merchants, choice };
  } catch {
    return undefined;
  }
}
