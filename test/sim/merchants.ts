// The merchants of a simulated world, who ask and read over its network. A good client asks again with the same key
// until it hears something definite; a careless one gives up. What they ask for is in their stories.

import type { Scope } from "../../protocol/command.ts";
import type { ChargeFacts } from "../../protocol/facts.ts";
import { isRetryable } from "../../protocol/failure.ts";
import type { AccountId, ChargeId, RequestId } from "../../protocol/ids.ts";
import type { Ask, End } from "../../protocol/shard.ts";
import { Dice } from "./chance.ts";
import type { Host } from "./host.ts";
import type { Origin } from "./origin.ts";
import type { CardSort, Vault } from "./processor.ts";
import { oneSale, STORIES, sale } from "./stories.ts";
import type { World } from "./world.ts";

/** Clients wait longer than most answers take, and less long than the worst. */
const PATIENCE_MS = [6_000, 30_000] as const;
const BACKOFF_MS_MAX = 8_000;
/** A good client goes on for ever; a careless one stops after this many attempts. */
const CARELESS_TRIES = 1;

/** An ask without what each attempt has of its own. */
export type Build = (request: RequestId) => Ask;

export type Plea = {
  readonly scope: Scope;
  readonly key: string;
  readonly build: Build;
  readonly isPatient: boolean;
  /** How it ended, once that is known. */
  end: End | undefined;
};

export class Merchants {
  /** All that was ever asked for. */
  readonly pleas: Plea[] = [];
  readonly #world: World;
  readonly #host: Host;
  readonly #origin: Origin;
  readonly #vault: Vault;
  readonly #scopes: readonly Scope[];
  /** On some days most clients give up. */
  readonly #patience: Dice;
  readonly #goodwill: number;
  #requests = 0;

  constructor(
    seed: number,
    world: World,
    host: Host,
    origin: Origin,
    vault: Vault,
    accounts: readonly [AccountId, AccountId],
  ) {
    this.#world = world;
    this.#host = host;
    this.#origin = origin;
    this.#vault = vault;
    this.#patience = new Dice(seed, "patience");
    this.#goodwill = this.#patience.pick([1, 0.8, 0.3]);
    const [a, b] = accounts;
    this.#scopes = [
      { account: a, livemode: false },
      { account: a, livemode: false },
      { account: a, livemode: false },
      { account: a, livemode: true },
      { account: b, livemode: false },
    ];
  }

  /** Begins the story of this number at some time of the day. */
  begin(seed: number, story: number, fromMs: number, isAlone: boolean): void {
    const dice = new Dice(seed, `story ${story}`);
    const scope = dice.pick(this.#scopes);
    const tell = isAlone ? oneSale : dice.pick(STORIES);
    this.#world.timeline.after(fromMs + dice.whole(0, 20_000), () =>
      tell({ dice, scope, name: `s${story}`, merchants: this }),
    );
  }

  /** One sale before anything else, so that the shard is awake. */
  wake(seed: number): void {
    const story = {
      dice: new Dice(seed, "dawn"),
      scope: this.#scopes[0] as Scope,
      merchants: this,
    };
    this.plead(story.scope, "dawn", sale({ ...story, name: "dawn" }, "dawn"), true);
  }

  /** Asks until something definite is heard, then goes on. */
  plead(
    scope: Scope,
    key: string,
    build: Build,
    isPatient: boolean,
    done: (end: End) => void = () => {},
  ): Plea {
    const isGood = isPatient && this.#patience.chance(this.#goodwill);
    const plea: Plea = { scope, key, build, isPatient: isGood, end: undefined };
    this.pleas.push(plea);
    this.#attempt(plea, 1, done);
    return plea;
  }

  #attempt(plea: Plea, tried: number, done: (end: End) => void): void {
    const { timeline, dice, weather } = this.#world;
    let isOver = false;
    const heard = (end: End | undefined): void => {
      if (isOver) return;
      isOver = true;
      if (end !== undefined && isDefinite(end, plea)) {
        const isFirst = plea.end === undefined;
        plea.end = end;
        if (isFirst) done(end);
        return;
      }
      if (!plea.isPatient && tried >= CARELESS_TRIES) return;
      const pauseMs = Math.min(BACKOFF_MS_MAX, 250 * 2 ** tried) * (0.5 + dice.next());
      timeline.after(Math.round(pauseMs), () => this.#attempt(plea, tried + 1, done));
    };
    this.ask(plea, heard);
    if (weather.strikes("call doubled")) {
      timeline.after(dice.whole(0, 3_000), () => this.ask(plea, heard));
    }
    timeline.after(dice.whole(...PATIENCE_MS), () => heard(undefined));
  }

  /** One request over the network; the answer may never come. */
  ask(plea: Plea, heard: (end: End | undefined) => void): void {
    const { timeline, dice, weather } = this.#world;
    if (weather.strikes("call lost")) return;
    const request: RequestId = `req_${++this.#requests}`;
    const delayMs = weather.strikes("call slow") ? dice.whole(100, 8_000) : dice.whole(2, 40);
    timeline.after(delayMs, () => {
      this.#host.execute(plea.build(request), (reply) => {
        if (weather.strikes("answer lost")) return;
        timeline.after(dice.whole(2, 40), () => heard(reply?.end));
      });
    });
  }

  /** Reads a charge as the edge does: a copy when it is fresh enough, else the home region. */
  read(scope: Scope, id: ChargeId): void {
    const { timeline, dice, weather, oracle, tell } = this.#world;
    const told = oracle.toldOf(scope);
    timeline.after(dice.whole(2, 30), () => {
      const admission = this.#host.admit(scope);
      if (!admission.ok) return;
      timeline.after(dice.whole(2, 60), () => {
        const { minSeq } = admission;
        const lagMs = weather.strikes("replica stale") ? dice.whole(0, 30_000) : 0;
        const copied = minSeq === null ? 0 : oracle.seqAt(scope, timeline.nowMs - lagMs);
        const isFresh = minSeq !== null && copied >= minSeq;
        const facts: ChargeFacts | undefined = isFresh
          ? oracle.versionAt(scope, id, copied)
          : this.#origin.read(scope, id);
        tell("reader", () => `reads ${id} ${isFresh ? "of a copy" : ""}: ${facts?.state}`);
        oracle.read(scope, id, facts, told);
      });
    });
  }

  /** Cards as the edge gets them from the vault. */
  card(scope: Scope, sort: CardSort) {
    return this.#vault.tokenize(scope, sort);
  }

  later(ms: number, run: () => void): void {
    this.#world.timeline.after(ms, run);
  }

  /** Accounts other than this one, or this one's other mode. */
  otherThan(scope: Scope): Scope {
    return this.#scopes.find((other) => other.account !== scope.account) ?? scope;
  }
}

/** What was decided on a version that is gone is not asked again as it is: who reads anew decides anew. */
function isDefinite(end: End, { build }: Plea): boolean {
  if (end.ok || !isRetryable(end.failure)) return true;
  const ask = build("req_");
  const isDecided = ask.kind === "object" || (ask.kind === "charge" && ask.intent !== undefined);
  return end.failure.kind === "object_locked" && isDecided;
}
