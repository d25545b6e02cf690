import { describe, expect, test } from "vitest";
import type { CardSummary } from "../../protocol/facts.ts";
import { Pan } from "../../workers/vault/card.ts";
import { Processor } from "../../workers/vault/processor.ts";

type Answer = { readonly status: number; readonly body: unknown } | "cut";

/** A processor that gives these answers in turn, the last one for ever. */
function answering(...answers: Answer[]) {
  const asked: string[] = [];
  const http = {
    fetch: async (url: string, init: RequestInit) => {
      asked.push(`${init.method} ${new URL(url).pathname}`);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer === undefined || answer === "cut") throw new Error("connection lost");
      return Response.json(answer.body, { status: answer.status });
    },
  };
  return { processor: new Processor(http, "key", async () => {}), asked };
}

const pan = Pan.parse("4242424242424242");
if (!pan.ok) throw new Error("a test card is a card");
const summary: CardSummary = {
  brand: "Visa",
  last4: "4242",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "f",
  funding: "unknown",
  country: null,
};
const card = { pan: pan.value, expMonth: 12, expYear: 2034, cvc: undefined, summary };
const ask = { token: "tok_x", amount: 100, currency: "usd", capture: true, key: "ch_x.1" } as const;
const refund = { authorization: "auth_1", verb: "refunds", amount: 100, key: "re_x.1" } as const;
const approved = { id: "auth_1", status: "approved" };

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
  ] as const)("whose processor %s has that outcome", async (_, answers, kind) => {
    const { processor } = answering(...(answers as readonly Answer[]));
    expect((await processor.authorize(ask, card)).kind).toBe(kind);
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
  ] as const)("whose processor %s is unknown, never declined", async (_, answers) => {
    const { processor } = answering(...(answers as readonly Answer[]));
    expect(await processor.authorize(ask, card)).toEqual({ kind: "unknown" });
  });

  test("is asked for by its key before it is asked again", async () => {
    const { processor, asked } = answering(
      "cut",
      { status: 404, body: {} },
      { status: 200, body: approved },
    );
    expect((await processor.authorize(ask, card)).kind).toBe("approved");
    expect(asked).toEqual(["POST /authorizations", "GET /keys/ch_x.1", "POST /authorizations"]);
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
    const { processor } = answering(answer);
    expect((await processor.follow(refund)).kind).toBe(kind);
  });
});
