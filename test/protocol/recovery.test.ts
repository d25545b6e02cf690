import { describe, expect, test } from "vitest";
import { LATE_SEARCHES } from "../../durable-objects/shard-state.ts";
import { ok, refuse } from "../../protocol/result.ts";
import {
  APPROVED,
  chargeAsk,
  failureOf,
  Hand,
  openedFacts,
  operationFacts,
  refundAsk,
  START_MS,
  UNKNOWN,
  unfinished,
} from "./hand.ts";

const MINUTE_MS = 60_000;
const SLACK_MS = 10 * MINUTE_MS;

const left = (count: number) => Array.from({ length: count }, (_, i) => unfinished(openedFacts(i)));

describe("an alarm", () => {
  test("of a shard that has just woken looks for what was open since the last clean moment", () => {
    const hand = new Hand({ cleanSinceMs: START_MS - 20 * MINUTE_MS });
    hand.tell({ kind: "alarm" });
    expect(hand.one("find").sinceMs).toBe(START_MS - 20 * MINUTE_MS);
  });

  test("of a slot that never was clean looks through everything", () => {
    const hand = new Hand();
    hand.tell({ kind: "alarm" });
    expect(hand.one("find").sinceMs).toBe(0);
  });

  test("does not believe a clean moment that lies ahead of the clock", () => {
    const hand = new Hand({ cleanSinceMs: START_MS + 60 * MINUTE_MS });
    hand.tell({ kind: "alarm" });
    expect(hand.one("find").sinceMs).toBe(START_MS - SLACK_MS);
  });

  test("arms the next one before it looks, so that a crash in the middle is recovered from", () => {
    const hand = new Hand();
    hand.tell({ kind: "alarm" });
    expect(hand.out.map(({ kind }) => kind)).toEqual(["arm", "find"]);
  });

  test("orders what was left of all that was found, and closes it", () => {
    const hand = new Hand();
    const refund = operationFacts(9, "refund");
    hand.alarm([unfinished(openedFacts(1)), unfinished(refund)]);
    const orders = hand.effect();
    expect(orders.map(({ key }) => key)).toEqual([
      `${openedFacts(1).id}.authorize.1`,
      `${refund.id}.refund.1`,
    ]);
    const closes = hand.commit((c) =>
      c.kind === "close_operation"
        ? { outcome: "done", seq: 3, facts: { ...refund, state: "succeeded" }, forgotten: [] }
        : hand.verdictOn(c),
    );
    expect(closes.map(({ kind }) => kind)).toEqual(["close_charge", "close_operation"]);
    expect(hand.take("answer")).toEqual([]);
  });

  test("drives at most 32 at once, and takes up another as one ends", () => {
    const hand = new Hand();
    hand.alarm(left(40));
    const { orders } = hand.one("perform");
    expect(orders).toHaveLength(32);
    const effects = orders.slice(0, 3).map(({ key }) => ({ key, effect: APPROVED }));
    hand.tell({ kind: "performed", effects });
    expect(hand.take("perform")).toEqual([]);
    hand.commit();
    expect(hand.one("perform").orders).toHaveLength(3);
  });

  test("while a recovery is under way begins no second one, but sees to it that one follows", () => {
    const hand = new Hand();
    hand.tell({ kind: "alarm" });
    hand.out = [];
    hand.tell({ kind: "alarm" });
    expect(hand.out.map(({ kind }) => kind)).toEqual(["arm"]);
    hand.tell({ kind: "found", find: hand.state.recovery?.find ?? 0, answer: ok(left(1)) });
    hand.out = [];
    hand.tell({ kind: "alarm" });
    expect(hand.out.map(({ kind }) => kind)).toEqual(["arm"]);
  });

  test("that cannot ask the ledger comes back", () => {
    const hand = new Hand();
    hand.tell({ kind: "alarm" });
    expect(hand.take("arm")).toHaveLength(1);
    const { find } = hand.one("find");
    hand.tell({ kind: "found", find, answer: refuse("unreachable") });
    hand.tell({ kind: "alarm" });
    expect(hand.take("find")).toHaveLength(1);
  });

  test("takes no answer to an earlier question, and none twice", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    hand.tell({ kind: "alarm" });
    const first = hand.one("find");
    hand.tell({ kind: "found", find: first.find, answer: refuse("unreachable") });
    hand.tell({ kind: "alarm" });
    const second = hand.one("find");
    hand.tell({ kind: "found", find: first.find, answer: ok([]) });
    expect(hand.take("remember")).toEqual([]);
    const answer = ok(left(1));
    hand.tell({ kind: "found", find: second.find, answer });
    hand.tell({ kind: "found", find: second.find, answer: ok([]) });
    hand.tell({ kind: "found", find: second.find, answer });
    expect(hand.effect()).toHaveLength(1);
    expect(hand.take("remember")).toEqual([]);
    hand.commit();
    expect(hand.take("remember")).toHaveLength(1);
  });

  test("bears the same charge twice in what was found", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    hand.alarm([...left(1), ...left(1)]);
    expect(hand.effect()).toHaveLength(1);
    hand.commit();
    expect(hand.take("remember")).toHaveLength(1);
  });

  test("bears something found that cannot be driven, and finishes the others", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    hand.alarm([unfinished({ ...operationFacts(2, "refund"), authorization: null }), ...left(1)]);
    expect(hand.take("bug")).toHaveLength(1);
    expect(hand.effect()).toHaveLength(1);
    hand.commit();
    expect(hand.take("remember")).toEqual([]);
    hand.tell({ kind: "alarm" });
    expect(hand.take("find")).toHaveLength(1);
  });
});

