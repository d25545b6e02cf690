import { afterEach, describe, expect, test, vi } from "vitest";
import type { AccountId, TokenId } from "../../protocol/ids.ts";
import { LineWriter } from "../../protocol/lines.ts";
import type { Effect, Performed } from "../../protocol/vault.ts";
import { Pan } from "../../workers/vault/card.ts";
import { heardIn } from "../../workers/vault/effect.ts";
import { Processor, type Question } from "../../workers/vault/processor.ts";

type Answer = { readonly status: number; readonly body: unknown } | "cut";

const noPause = async () => {};

/**
 * A processor that gives these answers in turn, the last one for ever; in a batch, the first of them to
 * each order.
 */
function answering(...answers: Answer[]) {
  const asked: string[] = [];
  const next = () => (answers.length > 1 ? answers.shift() : answers[0]);
  const http = {
    fetch: async (url: string, init: RequestInit) => {
      const { pathname } = new URL(url);
      asked.push(`${init.method} ${pathname}`);
      const answer = next();
      if (answer === undefined || answer === "cut") throw new Error("connection lost");
      if (pathname !== "/batches") return Response.json(answer.body, { status: answer.status });
      const keys = (JSON.parse(String(init.body)) as { key: string }[]).map(({ key }) => key);
      return new Response(keys.map((key) => `${JSON.stringify({ key, ...answer })}\n`).join(""));
    },
  };
  return { processor: new Processor(http, "key", noPause), asked };
}

/** A processor whose answer to a batch the test writes; it has never heard of any key. */
function dictated() {
  const asked: string[] = [];
  const lines = new LineWriter();
  const http = {
    fetch: async (url: string, init: RequestInit) => {
      const { pathname } = new URL(url);
      asked.push(`${init.method} ${pathname}`);
      if (pathname !== "/batches") return Response.json({ error: {} }, { status: 404 });
      init.signal?.addEventListener("abort", () => lines.close());
      return new Response(lines.stream as never);
    },
  };
  return { processor: new Processor(http, "key", noPause), asked, lines };
}

const pan = Pan.parse("4242424242424242");
if (!pan.ok) throw new Error("a test card is a card");
const summary = {
  brand: "Visa",
  last4: "4242",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "f",
  funding: "unknown",
  country: null,
};
const card = { pan: pan.value, expMonth: 12, expYear: 2034, cvc: undefined, summary };
const scope = { account: "acct_AbCdEfGhIjKlMnOp" as AccountId, livemode: false };
const token: TokenId = "tok_x" as TokenId;

const charge = (key = "ch_x.1"): Question => ({
  order: { ...scope, verb: "authorize", token, amount: 100, currency: "usd", capture: true, key },
  card,
});
const refund: Question = {
  order: { ...scope, verb: "refund", authorization: "auth_1", amount: 100, key: "re_x.1" },
};
const approved = { id: "auth_1", status: "approved" };
const approving = (key: string) => JSON.stringify({ key, status: 200, body: approved });

async function effectsOf(processor: Processor, questions: Question[]): Promise<Performed[]> {
  const told: Performed[] = [];
  await processor.perform(questions, (performed) => told.push(performed));
  return told;
}

async function effectOf(processor: Processor, question: Question): Promise<Effect | undefined> {
  const told = await effectsOf(processor, [question]);
  expect(told.map(({ key }) => key)).toEqual([question.order.key]);
  return told[0]?.effect;
}

/** How many questions are asked at once. */
const ALONE_OR_TWO = [1, 2];

/** The effects of so many questions that differ in their keys. */
async function effectsOfEach(processor: Processor, question: Question, count: number) {
  const questions = Array.from({ length: count }, (_, i) => ({
    ...question,
    order: { ...question.order, key: `${question.order.key}.${i}` },
  })) as Question[];
  const told = await effectsOf(processor, questions);
  expect(told).toHaveLength(count);
  return told.map(({ effect }) => effect);
}

