// A shard in the hand: inputs go in one by one, actions come out and wait until the test says what
// became of them. No world around it; test/sim has one.

import {
  type Action,
  admit,
  flush,
  type Input,
  newShard,
  type ShardOptions,
  type ShardState,
  step,
  take,
} from "../../durable-objects/machine.ts";
import { ALARM_MS, LATE_SEARCHES } from "../../durable-objects/shard-state.ts";
import type { Command, Unfinished, Verdict } from "../../protocol/command.ts";
import type {
  CardSummary,
  ChargeFacts,
  Facts,
  OperationFacts,
  Outcome,
} from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import { idOf } from "../../protocol/ids.ts";
import { ok, refuse } from "../../protocol/result.ts";
import type {
  ChargeAsk,
  CustomerAsk,
  EndpointClass,
  OperationAsk,
  Reply,
} from "../../protocol/shard.ts";
import type { Effect, Order } from "../../protocol/vault.ts";

export const START_MS = 1_800_000_000_000;
export const SCOPE = { account: "acct_AbCdEfGhIjKlMnOp", livemode: false } as const;

export const CARD: CardSummary = {
  brand: "Visa",
  last4: "4242",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "Xt5EWLLDS7FJjR1c",
  funding: "unknown",
  country: null,
};
const OUTCOME: Outcome = {
  checks: { cvc: "pass", address_line1: null, address_zip: null },
  network_code: "00",
  risk_level: "normal",
};
const DECLINE = { code: "card_declined", decline_code: "generic_decline", message: "Declined." };

export const APPROVED: Effect = {
  kind: "approved",
  ref: "auth_1",
  outcome: OUTCOME,
  card: { funding: "credit", country: "US" },
};
export const DECLINED: Effect = {
  kind: "declined",
  ref: "auth_1",
  outcome: { ...OUTCOME, network_code: "05", decline: DECLINE },
};
export const UNKNOWN: Effect = { kind: "unknown" };

/** A token of its own for each number. */
export const tokenOf = (n: number) => idOf("tok", `00000000-0000-4000-8000-${pad(n)}`);
const chargeIdOf = (n: number) => idOf("ch", `01a3185c-5000-7000-8000-${pad(n)}`);
const refundIdOf = (n: number) => idOf("re", `01a3185c-5000-7000-8000-${pad(n)}`);
const pad = (n: number) => String(n).padStart(12, "0");

let asks = 0;
const claim = (key: string, operation: string) => ({
  key,
  operation,
  mac: "00000000000000000000000000000000",
  request: `req_${++asks}` as const,
});

export const chargeAsk = (over: Partial<ChargeAsk> = {}): ChargeAsk => ({
  ...SCOPE,
  ...claim(over.key ?? `key-${asks + 1}`, "POST /v1/charges"),
  kind: "charge",
  source: { kind: "tokenized", token: tokenOf(asks), card: CARD },
  amount: 1999,
  currency: "usd",
  capture: true,
  ...over,
});

export const refundAsk = (over: Partial<OperationAsk> = {}): OperationAsk => ({
  ...SCOPE,
  ...claim(over.key ?? `key-${asks + 1}`, "POST /v1/refunds"),
  kind: "refund",
  charge: chargeIdOf(asks),
  ...over,
});

export const customerAsk = (over: Partial<CustomerAsk> = {}): CustomerAsk => ({
  ...SCOPE,
  ...claim(over.key ?? `key-${asks + 1}`, "POST /v1/customers"),
  kind: "customer",
  change: "create",
  ...over,
});

/** A charge as the ledger has it when nobody has asked the processor yet. */
export const openedFacts = (n: number): ChargeFacts => ({
  kind: "charge",
  id: chargeIdOf(n),
  created: 1_800_000_000,
  state: "opened",
  amount: 1999,
  currency: "usd",
  capture: true,
  request: "req_first",
  token: tokenOf(n),
  card_id: null,
  customer: null,
  intent: null,
  authentication: null,
  card: CARD,
  description: null,
  receipt_email: null,
  statement_descriptor: null,
  statement_descriptor_suffix: null,
  transfer_group: null,
  shipping: null,
  metadata: {},
  processor_ref: null,
  outcome: null,
  amount_captured: 0,
  amount_refunded: 0,
  balance_seq: null,
  changes: null,
  dispute: null,
});

export const operationFacts = (
  n: number,
  operation: OperationFacts["operation"],
): OperationFacts => ({
  kind: "operation",
  id: refundIdOf(n),
  created: 1_800_000_000,
  charge: chargeIdOf(n),
  operation,
  state: "opened",
  amount: 500,
  currency: "usd",
  request: "req_first",
  reason: null,
  metadata: {},
  balance_seq: null,
  intent: null,
  pending: false,
  reversed_seq: null,
  changes: null,
  authorization: "auth_1",
});

export const unfinished = (facts: ChargeFacts | OperationFacts): Unfinished => ({
  ...SCOPE,
  facts,
});

/** What the ledger may say of a command. */
export const refusedVerdict = (failure: Failure) => (): Verdict => ({
  outcome: "refused",
  seq: 1,
  failure,
});
export const done =
  (facts: Facts, forgotten: Extract<Verdict, { outcome: "done" }>["forgotten"] = []) =>
  (): Verdict => ({ outcome: "done", seq: 7, facts, forgotten });
