// A lane into a region: small batches of many shards travel on as one signed request and one commit. A
// Worker shares no I/O between requests, so only an object can group them; a shard whose own batch is large
// goes to the origin by itself (docs/decisions/0012). A lane decides nothing and may be lost at any moment:
// whoever waited hears nothing, which says as little of the commit as a cut connection.

import { DurableObject } from "cloudflare:workers";
import type { Command, Verdict } from "../protocol/command.ts";
import { assert, ok, type Result, refuse } from "../protocol/result.ts";
import { REGIONS, type Region } from "../protocol/slot.ts";
import { Conveyor } from "./conveyor.ts";
import type { SendFailure } from "./machine.ts";
import { applyAt, type OriginBindings } from "./origin-client.ts";

/** Lanes of one region; each may be as busy as an object can be. */
const LANES_PER_REGION = 4;
/** Batches of one lane in flight at once: one is being committed while the next is on its way. */
const BATCHES_AT_ONCE = 2;
/** What waits longer than two batches take is better refused than committed late. */
const BACKLOG_MAX = 800;

/** The lane by which a slot reaches its region. */
export const laneOf = (region: Region, slot: number): string =>
  `${region}-${slot % LANES_PER_REGION}`;

/** The commands of one shard, and how they stand. */
type Load = {
  readonly verdicts: Verdict[];
  left: number;
  failure: SendFailure | undefined;
  readonly settle: (answer: Result<Verdict[], SendFailure>) => void;
};

export class Lane extends DurableObject<OriginBindings> {
  readonly #region: Region;
  readonly #conveyor = new Conveyor<{ readonly load: Load; readonly i: number }>(BATCHES_AT_ONCE);

  constructor(state: DurableObjectState, env: OriginBindings) {
    super(state, env);
    const region = REGIONS.find((known) => state.id.name?.startsWith(`${known}-`));
    assert(region !== undefined, "a lane is named after its region");
    this.#region = region;
  }

  /** The verdicts on a shard's commands, once all of them are committed. */
  commit(commands: readonly Command[]): Promise<Result<Verdict[], SendFailure>> {
    if (commands.length === 0) return Promise.resolve(ok([]));
    if (this.#conveyor.backlog + commands.length > BACKLOG_MAX) {
      return Promise.resolve(refuse("unreachable"));
    }
    return new Promise((settle) => {
      const load: Load = { verdicts: [], left: commands.length, failure: undefined, settle };
      commands.forEach((command, i) => {
        this.#conveyor.push(command, { load, i });
      });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (let batch = this.#conveyor.next(); batch !== undefined; batch = this.#conveyor.next()) {
      void this.#send(batch.number, batch.commands);
    }
  }

  async #send(number: number, commands: readonly Command[]): Promise<void> {
    const answer = await this.#ask(commands);
    const items = this.#conveyor.arrive(number, answer.ok ? undefined : answer.failure);
    items.forEach(({ owner: { load, i } }, at) => {
      const verdict = answer.ok ? answer.value[at] : undefined;
      if (verdict !== undefined) load.verdicts[i] = verdict;
      // Of two failures the one that leaves more open counts.
      else if (load.failure !== "unreachable") {
        load.failure = answer.ok ? "unreachable" : answer.failure;
      }
      if (--load.left > 0) return;
      load.settle(load.failure === undefined ? ok(load.verdicts) : refuse(load.failure));
    });
    this.#dispatch();
  }

  async #ask(commands: readonly Command[]): Promise<Result<Verdict[], SendFailure>> {
    try {
      return await applyAt(this.env, this.#region, commands);
    } catch {
      return refuse("unreachable");
    }
  }
}
