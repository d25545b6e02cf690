// Idempotency keys in a shard: one request at a time, one answer for ever, and nobody else's.

import { describe, expect, test } from "vitest";
import type { Failure } from "../../protocol/failure.ts";
import { ok } from "../../protocol/result.ts";
import type { Reply } from "../../protocol/shard.ts";
import {
  CARD,
  chargeAsk,
  DECLINED,
  factsOf,
  failureOf,
  Hand,
  known,
  openedFacts,
  refusedVerdict,
  tokenOf,
} from "./hand.ts";

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
