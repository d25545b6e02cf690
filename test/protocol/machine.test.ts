import { describe, expect, test } from "vitest";
import type { Action, Input } from "../../durable-objects/machine.ts";
import { REQUEST_MOVES } from "../../durable-objects/request.ts";
import { LATE_SEARCHES } from "../../durable-objects/shard-state.ts";
import type { Verdict } from "../../protocol/command.ts";
import type { Facts } from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import { ok, refuse } from "../../protocol/result.ts";
import type { AccountAsk, Reply } from "../../protocol/shard.ts";
import { USUAL_TERMS } from "../../protocol/terms.ts";
import {
  APPROVED,
  CARD,
  chargeAsk,
  customerAsk,
  DECLINED,
  factsOf,
  failureOf,
  Hand,
  openedFacts,
  operationFacts,
  refundAsk,
  SCOPE,
  tokenOf,
  UNKNOWN,
} from "./hand.ts";

const refusedVerdict = (failure: Failure) => (): Verdict => ({
  outcome: "refused",
  seq: 1,
  failure,
});
const done =
  (facts: Facts, forgotten: Extract<Verdict, { outcome: "done" }>["forgotten"] = []) =>
  (): Verdict => ({ outcome: "done", seq: 7, facts, forgotten });
const known = (end: Extract<Verdict, { outcome: "known" }>["answer"]["end"]) => (): Verdict => ({
  outcome: "known",
  seq: 9,
  answer: { request: "req_first", end },
});

describe("a charge", () => {
  test("is opened, authorized and closed, and its facts are made of what was sent", () => {
    const hand = new Hand();
    const call = hand.ask(chargeAsk({ amount: 700, description: "Tiles" }));
    const [open] = hand.commit();
    const [order] = hand.effect();
    const [close] = hand.commit();
    if (open?.kind !== "open_charge") throw new Error("a charge is opened first");
    expect(order).toEqual({
      ...SCOPE,
      key: `${open.id}.authorize.1`,
      verb: "authorize",
      token: open.token,
      amount: 700,
      currency: "usd",
      capture: true,
    });
    expect(close).toMatchObject({
      kind: "close_charge",
      id: open.id,
      approved: true,
      processor_ref: "auth_1",
      card: { funding: "credit", country: "US" },
    });
    const reply = hand.answerTo(call);
    expect(reply).toMatchObject({ replayed: false, request: open.request });
    expect(factsOf(reply)).toMatchObject({
      id: open.id,
      state: "captured",
      amount_captured: 700,
      description: "Tiles",
      card: { last4: "4242", funding: "credit", country: "US" },
      processor_ref: "auth_1",
      balance_seq: 2,
    });
    expect(hand.take("bug")).toEqual([]);
  });

  test("that is only authorized captures nothing", () => {
    const hand = new Hand();
    const facts = factsOf(hand.charge(chargeAsk({ capture: false })));
    expect(facts).toMatchObject({ state: "authorized", amount_captured: 0, balance_seq: null });
  });

  test("that is declined is told as a declined card and names the charge", () => {
    const hand = new Hand();
    const call = hand.ask(chargeAsk());
    const [open] = hand.commit();
    hand.effect(DECLINED);
    const [close] = hand.commit();
    expect(close).toMatchObject({ approved: false });
    expect(failureOf(hand.answerTo(call))).toEqual({
      kind: "card_declined",
      code: "card_declined",
      declineCode: "generic_decline",
      networkDeclineCode: "05",
      message: "Declined.",
      charge: open?.kind === "open_charge" ? open.id : "",
    });
  });

  test("by a customer is paid with the card the ledger found", () => {
    const hand = new Hand();
    const call = hand.ask(chargeAsk({ source: { kind: "customer" }, customer: "cus_1" }));
    const [open] = hand.commit(() => ({
      outcome: "charge_opened",
      seq: 1,
      paid_with: { token: tokenOf(77), card_id: "card_1", card: { ...CARD, last4: "1881" } },
    }));
    expect(open).not.toHaveProperty("token");
    const [order] = hand.effect();
    expect(order).toMatchObject({ token: tokenOf(77) });
    hand.commit();
    expect(factsOf(hand.answerTo(call))).toMatchObject({
      card_id: "card_1",
      customer: "cus_1",
      card: { last4: "1881" },
    });
  });

  test("whose effect is unknown is answered unavailable, is not remembered, and is left to the alarm", () => {
    const hand = new Hand();
    hand.settle();
    const ask = chargeAsk();
    const call = hand.ask(ask);
    hand.commit();
    hand.effect(UNKNOWN);
    expect(failureOf(hand.answerTo(call))).toMatchObject({ kind: "unavailable" });
    expect(hand.take("send")).toEqual([]);
    expect(hand.take("arm")).toHaveLength(1);
    hand.ask(ask);
    expect(hand.take("send")).toHaveLength(1);
    hand.tell({ kind: "alarm" });
    expect(hand.take("find")).toHaveLength(1);
  });

  test("whose effect is unknown is ordered again under the same key when it is asked for again", () => {
    const hand = new Hand();
    hand.ask(chargeAsk());
    const [open] = hand.commit();
    if (open?.kind !== "open_charge") throw new Error("a charge is opened first");
    const [order] = hand.effect(UNKNOWN);
    hand.out = [];
    const again = hand.ask(chargeAsk());
    const facts = { ...openedFacts(1), id: open.id };
    hand.commit(known({ kind: "unfinished", facts }));
    expect(hand.effect().map(({ key }) => key)).toEqual([order?.key]);
    hand.commit();
    expect(hand.answerTo(again).end.ok).toBe(true);
  });

  test("that the ledger refuses is answered so, and the refusal is the answer of its key", () => {
    const hand = new Hand();
    const ask = chargeAsk();
    const call = hand.ask(ask);
    hand.commit(refusedVerdict({ kind: "order_attempt_taken" }));
    expect(failureOf(hand.answerTo(call))).toEqual({ kind: "order_attempt_taken" });
    const again = hand.ask(ask);
    expect(hand.answerTo(again)).toMatchObject({ replayed: true });
  });
});

