// A simulated account with webhooks: a ledger that answers, a host that performs what the delivery machine says
// and may die between any two actions, and receivers that are up or down. Time is virtual; chance has one seed.

import type { Outcome } from "../../durable-objects/delivery-attempts.ts";
import { type Action, type Input, step } from "../../durable-objects/delivery-machine.ts";
import { ATTEMPT_MS_MAX } from "../../durable-objects/delivery-pace.ts";
import {
  type Change,
  type Delivery,
  type DeliveryState,
  type EndpointConfig,
  type EndpointRow,
  type Entry,
  type Event,
  type LogEntry,
  type Progress,
  placeOf,
  restore,
} from "../../durable-objects/delivery-state.ts";

/** How a receiver answers at a time; `lost` has received it and the answer is lost. */
export type Answer = number | "timeout" | "lost";
export type Receiver = (event: Event, nowMs: number, chance: () => number) => Answer;

export type Faults = {
  /** That the host dies before an action, and after it. */
  readonly crash: number;
  /** That a poke is lost. */
  readonly lostPoke: number;
  /** That the ledger cannot be reached. */
  readonly unreachable: number;
  /** That an input comes twice. */
  readonly twice: number;
};

export const NO_FAULTS: Faults = { crash: 0, lostPoke: 0, unreachable: 0, twice: 0 };

/** What arrived at a receiver. */
export type Arrival = {
  readonly endpoint: string;
  readonly place: number;
  readonly atMs: number;
  readonly answer: Answer;
};

const PAGE = 100;
/** Time that a hop takes at most; chosen anew for each. */
const HOP_MS_MAX = 50;
const REVIVAL_MS_MAX = 2_000;

/** Chance out of a seed (mulberry32). */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An endpoint without what only its host knows. */
export const configOf = ({
  id,
  seq,
  url,
  events,
  ordered,
  enabled,
  ...rest
}: EndpointConfig): EndpointConfig => ({
  ...{ id, seq, url, events, ordered, enabled },
  secretVersion: rest.secretVersion,
  formerUntil: rest.formerUntil,
});

type Timer = { readonly atMs: number; readonly order: number; readonly run: () => void };

export class World {
  nowMs = 1_700_000_000_000;
  readonly chance: () => number;
  readonly faults: Faults;
  readonly ledger: Entry[] = [];
  readonly arrivals: Arrival[] = [];
  readonly receivers = new Map<string, Receiver>();
  /** What the host keeps. */
  readonly rows = new Map<string, EndpointRow>();
  readonly deliveries = new Map<string, { endpoint: string; delivery: Delivery }>();
  readonly log: LogEntry[] = [];
  progress: Progress | undefined;
  crashes = 0;
  /** Attempts of the present life that were told of a success, by endpoint and place. */
  readonly successes = new Map<string, number>();
  /** Sent though a success was kept before; none may be. */
  readonly repeats: Arrival[] = [];
  mostAtOnce = 0;
  /** Reads of the ledger. */
  pulls = 0;
  #atOnce = new Map<string, number>();
  #alarmMs: number | undefined;
  #alarm = 0;
  #state: DeliveryState | undefined;
  #life = 0;
  #timers: Timer[] = [];
  #order = 0;

  constructor(seed: number, faults: Faults = NO_FAULTS) {
    this.chance = chanceOf(seed);
    this.faults = faults;
  }

  /** Something a merchant did; tells the stream, as a shard does. */
  commit(types: readonly string[], endpoint?: EndpointConfig | { id: string; gone: true }): number {
    const seq = this.ledger.length + 1;
    const events = types.map((type, part) => ({ place: placeOf(seq, part), type }));
    const change =
      endpoint === undefined
        ? {}
        : "gone" in endpoint
          ? { endpoint: { id: endpoint.id, config: null } }
          : { endpoint: { id: endpoint.id, config: { ...endpoint, seq } } };
    this.ledger.push({ seq, events, ...change });
    if (!this.#happens(this.faults.lostPoke)) this.later(() => this.take({ kind: "poked", seq }));
    return seq;
  }

  /** Makes an endpoint as the edge does: the stream is armed before the ledger is written. */
  makeEndpoint(config: Partial<EndpointConfig> & { id: string }, receiver: Receiver): void {
    this.receivers.set(config.id, receiver);
    // An edge that hears of a failure makes no endpoint; so it is armed by then.
    while (!this.take({ kind: "armed", head: this.ledger.length })) this.run(REVIVAL_MS_MAX);
    this.commit([], {
      seq: 0,
      url: "https://example.com/",
      events: ["*"],
      ordered: false,
      enabled: true,
      secretVersion: 1,
      formerUntil: null,
      ...config,
    });
  }

  /** Lets time pass. */
  run(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const next = this.#timers.reduce<Timer | undefined>(
        (a, b) =>
          a === undefined || b.atMs < a.atMs || (b.atMs === a.atMs && b.order < a.order) ? b : a,
        undefined,
      );
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = untilMs;
  }

