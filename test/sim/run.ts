// One seed, one run: a stormy minute in which anything may fail, then calm weather in which everything must
// come to its end in time, then an audit. The same seed and mask always give the same run.

import { isRetryable } from "../../protocol/failure.ts";
import { type AccountId, firstUuidAt } from "../../protocol/ids.ts";
import type { JournalEntry } from "../../protocol/projection.ts";
import type { KeptTerms } from "../../protocol/terms.ts";
import { Dice, type Fault, type Mask, NO_MASK, Weather } from "./chance.ts";
import { Host } from "./host.ts";
import { Merchants, type Plea } from "./merchants.ts";
import { type Invariant, Oracle, render, Violation, wordless } from "./oracle/oracle.ts";
import { Origin } from "./origin.ts";
import { Vault } from "./processor.ts";
import { REAL, type Subject } from "./subject.ts";
import { Timeline } from "./timeline.ts";
import { SLOT, type World } from "./world.ts";

const START_MS = Date.UTC(2026, 10, 1, 12);
/** A quiet time before the storm, long enough for a shard that has woken to be sure of itself. */
const DAWN_MS = 170_000;
const STORM_MS = 45_000;
/**
 * After the storm: a statement sent at its end commits 110 s later, alarms look every 5 s, the slowest card
 * takes half a minute.
 */
const CALM_MS = 200_000;
const REPLAY_MS = 60_000;
const DAY_MS = 86_400_000;
/** Things that may happen in one run; a usual one has some thousand. */
const STEPS_MAX = 200_000;
const TERMS: KeptTerms = { fee_bps: 290, fee_fixed: { usd: 30 }, settlement_days: 1 };
const ACCOUNTS: readonly [AccountId, AccountId] = [
  "acct_AAAAAAAAAAAAAAAA",
  "acct_BBBBBBBBBBBBBBBB",
];
const STORIES_MAX = 7;

/** How often each fault strikes on a bad day, of all the times it could. */
const RATES: Readonly<Record<Fault, number>> = {
  "call lost": 0.05,
  "answer lost": 0.08,
  "call doubled": 0.08,
  "call slow": 0.05,
  evicted: 0.015,
  "evicted in mid-step": 0.01,
  "two live objects": 0.04,
  deployed: 0.002,
  "disk slow": 0.1,
  "evicted while it writes": 0.05,
  "alarm late": 0.1,
  "alarm twice": 0.1,
  "clock jumps": 0.01,
  "batch lost": 0.04,
  "batch doubled": 0.08,
  "batch slow": 0.05,
  "batch in parts": 0.1,
  "verdicts lost": 0.05,
  partition: 0.01,
  "crash before commit": 0.03,
  "crash after commit": 0.04,
  "late commit": 0.03,
  "fence moved": 0.004,
  "find lost": 0.1,
  "replica stale": 0.5,
  "vault cut off": 0.05,
  "vault unreachable": 0.04,
  "line slow": 0.05,
  "line doubled": 0.05,
  "question lost": 0.05,
  "question doubled": 0.05,
  "processor fails before": 0.04,
  "processor fails after": 0.05,
  "processor silent after": 0.04,
  "card slow": 0.05,
};

export type RunOptions = {
  readonly subject?: Subject;
  readonly mask?: Mask;
  /** Told each line of the run's story. */
  readonly onLine?: (line: string) => void;
};

export type Outcome = {
  readonly seed: number;
  /** What was found to be wrong; undefined when nothing was. */
  readonly violation: { readonly invariant: Invariant; readonly message: string } | undefined;
  /** How often each fault struck, in the order of `FAULTS`. */
  readonly struck: Uint32Array;
  /** Every fault that struck, by name and number. */
  readonly faults: readonly string[];
  readonly stories: number;
  readonly requests: number;
};

export function run(seed: number, options: RunOptions = {}): Outcome {
  const { subject = REAL, mask = NO_MASK, onLine } = options;
  const weather = new Weather(seed, RATES, mask);
  const size = new Dice(seed, "size");
  // On some days one request is all there is: nobody who comes after it wakes the shard again.
  const isAlone = size.chance(0.1);
  const stories = isAlone ? 1 : size.whole(1, STORIES_MAX);
  let requests = 0;
  let violation: Outcome["violation"];
  try {
    const simulation = new Simulation(seed, subject, weather, onLine);
    const dawnMs = new Dice(seed, "dawn").chance(0.5) ? DAWN_MS : 0;
    if (dawnMs > 0) simulation.merchants.wake(seed);
    for (let story = 0; story < stories; story++) {
      if (!mask.stories.has(story)) simulation.merchants.begin(seed, story, dawnMs, isAlone);
    }
    simulation.play(dawnMs);
    requests = simulation.merchants.pleas.length;
  } catch (error) {
    const isViolation = error instanceof Violation;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    violation = {
      invariant: isViolation ? error.invariant : "bug",
      message: isViolation ? error.message : text,
    };
  }
  return { seed, violation, struck: weather.struck, faults: weather.log, stories, requests };
}

class Simulation {
  readonly merchants: Merchants;
  readonly #world: World;
  readonly #host: Host;
  readonly #origin: Origin;
  readonly #vault: Vault;
  #steps = 0;