describe("a token", () => {
  const byToken = () => chargeAsk({ source: { kind: "token", text: "tok_visa" } });

  test("is looked up before anything is opened", () => {
    const hand = new Hand();
    const call = hand.ask(byToken());
    expect(hand.take("send")).toEqual([]);
    expect(hand.one("describe")).toEqual({
      kind: "describe",
      call,
      scope: SCOPE,
      token: "tok_visa",
    });
    hand.tell({ kind: "described", call, card: ok({ token: tokenOf(5), card: CARD }) });
    const [open] = hand.commit();
    expect(open).toMatchObject({ kind: "open_charge", token: tokenOf(5), card: CARD });
  });

  test.each<[string, Failure]>([
    ["nobody's", { kind: "resource_missing", object: "token", id: "tok_visa", param: "source" }],
    ["out of reach", { kind: "unavailable", what: "The card vault cannot be reached." }],
  ])("that is %s opens nothing and leaves the key free", (_, failure) => {
    const hand = new Hand();
    const ask = byToken();
    const call = hand.ask(ask);
    hand.tell({ kind: "described", call, card: refuse(failure) });
    expect(failureOf(hand.answerTo(call))).toEqual(failure);
    expect(hand.take("send")).toEqual([]);
    hand.take("describe");
    hand.ask({ ...ask, mac: "11" });
    expect(hand.take("describe")).toHaveLength(1);
  });

  test("described twice opens one charge", () => {
    const hand = new Hand();
    const call = hand.ask(byToken());
    const described: Input = {
      kind: "described",
      call,
      card: ok({ token: tokenOf(5), card: CARD }),
    };
    hand.tell(described);
    hand.tell(described);
    expect(hand.one("send").commands).toHaveLength(1);
  });
});