describe("an authorization", () => {
  test.each([
    ["says yes", [{ status: 200, body: approved }], "approved"],
    ["says no", [{ status: 200, body: { id: "auth_1", status: "declined" } }], "declined"],
    ["calls the question wrong", [{ status: 400, body: { error: {} } }], "declined"],
    [
      "was cut, then is recalled by its key",
      ["cut", { status: 200, body: { status: 200, body: approved } }],
      "approved",
    ],
    [
      "says duplicate, with what it said first",
      [{ status: 409, body: { original: approved } }],
      "approved",
    ],
  ] as const)("whose processor %s has that outcome, alone or not", async (_, answers, kind) => {
    for (const count of ALONE_OR_TWO) {
      const { processor } = answering(...(answers as readonly Answer[]));
      const effects = await effectsOfEach(processor, charge(), count);
      expect(effects.map((effect) => effect.kind)).toEqual(Array(count).fill(kind));
    }
  });

  test.each([
    ["is cut every time", ["cut"]],
    ["fails", [{ status: 500, body: {} }]],
    ["is busy", [{ status: 429, body: {} }]],
    [
      "has the key in progress",
      ["cut", { status: 409, body: { error: { code: "key_in_progress" } } }],
    ],
    ["no longer takes our password", ["cut", { status: 401, body: { error: {} } }]],
    ["has moved away", [{ status: 404, body: {} }]],
    ["is not sure yet", [{ status: 200, body: { id: "auth_1", status: "pending" } }]],
    ["says yes without a name for it", [{ status: 200, body: { status: "approved" } }]],
    ["says nothing in JSON", [{ status: 200, body: null }]],
    ["says nothing in JSON, with a refusal", [{ status: 400, body: null }]],
    ["says duplicate of nothing", [{ status: 409, body: { original: null } }]],
  ] as const)("whose processor %s is unknown, never declined", async (_, answers) => {
    for (const count of ALONE_OR_TWO) {
      const { processor } = answering(...(answers as readonly Answer[]));
      const effects = await effectsOfEach(processor, charge(), count);
      expect(effects).toEqual(Array(count).fill({ kind: "unknown" }));
    }
  });

  test("is asked for by its key before it is asked again", async () => {
    const { processor, asked } = answering(
      "cut",
      { status: 404, body: {} },
      { status: 200, body: approved },
    );
    expect((await effectOf(processor, charge()))?.kind).toBe("approved");
    expect(asked).toEqual(["POST /authorizations", "GET /keys/ch_x.1", "POST /authorizations"]);
  });

  test("is asked three times and no more", async () => {
    const { processor, asked } = answering("cut");
    expect(await effectOf(processor, charge())).toEqual({ kind: "unknown" });
    const again = ["GET /keys/ch_x.1", "POST /authorizations"];
    expect(asked).toEqual(["POST /authorizations", ...again, ...again]);
  });
});

describe("a refund", () => {
  test.each([
    ["goes through", { status: 200, body: { id: "r", status: "approved" } }, "approved"],
    ["is declined", { status: 200, body: { id: "r", status: "declined" } }, "declined"],
    [
      "is more than is left",
      { status: 409, body: { error: { code: "amount_exceeds_refundable" } } },
      "declined",
    ],
    ["is in progress", { status: 409, body: { error: { code: "key_in_progress" } } }, "unknown"],
    [
      "meets a reused key",
      { status: 422, body: { error: { code: "idempotency_key_reused" } } },
      "unknown",
    ],
    ["is not allowed to ask", { status: 401, body: { error: {} } }, "unknown"],
  ] as const)("that %s is told as %j", async (_, answer, kind) => {
    for (const count of ALONE_OR_TWO) {
      const { processor } = answering(answer);
      const effects = await effectsOfEach(processor, refund, count);
      expect(effects.map((effect) => effect.kind)).toEqual(Array(count).fill(kind));
    }
  });

  test("that is unclear is asked again on its own path", async () => {
    const { processor, asked } = answering("cut", { status: 404, body: {} }, "cut");
    await effectOf(processor, refund);
    const path = "POST /authorizations/auth_1/refunds";
    expect(asked.slice(0, 3)).toEqual([path, "GET /keys/re_x.1", path]);
  });
});

