// A charge in a shard, from the ask to its answer: what is sent, ordered and closed, and with which card.

import { describe, expect, test } from "vitest";
import type { Input } from "../../durable-objects/machine.ts";
import type { Failure } from "../../protocol/failure.ts";
import { ok, refuse } from "../../protocol/result.ts";
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
  SCOPE,
  tokenOf,
  UNKNOWN,
} from "./hand.ts";

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
