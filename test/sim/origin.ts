// A region: the network to it, its database, and the client's patience of ten seconds. A transaction is
// the specification's `apply` at one instant; what can go wrong is when that instant is, whether it comes
// at all, and who hears of it.

import type { Command, Scope, Unfinished, Verdict } from "../../protocol/command.ts";
import { firstUuidAt } from "../../protocol/ids.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { Ledger } from "./specification/ledger.ts";
import type { World } from "./world.ts";

/** As in durable-objects/origin-client.ts. */
const ANSWER_MS_MAX = 10_000;
/** How late a statement may still commit, less than the 120 s the shard reckons with. */
const LATE_COMMIT_MS_MAX = 110_000;
/** How long a partition may last. */
const PARTITION_MS_MAX = 20_000;

type SendFailure = "fenced" | "conflict" | "unreachable";
type Answer = (answered: Result<readonly Verdict[], SendFailure>) => void;
type Batch = { readonly epoch: number; readonly commands: readonly Command[] };

export class Origin {
  readonly ledger: Ledger;
  #partitionedUntilMs = 0;
  readonly #world: World;
  /** Called when the region was fenced off, so that somebody deploys the new epoch. */
  onFence: () => void = () => {};

  constructor(world: World) {
    this.#world = world;
    this.ledger = world.subject.ledger.newLedger();
  }

  /** One transaction, at once and undisturbed: for what is there before the story begins. */
  commit(commands: readonly Command[]): void {
    this.#apply({ epoch: this.ledger.epoch, commands });
  }

  send(batch: Batch, answer: Answer): void {
    const { weather, dice } = this.#world;
    const { epoch, commands } = batch;
    if (commands.length < 2 || !weather.strikes("batch in parts")) {
      this.#travel(batch, answer);
      return;
    }
    // On a lane, which many shards share, a batch may be committed in parts; of two failures the one that
    // leaves more open counts.
    const cut = dice.whole(1, commands.length - 1);
    const parts = [commands.slice(0, cut), commands.slice(cut)];
    const answers: Parameters<Answer>[0][] = [];
    parts.forEach((part, i) => {
      this.#travel({ epoch, commands: part }, (answered) => {
        answers[i] = answered;
        const [first, second] = answers;
        if (first === undefined || second === undefined) return;
        if (first.ok && second.ok) answer(ok([...first.value, ...second.value]));
        else if (first.ok) answer(second);
        else answer(second.ok || first.failure === "unreachable" ? first : second);
      });
    });
  }

  #travel(batch: Batch, answer: Answer): void {
    const { weather, timeline, dice } = this.#world;
    const once = this.#onceWithin(answer);
    if (this.#isPartitioned() || weather.strikes("batch lost")) {
      // Sometimes the network says so, sometimes it is just silent.
      if (dice.chance(0.5)) timeline.after(dice.whole(1, 500), () => once(refuse("unreachable")));
      return;
    }
    const delayMs = weather.strikes("batch slow") ? dice.whole(500, 15_000) : dice.whole(3, 25);
    timeline.after(delayMs, () => this.#execute(batch, once));
    if (weather.strikes("batch doubled")) {
      timeline.after(delayMs + dice.whole(0, 6_000), () => this.#execute(batch, () => {}));
    }
    if (weather.strikes("fence moved")) this.#fence();
  }

  find(
    slot: number,
    sinceMs: number,
    answer: (answered: Result<readonly Unfinished[], SendFailure>) => void,
  ): void {
    const { weather, timeline, dice, subject } = this.#world;
    const once = this.#onceWithin(answer);
    if (this.#isPartitioned() || weather.strikes("find lost")) return;
    timeline.after(dice.whole(3, 25), () => {
      const found = subject.ledger.unfinished(this.ledger, slot, firstUuidAt(sinceMs / 1000));
      timeline.after(dice.whole(3, 25), () => once(ok(found)));
    });
  }

  #execute(batch: Batch, answer: Answer): void {
    const { weather, timeline, dice } = this.#world;
    if (weather.strikes("crash before commit")) {
      if (dice.chance(0.5)) timeline.after(dice.whole(1, 300), () => answer(refuse("unreachable")));
      return;
    }
    if (weather.strikes("late commit")) {
      timeline.after(dice.whole(9_000, LATE_COMMIT_MS_MAX), () => this.#apply(batch));
      return;
    }
    timeline.after(dice.whole(1, 12), () => {
      const applied = this.#apply(batch);
      if (weather.strikes("crash after commit")) {
        timeline.after(dice.whole(1, 300), () => answer(refuse("unreachable")));
      } else if (!weather.strikes("verdicts lost") && !this.#isPartitioned()) {
        timeline.after(dice.whole(3, 25), () => answer(applied));
      }
    });
  }

  #apply(batch: Batch): Result<readonly Verdict[], SendFailure> {
    const { subject, timeline, oracle, tell } = this.#world;
    const applied = subject.ledger.apply(this.ledger, batch, timeline.nowMs);
    tell("ledger", () => {
      const words = applied.ok
        ? batch.commands.map((c, i) => `${c.kind} ${c.id} → ${wordOf(applied.value[i])}`)
        : [applied.failure];
      return words.join("; ");
    });
    oracle.committed(batch, applied);
    return applied;
  }

  /** One way or both: what is sent meanwhile is lost. */
  #isPartitioned(): boolean {
    const { weather, timeline, dice } = this.#world;
    if (weather.calm) return false;
    if (weather.strikes("partition")) {
      this.#partitionedUntilMs = timeline.nowMs + dice.whole(500, PARTITION_MS_MAX);
    }
    return timeline.nowMs < this.#partitionedUntilMs;
  }

  #fence(): void {
    const { timeline, dice, tell } = this.#world;
    timeline.after(dice.whole(0, 50), () => {
      this.ledger.epoch++;
      tell("operator", () => `moves the fence to epoch ${this.ledger.epoch}`);
      this.onFence();
    });
  }

  #onceWithin<T>(answer: (answered: Result<T, SendFailure>) => void) {
    let isOver = false;
    const settle = (answered: Result<T, SendFailure>): void => {
      if (isOver) return;
      isOver = true;
      answer(answered);
    };
    this.#world.timeline.after(ANSWER_MS_MAX, () => settle(refuse("unreachable")));
    return settle;
  }

  /** Whether this account has such a charge; a read of the primary. */
  read(scope: Scope, id: `ch_${string}`) {
    const { ledger } = this.#world.subject;
    const account = ledger.accountOf(this.ledger, scope);
    return account === undefined ? undefined : ledger.chargeFacts(account, id);
  }
}

function wordOf(verdict: Verdict | undefined): string {
  if (verdict === undefined) return "?";
  if (verdict.outcome === "refused") return verdict.failure.kind;
  return verdict.outcome === "known" ? `known, ${verdict.answer.end.kind}` : verdict.outcome;
}