describe("a key", () => {
  test("in flight is in use, whatever the parameters, at every step until the answer", () => {
    const hand = new Hand();
    const ask = chargeAsk({ source: { kind: "token", text: "tok_visa" } });
    const call = hand.ask(ask);
    const inUse = () => {
      for (const over of [{}, { mac: "11" }]) {
        expect(failureOf(hand.answerTo(hand.ask({ ...ask, ...over })))).toEqual({
          kind: "idempotency_in_use",
        });
      }
    };
    inUse();
    hand.tell({ kind: "described", call, card: ok({ token: tokenOf(5), card: CARD }) });
    inUse();
    hand.commit();
    inUse();
    hand.effect();
    inUse();
    hand.lose();
    inUse();
    hand.pass();
    hand.commit();
    expect(hand.answerTo(call).end.ok).toBe(true);
    expect(hand.answerTo(hand.ask(ask)).end.ok).toBe(true);
  });

  test("that has its answer gives it again without a word to anybody, and says whose it was", () => {
    const hand = new Hand();
    const ask = chargeAsk();
    const first = hand.charge(ask);
    hand.out = [];
    const call = hand.ask({ ...ask, request: "req_second" });
    const again = hand.answerTo(call);
    expect(again).toEqual({ end: first.end, replayed: true, request: ask.request });
    expect(hand.out).toEqual([]);
  });

  test.each([
    ["other parameters", { mac: "11" }, "POST /v1/charges"],
    ["another route", { operation: "POST /v1/refunds" }, "POST /v1/refunds"],
  ])("used again with %s is refused, and the first answer stands", (_, over, second) => {
    const hand = new Hand();
    const ask = chargeAsk();
    const first = hand.charge(ask);
    hand.out = [];
    expect(failureOf(hand.answerTo(hand.ask({ ...ask, ...over })))).toEqual({
      kind: "idempotency_mismatch",
      first: "POST /v1/charges",
      second,
    });
    expect(hand.out).toEqual([]);
    expect(hand.answerTo(hand.ask(ask)).end).toEqual(first.end);
  });

  test.each([
    ["merchant", { account: "acct_ZZZZZZZZZZZZZZZZ" as const }],
    ["mode", { livemode: true }],
  ])("means another request in another %s", (_, over) => {
    const hand = new Hand();
    const ask = chargeAsk();
    hand.charge(ask);
    hand.ask({ ...ask, ...over, source: { kind: "tokenized", token: tokenOf(999), card: CARD } });
    expect(hand.take("send")).toHaveLength(1);
  });

  test.each<[string, Failure, boolean]>([
    [
      "a reuse the ledger refused",
      { kind: "idempotency_mismatch", first: "a", second: "b" },
      false,
    ],
    ["an account nobody has", { kind: "account_unknown" }, false],
    [
      "a token nobody has",
      { kind: "resource_missing", object: "token", id: "tok_1", param: "source" },
      false,
    ],
    [
      "a customer nobody has",
      { kind: "resource_missing", object: "customer", id: "cus_1", param: "customer" },
      true,
    ],
    ["a token used before", { kind: "token_already_used", token: "tok_1" }, true],
    ["a locked object", { kind: "object_locked" }, false],
    ["an internal failure", { kind: "internal" }, false],
    ["a ledger out of reach", { kind: "unavailable", what: "x" }, false],
  ])("refused for %s is remembered: only what the ledger holds is", (_, failure, kept) => {
    const hand = new Hand();
    const ask = chargeAsk();
    const call = hand.ask(ask);
    hand.commit(refusedVerdict(failure));
    expect(failureOf(hand.answerTo(call))).toEqual(failure);
    hand.ask(ask);
    expect(hand.take("answer")).toHaveLength(kept ? 1 : 0);
    expect(hand.take("send")).toHaveLength(kept ? 0 : 1);
  });

  test.each<[string, Parameters<typeof known>[0], Reply["end"]]>([
    [
      "with facts",
      { kind: "facts", facts: { ...openedFacts(1), state: "captured" } },
      { ok: true, facts: { ...openedFacts(1), state: "captured" } },
    ],
    [
      "with a failure",
      { kind: "failure", failure: { kind: "customer_without_card" } },
      { ok: false, failure: { kind: "customer_without_card" } },
    ],
  ])("the ledger knows, ended %s, is a replay of the first request and is remembered", (...row) => {
    const [, end, expected] = row;
    const hand = new Hand();
    const ask = chargeAsk();
    const call = hand.ask(ask);
    hand.commit(known(end));
    const reply = hand.answerTo(call);
    expect(reply).toEqual({ end: expected, replayed: true, request: "req_first" });
    expect(hand.answerTo(hand.ask(ask))).toEqual(reply);
  });

  test("the ledger knows, ended as a failed charge, is a declined card again", () => {
    const hand = new Hand();
    const call = hand.ask(chargeAsk());
    const outcome = DECLINED.kind === "declined" ? (DECLINED.outcome ?? null) : null;
    hand.commit(known({ kind: "facts", facts: { ...openedFacts(1), state: "failed", outcome } }));
    expect(failureOf(hand.answerTo(call))).toMatchObject({
      kind: "card_declined",
      charge: openedFacts(1).id,
    });
  });

  test("the ledger knows, unfinished, is driven to its end and told as a replay", () => {
    const hand = new Hand();
    const call = hand.ask(chargeAsk());
    hand.commit(known({ kind: "unfinished", facts: openedFacts(1) }));
    const [order] = hand.effect();
    expect(order).toMatchObject({ key: `${openedFacts(1).id}.authorize.1`, token: tokenOf(1) });
    hand.commit();
    const reply = hand.answerTo(call);
    expect(reply).toMatchObject({ replayed: true, request: "req_first" });
    expect(factsOf(reply)).toMatchObject({ id: openedFacts(1).id, state: "captured" });
  });
});

