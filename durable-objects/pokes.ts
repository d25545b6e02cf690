// When a shard tells the stream of an account that something was committed. Nobody waits for it: one at a time
// and not more often than it helps, none where the stream has said that it has nobody to tell. A lost one is made
// good by the stream's own alarm.

import type { Command, Scope, Verdict } from "../protocol/command.ts";

/** The least time between two pokes of one account; what was committed meanwhile is told by the second. */
const GAP_MS = 250;
/** How long a stream that has no endpoints is left alone, unless one is made here. */
const ASLEEP_MS = 60 * 60_000;

type Told = {
  /** The highest number that is to be told, and the one that was told last. */
  seq: number;
  told: number;
  busy: boolean;
  asleepUntilMs: number;
  /** Changes of endpoints so far: a stream that said it has none may have been asked before one was made. */
  endpoints: number;
};

export type PokeWays = {
  /** Tells the stream of an account; whether it has endpoints. */
  readonly poke: (scope: Scope, seq: number) => Promise<boolean>;
  readonly nowMs: () => number;
  readonly wait: (ms: number, then: () => void) => void;
};

export class Pokes {
  readonly #ways: PokeWays;
  readonly #accounts = new Map<string, Told>();

  constructor(ways: PokeWays) {
    this.#ways = ways;
  }

  /** Takes note of a batch that was committed. */
  heard(commands: readonly Command[], verdicts: readonly Verdict[]): void {
    for (const [i, command] of commands.entries()) {
      const verdict = verdicts[i];
      // What was only begun tells merchants nothing yet.
      if (verdict?.outcome !== "charge_closed" && verdict?.outcome !== "done") continue;
      if (command.kind === "create_account") continue;
      const { account, livemode } = command;
      const name = livemode ? `${account}/live` : account;
      let known = this.#accounts.get(name);
      if (known === undefined) {
        known = { seq: 0, told: 0, busy: false, asleepUntilMs: 0, endpoints: 0 };
        this.#accounts.set(name, known);
      }
      known.seq = Math.max(known.seq, verdict.seq);
      if (command.kind === "save_object" && command.type === "webhook_endpoint") {
        known.asleepUntilMs = 0;
        known.endpoints++;
      }
      if (!known.busy) this.#tell(known, { account, livemode });
    }
  }

  #tell(known: Told, scope: Scope): void {
    if (known.seq <= known.told || this.#ways.nowMs() < known.asleepUntilMs) return;
    known.busy = true;
    const { seq, endpoints } = known;
    const rest = (): void =>
      this.#ways.wait(GAP_MS, () => {
        known.busy = false;
        this.#tell(known, scope);
      });
    this.#ways.poke(scope, seq).then(
      (isAwake) => {
        known.told = seq;
        if (!isAwake && endpoints === known.endpoints)
          known.asleepUntilMs = this.#ways.nowMs() + ASLEEP_MS;
        rest();
      },
      () => {
        // Not again for the same: its alarm knows the rest.
        known.told = seq;
        rest();
      },
    );
  }
}
