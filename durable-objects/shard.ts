// The front door of one slot of accounts: admits, holds keys in flight, groups commands, and takes each
// charge through open → effect → close. The ledger's unique rows decide what happened once; what this
// object knows is a cache of them, so it writes nothing on the hot path and may be lost at any moment.
// All it decides is decided in machine.ts; here its actions are performed.

import { DurableObject } from "cloudflare:workers";
import type { Command, Scope, Verdict } from "../protocol/command.ts";
import type { Failure } from "../protocol/failure.ts";
import type { ForgetAsk, LeftOpen } from "../protocol/forgetting.ts";
import { firstUuidAt } from "../protocol/ids.ts";
import { fromJson, type JsonOf, toJson } from "../protocol/json-of.ts";
import { readLines } from "../protocol/lines.ts";
import { cardIdOfToken } from "../protocol/object.ts";
import type { KeyedRequest, Recalled, Recollection } from "../protocol/remembered.ts";
import { ok, type Result, refuse } from "../protocol/result.ts";
import type {
  Admission,
  Ask,
  EndpointClass,
  Reply,
  TokenAdmission,
  Visit,
} from "../protocol/shard.ts";
import { homeOf } from "../protocol/slot.ts";
import type { Order, Performed, VaultVerbs } from "../protocol/vault.ts";
import { within } from "./deadline.ts";
import { endOfFailure, INTERNAL } from "./end.ts";
import { Forgetting } from "./forgetting.ts";
import { type Lane, laneOf } from "./lane.ts";
import {
  type Action,
  admit,
  admitToken,
  type Clock,
  flush,
  type Input,
  newShard,
  type SendFailure,
  type ShardState,
  take,
} from "./machine.ts";
import { applyAt, askOrigin, forgetAt, type OriginBindings } from "./origin-client.ts";
import { Pokes } from "./pokes.ts";
import { RememberedRequests } from "./remembered-requests.ts";
import { RevokedKeys } from "./revoked-keys.ts";
import { ALARM_MS, accountOf, expectLate, nameOf, wordOf } from "./shard-state.ts";
import type { Stream } from "./stream.ts";

export type ShardEnv = OriginBindings & {
  /** The vault as the shard may call it; the edge has a binding of its own. */
  readonly SHARD_VAULT: Service<
    Pick<VaultVerbs, "describe" | "perform" | "forget"> & Rpc.WorkerEntrypointBranded
  >;
  readonly LANE: DurableObjectNamespace<Lane>;
  readonly STREAM: DurableObjectNamespace<Stream>;
  /** Requests a second one account may make, and how many at once after a rest. */
  readonly RATE_PER_SECOND?: string;
  /** Requests of one account that may be executed at once. */
  readonly CONCURRENT_MAX?: string;
  /** "all" where test mode is guarded against card testing too; live mode always is. */
  readonly CARD_GUARD?: string;
};

/** A vault that has not told of a token by then counts as cut off. */
const DESCRIBE_MS_MAX = 10_000;
/** Batches smaller than this share a lane with those of other shards; a larger one is worth a commit. */
const OWN_BATCH_MIN = 16;
/** A lane waits for what is before it, and then for the origin. */
const LANE_MS_MAX = 35_000;
/** The vault asks a processor three times, eight seconds each, and by key in between. */
const PERFORM_MS_MAX = 60_000;
const CLEAN_SINCE = "clean_since_ms";

/** What follows it is done at the end of the turn. Cheaper than queueMicrotask, which leaves the engine. */
const TURN = Promise.resolve();