describe("an operation", () => {
  test.each([
    ["capture", "capture"],
    ["refund", "refund"],
    ["release", "void"],
    ["increment", "increment"],
  ] as const)(
    "that is a %s is ordered as a %s and closed with the ledger's own facts",
    (...row) => {
      const [operation, verb] = row;
      const hand = new Hand();
      const facts = operationFacts(1, operation);
      const call = hand.ask(refundAsk({ charge: facts.charge }));
      hand.commit(() => ({ outcome: "operation_opened", seq: 4, facts }));
      const [order] = hand.effect();
      expect(order).toEqual({
        ...SCOPE,
        key: `${facts.id}.${verb}.1`,
        verb,
        authorization: "auth_1",
        amount: 500,
      });
      const ended = { ...facts, state: "succeeded" as const, balance_seq: 5 };
      const [close] = hand.commit(done(ended));
      expect(close).toEqual({
        ...SCOPE,
        kind: "close_operation",
        id: facts.id,
        charge: facts.charge,
        approved: true,
        processor_ref: "auth_1",
      });
      expect(factsOf(hand.answerTo(call))).toEqual(ended);
    },
  );

  test("that the processor declines is closed as refused and told as the ledger says", () => {
    const hand = new Hand();
    const facts = operationFacts(1, "refund");
    const call = hand.ask(refundAsk({ charge: facts.charge }));
    hand.commit(() => ({ outcome: "operation_opened", seq: 4, facts }));
    hand.effect({ kind: "declined", ref: "auth_1" });
    const failure: Failure = { kind: "processor_refused", operation: "refund" };
    const [close] = hand.commit(refusedVerdict(failure));
    expect(close).toMatchObject({ approved: false, processor_ref: null });
    expect(failureOf(hand.answerTo(call))).toEqual(failure);
  });
});

describe("a customer", () => {
  const facts = {
    kind: "customer",
    id: "cus_1",
    created: 1,
    deleted: false,
    default_source: null,
    card: null,
    document: { email: "ada@example.com" },
  } as const;

  test("is saved in one phase", () => {
    const hand = new Hand();
    const call = hand.ask(customerAsk());
    hand.commit(done(facts));
    expect(factsOf(hand.answerTo(call))).toEqual(facts);
    expect(hand.take("perform")).toEqual([]);
  });

  test("who is deleted is forgotten in every answer kept, and their cards are destroyed", () => {
    const hand = new Hand();
    const made = customerAsk();
    hand.ask(made);
    hand.commit(done(facts));
    hand.out = [];
    hand.ask(customerAsk({ change: "delete", id: "cus_1" }));
    hand.commit(done({ ...facts, deleted: true, document: {} }, [tokenOf(3), tokenOf(4)]));
    expect(hand.one("forget")).toEqual({
      kind: "forget",
      scope: SCOPE,
      tokens: [tokenOf(3), tokenOf(4)],
    });
    hand.out = [];
    hand.ask(made);
    expect(hand.take("answer")).toEqual([]);
    expect(hand.take("send")).toHaveLength(1);
  });

  test("who keeps all cards has none destroyed", () => {
    const hand = new Hand();
    hand.ask(customerAsk());
    hand.commit(done(facts));
    expect(hand.take("forget")).toEqual([]);
  });
});