describe("doubt", () => {
  /** Whether the next alarm looks again. */
  function lasts(hand: Hand): boolean {
    hand.out = [];
    hand.tell({ kind: "alarm" });
    return hand.take("find").length > 0;
  }

  test("lasts two minutes in a new shard: what its predecessor sent may commit as late", () => {
    const hand = new Hand();
    const fromMs = hand.nowMs;
    hand.search(LATE_SEARCHES - 1);
    expect(hand.nowMs - fromMs).toBeGreaterThan(2 * MINUTE_MS);
    expect(lasts(hand)).toBe(true);
    hand.tell({ kind: "found", find: hand.state.recovery?.find ?? 0, answer: ok([]) });
    expect(lasts(hand)).toBe(false);
  });

  test("lasts two minutes after an opening whose answer was lost", () => {
    const hand = new Hand();
    hand.settle();
    hand.ask(chargeAsk());
    hand.lose();
    hand.search(LATE_SEARCHES - 1);
    expect(lasts(hand)).toBe(true);
    hand.tell({ kind: "found", find: hand.state.recovery?.find ?? 0, answer: ok([]) });
    expect(lasts(hand)).toBe(false);
  });

  test("lasts as long after a charge was locked: its batch, delivered again, may open the refund", () => {
    const hand = new Hand();
    hand.settle();
    hand.ask(refundAsk());
    hand.commit(() => ({ outcome: "refused", seq: 3, failure: { kind: "object_locked" } }));
    hand.search(LATE_SEARCHES - 1);
    expect(lasts(hand)).toBe(true);
    hand.tell({ kind: "found", find: hand.state.recovery?.find ?? 0, answer: ok([]) });
    expect(lasts(hand)).toBe(false);
  });

  test.each([
    ["ahead", 60 * MINUTE_MS],
    ["back", -60 * MINUTE_MS],
  ])("is as long when the clock jumps %s meanwhile", (_, byMs) => {
    const hand = new Hand();
    hand.search(1);
    hand.nowMs += byMs;
    hand.search(LATE_SEARCHES - 2);
    expect(lasts(hand)).toBe(true);
    hand.tell({ kind: "found", find: hand.state.recovery?.find ?? 0, answer: ok([]) });
    expect(lasts(hand)).toBe(false);
  });

  test("is not lessened by a search that was not answered", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    hand.tell({ kind: "alarm" });
    const { find } = hand.one("find");
    hand.tell({ kind: "found", find, answer: refuse("unreachable") });
    hand.search(1);
    expect(lasts(hand)).toBe(false);
  });

  test("lasts as long as something found does not end", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    hand.alarm(left(2));
    const [one, two] = hand.one("perform").orders;
    const effects = [
      { key: one?.key ?? "", effect: UNKNOWN },
      { key: two?.key ?? "", effect: APPROVED },
    ];
    hand.tell({ kind: "performed", effects });
    hand.commit();
    expect(hand.take("remember")).toEqual([]);
    expect(lasts(hand)).toBe(true);
  });

  test("lasts after a full page of 500: there may be more", () => {
    for (const [count, more] of [
      [499, false],
      [500, true],
    ] as const) {
      const hand = new Hand();
      hand.search(LATE_SEARCHES - 1);
      hand.alarm(left(count));
      for (let ended = 0; ended < count; ) {
        ended += hand.effect().length;
        hand.commit();
      }
      expect(hand.take("remember")).toHaveLength(more ? 0 : 1);
      expect(lasts(hand)).toBe(more);
    }
  });

  test("that arises while a recovery is under way outlives it", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    hand.alarm(left(1));
    hand.ask(chargeAsk());
    hand.commit();
    const [found, asked] = hand.take("perform").flatMap(({ orders }) => orders);
    hand.tell({ kind: "performed", effects: [{ key: asked?.key ?? "", effect: UNKNOWN }] });
    hand.tell({ kind: "performed", effects: [{ key: found?.key ?? "", effect: APPROVED }] });
    hand.commit();
    expect(hand.take("remember")).toEqual([]);
    expect(lasts(hand)).toBe(true);
  });

  test("that arises while a recovery is under way is not calmed by its answer coming twice", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    hand.tell({ kind: "alarm" });
    const found = { kind: "found", find: hand.one("find").find, answer: ok(left(1)) } as const;
    hand.tell(found);
    const { orders } = hand.one("perform");
    hand.ask(chargeAsk());
    hand.commit();
    hand.effect(UNKNOWN);
    hand.tell(found);
    hand.tell({ kind: "performed", effects: [{ key: orders[0]?.key ?? "", effect: APPROVED }] });
    hand.commit();
    expect(hand.take("remember")).toEqual([]);
    expect(lasts(hand)).toBe(true);
  });
});

