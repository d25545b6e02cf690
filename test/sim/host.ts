// What runs the shard of one slot: the platform's side of a Durable Object. One object at a time, except
// when there are two; memory that may go at any moment; storage whose writes hold back what is said after
// them until they are safe; alarms that come at least once. The code it runs is the shard's own.

import type { Action, Input, ShardState } from "../../durable-objects/machine.ts";
import type { Command, Scope } from "../../protocol/command.ts";
import { refuse } from "../../protocol/result.ts";
import type { Admission, Ask, Reply } from "../../protocol/shard.ts";
import type { Performed } from "../../protocol/vault.ts";
import type { Origin } from "./origin.ts";
import type { Vault } from "./processor.ts";
import type { World } from "./world.ts";

/** As in durable-objects/shard.ts. */
const DESCRIBE_MS_MAX = 10_000;
const PERFORM_MS_MAX = 60_000;
/** A caller that has heard nothing by then never will: every step behind it has a time limit. */
export const CALL_MS_MAX = 200_000;
/** How long an object that was replaced may live on. */
const STALE_MS_MAX = 40_000;
/** Two clocks differ by no more than this, and a clock that jumps by no more either way. */
const SKEW_MS_MAX = 3_600_000;

type Write = { readonly alarmMs: number } | { readonly cleanSinceMs: number };

/** `undefined` is a connection that broke. */
type Answer = (reply: Reply | undefined) => void;

type Call = {
  readonly ask: Ask;
  readonly answer: Answer;
  /** The shard has answered; its word may still be held back. */
  isAnswered: boolean;
};

type Instance = {
  readonly name: string;
  readonly state: ShardState;
  readonly epoch: number;
  isAlive: boolean;
  /** Replaced by another, and not aware of it. */
  isStale: boolean;
  skewMs: number;
  readonly inbox: Input[];
  readonly unflushed: Write[];
  /** What may not leave before the writes are safe. */
  readonly held: (() => void)[];
  readonly calls: Map<number, Call>;
  /** An alarm is being handled whose writes are not safe yet. */
  inAlarm: boolean;
};

export class Host {
  readonly slot: number;
  #epoch = 1;
  #current: Instance | undefined;
  #stale: Instance[] = [];
  #instances = 0;
  #lastCall = 0;
  #cleanSinceMs: number | undefined;
  #alarm: { readonly atMs: number } | undefined;
  readonly #world: World;
  readonly #origin: Origin;
  readonly #vault: Vault;

  constructor(world: World, slot: number, origin: Origin, vault: Vault) {
    this.slot = slot;
    this.#world = world;
    this.#origin = origin;
    this.#vault = vault;
    origin.onFence = () => {
      const { timeline, dice } = world;
      timeline.after(dice.whole(200, 6_000), () => this.deploy());
    };
  }

  /** True when nobody will wake this shard any more unless somebody asks. */
  get isAtRest(): boolean {
    return this.#alarm === undefined && (this.#current?.calls.size ?? 0) === 0;
  }

  execute(ask: Ask, answer: Answer): void {
    const instance = this.#route();
    const call = ++this.#lastCall;
    const { oracle, timeline, tell } = this.#world;
    instance.calls.set(call, { ask, answer, isAnswered: false });
    tell(instance.name, () => `is asked ${describeAsk(ask)} (call ${call})`);
    timeline.after(CALL_MS_MAX, () => {
      if (instance.isAlive && instance.calls.has(call)) oracle.neverAnswered(ask);
    });
    this.#deliver(instance, { kind: "asked", call, ask });
  }