describe("an account", () => {
  const ask: AccountAsk = { ...SCOPE, kind: "account", id: SCOPE.account, slot: 7, name: "Tiles" };
  const facts = {
    kind: "account",
    id: SCOPE.account,
    created: 1,
    name: "Tiles",
    email: null,
    terms: USUAL_TERMS,
  } as const;

  test("is made without touching the merchant's own bucket", () => {
    const hand = new Hand({ ratePerSecond: 0.5 });
    const call = hand.ask(ask);
    expect(hand.commit(done(facts))).toEqual([{ ...ask, kind: "create_account" }]);
    expect(factsOf(hand.answerTo(call))).toEqual(facts);
    hand.ask(chargeAsk());
    expect(hand.take("send")).toHaveLength(1);
  });

  test.each([
    ["unreachable", "unavailable"],
    ["fenced", "unavailable"],
    ["conflict", "internal"],
  ] as const)("whose making is %s is %s", (failure, kind) => {
    const hand = new Hand();
    const call = hand.ask(ask);
    hand.lose(failure);
    expect(failureOf(hand.answerTo(call))).toMatchObject({ kind });
  });
});

describe("limits", () => {
  const LIMITED = { kind: "rate_limited", reason: "global-rate" } as const;

  test("let an account ask so many a second and twice that after a rest, in each mode", () => {
    const hand = new Hand({ ratePerSecond: 5 });
    const limited = (livemode: boolean, count: number) => {
      for (let i = 0; i < count; i++) hand.ask(chargeAsk({ livemode }));
      return hand.take("answer").map(({ reply }) => failureOf(reply)?.kind);
    };
    expect(limited(false, 11)).toEqual(["rate_limited"]);
    expect(limited(true, 10)).toEqual([]);
    hand.nowMs += 1000;
    expect(limited(false, 6)).toEqual(["rate_limited"]);
  });

  test("count reads and writes in one bucket", () => {
    const hand = new Hand({ ratePerSecond: 1 });
    expect(hand.admit()).toEqual({ ok: true, minSeq: null });
    expect(hand.admit()).toEqual({ ok: true, minSeq: null });
    expect(hand.admit()).toEqual({ ok: false, failure: LIMITED });
    expect(failureOf(hand.answerTo(hand.ask(chargeAsk())))).toEqual(LIMITED);
  });

  test("keep a tenth for writes, however much is read", () => {
    const hand = new Hand({ ratePerSecond: 10 });
    let read = 0;
    let paid = 0;
    for (let second = 0; second < 20; second++) {
      for (let i = 0; i < 50; i++) if (hand.admit().ok) read++;
      hand.ask(chargeAsk());
      if (hand.take("answer").length === 0) paid++;
      hand.nowMs += 1000;
    }
    // The burst, then nine reads a second; a payment passes in every second but that of the burst.
    expect(read).toBe(20 + 19 * 9);
    expect(paid).toBe(19);
  });

  test("hold searches to twenty a second, and leave the rest to others", () => {
    const hand = new Hand({ ratePerSecond: 100 });
    const searches = (count: number) =>
      Array.from({ length: count }, () => hand.admit("search")).filter(({ ok }) => ok).length;
    expect(searches(100)).toBe(40);
    expect(hand.admit("search")).toEqual({
      ok: false,
      failure: { kind: "rate_limited", reason: "endpoint-rate" },
    });
    expect(hand.admit().ok).toBe(true);
    hand.nowMs += 1000;
    expect(searches(100)).toBe(20);
  });

  test("let so many requests of an account be executed at once, in each mode", () => {
    const hand = new Hand({ concurrent: 1 });
    const crowded = { kind: "rate_limited", reason: "global-concurrency" };
    const [first, second] = [chargeAsk(), chargeAsk()];
    const call = hand.ask(first);
    expect(failureOf(hand.answerTo(hand.ask(second)))).toEqual(crowded);
    expect(failureOf(hand.answerTo(hand.ask(first)))).toEqual({ kind: "idempotency_in_use" });
    hand.commit();
    hand.effect();
    hand.commit();
    const reply = hand.answerTo(call);
    expect(factsOf(reply)).toMatchObject({ kind: "charge" });
    hand.ask(second);
    expect(hand.take("answer")).toEqual([]);
    expect(hand.take("send")).toHaveLength(1);
    // What is remembered takes no room, and the other mode has its own.
    expect(factsOf(hand.answerTo(hand.ask(first)))).toEqual(factsOf(reply));
    hand.ask(chargeAsk({ livemode: true }));
    expect(hand.take("answer")).toEqual([]);
  });

  test("a limited request leaves no trace: its key is free", () => {
    const hand = new Hand({ ratePerSecond: 0.5 });
    const ask = chargeAsk();
    hand.charge();
    hand.out = [];
    expect(failureOf(hand.answerTo(hand.ask(ask)))).toEqual(LIMITED);
    hand.nowMs += 2000;
    hand.ask(ask);
    expect(hand.take("send")).toHaveLength(1);
  });

  test("turn everybody away while more than 5,000 commands wait", () => {
    const hand = new Hand({ ratePerSecond: 1_000_000, lanes: 1, concurrent: 10_000 });
    hand.ask(chargeAsk());
    const inputs = Array.from({ length: 5_001 }, () => hand.asked(chargeAsk()));
    hand.tellAll(inputs);
    expect(hand.take("answer")).toEqual([]);
    expect(failureOf(hand.answerTo(hand.ask(chargeAsk())))).toEqual(LIMITED);
    const account: AccountAsk = { ...SCOPE, kind: "account", id: SCOPE.account, slot: 7 };
    expect(failureOf(hand.answerTo(hand.ask(account)))).toEqual(LIMITED);
  });
});

