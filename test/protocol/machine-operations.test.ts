// Captures, refunds, releases, increments, customers and accounts in a shard: what each takes to its end.

import { describe, expect, test } from "vitest";
import type { Failure } from "../../protocol/failure.ts";
import type { AccountAsk } from "../../protocol/shard.ts";
import { USUAL_TERMS } from "../../protocol/terms.ts";
import {
  chargeAsk,
  customerAsk,
  done,
  factsOf,
  failureOf,
  Hand,
  operationFacts,
  refundAsk,
  refusedVerdict,
  SCOPE,
  tokenOf,
} from "./hand.ts";

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