  /** An object that was replaced is told so when something new begins there, so it admits no readers. */
  admit(scope: Scope): Admission {
    const instance = this.#wake();
    const { subject } = this.#world;
    return subject.machine.admit(instance.state, scope, this.#nowOf(instance));
  }

  /** New code everywhere, at once: what was in flight is lost. */
  deploy(): void {
    this.#world.tell("operator", () => "deploys");
    this.#epoch = this.#origin.ledger.epoch;
    for (const instance of [this.#current, ...this.#stale]) {
      if (instance !== undefined) this.#kill(instance);
    }
  }

  /** Loses what is in memory. */
  evict(): void {
    if (this.#current !== undefined) this.#kill(this.#current);
  }

  /** The day the faults stop: one object, and its clock is right again. */
  calm(): void {
    for (const instance of this.#stale) this.#kill(instance);
    if (this.#current !== undefined) this.#current.skewMs = this.#smallSkew();
    if (this.#epoch !== this.#origin.ledger.epoch) this.deploy();
  }

  #route(): Instance {
    const { weather, dice, timeline } = this.#world;
    if (this.#current !== undefined && weather.strikes("two live objects")) {
      const old = this.#current;
      old.isStale = true;
      this.#stale.push(old);
      this.#current = undefined;
      this.#world.tell(old.name, () => "is replaced, and lives on");
      timeline.after(dice.whole(500, STALE_MS_MAX), () => this.#kill(old));
    }
    if (this.#stale.length > 0 && dice.chance(0.4)) return dice.pick(this.#stale);
    return this.#wake();
  }

  #wake(): Instance {
    if (this.#current !== undefined) return this.#current;
    const { subject, tell } = this.#world;
    const skewMs = this.#smallSkew();
    const instance: Instance = {
      name: `shard ${++this.#instances}`,
      state: subject.machine.newShard({ cleanSinceMs: this.#cleanSinceMs }),
      epoch: this.#epoch,
      isAlive: true,
      isStale: false,
      skewMs,
      inbox: [],
      unflushed: [],
      held: [],
      calls: new Map(),
      inAlarm: false,
    };
    tell(instance.name, () => "wakes");
    if (this.#cleanSinceMs === undefined) this.#write(instance, { cleanSinceMs: 0 });
    this.#current = instance;
    return instance;
  }

  #kill(instance: Instance): void {
    if (!instance.isAlive) return;
    const { timeline, dice, tell } = this.#world;
    tell(instance.name, () => "dies");
    instance.isAlive = false;
    if (this.#current === instance) this.#current = undefined;
    this.#stale = this.#stale.filter((other) => other !== instance);
    for (const { answer } of instance.calls.values()) {
      if (dice.chance(0.7)) timeline.after(dice.whole(1, 50), () => answer(undefined));
    }
    // An alarm that did not end is an alarm that comes again.
    if (instance.inAlarm) timeline.after(2_000, () => this.#ring());
  }

  #nowOf(instance: Instance): number {
    return this.#world.timeline.nowMs + instance.skewMs;
  }

  #smallSkew(): number {
    return this.#world.dice.whole(-1_500, 1_500);
  }

  #deliver(instance: Instance, input: Input): void {
    if (!instance.isAlive) return;
    const { weather, timeline, dice } = this.#world;
    if (weather.strikes("clock jumps")) this.#jump(instance);
    if (weather.strikes("evicted")) {
      timeline.after(dice.whole(0, 400), () => this.#kill(instance));
    }
    if (weather.strikes("deployed")) timeline.after(dice.whole(0, 400), () => this.deploy());
    // What happens at one instant is taken together, as one turn of the event loop takes it.
    instance.inbox.push(input);
    if (instance.inbox.length === 1) timeline.after(0, () => this.#turn(instance));
  }

  #jump(instance: Instance): void {
    const { dice, tell } = this.#world;
    const byMs = dice.pick([3_000, 60_000, 600_000, 3_600_000]) * dice.pick([-1, 1]);
    instance.skewMs = Math.max(-SKEW_MS_MAX, Math.min(SKEW_MS_MAX, instance.skewMs + byMs));
    tell(instance.name, () => `has a clock that is ${instance.skewMs / 1000} s off`);
  }

  #turn(instance: Instance): void {
    if (!instance.isAlive) return;
    const { subject, weather, dice } = this.#world;
    const clock = {
      nowMs: this.#nowOf(instance),
      random: (length: number) => dice.bytes(length),
    };
    const actions: Action[] = [];
    for (const input of instance.inbox.splice(0)) {
      subject.machine.take(instance.state, input, clock, actions);
    }
    subject.machine.flush(instance.state, actions);
    const until = weather.strikes("evicted in mid-step")
      ? dice.whole(0, actions.length)
      : actions.length;
    for (let i = 0; i < until && instance.isAlive; i++) this.#act(instance, actions[i] as Action);
    if (until < actions.length) this.#kill(instance);
    if (instance.unflushed.length === 0) instance.inAlarm = false;
  }

  #act(instance: Instance, action: Action): void {
    const { oracle, timeline, tell } = this.#world;
    switch (action.kind) {
      case "answer":
        this.#answer(instance, action.call, action.reply);
        break;
      case "describe":
        this.#leave(instance, () => this.#describe(instance, action));
        break;
      case "send":
        this.#watchExecution(instance, action.commands);
        this.#leave(instance, () => this.#send(instance, action));
        break;
      case "perform":
        this.#leave(instance, () => this.#perform(instance, action));
        break;
      case "find":
        this.#leave(instance, () => {
          tell(instance.name, () => `looks for what is open since ${action.sinceMs}`);
          this.#origin.find(this.slot, action.sinceMs, (answer) =>
            this.#deliver(instance, { kind: "found", find: action.find, answer }),
          );
        });
        break;
      case "forget":
        this.#leave(instance, () => this.#vault.forget(action.scope, action.tokens));
        break;
      case "arm": {
        // The platform keeps its own time: an alarm rings that much later than it was set.
        const afterMs = Math.max(0, action.atMs - this.#nowOf(instance));
        this.#write(instance, { alarmMs: timeline.nowMs + afterMs });
        break;
      }
      case "remember":
        tell(instance.name, () => `remembers ${action.cleanSinceMs}`);
        this.#write(instance, { cleanSinceMs: action.cleanSinceMs });
        break;
      case "wait":
        timeline.after(action.ms, () =>
          this.#deliver(instance, { kind: "timer", timer: action.timer }),
        );
        break;
      case "bug":
        oracle.bug(action.error);
        break;
    }
  }

  /** Lets something out of the object, once what was written before it is safe. */
  #leave(instance: Instance, out: () => void): void {
    if (instance.unflushed.length > 0) instance.held.push(out);
    else out();
  }

  #write(instance: Instance, write: Write): void {
    // Whoever was replaced learns of it at its storage.
    if (instance.isStale) {
      this.#kill(instance);
      return;
    }
    const { weather, timeline, dice } = this.#world;
    instance.unflushed.push(write);
    if (instance.unflushed.length > 1) return;
    const delayMs = weather.strikes("disk slow") ? dice.whole(50, 4_000) : dice.whole(1, 8);
    if (weather.strikes("evicted while it writes")) {
      timeline.after(dice.whole(0, delayMs - 1), () => this.#kill(instance));
    }
    timeline.after(delayMs, () => this.#flush(instance));
  }

  #flush(instance: Instance): void {
    if (!instance.isAlive) return;
    if (instance.isStale) {
      this.#kill(instance);
      return;
    }
    for (const write of instance.unflushed.splice(0)) {
      if ("cleanSinceMs" in write) this.#cleanSinceMs = write.cleanSinceMs;
      else this.#setAlarm(write.alarmMs);
    }
    instance.inAlarm = false;
    for (const out of instance.held.splice(0)) if (instance.isAlive) out();
  }

  #setAlarm(atMs: number): void {
    const { weather, timeline, dice } = this.#world;
    const alarm = { atMs };
    this.#alarm = alarm;
    const lateMs = weather.strikes("alarm late") ? dice.whole(500, 30_000) : dice.whole(0, 20);
    timeline.at(atMs + lateMs, () => {
      if (this.#alarm !== alarm) return;
      this.#alarm = undefined;
      this.#ring();
      if (weather.strikes("alarm twice")) timeline.after(dice.whole(5, 3_000), () => this.#ring());
    });
  }

  #ring(): void {
    const instance = this.#wake();
    instance.inAlarm = true;
    this.#deliver(instance, { kind: "alarm" });
  }

  #answer(instance: Instance, number: number, reply: Reply): void {
    const { oracle, tell } = this.#world;
    const call = instance.calls.get(number);
    if (call === undefined || call.isAnswered) {
      oracle.bug(new Error(`call ${number} is answered twice`));
      return;
    }
    const others = this.#others(instance, call.ask);
    call.isAnswered = true;
    this.#leave(instance, () => {
      instance.calls.delete(number);
      tell(instance.name, () => `answers call ${number}: ${describeReply(reply)}`);
      oracle.answered(call.ask, reply, others);
      call.answer(reply);
    });
  }

  /** Unanswered calls of one instance under the key of this one, itself not counted. */
  #others(instance: Instance, ask: Ask): number {
    if (ask.kind === "account") return 0;
    let count = 0;
    for (const { ask: other, isAnswered } of instance.calls.values()) {
      const same =
        !isAnswered &&
        other !== ask &&
        other.kind !== "account" &&
        other.key === ask.key &&
        other.account === ask.account &&
        other.livemode === ask.livemode;
      if (same) count++;
    }
    return count;
  }