describe("a read", () => {
  test("must not fall behind the last event its account was told of", () => {
    const hand = new Hand();
    expect(hand.admit()).toEqual({ ok: true, minSeq: null });
    hand.charge();
    expect(hand.admit()).toEqual({ ok: true, minSeq: 2 });
    hand.ask(chargeAsk());
    hand.commit(() => ({ outcome: "refused", seq: 1, failure: { kind: "charge_failed" } }));
    expect(hand.admit()).toEqual({ ok: true, minSeq: 2 });
  });

  test("asks the home region while the instance before may tell what this one has not heard of", () => {
    const hand = new Hand({ cleanSinceMs: 0 });
    expect(hand.admit()).toEqual({ ok: true, minSeq: null });
    hand.charge();
    hand.search(LATE_SEARCHES - 1);
    expect(hand.admit()).toEqual({ ok: true, minSeq: null });
    hand.search(1);
    expect(hand.admit()).toEqual({ ok: true, minSeq: 2 });
  });
});

describe("a turn", () => {
  test("sends what was asked in it as one batch, and orders what it opened as one order", () => {
    const hand = new Hand();
    hand.tellAll([1, 2, 3].map(() => hand.asked(chargeAsk())));
    expect(hand.commit()).toHaveLength(3);
    expect(hand.effect()).toHaveLength(3);
    expect(hand.commit().map(({ kind }) => kind)).toEqual(Array(3).fill("close_charge"));
    expect(hand.take("answer")).toHaveLength(3);
  });

  test("lets a fast card go on while a slow one is awaited", () => {
    const hand = new Hand();
    hand.tellAll([1, 2].map(() => hand.asked(chargeAsk())));
    hand.commit();
    const { orders } = hand.one("perform");
    hand.tell({ kind: "performed", effects: [{ key: orders[1]?.key ?? "", effect: APPROVED }] });
    hand.commit();
    expect(hand.one("answer").call).toBe(2);
    hand.tell({ kind: "performed", effects: [{ key: orders[0]?.key ?? "", effect: APPROVED }] });
    hand.commit();
    expect(hand.one("answer").call).toBe(1);
  });

  test("arms the alarm before it sends anything, and once in five seconds", () => {
    const hand = new Hand();
    hand.ask(chargeAsk());
    expect(hand.out.map(({ kind }) => kind)).toEqual(["arm", "send"]);
    expect(hand.one("arm").atMs).toBe(hand.nowMs + 5_000);
    hand.ask(chargeAsk());
    expect(hand.take("arm")).toEqual([]);
    hand.tell({ kind: "alarm" });
    expect(hand.take("arm")).toHaveLength(1);
  });

  test("arms the alarm anew when the clock has stepped back, and it would ring hours late", () => {
    const hand = new Hand();
    hand.nowMs += 3_600_000;
    hand.ask(chargeAsk());
    hand.out = [];
    hand.nowMs -= 3_600_000;
    hand.ask(chargeAsk());
    expect(hand.one("arm").atMs).toBe(hand.nowMs + 5_000);
  });
});

