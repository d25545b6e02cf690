// The bank's book: one SQLite Durable Object that says what was authorized, incremented, captured, refunded
// and voided, once per idempotency key. Each operation is one transaction in one turn, and the output
// gate holds its answer until the rows are on disk, so an answer that was seen is a fact. It never
// receives a card number or a CVC: only a decision, with the last four digits, and a fingerprint.
// Fault switches live here too, because only the book knows whether a key is a replay. They are
// kept with the rows and last until cleared, but changed TESTBANK_* variables replace them.

import { DurableObject } from "cloudflare:workers";
import { LineWriter } from "../../protocol/lines.ts";
import type { Answer } from "./answer.ts";
import {
  BANK_FAILED,
  KEY_REUSED,
  refusedAsDuplicate,
  UNKNOWN_AUTHENTICATION,
  UNKNOWN_AUTHORIZATION,
} from "./answer.ts";
import { AUTHENTICATION_SCHEMA } from "./authentication.ts";
import { lineOf } from "./batch.ts";
import type { FaultState, Plan, Switches } from "./faults.ts";
import { faultState, isIdle, isSlow, NO_FAULT, NO_SWITCHES, planFault } from "./faults.ts";
import { DISPUTES_SCHEMA } from "./happenings.ts";
import { delayOf } from "./notice-times.ts";
import {
  filing,
  listed,
  NOTICES_SCHEMA,
  type NoticeEnv,
  type NoticeRow,
  nextDue,
  tellDue,
} from "./notices.ts";
import { type BankOrder, execute } from "./operations.ts";
import { switchesFromVariables } from "./request.ts";
import type { StatementPage, Totals } from "./statement.ts";
import { page, totals } from "./statement.ts";

export type KeyState =
  | { readonly state: "answered"; readonly status: number; readonly body: string }
  | { readonly state: "in_progress" }
  | { readonly state: "unknown" };

export interface FaultReport {
  readonly switches: Switches;
  readonly hits: number;
}

type StoredAnswer = { fingerprint: string; status: number; body: string };

// A key and its answer; none when the answer is to be lost.
type Told = readonly [key: string, answer: Answer | undefined];

// How far past its delay a request may still be waiting for its turn.
const DELAY_SLACK_MS = 1_000;

// Answers come first: their key is the only look-up of a first attempt. The CHECKs repeat the rules
// of the operations, so a mistake there becomes an error instead of a wrong book.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS authorizations (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    reference TEXT,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('approved', 'declined')),
    captured_minor INTEGER NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor),
    refunded_minor INTEGER NOT NULL DEFAULT 0
      CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    voided INTEGER NOT NULL DEFAULT 0 CHECK (voided IN (0, 1)),
    brand TEXT NOT NULL,
    last4 TEXT NOT NULL,
    refund_behaviour TEXT,
    increment_decline TEXT,
    merchant TEXT,
    dispute TEXT,
    created_at INTEGER NOT NULL,
    CHECK (status = 'approved' OR captured_minor = 0),
    CHECK (voided = 0 OR captured_minor = 0)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS movements (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    authorization TEXT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('capture', 'void', 'refund', 'increment')),
    amount_minor INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('approved', 'pending', 'declined', 'canceled')),
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS counters (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    requests INTEGER NOT NULL,
    replays INTEGER NOT NULL
  ) STRICT;
  INSERT OR IGNORE INTO counters (row, requests, replays) VALUES (1, 0, 0);
  CREATE TABLE IF NOT EXISTS faults (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    variables TEXT NOT NULL,
    state TEXT NOT NULL
  ) STRICT;
