import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TEST_CARDS } from "../../workers/testbank/cards.ts";
import { authorization, freshKey, ORDINARY_CARD, PROCESSOR_KEY, startBank } from "./bank.ts";

const bank = startBank();

beforeAll(() => bank.start(), 60_000);
afterAll(() => bank.stop());

describe("the processor key", () => {
  test.each([
    ["missing", undefined],
    ["wrong", "Bearer another-key"],
    ["a prefix", `Bearer ${PROCESSOR_KEY.slice(0, -1)}`],
    ["empty", "Bearer "],
    ["of another scheme", `Basic ${PROCESSOR_KEY}`],
  ])("is refused when %s, on every path, and nothing is booked", async (_name, header) => {
    const before = await bank.totals();
    const headers = { "idempotency-key": freshKey(), ...(header && { authorization: header }) };
    for (const [method, path] of [
      ["POST", "/authorizations"],
      ["POST", "/authorizations/auth_x/refunds"],
      ["POST", "/batches"],
      ["POST", "/faults"],
      ["DELETE", "/faults"],
      ["GET", "/faults"],
      ["GET", "/book"],
      ["GET", "/book/authorizations"],
      ["GET", "/keys/x"],
      ["GET", "/nowhere"],
    ] as const) {
      const body = method === "POST" ? JSON.stringify(authorization()) : null;
      const response = await bank.harness.fetch(path, { method, headers, body });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: { code: "unauthorized" } });
    }
    expect(await bank.totals()).toEqual(before);
  });
});

describe("an authorization", () => {
  test("answers with the whole decision and captures when asked to", async () => {
    const { status, body } = await bank.authorize({ reference: "order 7" });
    expect(status).toBe(200);
    expect(body).toEqual({
      id: expect.stringMatching(/^auth_\w+$/),
      object: "authorization",
      status: "approved",
      amount: 2000,
      currency: "usd",
      captured: 2000,
      checks: { cvc: "pass", address_line1: null, address_zip: null },
      network_code: "00",
      card: { brand: "visa", funding: "credit", country: "US", last4: "4242" },
      risk: { level: "normal", score: 12 },
    });
    expect(await bank.row(body.id)).toMatchObject({
      reference: "order 7",
      amount: 2000,
      captured: 2000,
      refunded: 0,
      voided: false,
    });
  });

  test("captures nothing when not asked to or declined", async () => {
    expect((await bank.authorize({ capture: false })).body.captured).toBe(0);
    const card = { ...ORDINARY_CARD, number: "4000000000009995" };
    expect((await bank.authorize({ card })).body).toMatchObject({
      status: "declined",
      captured: 0,
    });
  });

  test("answers 200 for every test card, approved or declined", async () => {
    const numbers = [...TEST_CARDS.keys()];
    const answers = await Promise.all(
      numbers.map((number) => bank.authorize({ card: { ...ORDINARY_CARD, number } })),
    );
    for (const [index, answer] of answers.entries()) {
      expect(answer.status).toBe(200);
      expect(answer.body.card.last4).toBe(numbers[index]?.slice(-4));
      const isDeclined = answer.body.decline !== undefined;
      expect(answer.body.status).toBe(isDeclined ? "declined" : "approved");
      expect(answer.body.captured).toBe(isDeclined ? 0 : 2000);
    }
  });
});

describe("a bad request", () => {
  const card = ORDINARY_CARD;
  test.each([
    ["an amount of 0", { amount: 0 }, "amount"],
    ["a negative amount", { amount: -1 }, "amount"],
    ["half a cent", { amount: 0.5 }, "amount"],
    ["an amount in text", { amount: "2000" }, "amount"],
    ["an amount of 13 digits", { amount: 1e12 }, "amount"],
    ["no currency", { currency: null }, "currency"],
    ["capture in text", { capture: "yes" }, "capture"],
    ["no card", { card: null }, "card"],
    ["a card number with spaces", { card: { ...card, number: "4242 4242" } }, "card.number"],
    ["month 13", { card: { ...card, exp_month: 13 } }, "card.exp_month"],
    ["a year in text", { card: { ...card, exp_year: "2030" } }, "card.exp_year"],
    ["a CVC of two digits", { card: { ...card, cvc: "31" } }, "card.cvc"],
    ["an unknown field", { colour: "red" }, "body"],
    ["an unknown card field", { card: { ...card, pin: "1234" } }, "card"],
  ])("with %s is refused by field and books nothing", async (_name, change, field) => {
    const before = await bank.totals();
    const { status, body, text } = await bank.authorize(change);
    expect(status).toBe(400);
    expect(body.error?.code).toBe("invalid_request");
    expect(body.error?.message).toMatch(new RegExp(`^${field}: `));
    expect(text).not.toContain("4242");
    expect(await bank.totals()).toEqual(before);
  });

  test.each(["{", "[]", "null", '"text"', "4242424242424242x", "\u0000"])(
    "of %j is refused without an echo",
    async (body) => {
      const response = await bank.harness.fetch("/authorizations", {
        method: "POST",
        headers: { authorization: `Bearer ${PROCESSOR_KEY}`, "idempotency-key": freshKey() },
        body,
      });
      expect(response.status).toBe(400);
      expect(await response.text()).not.toContain("4242");
    },
  );

  test("over 16 KiB is refused with 413", async () => {
    const { status, body } = await bank.authorize({ reference: "x".repeat(16 * 1024) });
    expect(status).toBe(413);
    expect(body.error?.code).toBe("body_too_large");
  });

  test("needs a key of 1 to 255 characters", async () => {
    expect((await bank.call("POST", "/authorizations", authorization())).status).toBe(400);
    expect((await bank.authorize({}, "")).body.error?.code).toBe("idempotency_key_required");
    expect((await bank.authorize({}, "k".repeat(256))).status).toBe(400);
    expect((await bank.authorize({}, "k".repeat(255))).status).toBe(200);
  });

  test("to an unknown path or method says so", async () => {
    expect((await bank.get("/")).status).toBe(404);
    expect((await bank.get("/authorizations")).status).toBe(405);
    expect((await bank.get("/keys/%E0%A4%A")).status).toBe(400);
    expect((await bank.get("/book/authorizations?limit=0")).status).toBe(400);
    expect((await bank.get("/book/authorizations?limit=1001")).status).toBe(400);
    expect((await bank.get("/book/authorizations?after=auth_none")).status).toBe(400);
  });
});