  #watchExecution(instance: Instance, commands: readonly Command[]): void {
    for (const command of commands) {
      if (!("key" in command)) continue;
      for (const { ask } of instance.calls.values()) {
        if (ask.kind === "account" || ask.request !== command.request) continue;
        this.#world.oracle.executes(ask, command, this.#others(instance, ask));
      }
    }
  }

  #describe(instance: Instance, action: Extract<Action, { kind: "describe" }>): void {
    const { timeline } = this.#world;
    let isOver = false;
    const heard = (card: Extract<Input, { kind: "described" }>["card"]): void => {
      if (isOver) return;
      isOver = true;
      this.#deliver(instance, { kind: "described", call: action.call, card });
    };
    this.#vault.describe(action.scope, action.token, heard);
    const what = "The card vault cannot be reached.";
    timeline.after(DESCRIBE_MS_MAX, () => heard(refuse({ kind: "unavailable", what })));
  }

  #send(instance: Instance, { batch, commands }: Extract<Action, { kind: "send" }>): void {
    const { oracle, tell } = this.#world;
    tell(instance.name, () => `sends ${commands.map((c) => `${c.kind} ${c.id}`).join("; ")}`);
    oracle.sent(commands);
    this.#origin.send({ epoch: instance.epoch, commands }, (answer) =>
      this.#deliver(instance, { kind: "committed", batch, answer }),
    );
  }

  #perform(instance: Instance, { orders }: Extract<Action, { kind: "perform" }>): void {
    const { oracle, timeline, tell } = this.#world;
    tell(instance.name, () => `orders ${orders.map(({ key }) => key).join(", ")}`);
    oracle.ordered(orders);
    const open = new Set(orders.map(({ key }) => key));
    const tellOf = (effects: readonly Performed[]): void => {
      for (const { key } of effects) open.delete(key);
      if (effects.length > 0) this.#deliver(instance, { kind: "performed", effects });
    };
    const end = (): void => {
      tellOf(Array.from(open, (key) => ({ key, effect: { kind: "unknown" as const } })));
    };
    this.#vault.perform(orders, (key, effect) => tellOf([{ key, effect }]), end);
    timeline.after(PERFORM_MS_MAX, end);
  }
}

export const describeAsk = (ask: Ask): string =>
  ask.kind === "account"
    ? "to make an account"
    : `${ask.kind} ${ask.key} mac ${ask.mac.slice(0, 2)} as ${ask.request} of ${ask.account.slice(-2)}/${ask.livemode ? "live" : "test"}`;

const describeReply = ({ end, replayed }: Reply): string =>
  `${end.ok ? `ok ${"state" in end.facts ? end.facts.state : end.facts.kind}` : end.failure.kind}${replayed ? ", replayed" : ""}`;
