// Whom a shard lets in, and how new what is read must be.

import { describe, expect, test } from "vitest";
import { LATE_SEARCHES } from "../../durable-objects/shard-state.ts";
import type { AccountAsk } from "../../protocol/shard.ts";
import { chargeAsk, factsOf, failureOf, Hand, SCOPE } from "./hand.ts";

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
