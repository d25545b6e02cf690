// Two who act on one payment intent at once, and one who asks twice: one charge, and an answer that stays.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";

const RACERS = 8;
const ROUNDS = 6;

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

type Intent = { id: string; status: string; latest_charge: string | null };
type Wire = Intent & { error?: { code?: string; payment_intent?: Intent } };

/** The exact bytes of an answer. */
async function post(path: string, form: Record<string, string>, key: string) {
  const response = await fetch(new URL(path, system.url), {
    method: "POST",
    headers: {
      authorization: `Bearer ${m.secret}`,
      "content-type": "application/x-www-form-urlencoded",
      "idempotency-key": key,
    },
    body: new URLSearchParams(form),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    body: JSON.parse(text) as Wire,
    headers: response.headers,
  };
}

let keys = 0;
const fresh = (): string => `race-${++keys}`;
const NEW = { amount: "1999", currency: "usd" };
const CARD = { payment_method: "pm_card_visa" };

async function made(over: Record<string, string> = {}): Promise<Intent> {
  const { status, body } = await post("/v1/payment_intents", { ...NEW, ...over }, fresh());
  expect(status).toBe(200);
  return body;
}

const authorizations = async () =>
  (await system.bank<{ authorizations: number }>("/book")).authorizations;

async function ofCharges(id: string): Promise<{ id: string; status: string }[]> {
  const found = await system.call(`/v1/charges?payment_intent=${id}`, { key: m.secret });
  return (found.body as { data: { id: string; status: string }[] }).data;
}

describe("confirmations of one intent at once", () => {
  test.each([
    ["with the method that it has", CARD, {}],
    ["with methods of their own", {}, CARD],
  ])(
    "%s charge it once; the others are told to try again or that it is over",
    async (_, on, by) => {
      for (let round = 0; round < ROUNDS; round++) {
        const intent = await made(on);
        const before = await authorizations();
        const ends = await Promise.all(
          Array.from({ length: RACERS }, () =>
            post(`/v1/payment_intents/${intent.id}/confirm`, by, fresh()),
          ),
        );
        const won = ends.filter(({ status }) => status === 200);
        expect(won).toHaveLength(1);
        for (const lost of ends.filter(({ status }) => status !== 200)) {
          const { code } = lost.body.error ?? {};
          expect(["lock_timeout", "payment_intent_unexpected_state"]).toContain(code);
          expect(lost.status).toBe(code === "lock_timeout" ? 429 : 400);
        }
        expect(await authorizations()).toBe(before + 1);
        expect(await ofCharges(intent.id)).toMatchObject([{ id: won[0]?.body.latest_charge }]);
      }
    },
  );

  test("under one key are one: the others hear that it is in use, or its answer", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const intent = await made();
      const before = await authorizations();
      const key = fresh();
      const ends = await Promise.all(
        Array.from({ length: RACERS }, () =>
          post(`/v1/payment_intents/${intent.id}/confirm`, { payment_method: "pm_card_visa" }, key),
        ),
      );
      const won = ends.filter(({ status }) => status === 200);
      expect(won.length).toBeGreaterThan(0);
      expect(new Set(won.map(({ text }) => text)).size).toBe(1);
      for (const { status, body } of ends.filter(({ status }) => status !== 200)) {
        expect([409, 429], JSON.stringify(body)).toContain(status);
      }
      expect(await authorizations()).toBe(before + 1);
    }
  });

  test("and an update change it one after the other, and what is charged is what was confirmed", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const intent = await made(CARD);
      const path = `/v1/payment_intents/${intent.id}`;
      const [confirmed] = await Promise.all([
        post(`${path}/confirm`, {}, fresh()),
        post(path, { amount: "500" }, fresh()),
      ]);
      const [charge] = (await ofCharges(intent.id)) as unknown as { amount: number }[];
      const now = await system.call(path, { key: m.secret });
      if (confirmed.status === 200) {
        expect(confirmed.body).toMatchObject({ amount: charge?.amount });
        expect(now.body).toMatchObject({ amount: charge?.amount });
      } else {
        expect(charge).toBeUndefined();
        expect(now.body).toMatchObject({ amount: 500, status: "requires_confirmation" });
      }
    }
  });
});

