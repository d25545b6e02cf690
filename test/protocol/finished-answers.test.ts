import { describe, expect, test } from "vitest";
import { type Finished, FinishedAnswers } from "../../durable-objects/finished-answers.ts";
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

  test("forget all that was said to an account of whom something is forgotten, and nothing else", () => {
    const answers = new FinishedAnswers();
    const names = ["a/test/one", "a/test/two", "a/live/one", "b/test/one"];
    for (const name of names) answers.set(name, customer("cus_1"));
    answers.forgetAll("a/test");
    expect(names.filter((name) => answers.get(name) !== undefined)).toEqual(names.slice(2));
  });

  test("count an object with the charge that it is of", () => {
    const charge = { ...openedFacts(1), description: "x".repeat(MEBIBYTE / 2) };
    const object = finished({
      ...{
        kind: "object",
        type: "charge",
        token: null,
        id: "x_1",
        created: 1,
        seq: 1,
        document: {},
      },
      ...{ customer: null, parent: null, charge, operation: null, postings: [] },
    });
    const answers = new FinishedAnswers();
    for (let i = 0; i < 40; i++) answers.set(`key-${i}`, object);
    expect(answers.get("key-0")).toBeUndefined();
    expect(answers.get("key-39")).toBe(object);
  });
});