describe("an idempotency key", () => {
  test("answers the second time with the same bytes and books nothing", async () => {
    const key = freshKey();
    const first = await bank.authorize({}, key);
    const before = await bank.totals();
    const second = await bank.authorize({}, key);
    expect(first.replayed).toBe(false);
    expect(second).toEqual({ ...first, replayed: true });
    const requests = before.requests + 1;
    expect(await bank.totals()).toEqual({ ...before, requests, replays: before.replays + 1 });
  });

  test("books once under 50 requests at once", async () => {
    const key = freshKey();
    const before = await bank.totals();
    const answers = await Promise.all(Array.from({ length: 50 }, () => bank.authorize({}, key)));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers.filter((answer) => !answer.replayed)).toHaveLength(1);
    const after = await bank.totals();
    expect(after.authorizations).toBe(before.authorizations + 1);
    expect(after.captured_amount.usd).toBe((before.captured_amount.usd ?? 0) + 2000);
    expect(after.replays).toBe(before.replays + 49);
  });

  test.each([
    ["another amount", { amount: 2001 }],
    ["another currency", { currency: "eur" }],
    ["capture turned off", { capture: false }],
    ["another card", { card: { ...ORDINARY_CARD, number: "5555555555554444" } }],
    ["another expiry", { card: { ...ORDINARY_CARD, exp_month: 11 } }],
    ["an address", { card: { ...ORDINARY_CARD, address_zip: "94103" } }],
    ["a reference", { reference: "order 8" }],
  ])("refuses %s and books nothing", async (_name, change) => {
    const key = freshKey();
    const first = await bank.authorize({}, key);
    const before = await bank.totals();
    const reused = await bank.authorize(change, key);
    expect(reused.status).toBe(422);
    expect(reused.body.error?.code).toBe("idempotency_key_reused");
    expect(await bank.totals()).toEqual({ ...before, requests: before.requests + 1 });
    expect((await bank.authorize({}, key)).text).toBe(first.text);
  });

  test("replays a retry that arrives without the CVC or in another order", async () => {
    const key = freshKey();
    const first = await bank.authorize({}, key);
    const { cvc: _cvc, ...card } = ORDINARY_CARD;
    expect((await bank.authorize({ card }, key)).text).toBe(first.text);
    const reversed = Object.fromEntries(Object.entries(authorization()).reverse());
    expect((await bank.post("/authorizations", reversed, key)).text).toBe(first.text);
  });

  test("belongs to one operation", async () => {
    const key = freshKey();
    const { body } = await bank.authorize({ capture: false }, key);
    const amount = { amount: 2000 };
    expect((await bank.post(`/authorizations/${body.id}/captures`, amount, key)).status).toBe(422);
    const capture = freshKey();
    await bank.post(`/authorizations/${body.id}/captures`, amount, capture);
    expect((await bank.post(`/authorizations/${body.id}/refunds`, amount, capture)).status).toBe(
      422,
    );
    expect(await bank.row(body.id)).toMatchObject({ captured: 2000, refunded: 0 });
  });

  test("tells what happened to it", async () => {
    const key = "odd/key with spaces%";
    expect((await bank.get(`/keys/${encodeURIComponent(key)}`)).body.error?.code).toBe(
      "unknown_key",
    );
    const first = await bank.authorize({}, key);
    const found = await bank.get(`/keys/${encodeURIComponent(key)}`);
    expect(found.status).toBe(200);
    expect(found.text).toBe(`{"status":200,"body":${first.text}}`);
  });

  test("remembers a refusal on the state, not one for an unknown authorization", async () => {
    const { body } = await bank.authorize();
    const key = freshKey();
    const path = `/authorizations/${body.id}/captures`;
    const first = await bank.post(path, { amount: 1 }, key);
    expect(first.status).toBe(409);
    expect(await bank.post(path, { amount: 1 }, key)).toEqual({ ...first, replayed: true });
    expect((await bank.get(`/keys/${key}`)).body).toEqual({ status: 409, body: first.body });

    const unknown = freshKey();
    const missing = await bank.post("/authorizations/auth_none/captures", { amount: 1 }, unknown);
    expect(missing.status).toBe(404);
    expect((await bank.get(`/keys/${unknown}`)).status).toBe(404);
  });
});