describe("a request asked again", () => {
  const later = async (id: string) => {
    const path = `/v1/payment_intents/${id}`;
    await post(path, { description: "later", "metadata[late]": "1" }, fresh());
    await post("/v1/refunds", { payment_intent: id, amount: "100" }, fresh());
  };

  test.each([
    ["POST /v1/payment_intents", {}, "", { ...NEW, description: "a" }],
    ["its confirmation at once", {}, "", { ...NEW, ...CARD, confirm: "true" }],
    ["update", {}, "/", { description: "b", "metadata[x]": "1", "shipping[name]": "Ada" }],
    ["confirm", {}, "/confirm", { ...CARD }],
    [
      "confirm by data",
      {},
      "/confirm",
      { "payment_method_data[type]": "card", "payment_method_data[card][token]": "tok_visa" },
    ],
    ["capture", { ...CARD, confirm: "true", capture_method: "manual" }, "/capture", {}],
    ["cancel", { ...CARD, confirm: "true", capture_method: "manual" }, "/cancel", {}],
    ["cancel of nothing", {}, "/cancel", { cancellation_reason: "abandoned" }],
  ])(
    "has the same bytes for its key whatever became of the intent: %s",
    async (_, on, path, form) => {
      const isNew = path === "";
      const intent = isNew ? undefined : await made(on);
      const suffix = path === "/" ? "" : path;
      const url =
        intent === undefined ? "/v1/payment_intents" : `/v1/payment_intents/${intent.id}${suffix}`;
      const key = fresh();
      const first = await post(url, form as unknown as Record<string, string>, key);
      expect(first.status, first.text).toBe(200);
      await later(first.body.id);
      if (first.body.status === "requires_payment_method") {
        await post(`/v1/payment_intents/${first.body.id}/confirm`, CARD, fresh());
        await later(first.body.id);
      }
      const before = await authorizations();
      const again = await post(url, form as unknown as Record<string, string>, key);
      expect(again.text).toBe(first.text);
      expect(again.status).toBe(200);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(again.headers.get("original-request")).toBe(first.headers.get("request-id"));
      expect(await authorizations()).toBe(before);
    },
  );

  test("is declined again in the same words, and charges nobody", async () => {
    const intent = await made();
    const url = `/v1/payment_intents/${intent.id}/confirm`;
    const bad = { payment_method: "pm_card_chargeDeclined" };
    const key = fresh();
    const first = await post(url, bad, key);
    expect(first.status).toBe(402);
    await post(`/v1/payment_intents/${intent.id}`, { description: "later" }, fresh());
    const before = await authorizations();
    const again = await post(url, bad, key);
    expect(again.text).toBe(first.text);
    expect(await authorizations()).toBe(before);
    const paid = await post(url, CARD, fresh());
    expect(paid.body.status).toBe("succeeded");
    expect((await post(url, bad, key)).text).toBe(first.text);
    expect((await ofCharges(intent.id)).map(({ status }) => status)).toEqual([
      "succeeded",
      "failed",
    ]);
  });

  test("with other parameters, or for another intent, is refused and changes nothing", async () => {
    const [intent, other] = [await made(), await made()];
    const key = fresh();
    const method = await m.stripe.paymentMethods.create({
      type: "card",
      card: { token: "tok_visa" },
    });
    const url = `/v1/payment_intents/${intent.id}/confirm`;
    expect((await post(url, CARD, key)).status).toBe(200);
    const before = await authorizations();
    const wrong = await post(url, { payment_method: "pm_card_amex" }, key);
    expect(wrong.body.error).toMatchObject({ type: "idempotency_error" });
    for (const by of [CARD, { payment_method: method.id }]) {
      const elsewhere = await post(`/v1/payment_intents/${other.id}/confirm`, by, key);
      expect(elsewhere.body.error).toMatchObject({ type: "idempotency_error" });
    }
    const count = async () => (await m.stripe.paymentIntents.list({ limit: 100 })).data.length;
    const intents = await count();
    const anew = { ...NEW, payment_method: method.id, confirm: "true" };
    const another = await post("/v1/payment_intents", anew, key);
    expect(another.body.error).toMatchObject({ type: "idempotency_error" });
    expect(await count()).toBe(intents);
    const now = await system.call(`/v1/payment_intents/${other.id}`, { key: m.secret });
    expect(now.body).toMatchObject({ status: "requires_payment_method", payment_method: null });
    expect(await authorizations()).toBe(before);
  });
});