describe("the clean moment", () => {
  test("is ten minutes before now when nothing is in flight, and then the shard rests", () => {
    const hand = new Hand();
    hand.settle();
    hand.nowMs += MINUTE_MS;
    hand.tell({ kind: "alarm" });
    expect(hand.out).toEqual([{ kind: "remember", cleanSinceMs: hand.nowMs - SLACK_MS }]);
  });

  test("is ten minutes before the oldest key in flight, and the alarm comes back", () => {
    const hand = new Hand();
    hand.settle();
    const sinceMs = hand.nowMs;
    hand.ask(chargeAsk());
    hand.nowMs += MINUTE_MS;
    hand.ask(chargeAsk());
    hand.out = [];
    hand.tell({ kind: "alarm" });
    expect(hand.one("remember").cleanSinceMs).toBe(sinceMs - SLACK_MS);
    expect(hand.take("arm")).toHaveLength(1);
  });

  test("heeds a key that is older by a clock that has stepped back", () => {
    const hand = new Hand();
    hand.settle();
    hand.ask(chargeAsk());
    hand.nowMs -= 30 * MINUTE_MS;
    const sinceMs = hand.nowMs;
    hand.ask(chargeAsk());
    hand.nowMs += 40 * MINUTE_MS;
    hand.tell({ kind: "alarm" });
    expect(hand.one("remember").cleanSinceMs).toBe(sinceMs - SLACK_MS);
  });

  test("after a recovery is that of its beginning, and is where the next search starts", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    const beganMs = hand.nowMs;
    hand.alarm(left(1));
    hand.nowMs += 20 * MINUTE_MS;
    hand.effect();
    hand.commit();
    expect(hand.one("remember").cleanSinceMs).toBe(beganMs - SLACK_MS);
    hand.ask(chargeAsk());
    hand.lose();
    hand.tell({ kind: "alarm" });
    expect(hand.one("find").sinceMs).toBe(beganMs - SLACK_MS);
  });

  test("is not written down while there is doubt", () => {
    const hand = new Hand();
    hand.alarm([]);
    expect(hand.take("remember")).toEqual([]);
  });
});

describe("a request and a recovery that want the same charge finished", () => {
  test("go together, and the request hears the end", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    hand.alarm(left(1));
    const facts = openedFacts(0);
    const call = hand.ask(chargeAsk());
    hand.commit(() => ({
      outcome: "known",
      seq: 1,
      answer: { request: "req_first", end: { kind: "unfinished", facts } },
    }));
    expect(hand.effect()).toHaveLength(1);
    expect(hand.commit()).toHaveLength(1);
    expect(hand.answerTo(call).end.ok).toBe(true);
    expect(hand.take("remember")).toHaveLength(1);
  });

  test("also when the recovery comes second; both stay in doubt when the end is unknown", () => {
    const hand = new Hand();
    hand.search(LATE_SEARCHES - 1);
    const call = hand.ask(chargeAsk());
    const [open] = hand.commit();
    if (open?.kind !== "open_charge") throw new Error("a charge is opened first");
    hand.alarm([unfinished({ ...openedFacts(0), id: open.id })]);
    expect(hand.effect(UNKNOWN)).toHaveLength(1);
    expect(failureOf(hand.answerTo(call))).toMatchObject({ kind: "unavailable" });
    expect(hand.take("remember")).toEqual([]);
    hand.tell({ kind: "alarm" });
    expect(hand.take("find")).toHaveLength(1);
  });
});