export const known =
  (end: Extract<Verdict, { outcome: "known" }>["answer"]["end"]) => (): Verdict => ({
    outcome: "known",
    seq: 9,
    answer: { request: "req_first", end },
  });

type Kind = Action["kind"];
type Of<K extends Kind> = Extract<Action, { kind: K }>;

export class Hand {
  readonly state: ShardState;
  nowMs = START_MS;
  #random = 0;
  #call = 0;
  #seq = 0;
  /** All that came out and was not picked up. */
  out: Action[] = [];

  constructor(options: Partial<ShardOptions> = {}) {
    this.state = newShard({ cleanSinceMs: undefined, ...options });
  }

  get clock() {
    const random = (length: number) => {
      this.#random++;
      return Uint8Array.from({ length }, (_, i) => (this.#random >> (8 * (i % 4))) & 0xff);
    };
    return { nowMs: this.nowMs, random };
  }

  tell(input: Input): void {
    this.out.push(...step(this.state, input, this.clock));
  }

  /** Several things that happen in one turn. */
  tellAll(inputs: readonly Input[]): void {
    for (const input of inputs) take(this.state, input, this.clock, this.out);
    flush(this.state, this.out);
  }

  /** Input of a request, and its call. */
  asked(ask: Extract<Input, { kind: "asked" }>["ask"]): Extract<Input, { kind: "asked" }> {
    return { kind: "asked", call: ++this.#call, ask };
  }

  ask(ask: Extract<Input, { kind: "asked" }>["ask"]): number {
    const input = this.asked(ask);
    this.tell(input);
    return input.call;
  }

  admit(of: EndpointClass = "read") {
    const { quotas: _, ...admission } = admit(this.state, SCOPE, this.nowMs, of);
    return admission;
  }

  /** Picks up all actions of a kind. */
  take<K extends Kind>(kind: K): Of<K>[] {
    const taken = this.out.filter((action): action is Of<K> => action.kind === kind);
    this.out = this.out.filter((action) => action.kind !== kind);
    return taken;
  }

  /** Picks up the one action of a kind. */
  one<K extends Kind>(kind: K): Of<K> {
    const [action, ...more] = this.take(kind);
    if (action === undefined || more.length > 0) {
      throw new Error(`there are ${action === undefined ? 0 : more.length + 1} of ${kind}`);
    }
    return action;
  }

  /** The only answer there is, to this call. */
  answerTo(call: number): Reply {
    const answer = this.one("answer");
    if (answer.call !== call) throw new Error(`call ${answer.call} was answered, not ${call}`);
    return answer.reply;
  }

  /** A charge or an account is opened or closed as asked; anything else is up to the test. */
  verdictOn(command: Command): Verdict {
    const seq = ++this.#seq;
    switch (command.kind) {
      case "open_charge":
        return { outcome: "charge_opened", seq };
      case "close_charge":
        return { outcome: "charge_closed", seq };
      default:
        throw new Error(`the test says what becomes of ${command.kind}`);
    }
  }

  /** The one batch on its way is committed; gives its commands. */
  commit(judge: (command: Command) => Verdict = (c) => this.verdictOn(c)): readonly Command[] {
    const { batch, commands } = this.one("send");
    this.tell({ kind: "committed", batch, answer: ok(commands.map(judge)) });
    return commands;
  }

  /** The one batch on its way is not committed, or nobody knows. */
  lose(failure: "fenced" | "conflict" | "unreachable" = "unreachable"): readonly Command[] {
    const { batch, commands } = this.one("send");
    this.tell({ kind: "committed", batch, answer: refuse(failure) });
    return commands;
  }

  /** The processor answers all orders on their way; gives them. */
  effect(effect: Effect = APPROVED): readonly Order[] {
    const { orders } = this.one("perform");
    this.tell({ kind: "performed", effects: orders.map(({ key }) => ({ key, effect })) });
    return orders;
  }

  /** The pause that was asked for is over; gives its length. */
  pass(): number {
    const { timer, ms } = this.one("wait");
    this.nowMs += ms;
    this.tell({ kind: "timer", timer });
    return ms;
  }

  /** Charges from the first word to the answer. */
  charge(ask = chargeAsk()): Reply {
    const call = this.ask(ask);
    this.commit();
    this.effect();
    this.commit();
    return this.answerTo(call);
  }

  /** Whatever was left open is looked for and this is what there is. */
  alarm(left: readonly Unfinished[] | undefined = undefined): void {
    this.tell({ kind: "alarm" });
    if (left === undefined) return;
    this.tell({ kind: "found", find: this.one("find").find, answer: ok(left) });
  }

  /** Alarms that clear the doubt of a shard that has just woken, until none is set any more. */
  settle(): void {
    this.search(LATE_SEARCHES);
    this.alarm();
    this.out = [];
  }

  /** So many searches that find nothing, as the alarm makes them. */
  search(times: number): void {
    for (let i = 0; i < times; i++) {
      this.nowMs += ALARM_MS;
      this.alarm([]);
    }
    this.out = [];
  }
}

/** What a failed end says; undefined when it did not fail. */
export const failureOf = ({ end }: Reply) => (end.ok ? undefined : end.failure);
export const factsOf = ({ end }: Reply) => (end.ok ? end.facts : undefined);