describe("a batch", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("tells each effect when its line comes, in the order of the lines", async () => {
    const { processor, lines } = dictated();
    const told: string[] = [];
    const performing = processor.perform([charge("a"), charge("b"), charge("c")], ({ key }) =>
      told.push(key),
    );
    for (const key of ["c", "a"]) {
      lines.write(approving(key));
      await expect.poll(() => told.at(-1)).toBe(key);
    }
    expect(told).toEqual(["c", "a"]);
    lines.write(approving("b"));
    lines.close();
    await performing;
    expect(told).toEqual(["c", "a", "b"]);
  });

  test("asks an unclear order again while the others are still awaited", async () => {
    const { processor, asked, lines } = dictated();
    const performing = processor.perform([charge("a"), charge("b")], () => {});
    lines.write(JSON.stringify({ key: "a", status: 500, body: {} }));
    await expect.poll(() => asked).toContain("GET /keys/a");
    expect(asked).not.toContain("GET /keys/b");
    lines.write(approving("b"));
    lines.close();
    await performing;
    expect(asked).not.toContain("GET /keys/b");
  });

  test("takes no line that is none, is of nobody's or comes again", async () => {
    const { processor, lines, asked } = dictated();
    const performing = effectsOf(processor, [charge("a"), charge("b")]);
    for (const line of [
      "{",
      "null",
      JSON.stringify({ key: "a" }),
      approving("z"),
      approving("b"),
      JSON.stringify({ key: "b", status: 200, body: { id: "x", status: "declined" } }),
      approving("a"),
    ]) {
      lines.write(line);
    }
    lines.close();
    const told = await performing;
    expect(told.map(({ key, effect }) => [key, effect.kind])).toEqual([
      ["b", "approved"],
      ["a", "approved"],
    ]);
    expect(asked).toEqual(["POST /batches"]);
  });

  test("that is refused as a whole declines nobody: each order is asked alone", async () => {
    const asked: string[] = [];
    const http = {
      fetch: async (url: string, init: RequestInit) => {
        const { pathname } = new URL(url);
        asked.push(`${init.method} ${pathname}`);
        if (pathname === "/batches") return Response.json({ error: {} }, { status: 400 });
        if (init.method === "GET") return Response.json({ error: {} }, { status: 404 });
        return Response.json(approved);
      },
    };
    const told = await effectsOf(new Processor(http, "key", noPause), [charge("a"), charge("b")]);
    expect(told.map(({ effect }) => effect.kind)).toEqual(["approved", "approved"]);
    expect(asked.filter((line) => line === "POST /authorizations")).toHaveLength(2);
  });

  test("that does not end is given up after 8 seconds, and what is missing asked by key", async () => {
    vi.useFakeTimers();
    const { processor, lines, asked } = dictated();
    const told: Performed[] = [];
    const performing = processor.perform([charge("a"), charge("b")], (line) => told.push(line));
    lines.write(approving("a"));
    await vi.advanceTimersByTimeAsync(7_999);
    expect([told.length, asked.length]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(1);
    await performing;
    expect(told.map(({ key, effect }) => [key, effect.kind])).toEqual([
      ["a", "approved"],
      ["b", "unknown"],
    ]);
    expect(asked.slice(0, 3)).toEqual(["POST /batches", "GET /keys/b", "POST /authorizations"]);
  });

  test("of more than 1,000 orders goes in two requests", async () => {
    const { processor, asked } = answering({ status: 200, body: approved });
    const questions = Array.from({ length: 1_001 }, (_, i) => charge(`ch_${i}`));
    expect(await effectsOf(processor, questions)).toHaveLength(1_001);
    expect(asked).toEqual(["POST /batches", "POST /batches"]);
  });

  test("of nothing asks nothing", async () => {
    const { processor, asked } = answering("cut");
    expect(await effectsOf(processor, [])).toEqual([]);
    expect(asked).toEqual([]);
  });
});

const error = (code: string) => ({ error: { code } });
const again = (original: unknown) => ({ ...error("duplicate_transaction"), original });

test.each([
  ["is taken", 200, { id: "re_1", status: "canceled" }, "heard"],
  ["was taken before", 409, again({ id: "re_1", status: "canceled" }), "heard"],
  ["comes too late", 409, error("refund_settled"), "too_late"],
  ["came too late before", 409, again(error("refund_settled")), "too_late"],
  ["is of nothing, and was before", 409, again(error("unknown_dispute")), "too_late"],
  ["failed before", 409, again(error("bank_failed")), "unknown"],
  ["fails", 500, error("bank_failed"), "unknown"],
  ["is answered with no object", 200, "ok", "unknown"],
])("a response that %s is heard so", (_, status, body, heard) => {
  expect(heardIn({ status, body })).toBe(heard);
});
