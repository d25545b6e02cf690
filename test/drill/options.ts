// The drill's command line.

import { parseArgs } from "node:util";

export type Options = {
  /** Processes to kill. */
  readonly kills: number;
  /** Charges to ask for. */
  readonly charges: number;
  /** Decides who is killed and when, which weather there is, and what is bought. */
  readonly seed: number;
  /** No new storm begins after so many minutes. */
  readonly minutes: number;
  /** After the last restart everything that was begun must have ended within this. */
  readonly seconds: number;
};

export const USAGE = `\
npm run drill -- [options]
  --kills N     processes to kill, in storms of one to four (200)
  --charges N   charges to ask for meanwhile (10000)
  --seed N      replays what is killed, cut and bought; not the scheduler (random)
  --minutes N   begin no new storm after this long (60)
  --seconds N   after the last restart of a storm all must have ended within this (10)`;

const SEEDS = 1_000_000;

/** The options, or undefined when they cannot be understood. */
export function parseOptions(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        kills: { type: "string", default: "200" },
        charges: { type: "string", default: "10000" },
        seed: { type: "string", default: String(Date.now() % SEEDS) },
        minutes: { type: "string", default: "60" },
        seconds: { type: "string", default: "10" },
      },
    });
    const { kills, charges, seed, minutes, seconds } = values;
    const options = {
      kills: Number(kills),
      charges: Number(charges),
      seed: Number(seed),
      minutes: Number(minutes),
      seconds: Number(seconds),
    };
    const whole = [options.kills, options.charges, options.seed].every(Number.isInteger);
    const good = whole && Object.entries(options).every(([name, n]) => n > 0 || name === "seed");
    return good ? options : undefined;
  } catch {
    return undefined;
  }
}