const clock: Clock = {
  get nowMs() {
    return Date.now();
  },
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

export class Shard extends DurableObject<ShardEnv> {
  readonly #slot: number;
  #state: ShardState;
  #actions: Action[] = [];
  #flushing = false;
  readonly #callers = new Map<number, (reply: Reply) => void>();
  #lastCall = 0;
  readonly #forgetting: Forgetting;
  readonly #pokes: Pokes;
  readonly #revoked: RevokedKeys;
  readonly #remembered: RememberedRequests;
  /** Told when no recovery is under way. */
  #resting: (() => void)[] = [];

  constructor(state: DurableObjectState, env: ShardEnv) {
    super(state, env);
    this.#slot = Number((state.id.name ?? "").slice("slot-".length));
    this.#state = this.#wake();
    this.#forgetting = new Forgetting(state.storage, env);
    this.#revoked = new RevokedKeys(state.storage.sql);
    this.#remembered = new RememberedRequests(state.storage.sql);
    this.#pokes = new Pokes({
      poke: async (scope, seq) => await env.STREAM.getByName(nameOf(scope)).poke(seq),
      nowMs: () => Date.now(),
      wait: (ms, then) => void setTimeout(then, ms),
    });
  }

  /** Whether an account may read now, and the sequence its answer must not fall behind. */
  admit(scope: Scope, of: EndpointClass = "read"): Admission {
    return admit(this.#state, scope, Date.now(), of);
  }

  /** Whether a token may be made now, and its name; `visit` tells who asks with a publishable key. */
  admitToken(scope: Scope, visit: Visit | undefined): TokenAdmission {
    return admitToken(this.#state, scope, visit, clock);
  }

  /** Takes a key back by its serial until it would have ended anyway, as far as the account may write now. */
  revoke(scope: Scope, serial: string, untilMs: number): Admission {
    const nowMs = Date.now();
    const admission = admit(this.#state, scope, nowMs, "write");
    if (admission.ok) this.#revoked.add(nameOf(scope), serial, untilMs, nowMs);
    return admission;
  }

  /** Whether a key was taken back. */
  isRevoked(scope: Scope, serial: string): boolean {
    return this.#revoked.has(nameOf(scope), serial);
  }

  /**
   * What a request that leaves nothing in the ledger is to hear, as far as the account may write now; undefined when
   * it is the first with its key.
   */
  recall(scope: Scope, asked: KeyedRequest): Recollection {
    const nowMs = Date.now();
    const admission = admit(this.#state, scope, nowMs, "write");
    if (!admission.ok) return admission;
    return { ...admission, recalled: this.#remembered.recall(nameOf(scope), asked, nowMs) };
  }

  /** Remembers such a request and what its answer is made of, if it is the first; what it hears if it is not. */
  remember(scope: Scope, asked: KeyedRequest, note: string): Recalled | undefined {
    const nowMs = Date.now();
    const before = this.#remembered.recall(nameOf(scope), asked, nowMs);
    if (before === undefined) this.#remembered.keep(nameOf(scope), asked, note, nowMs);
    return before;
  }

  /** Executes a request once for its key; every other request with that key hears the same. */
  execute(asked: JsonOf<Ask>): Promise<JsonOf<Reply>> {
    const ask = fromJson(asked);
    return new Promise((answered) => {
      // The platform's own asks are counted nowhere.
      const told = (reply: Reply): void =>
        answered(
          toJson(
            ask.kind === "account"
              ? reply
              : { ...reply, word: wordOf(this.#state, ask, "write", Date.now()) },
          ),
        );
      const resolve =
        ask.kind === "customer" && ask.change === "delete"
          ? (reply: Reply) => void this.#forgetting.settled().then(() => told(reply))
          : told;
      const call = ++this.#lastCall;
      this.#callers.set(call, resolve);
      this.#take(this.#state, { kind: "asked", call, ask });
    });
  }

  /** Forgets a token, and the card it became; answers when the sealed card is destroyed or on its way. */
  async forget(ask: ForgetAsk): Promise<Result<null, Failure>> {
    const admission = this.admit(ask, "write");
    if (!admission.ok) return refuse(admission.failure);
    await this.#forgetting.arm();
    const verdict = await forgetAt(this.env, homeOf(this.#slot), ask);
    if (!verdict.ok) {
      // It may be committed yet: the searches to come find what is owed then.
      this.#state.clock = clock;
      expectLate(this.#state, this.#actions);
      this.#flush();
      const end = endOfFailure(verdict.failure);
      return end.ok ? ok(null) : refuse(end.failure);
    }
    if (verdict.value.outcome !== "forgotten") {
      const { outcome } = verdict.value;
      const [object, id] =
        ask.customer === undefined ? ["token", ask.token] : ["source", cardIdOfToken(ask.token)];
      return refuse(
        outcome === "missing"
          ? { kind: "resource_missing", object, id, param: "id" }
          : { kind: "account_unknown" },
      );
    }
    const account = accountOf(this.#state, nameOf(ask));
    account.seq = Math.max(account.seq, verdict.value.seq);
    this.#state.finished.forgetAll(nameOf(ask));
    this.#forgetting.destroy({ account: ask.account, livemode: ask.livemode, tokens: [ask.token] });
    await this.#forgetting.settled();
    return ok(null);
  }

  /** Finishes what a crash left between its two phases; lasts as long as that does. */
  override async alarm(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resting.push(resolve);
      this.#take(this.#state, { kind: "alarm" });
    });
    await this.#forgetting.retry();
  }

  #wake(): ShardState {
    const { RATE_PER_SECOND: rate, CONCURRENT_MAX: concurrent } = this.env;
    const { kv } = this.ctx.storage;
    const cleanSinceMs = kv.get<number>(CLEAN_SINCE);
    // Nothing leaves an object before its writes are safe: whoever tells anything leaves a trace of itself.
    if (cleanSinceMs === undefined) kv.put(CLEAN_SINCE, 0);
    return newShard({
      guarded: this.env.CARD_GUARD === "all" ? "all" : "live",
      cleanSinceMs,
      ...(rate === undefined ? {} : { ratePerSecond: Number(rate) }),
      ...(concurrent === undefined ? {} : { concurrent: Number(concurrent) }),
    });
  }

  // What happens in one turn is taken at once and acted on together, so that those who came together
  // leave together. `state` is the one whose action led to this: a shard that broke down hears no more.
  #take(state: ShardState, input: Input): void {
    if (state !== this.#state) return;
    try {
      take(state, input, clock, this.#actions);
    } catch (error) {
      this.#breakDown(error);
    }
    if (this.#flushing) return;
    this.#flushing = true;
    void TURN.then(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    try {
      flush(this.#state, this.#actions);
    } catch (error) {
      this.#breakDown(error);
    }
    const actions = this.#actions;
    this.#actions = [];
    for (const action of actions) this.#act(action);
    if (this.#state.recovery !== undefined || this.#resting.length === 0) return;
    for (const rest of this.#resting) rest();
    this.#resting = [];
  };

  // The machine does not throw. Should it, then what it knows cannot be trusted; all of it is a cache.
  #breakDown(error: unknown): void {
    console.error("shard broke down", this.#slot, nameOfError(error));
    const reply: Reply = { end: INTERNAL, replayed: false, request: "req_" };
    for (const answer of this.#callers.values()) answer(reply);
    this.#callers.clear();
    this.#actions = [];
    this.#state = this.#wake();
    void this.ctx.storage.setAlarm(Date.now() + ALARM_MS);
  }

  #act(action: Action): void {
    const state = this.#state;
    switch (action.kind) {
      case "answer":
        this.#callers.get(action.call)?.(action.reply);
        this.#callers.delete(action.call);
        break;
      case "describe":
        void this.#describe(state, action.call, action.scope, action.token);
        break;
      case "send":
        void this.#send(state, action);
        break;
      case "perform":
        void this.#perform(state, action.orders);
        break;
      case "find":
        void this.#find(state, action.find, action.sinceMs);
        break;
      case "forget":
        this.#forgetting.destroy({ ...action.scope, tokens: action.tokens });
        break;
      case "arm":
        // Not awaited: the output gate holds the first request to the origin until the alarm is durable,
        // so no charge can be opened that nobody would come back for.
        void this.ctx.storage.setAlarm(action.atMs);
        break;
      case "remember":
        this.ctx.storage.kv.put(CLEAN_SINCE, action.cleanSinceMs);
        break;
      case "wait":
        setTimeout(() => this.#take(state, { kind: "timer", timer: action.timer }), action.ms);
        break;
      case "bug":
        console.error("bug in the shard", this.#slot, nameOfError(action.error));
        break;
    }
  }

  async #describe(state: ShardState, call: number, scope: Scope, token: string): Promise<void> {
    try {
      const card = await within(
        DESCRIBE_MS_MAX,
        async () => await this.env.SHARD_VAULT.describe(scope, token),
      );
      this.#take(state, { kind: "described", call, card });
    } catch (error) {
      console.error("vault cut off", nameOfError(error));
      const failure = { kind: "unavailable", what: "The card vault cannot be reached." } as const;
      this.#take(state, { kind: "described", call, card: refuse(failure) });
    }
  }

  async #send(
    state: ShardState,
    { batch, commands }: Extract<Action, { kind: "send" }>,
  ): Promise<void> {
    const answer = await this.#apply(commands);
    this.#take(state, { kind: "committed", batch, answer });
    if (answer.ok) this.#pokes.heard(commands, answer.value);
  }

  // A vault that was cut off in the middle may have asked the processor or not.
  async #perform(state: ShardState, orders: readonly Order[]): Promise<void> {
    const open = new Set<string>();
    for (const { key } of orders) open.add(key);
    try {
      await within(PERFORM_MS_MAX, async (signal) => {
        const hear = (lines: readonly string[]): void => {
          // The elements of one array: one parse for all of them.
          const effects = JSON.parse(`[${lines.join(",")}]`) as Performed[];
          for (const { key } of effects) open.delete(key);
          this.#take(state, { kind: "performed", effects });
        };
        const told = await this.env.SHARD_VAULT.perform(orders);
        if (typeof told === "string") hear([told]);
        else await readLines(told, hear, signal);
      });
    } catch (error) {
      console.error("vault cut off", nameOfError(error));
    }
    if (open.size === 0) return;
    const effects = Array.from(open, (key) => ({ key, effect: { kind: "unknown" as const } }));
    this.#take(state, { kind: "performed", effects });
  }

  async #find(state: ShardState, find: number, sinceMs: number): Promise<void> {
    const answer = await this.#leftOpen(firstUuidAt(sinceMs / 1000));
    if (!answer.ok) console.error("shard could not recover yet", this.#slot, answer.failure);
    for (const owed of answer.ok ? answer.value.owed : []) {
      this.#state.finished.forgetAll(nameOf(owed));
      this.#forgetting.destroy(owed);
    }
    const unfinished = answer.ok ? ok(answer.value.unfinished) : answer;
    this.#take(state, { kind: "found", find, answer: unfinished });
  }

  async #leftOpen(since: string): Promise<Result<LeftOpen, SendFailure>> {
    const ask = { slot: this.#slot, since };
    try {
      return await askOrigin<LeftOpen>(this.env, homeOf(this.#slot), "/unfinished", ask);
    } catch (error) {
      console.error("ledger could not be asked", this.#slot, nameOfError(error));
      return refuse("unreachable");
    }
  }

  async #apply(commands: readonly Command[]): Promise<Result<Verdict[], SendFailure>> {
    const home = homeOf(this.#slot);
    try {
      if (commands.length >= OWN_BATCH_MIN) return await applyAt(this.env, home, commands);
      const lane = this.env.LANE.getByName(laneOf(home, this.#slot));
      return await within(LANE_MS_MAX, async () => await lane.commit(commands));
    } catch (error) {
      console.error("ledger could not be asked", this.#slot, nameOfError(error));
      return refuse("unreachable");
    }
  }
}

const nameOfError = (error: unknown): string =>
  error instanceof Error ? error.name : typeof error;
