// A turn of a shard, and what goes wrong between two: batches lost, words that come twice or too late, two who
// want the same, bugs.

import { describe, expect, test } from "vitest";
import type { Action, Input } from "../../durable-objects/machine.ts";
import { REQUEST_MOVES } from "../../durable-objects/request.ts";
import type { Verdict } from "../../protocol/command.ts";
import { ok, refuse } from "../../protocol/result.ts";
import {
  APPROVED,
  CARD,
  chargeAsk,
  factsOf,
  failureOf,
  Hand,
  known,
  openedFacts,
  tokenOf,
  UNKNOWN,
} from "./hand.ts";

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
