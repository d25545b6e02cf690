import { describe, expect, test } from "vitest";
import { type Finished, FinishedAnswers } from "../../durable-objects/finished-answers.ts";
import type { ObjectType } from "../../protocol/facts.ts";
import type { TokenId } from "../../protocol/ids.ts";
import { CARD, openedFacts } from "./hand.ts";

const finished = (facts: Parameters<typeof replyOf>[0]): Finished => ({
  mac: "00",
  operation: "POST /v1/charges",
  reply: replyOf(facts),
});
const replyOf = (facts: Extract<Finished["reply"]["end"], { ok: true }>["facts"]) => ({
  end: { ok: true as const, facts },
  replayed: true,
  request: "req_1" as const,
});
const MEBIBYTE = 1024 * 1024;
/** An answer that takes about a mebibyte. */
const large = finished({ ...openedFacts(1), description: "x".repeat(MEBIBYTE / 2) });
const customer = (id: `cus_${string}`) =>
  finished({
    kind: "customer",
    id,
    created: 1,
    deleted: false,
    default_source: null,
    card: null,
    document: { last4: CARD.last4 },
  });

describe("finished answers", () => {
  test("let go of those remembered longest ago when they take more than 32 MiB", () => {
    const answers = new FinishedAnswers();
    for (let i = 0; i < 40; i++) answers.set(`key-${i}`, large);
    const kept = Array.from({ length: 40 }, (_, i) => answers.get(`key-${i}`) !== undefined);
    const first = kept.indexOf(true);
    expect(first).toBe(9);
    expect(kept.slice(first).every(Boolean)).toBe(true);
  });

  test("keep letting go when all was let go of once, and count what is said again once", () => {
    const answers = new FinishedAnswers();
    for (let i = 0; i < 200; i++) {
      for (let again = 0; again < 3; again++) answers.set(`key-${i}`, large);
      expect(answers.get(`key-${i}`)).toBe(large);
      if (i >= 31) expect(answers.get(`key-${i - 31}`)).toBeUndefined();
      if (i >= 30) expect(answers.get(`key-${i - 30}`)).toBe(large);
    }
  });

  test("forget a customer who is deleted, and nobody else", () => {
    const answers = new FinishedAnswers();
    for (const [name, id] of [
      ["made", "cus_1"],
      ["changed", "cus_1"],
      ["other", "cus_2"],
    ] as const) {
      answers.set(name, customer(id));
    }
    answers.forgetCustomer("cus_1");
    const names = ["made", "changed", "other"];
    expect(names.map((name) => answers.get(name) !== undefined)).toEqual([false, false, true]);
  });

  test("forget with a token what was said of it, and of its account's intents", () => {
    const answers = new FinishedAnswers();
    const object = (type: ObjectType, token: TokenId | null): Finished =>
      finished({
        ...{ kind: "object", type, token, id: "x_1", created: 1, seq: 1, document: {} },
        ...{ customer: null, parent: null, charge: null, operation: null, postings: [] },
      });
    const kept = {
      "a/test/method": object("payment_method", "tok_1"),
      "a/test/other": object("payment_method", "tok_2"),
      "a/test/intent": object("payment_intent", null),
      "a/test/setup": object("setup_intent", null),
      "a/test/payout": object("payout", null),
      "b/test/intent": object("payment_intent", null),
    };
    for (const [name, answer] of Object.entries(kept)) answers.set(name, answer);
    answers.forgetToken("tok_1", "a/test");
    const left = Object.keys(kept).filter((name) => answers.get(name) !== undefined);
    expect(left).toEqual(["a/test/other", "a/test/payout", "b/test/intent"]);
  });
});