${AUTHENTICATION_SCHEMA}`;

export class Bank extends DurableObject<NoticeEnv> {
  readonly #sql: SqlStorage;
  readonly #noticeDelayMs: number;
  readonly #variables: Switches;
  #faults: FaultState;
  // Something is to happen later that no alarm was set for.
  #filed = false;
  // Counted in this turn and not yet written.
  #requests = 0;
  #replays = 0;
  // Keys of delayed requests and when each will have been booked at the latest.
  readonly #delayed = new Map<string, number>();

  constructor(ctx: DurableObjectState, env: NoticeEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`${SCHEMA}${DISPUTES_SCHEMA}${NOTICES_SCHEMA}`);
    this.#noticeDelayMs = delayOf(env);
    this.#variables = switchesFromVariables(env);
    this.#faults = this.#storedFaults() ?? faultState(this.#variables);
  }

  /** Executes one order, once per key. Undefined when its answer is to be lost. */
  async execute(order: BankOrder): Promise<Answer | undefined> {
    const plan = this.#plan(order.key);
    if (isSlow(plan)) return this.#answerLate(order, plan);
    const answer = this.#answer(order, plan);
    this.#writeCounts();
    return answer;
  }

  /**
   * Executes each order as `execute` does, and answers with a line for each. What needs no waiting is
   * booked in this turn, each order in its own transaction, all by one commit; the rest follows alone.
   */
  async executeMany(orders: readonly BankOrder[]): Promise<ReadableStream<Uint8Array>> {
    const lines = new LineWriter();
    const tell = async (answers: readonly Told[]) => {
      // The output gate holds this call's result, but nothing that is written to the stream later.
      await this.ctx.storage.sync();
      for (const [key, answer] of answers) {
        if (answer !== undefined) lines.write(lineOf(key, answer));
      }
    };
    const prompt: Told[] = [];
    const late: Promise<void>[] = [];
    for (const order of orders) {
      // One after the other, because a plan asks whether the key has been booked.
      const plan = this.#plan(order.key);
      if (isSlow(plan)) {
        const answer = this.#answerLate(order, plan).catch(failed);
        late.push(answer.then((known) => tell([[order.key, known]])));
      } else {
        prompt.push([order.key, this.#answerOrFail(order, plan)]);
      }
    }
    this.#writeCounts();
    // What ends the stream early leaves lines out, and a caller asks for those by key.
    Promise.all([tell(prompt), ...late])
      .finally(() => lines.close())
      .catch(failed);
    return lines.stream;
  }

  find(key: string): KeyState {
    const stored = this.#storedAnswer(key);
    if (stored !== undefined) {
      return { state: "answered", status: stored.status, body: stored.body };
    }
    // "Unknown" about a request that is only delayed would invite a second one.
    const isDelayed = (this.#delayed.get(key) ?? 0) > Date.now();
    return { state: isDelayed ? "in_progress" : "unknown" };
  }

  notices(limit: number): NoticeRow[] {
    return listed(this.#sql, limit);
  }

  /** Lets happen what is due, and tells it. */
  override async alarm(): Promise<void> {
    await tellDue(this.ctx.storage, this.env, Date.now());
    this.#wake();
  }

  #wake(): void {
    const due = nextDue(this.#sql);
    if (due !== undefined) this.ctx.waitUntil(this.ctx.storage.setAlarm(due));
  }

  totals(): Totals {
    return totals(this.#sql);
  }

  authorizations(after: string | undefined, limit: number): StatementPage | undefined {
    return page(this.#sql, after, limit);
  }

  faults(): FaultReport {
    return { switches: this.#faults.switches, hits: this.#faults.hits };
  }

  setFaults(switches: Switches): FaultReport {
    this.#keepFaults(faultState(switches));
    return this.faults();
  }

  clearFaults(): FaultReport {
    this.#keepFaults(NO_SWITCHES);
    return this.faults();
  }

  async #answerLate(order: BankOrder, plan: Plan): Promise<Answer | undefined> {
    if (plan.delayMs > 0) {
      const bookedByMs = Date.now() + plan.delayMs + DELAY_SLACK_MS;
      this.#delayed.set(order.key, Math.max(bookedByMs, this.#delayed.get(order.key) ?? 0));
      await scheduler.wait(plan.delayMs);
      // Only the last request of a key may say that none waits any more.
      if (this.#delayed.get(order.key) === bookedByMs) this.#delayed.delete(order.key);
    }
    const answer = this.#answer(order, plan);
    this.#writeCounts();
    if (plan.holdMs > 0) await scheduler.wait(plan.holdMs);
    return answer;
  }

  #answerOrFail(order: BankOrder, plan: Plan): Answer | undefined {
    try {
      return this.#answer(order, plan);
    } catch (reason) {
      return failed(reason);
    }
  }

  #answer(order: BankOrder, plan: Plan): Answer | undefined {
    this.#requests += 1;
    if (plan.failsBefore) return BANK_FAILED;
    const answer = this.ctx.storage.transactionSync(() => this.#book(order));
    if (plan.drops) return undefined;
    if (plan.failsAfter) return BANK_FAILED;
    return plan.refusesReplay && answer.isReplay ? refusedAsDuplicate(answer) : answer;
  }

  #book(order: BankOrder): Answer {
    const stored = this.#storedAnswer(order.key);
    if (stored !== undefined) {
      const { fingerprint, others } = order;
      const isReplay = [fingerprint, ...others].includes(stored.fingerprint);
      if (isReplay) this.#replays += 1;
      return isReplay ? { status: stored.status, body: stored.body, isReplay } : KEY_REUSED;
    }
    const nowMs = Date.now();
    const file = filing(this.#sql, this.#noticeDelayMs, nowMs);
    const answer = execute(this.#sql, order, nowMs, (...happening) => {
      this.#filed = true;
      file(...happening);
    });
    // Nothing was executed on an authorization that does not exist, so the key stays free.
    if (answer === UNKNOWN_AUTHORIZATION || answer === UNKNOWN_AUTHENTICATION) return answer;
    this.#sql.exec(
      "INSERT INTO answers (key, fingerprint, status, body) VALUES (?, ?, ?, ?)",
      order.key,
      order.fingerprint,
      answer.status,
      answer.body,
    );
    return answer;
  }

  // In the turn that counted, and so in its commit; once for a whole batch. An alarm as well.
  #writeCounts(): void {
    this.#sql.exec(
      "UPDATE counters SET requests = requests + ?, replays = replays + ?",
      this.#requests,
      this.#replays,
    );
    this.#requests = 0;
    this.#replays = 0;
    if (this.#filed) this.#wake();
    this.#filed = false;
  }

  #storedAnswer(key: string): StoredAnswer | undefined {
    return this.#sql
      .exec<StoredAnswer>("SELECT fingerprint, status, body FROM answers WHERE key = ?", key)
      .toArray()[0];
  }

  #plan(key: string): Plan {
    if (isIdle(this.#faults)) return NO_FAULT;
    const isReplay = this.#storedAnswer(key) !== undefined;
    const { plan, state } = planFault(this.#faults, isReplay, Math.random);
    if (state !== this.#faults) this.#keepFaults(state);
    return plan;
  }

  // An idle object leaves memory after seconds; a switch that went with it would be a test that
  // passes because its fault never came.
  #keepFaults(state: FaultState): void {
    this.#faults = state;
    this.#sql.exec(
      "INSERT OR REPLACE INTO faults (row, variables, state) VALUES (1, ?, ?)",
      JSON.stringify(this.#variables),
      JSON.stringify(state),
    );
  }

  #storedFaults(): FaultState | undefined {
    const row = this.#sql
      .exec<{ variables: string; state: string }>("SELECT variables, state FROM faults")
      .toArray()[0];
    if (row === undefined || row.variables !== JSON.stringify(this.#variables)) return undefined;
    return JSON.parse(row.state) as FaultState;
  }
}

// A bug in the book is the order's own failure. The book knows no card, so its errors name none.
function failed(reason: unknown): Answer {
  console.error(reason);
  return BANK_FAILED;
}
