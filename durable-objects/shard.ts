// The front door of one slot of accounts: admits, holds keys in flight, groups commands, and takes each
// charge through open → effect → close. The ledger's unique rows decide what happened once; what this
// object knows is a cache of them, so it writes nothing on the hot path and may be lost at any moment.

import { DurableObject } from "cloudflare:workers";
import {
  type Command,
  exclusions,
  type Scope,
  type Unfinished,
  type Verdict,
} from "../protocol/command.ts";
import { type Failure, isRetryable } from "../protocol/failure.ts";
import { firstUuidAt, IdMint, type TokenId } from "../protocol/ids.ts";
import type { Result } from "../protocol/result.ts";
import type { AccountAsk, Admission, Ask, End, Reply } from "../protocol/shard.ts";
import { homeOf } from "../protocol/slot.ts";
import type { VaultVerbs } from "../protocol/vault.ts";
import { type Bucket, type BucketLimit, takeToken } from "./bucket.ts";
import { Conveyor, type SendFailure } from "./conveyor.ts";
import { Drive } from "./drive.ts";
import { FinishedAnswers } from "./finished-answers.ts";
import { opening } from "./opening.ts";
import { askOrigin, EPOCH, type OriginBindings } from "./origin-client.ts";

export type ShardEnv = OriginBindings & {
  readonly VAULT: Service<VaultVerbs & Rpc.WorkerEntrypointBranded>;
  /** Requests a second one account may make, and how many at once after a rest. */
  readonly RATE_PER_SECOND?: string;
};