  later(run: () => void, ms = this.chance() * HOP_MS_MAX): void {
    this.#timers.push({ atMs: this.nowMs + ms, order: this.#order++, run });
  }

  /** Gives the machine an input; false when the host died of it. */
  take(input: Input): boolean {
    this.#state ??= restore(this.progress, [...this.rows.values()], [...this.deliveries.values()]);
    const life = this.#life;
    const clock = { nowMs: this.nowMs, chance: this.chance };
    const actions = step(this.#state, input, clock);
    if (this.#happens(this.faults.twice)) actions.push(...step(this.#state, input, clock));
    for (const action of actions) {
      if (this.#happens(this.faults.crash)) this.#die();
      if (life !== this.#life) return false;
      this.#act(action);
    }
    return true;
  }

  #happens(chance: number): boolean {
    return chance > 0 && this.chance() < chance;
  }

  #die(): void {
    this.crashes++;
    this.#life++;
    this.#state = undefined;
    this.#atOnce.clear();
    // An alarm that was being handled is handled once more.
    if (this.#alarmMs === undefined) this.#setAlarm(this.nowMs + this.chance() * REVIVAL_MS_MAX);
  }

  #setAlarm(atMs: number): void {
    this.#alarmMs = atMs;
    const alarm = ++this.#alarm;
    this.later(() => {
      if (alarm !== this.#alarm) return;
      this.#alarmMs = undefined;
      this.take({ kind: "alarm" });
    }, atMs - this.nowMs);
  }

  /** An answer for the life that asked. */
  #reply(life: number, input: () => Input, ms?: number): void {
    this.later(() => {
      if (life === this.#life) this.take(input());
    }, ms);
  }

  #act(action: Action): void {
    const life = this.#life;
    switch (action.kind) {
      case "wake":
        this.#setAlarm(action.atMs);
        break;
      case "keep":
        for (const change of action.changes) this.#keep(change);
        break;
      case "pull":
        this.pulls++;
        this.#reply(life, () => ({
          kind: "pulled",
          pull: action.pull,
          page: this.#happens(this.faults.unreachable)
            ? undefined
            : {
                after: action.after,
                entries: this.ledger.slice(action.after, action.after + PAGE),
                head: this.ledger.length,
              },
        }));
        break;
      case "attempt":
        this.#attempt(life, action);
        break;
      case "disable": {
        const { endpoint, seq } = action;
        const told = !this.#happens(this.faults.unreachable);
        const row = this.rows.get(endpoint);
        if (told && row !== undefined && row.seq === seq && row.enabled) {
          this.commit(["webhook_endpoint.disabled"], { ...configOf(row), enabled: false });
        }
        this.#reply(life, () => ({ kind: "disabled", endpoint, told }));
        break;
      }
    }
  }

  #attempt(life: number, { attempt, to, event }: Extract<Action, { kind: "attempt" }>): void {
    const key = `${to.id}/${event.place}`;
    const atOnce = (this.#atOnce.get(to.id) ?? 0) + 1;
    this.#atOnce.set(to.id, atOnce);
    this.mostAtOnce = Math.max(this.mostAtOnce, atOnce);
    this.later(() => {
      const answer = this.receivers.get(to.id)?.(event, this.nowMs, this.chance) ?? 404;
      const arrival = { endpoint: to.id, place: event.place, atMs: this.nowMs, answer };
      this.arrivals.push(arrival);
      if (this.successes.has(key)) this.repeats.push(arrival);
      const outcome: Outcome =
        typeof answer === "number"
          ? { kind: "answered", status: answer, tookMs: 20 }
          : { kind: "failed", failure: "timeout", tookMs: ATTEMPT_MS_MAX };
      this.later(
        () => {
          if (life !== this.#life) return;
          this.#atOnce.set(to.id, (this.#atOnce.get(to.id) ?? 1) - 1);
          this.take({ kind: "attempted", attempt, outcome });
        },
        typeof answer === "number" ? undefined : ATTEMPT_MS_MAX,
      );
    });
  }

  #keep(change: Change): void {
    switch (change.kind) {
      case "progress":
        this.progress = change.progress;
        break;
      case "endpoint":
        this.rows.set(change.row.id, change.row);
        break;
      case "endpoint_gone":
        this.rows.delete(change.id);
        for (const [key, { endpoint }] of this.deliveries) {
          if (endpoint === change.id) this.deliveries.delete(key);
        }
        break;
      case "delivery":
        this.deliveries.set(`${change.endpoint}/${change.delivery.place}`, change);
        break;
      case "delivery_ended":
        this.deliveries.delete(`${change.endpoint}/${change.place}`);
        break;
      case "log": {
        const { entry } = change;
        this.log.push(entry);
        if (entry.failure === null && !entry.redelivery) {
          this.successes.set(`${entry.endpoint}/${entry.place}`, this.nowMs);
        }
        break;
      }
    }
  }
}
