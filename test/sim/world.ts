// What everybody in a simulated world shares: its slot, its time, its weather, its randomness and its judge.

import type { Dice, Weather } from "./chance.ts";
import type { Oracle } from "./oracle/oracle.ts";
import type { Subject } from "./subject.ts";
import type { Timeline } from "./timeline.ts";

/** The one slot of this world; its shard is everybody's. */
export const SLOT = 77;

export type World = {
  readonly timeline: Timeline;
  readonly weather: Weather;
  /** For delays and the like, which no fault decides. */
  readonly dice: Dice;
  readonly subject: Subject;
  readonly oracle: Oracle;
  /** Writes a line of the run's story; does nothing unless somebody reads it. */
  readonly tell: (who: string, what: () => string) => void;
};