/** Stripe allows 100 requests a second; one hot merchant must be able to fill a conveyor. */
const RATE_PER_SECOND_DEFAULT = 1000;
const BURST_SECONDS = 2;
/** How soon after a crash the alarm looks for what was left open. */
const ALARM_MS = 5_000;
/** A statement whose answer was lost, or was sent by an instance before this one, may commit this late. */
const LATE_COMMIT_MS_MAX = 120_000;
/** How far back recovery looks beyond what is known: late commits, and clocks of two instances. */
const CLOCK_SLACK_MS = 600_000;
/** Charges taken up by one recovery (the page of `unfinished`), and how many of them at once. */
const RECOVERED_MAX = 500;
const RECOVERED_AT_ONCE = 32;
/** Commands that may wait; beyond it the shard sheds load instead of keeping callers. */
const BACKLOG_MAX = 5_000;
/** A vault that restarts is back within a second or two. */
const FORGET_TRIES_MAX = 5;
const FORGET_PAUSE_MS = 500;
const CLEAN_SINCE = "clean_since_ms";

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export class Shard extends DurableObject<ShardEnv> {
  readonly #mint = new IdMint(() => Date.now(), random);
  readonly #buckets = new Map<string, Bucket>();
  /** Keys being executed, and since when. */
  readonly #inFlight = new Map<string, number>();
  readonly #finished = new FinishedAnswers();
  readonly #seqs = new Map<string, number>();
  readonly #slot: number;
  readonly #conveyor: Conveyor<Command, Verdict>;
  readonly #drive: Drive;
  readonly #limit: BucketLimit;
  #armed = false;
  /** True until the ledger was asked, by this instance, what a crash may have left open. */
  #doubtful = true;
  /** Until then something may still commit that this instance does not know of. */
  #lateUntilMs = Date.now() + LATE_COMMIT_MS_MAX;

  constructor(state: DurableObjectState, env: ShardEnv) {
    super(state, env);
    this.#slot = Number((state.id.name ?? "").slice("slot-".length));
    const home = homeOf(this.#slot);
    this.#conveyor = new Conveyor(
      (commands) => askOrigin<Verdict[]>(env, home, "/batch", { epoch: EPOCH, commands }),
      exclusions,
    );
    this.#drive = new Drive(env.VAULT, (command) => this.#commit(command));
    const perSecond = Number(env.RATE_PER_SECOND ?? RATE_PER_SECOND_DEFAULT);
    this.#limit = { perSecond, burst: perSecond * BURST_SECONDS };
  }

  /** Whether an account may read now, and the sequence its answer must not fall behind. */
  admit(scope: Scope): Admission {
    if (!this.#takeToken(scope)) return { ok: false, failure: { kind: "rate_limited" } };
    return { ok: true, minSeq: this.#seqs.get(nameOf(scope)) ?? null };
  }

  /** Executes a request once for its key; every other request with that key hears the same. */
  async execute(ask: Ask): Promise<Reply> {
    const request = "request" in ask ? ask.request : ("req_" as const);
    const fresh = (end: End): Reply => ({ end, replayed: false, request });
    const refused = (failure: Failure) => fresh({ ok: false, failure });
    if (this.#conveyor.backlog > BACKLOG_MAX) return refused({ kind: "rate_limited" });
    if (ask.kind === "account") return fresh(await this.#create(ask));
    if (!this.#takeToken(ask)) return refused({ kind: "rate_limited" });
    const name = `${nameOf(ask)}/${ask.key}`;
    // Whose parameters are the first's is known only when the ledger has judged, so neither is preferred.
    if (this.#inFlight.has(name)) return refused({ kind: "idempotency_in_use" });
    const first = this.#finished.get(name);
    if (first !== undefined && (first.mac !== ask.mac || first.operation !== ask.operation)) {
      const second = ask.operation;
      return refused({ kind: "idempotency_mismatch", first: first.operation, second });
    }
    if (first !== undefined) return first.reply;
    const { mac, operation } = ask;
    this.#inFlight.set(name, Date.now());
    try {
      const reply = await this.#first(ask);
      if (isKept(reply.end)) {
        this.#finished.set(name, { mac, operation, reply: { ...reply, replayed: true } });
      }
      return reply;
    } finally {
      this.#inFlight.delete(name);
    }
  }

  /** Finishes what a crash left between its two phases, then rests until there is work again. */
  override async alarm(): Promise<void> {
    this.#armed = false;
    const [oldest] = this.#inFlight.values();
    const cleanSinceMs = (oldest ?? Date.now()) - CLOCK_SLACK_MS;
    try {
      if (this.#doubtful) await this.#recover();
      if (!this.#doubtful) this.ctx.storage.kv.put(CLEAN_SINCE, cleanSinceMs);
    } catch (error) {
      console.error("shard could not recover yet", this.#slot, String(error));
      this.#doubtful = true;
    }
    if (this.#doubtful || oldest !== undefined) this.#arm();
  }

  async #recover(): Promise<void> {
    const sinceMs = this.ctx.storage.kv.get<number>(CLEAN_SINCE) ?? 0;
    const found = await askOrigin<Unfinished[]>(this.env, homeOf(this.#slot), "/unfinished", {
      slot: this.#slot,
      since: firstUuidAt(sinceMs / 1000),
    });
    if (!found.ok) {
      console.error("shard could not recover yet", this.#slot, found.failure);
      return;
    }
    this.#doubtful = false;
    let ended = true;
    for (let from = 0; from < found.value.length; from += RECOVERED_AT_ONCE) {
      const some = found.value.slice(from, from + RECOVERED_AT_ONCE);
      const ends = await Promise.all(some.map((left) => this.#drive.finish(left, left.facts)));
      ended &&= ends.every(isFinal);
    }
    const all = found.value.length < RECOVERED_MAX;
    if (!ended || !all || Date.now() < this.#lateUntilMs) this.#doubtful = true;
  }

  // The platform asks, so the merchant's own bucket is not touched.
  async #create({ kind: _, ...account }: AccountAsk): Promise<End> {
    const made = await this.#commit({ ...account, kind: "create_account" });
    if (!made.ok) return { ok: false, failure: failureOf(made.failure) };
    return made.value.outcome === "closed"
      ? { ok: true, facts: made.value.facts }
      : { ok: false, failure: { kind: "internal" } };
  }

  async #first(ask: Exclude<Ask, { kind: "account" }>): Promise<Reply> {
    this.#arm();
    const fresh = (end: End): Reply => ({ end, replayed: false, request: ask.request });
    const command = await opening(ask, this.#mint, this.env.VAULT);
    if (!command.ok) return fresh({ ok: false, failure: command.failure });
    const opened = await this.#commit(command.value);
    if (!opened.ok) {
      this.#doubtful = true;
      this.#lateUntilMs = Date.now() + LATE_COMMIT_MS_MAX;
      return fresh({ ok: false, failure: failureOf(opened.failure) });
    }
    const verdict = opened.value;
    switch (verdict.outcome) {
      case "refused":
        return fresh({ ok: false, failure: verdict.failure });
      case "closed":
        if (verdict.facts.kind === "customer" && verdict.facts.deleted) {
          this.#finished.forgetCustomer(verdict.facts.id);
        }
        if (verdict.forgotten.length > 0) {
          this.ctx.waitUntil(this.#forget(scopeOf(ask), verdict.forgotten));
        }
        return fresh({ ok: true, facts: verdict.facts });
      case "opened":
        return fresh(await this.#finish(ask, verdict.facts));
      case "known": {
        const { request, end } = verdict.answer;
        if (end.kind === "failure")
          return { end: { ok: false, failure: end.failure }, replayed: true, request };
        const finished =
          end.kind === "unfinished"
            ? await this.#finish(ask, end.facts)
            : this.#drive.endOf(end.facts);
        return { end: finished, replayed: true, request };
      }
    }
  }

  // The ledger already forgot these tokens, so nobody can pay with them; what is left is to destroy
  // what they stood for.
  async #forget(scope: Scope, tokens: readonly TokenId[]): Promise<void> {
    for (let tried = 1; tried <= FORGET_TRIES_MAX; tried++) {
      try {
        return await this.env.VAULT.forget(scope, tokens);
      } catch {
        await scheduler.wait(FORGET_PAUSE_MS * tried);
      }
    }
    console.error("sealed cards were not destroyed", scope.account, tokens.length);
  }

  async #finish(scope: Scope, facts: Unfinished["facts"]): Promise<End> {
    const end = await this.#drive.finish(scopeOf(scope), facts);
    if (!isFinal(end)) this.#doubtful = true;
    return end;
  }

  async #commit(command: Command): Promise<Result<Verdict, SendFailure>> {
    const answer = await this.#conveyor.push(command);
    if (answer.ok && command.kind !== "create_account") {
      const name = nameOf(command);
      const { seq } = answer.value;
      if (seq > (this.#seqs.get(name) ?? 0)) this.#seqs.set(name, seq);
    }
    return answer;
  }

  #takeToken(scope: Scope): boolean {
    const name = nameOf(scope);
    const { admitted, bucket } = takeToken(this.#buckets.get(name), this.#limit, Date.now());
    this.#buckets.set(name, bucket);
    return admitted;
  }

  // One write in five seconds of activity, and not awaited: the output gate holds the first request to
  // the origin until the alarm is durable, so no charge can be opened that nobody would come back for.
  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    void this.ctx.storage.setAlarm(Date.now() + ALARM_MS);
  }
}

const nameOf = (scope: Scope): string => `${scope.account}/${scope.livemode ? "live" : "test"}`;

const scopeOf = ({ account, livemode }: Scope): Scope => ({ account, livemode });

// What the ledger holds under the key. A reuse it refused, or a token nobody found, is not the key's answer.
const isKept = (end: End): boolean =>
  isFinal(end) &&
  (end.ok ||
    !(
      end.failure.kind === "idempotency_mismatch" ||
      end.failure.kind === "account_unknown" ||
      (end.failure.kind === "resource_missing" && end.failure.object === "token")
    ));

const isFinal = (end: End): boolean => end.ok || !isRetryable(end.failure);

const failureOf = (failure: SendFailure): Failure =>
  failure === "conflict"
    ? { kind: "internal" }
    : { kind: "unavailable", what: "The ledger of this account's region cannot be reached." };