describe("a batch that was not committed, or nobody knows", () => {
  test.each([
    ["unreachable", "unavailable"],
    ["fenced", "unavailable"],
    ["conflict", "internal"],
  ] as const)("when %s, tells who opened %s, keeps nothing and looks for it", (failure, kind) => {
    const hand = new Hand();
    hand.settle();
    const ask = chargeAsk();
    const call = hand.ask(ask);
    hand.lose(failure);
    expect(failureOf(hand.answerTo(call))).toMatchObject({ kind });
    hand.ask(ask);
    expect(hand.take("send")).toHaveLength(1);
    hand.tell({ kind: "alarm" });
    expect(hand.take("find")).toHaveLength(1);
  });

  test("closes are tried three times with growing pauses, then left to the alarm", () => {
    const hand = new Hand();
    hand.settle();
    const call = hand.ask(chargeAsk());
    hand.commit();
    hand.effect();
    const [first] = hand.lose();
    expect(hand.pass()).toBe(250);
    expect(hand.lose()).toEqual([first]);
    expect(hand.pass()).toBe(500);
    hand.lose();
    expect(failureOf(hand.answerTo(call))).toMatchObject({ kind: "unavailable" });
    expect(hand.take("wait")).toEqual([]);
    hand.tell({ kind: "alarm" });
    expect(hand.take("find")).toHaveLength(1);
  });

  test("a close that another made first answers what the ledger holds", () => {
    const hand = new Hand();
    const call = hand.ask(chargeAsk());
    hand.commit();
    hand.effect();
    const facts = { ...openedFacts(1), state: "captured" as const, balance_seq: 9 };
    hand.commit(known({ kind: "facts", facts }));
    expect(factsOf(hand.answerTo(call))).toEqual(facts);
  });

  test("an answer with a verdict missing says nothing of that command, and all of the others", () => {
    const hand = new Hand();
    hand.tellAll([1, 2].map(() => hand.asked(chargeAsk())));
    const { batch } = hand.one("send");
    hand.tell({ kind: "committed", batch, answer: ok([{ outcome: "charge_opened", seq: 1 }]) });
    expect(hand.one("answer")).toMatchObject({
      call: 2,
      reply: { end: { failure: { kind: "unavailable" } } },
    });
    expect(hand.effect()).toHaveLength(1);
  });
});

describe("what comes twice or too late", () => {
  /** A charge from the first word to the answer, every input given `times`. */
  function charged(times: number): Action[] {
    const hand = new Hand();
    const told: Action[] = [];
    const tell = (input: Input) => {
      for (let i = 0; i < times; i++) hand.tell(input);
    };
    tell(hand.asked(chargeAsk({ key: "twice", source: { kind: "token", text: "tok_visa" } })));
    for (let actions = hand.out; actions.length > 0; actions = hand.out) {
      hand.out = [];
      told.push(...actions);
      for (const action of actions) {
        if (action.kind === "describe") {
          const card = ok({ token: tokenOf(5), card: CARD });
          tell({ kind: "described", call: action.call, card });
        } else if (action.kind === "send") {
          // The first close is lost, so that a timer comes twice as well.
          const isLost = action.commands[0]?.kind === "close_charge" && action.batch < 3;
          const verdicts = action.commands.map((c) => hand.verdictOn(c));
          const answer = isLost ? refuse<"unreachable">("unreachable") : ok(verdicts);
          tell({ kind: "committed", batch: action.batch, answer });
        } else if (action.kind === "perform") {
          const effects = action.orders.map(({ key }) => ({ key, effect: APPROVED }));
          tell({ kind: "performed", effects });
        } else if (action.kind === "wait") {
          tell({ kind: "timer", timer: action.timer });
        }
      }
    }
    return told;
  }

  test("changes nothing: every input of a charge twice leads to the same actions", () => {
    const kinds = (actions: Action[]) => actions.map(({ kind }) => kind);
    const once = kinds(charged(1));
    expect(once).toEqual("arm describe send perform send wait send answer".split(" "));
    expect(kinds(charged(2))).toEqual(once);
  });

  test("an effect that comes after the end is not heard", () => {
    const hand = new Hand();
    hand.ask(chargeAsk());
    hand.commit();
    const [order] = hand.effect(UNKNOWN);
    hand.out = [];
    hand.tell({ kind: "performed", effects: [{ key: order?.key ?? "", effect: APPROVED }] });
    expect(hand.out).toEqual([]);
  });

  test("an effect of another order of the same charge is not heard", () => {
    const hand = new Hand();
    hand.ask(chargeAsk());
    hand.commit();
    const [order] = hand.one("perform").orders;
    const key = order?.key.replace("authorize.1", "authorize.2") ?? "";
    hand.out = [];
    hand.tell({ kind: "performed", effects: [{ key, effect: APPROVED }] });
    expect(hand.out).toEqual([]);
  });
});

