// The bank asks a cardholder to prove himself, once for each key, and honours what he has proved once.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshKey, ORDINARY_CARD, startBank } from "./bank.ts";

const bank = startBank();

beforeAll(() => bank.start(), 60_000);
afterAll(() => bank.stop());

const ALWAYS = { ...ORDINARY_CARD, number: "4000002760003184" };
const ONCE = { ...ORDINARY_CARD, number: "4000002500003155" };

const ask = (over: object = {}, key = freshKey()) =>
  bank.post(
    "/authentications",
    {
      amount: 2000,
      currency: "usd",
      card: ALWAYS,
      purpose: "payment",
      requested: "automatic",
      ...over,
    },
    key,
  );
const answer = (id: string, passed: boolean) =>
  bank.post(`/authentications/${id}/answers`, { passed });

async function proved(over: object = {}, passed = true): Promise<string> {
  const { body } = await ask(over);
  expect(body).toMatchObject({ status: "challenge", id: expect.stringMatching(/^authn_/) });
  expect((await answer(body.id, passed)).body.status).toBe(passed ? "succeeded" : "failed");
  return body.id;
}

const charge = async (over: object) => (await bank.authorize({ card: ALWAYS, ...over })).body;
const REFUSED = { status: "declined", decline: { decline_code: "authentication_required" } };

describe("a challenge", () => {
  test("is put to cards that ask for it, and is the same for the same key", async () => {
    expect((await ask({ card: ORDINARY_CARD })).body).toEqual({
      object: "authentication",
      status: "not_required",
    });
    const key = freshKey();
    const [first, again] = [await ask({}, key), await ask({}, key)];
    expect(again).toMatchObject({ text: first.text, replayed: true });
    expect((await ask({ amount: 1 }, key)).body.error?.code).toBe("idempotency_key_reused");
  });

  test("is answered once: a second answer hears the first", async () => {
    const passed = await proved();
    expect((await answer(passed, false)).body.status).toBe("succeeded");
    const failed = await proved({}, false);
    expect((await answer(failed, true)).body.status).toBe("failed");
    expect((await answer("authn_none", true)).status).toBe(404);
  });

  test.each([
    ["no purpose", { purpose: undefined }],
    ["a purpose of its own", { purpose: "fun" }],
    ["a word too many", { authenticated: true }],
    ["a card that is none", { card: { ...ALWAYS, number: "1" } }],
  ])("is not put for %s", async (_, over) => {
    expect((await ask(over)).status).toBe(400);
  });
});

describe("what was proved", () => {
  test("is honoured for its payment, once", async () => {
    const authentication = await proved();
    expect(await charge({ authentication })).toMatchObject({ status: "approved" });
    expect(await charge({ authentication })).toMatchObject(REFUSED);
  });

  test.each([
    ["another amount", { amount: 2001 }],
    ["another currency", { currency: "eur" }],
    ["another card", { card: { ...ALWAYS, number: "4000000000003220" } }],
  ])("is not for %s", async (_, over) => {
    const authentication = await proved();
    expect(await charge({ authentication, ...over })).toMatchObject(REFUSED);
    expect(await charge({ authentication })).toMatchObject({ status: "approved" });
  });

  test("is nothing before it was answered, when it failed, and when it never was", async () => {
    const open = (await ask()).body.id;
    const failed = await proved({}, false);
    for (const authentication of [open, failed, "authn_none"]) {
      expect(await charge({ authentication })).toMatchObject(REFUSED);
    }
  });

  test("when the card was set up serves every payment of it, unless it always asks", async () => {
    const setup = { purpose: "setup", amount: 0 };
    const once = await proved({ ...setup, card: ONCE });
    for (const amount of [100, 200]) {
      const paid = await charge({ card: ONCE, authentication: once, amount });
      expect(paid).toMatchObject({ status: "approved" });
    }
    expect((await ask({ card: ONCE, authentication: once })).body.status).toBe("not_required");
    const always = await proved(setup);
    expect(await charge({ authentication: always })).toMatchObject(REFUSED);
    expect((await ask({ authentication: always })).body.status).toBe("challenge");
  });
});

test("what was proved for a payment that sets the card up serves the later ones too", async () => {
  const both = await proved({ purpose: "payment_and_setup", card: ONCE });
  const later = { card: ONCE, authentication: both, amount: 700 };
  expect(await charge({ card: ONCE, authentication: both })).toMatchObject({ status: "approved" });
  expect(await charge(later)).toMatchObject({ status: "approved" });
  const payment = await proved({ card: ONCE });
  expect(await charge({ ...later, authentication: payment })).toMatchObject(REFUSED);
});

test("a card that cannot be kept says so before anybody is asked", async () => {
  const declined = { ...ORDINARY_CARD, number: "4000000000000002" };
  const setup = { purpose: "setup", amount: 0, card: declined };
  const { body } = await ask(setup);
  expect(body).toMatchObject({ status: "declined", decline: { code: "card_declined" } });
  expect((await bank.totals()).authorizations).toBeGreaterThan(0);
});