  constructor(
    seed: number,
    subject: Subject,
    weather: Weather,
    onLine: ((line: string) => void) | undefined,
  ) {
    const timeline = new Timeline(START_MS);
    this.#world = {
      timeline,
      weather,
      dice: new Dice(seed, "world"),
      subject,
      oracle: new Oracle(subject),
      tell:
        onLine === undefined
          ? () => {}
          : (who, what) => onLine(`${secondsOf(timeline)} ${who.padEnd(9)} ${what()}`),
    };
    this.#origin = new Origin(this.#world);
    this.#world.oracle.watch(this.#origin.ledger);
    this.#vault = new Vault(this.#world);
    this.#host = new Host(this.#world, SLOT, this.#origin, this.#vault);
    this.merchants = new Merchants(
      seed,
      this.#world,
      this.#host,
      this.#origin,
      this.#vault,
      ACCOUNTS,
    );
    this.#origin.commit(
      ACCOUNTS.map((id, i) => ({
        kind: "create_account",
        account: id,
        livemode: false,
        id,
        slot: SLOT,
        // One merchant pays fees and waits for his money, the other does as is usual.
        ...(i === 0 ? { terms: TERMS } : {}),
      })),
    );
  }

  play(dawnMs: number): void {
    const { weather, tell } = this.#world;
    weather.calm = true;
    this.#until(dawnMs);
    tell("weather", () => "gets worse");
    weather.calm = false;
    this.#until(dawnMs + STORM_MS);
    tell("weather", () => "calms down");
    weather.calm = true;
    this.#host.calm();
    this.#until(dawnMs + STORM_MS + CALM_MS);
    this.#audit();
    this.#replay(this.merchants.pleas.filter(({ end }) => end !== undefined));
  }

  #until(ms: number): void {
    const { timeline } = this.#world;
    while (timeline.step(START_MS + ms)) {
      if (++this.#steps > STEPS_MAX) throw new Violation("I8", "the run never ends");
    }
    timeline.nowMs = START_MS + ms;
  }

  #audit(): void {
    const { subject, oracle, dice } = this.#world;
    for (const { isPatient, end, key } of this.merchants.pleas) {
      if (isPatient && end === undefined) throw new Violation("I8", `${key} never hears an end`);
    }
    const left = subject.ledger.unfinished(this.#origin.ledger, SLOT, firstUuidAt(0));
    const [first] = left;
    if (first !== undefined && "id" in first.facts) {
      throw new Violation("I8", `${first.facts.id} is open for ever`);
    }
    if (!this.#host.isAtRest) throw new Violation("I8", "the shard never comes to rest");
    oracle.conclude(this.#vault.processor.book, (entries) => shuffled(entries, dice));
  }

  /** Every key once more: what it hears must be what it heard, whoever remembers it. */
  #replay(pleas: readonly Plea[]): void {
    const { dice, timeline, subject, oracle } = this.#world;
    if (dice.chance(0.5)) this.#host.evict();
    let again = pleas;
    if (dice.chance(0.2)) {
      // Long after, when the keys of customers, objects and refusals are dropped.
      timeline.nowMs += 45 * DAY_MS;
      subject.ledger.dropKeys(this.#origin.ledger, timeline.nowMs);
      oracle.keysDropped();
      this.#host.evict();
      again = pleas.filter(
        ({ end }) => end?.ok && end.facts.kind !== "customer" && end.facts.kind !== "object",
      );
    }
    let open = 0;
    // Whoever lost against another change may win when it asks again.
    again = again.filter(({ end }) => end?.ok !== false || !isRetryable(end.failure));
    for (const plea of again) {
      open++;
      // One after the other: a retry that comes at once is told that its key is in use.
      timeline.after(open * 200, () =>
        this.merchants.ask(plea, (end) => {
          if (end === undefined || plea.end === undefined) return;
          open--;
          const [now, then] = [render(end, plea.scope), render(plea.end, plea.scope)];
          const erased = end.ok && end.facts.kind === "customer" && end.facts.deleted;
          if (now !== then && now !== wordless(then) && !erased && !isForgottenCard(end)) {
            throw new Violation("I4", `${plea.key} heard ${then}, and hears ${now}`);
          }
        }),
      );
    }
    const fromMs = timeline.nowMs - START_MS;
    this.#until(fromMs + REPLAY_MS);
    if (open > 0)
      throw new Violation("I8", `${open} of ${again.length} keys are not answered again`);
  }
}

/** The card of a customer who was deleted is gone, and with it the words of what used it. */
const isForgottenCard = (end: Parameters<typeof render>[0]): boolean =>
  !end.ok && end.failure.kind === "resource_missing" && end.failure.object === "token";

/** As a careless network delivers: out of order, some of them twice. */
function shuffled(entries: readonly JournalEntry[], dice: Dice): JournalEntry[] {
  const delivered = entries.flatMap((entry) => (dice.chance(0.2) ? [entry, entry] : [entry]));
  for (let i = delivered.length - 1; i > 0; i--) {
    const j = Math.max(0, i - dice.whole(0, 6));
    [delivered[i], delivered[j]] = [delivered[j] as JournalEntry, delivered[i] as JournalEntry];
  }
  return delivered;
}

const secondsOf = (timeline: Timeline): string =>
  ((timeline.nowMs - START_MS) / 1000).toFixed(3).padStart(8);