describe("two who want the same charge finished", () => {
  const unfinished = known({ kind: "unfinished", facts: openedFacts(1) });

  test("go together: one order, one close, two answers", () => {
    const hand = new Hand();
    hand.tellAll([hand.asked(chargeAsk()), hand.asked(chargeAsk())]);
    hand.commit(unfinished);
    expect(hand.effect()).toHaveLength(1);
    expect(hand.commit()).toHaveLength(1);
    const [one, two] = hand.take("answer");
    expect(one?.reply.end).toEqual(two?.reply.end);
    expect(one?.reply.end.ok).toBe(true);
  });

  test("also when the second finds it closing", () => {
    const hand = new Hand();
    hand.ask(chargeAsk());
    hand.commit(unfinished);
    hand.effect();
    const close = hand.one("send");
    hand.ask(chargeAsk());
    hand.commit(unfinished);
    expect(hand.take("perform")).toEqual([]);
    const answer = ok(close.commands.map((c) => hand.verdictOn(c)));
    hand.tell({ kind: "committed", batch: close.batch, answer });
    expect(hand.take("answer").map(({ reply }) => reply.end.ok)).toEqual([true, true]);
  });
});

describe("a bug", () => {
  test("in one verdict is told to its caller as internal, and spoils nothing for the neighbours", () => {
    const hand = new Hand();
    hand.tellAll([hand.asked(chargeAsk()), hand.asked(chargeAsk())]);
    const { batch } = hand.one("send");
    const verdicts: Verdict[] = [
      { outcome: "charge_closed", seq: 1 },
      { outcome: "charge_opened", seq: 2 },
    ];
    hand.tell({ kind: "committed", batch, answer: ok(verdicts) });
    expect(hand.take("bug")).toHaveLength(1);
    expect(hand.one("answer")).toMatchObject({
      call: 1,
      reply: { end: { failure: { kind: "internal" } } },
    });
    hand.effect();
    hand.commit();
    expect(hand.one("answer")).toMatchObject({ call: 2, reply: { end: { ok: true } } });
  });

  test("in a drive is told to its caller as internal, and the alarm looks for the charge", () => {
    const hand = new Hand();
    hand.settle();
    const call = hand.ask(chargeAsk());
    hand.commit();
    hand.effect({ kind: "approved", ref: "auth_1" });
    expect(hand.take("bug")).toHaveLength(1);
    expect(failureOf(hand.answerTo(call))).toEqual({ kind: "internal" });
    hand.tell({ kind: "alarm" });
    expect(hand.take("find")).toHaveLength(1);
  });
});

test("every declared move of a request starts somewhere that can be reached", () => {
  const reached = new Set(["asked"]);
  for (let before = 0; before < reached.size; ) {
    before = reached.size;
    for (const state of [...reached] as (keyof typeof REQUEST_MOVES)[]) {
      for (const to of Object.values(REQUEST_MOVES[state])) reached.add(to);
    }
  }
  expect([...reached].sort()).toEqual(Object.keys(REQUEST_MOVES).sort());
});
