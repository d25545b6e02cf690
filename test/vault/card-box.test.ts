import type Stripe from "stripe";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { slotOf } from "../../protocol/slot.ts";
import { type Merchant, type System, startSystem } from "../system.ts";

const VISA = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
});
beforeEach(async () => {
  m = await system.merchant();
});
afterAll(() => system?.close());

const loseMemory = () =>
  system.worker.evictDurableObject("CARD_BOX", { name: `slot-${slotOf(m.account)}` });

const checkOf = (charge: Stripe.Charge): string | null | undefined =>
  charge.payment_method_details?.card?.checks?.cvc_check;

const pay = async (by: Stripe.ChargeCreateParams) => {
  const charge = await m.stripe.charges.create(by);
  expect(charge.paid).toBe(true);
  return checkOf(charge);
};

const amount = { amount: 100, currency: "usd" };

describe("a CVC", () => {
  test("is used for the first charge of a customer's card and for no other", async () => {
    const token = await m.stripe.tokens.create({ card: VISA });
    const { id: customer } = await m.stripe.customers.create({ source: token.id });
    expect(await pay({ ...amount, customer })).toBe("pass");
    expect(await pay({ ...amount, customer })).toBe("unchecked");
    expect(await pay({ ...amount, customer })).toBe("unchecked");
  });

  test("is used by exactly one of ten charges at once", async () => {
    const token = await m.stripe.tokens.create({ card: VISA });
    const { id: customer } = await m.stripe.customers.create({ source: token.id });
    const checks = await Promise.all(
      Array.from({ length: 10 }, () => pay({ ...amount, customer })),
    );
    expect(checks.filter((check) => check === "pass")).toHaveLength(1);
    expect(checks.filter((check) => check === "unchecked")).toHaveLength(9);
  });

  test("is lost with the card box's memory, and the card is not", async () => {
    const [kept, lost] = [
      await m.stripe.tokens.create({ card: VISA }),
      await m.stripe.tokens.create({ card: VISA }),
    ];
    expect(await pay({ ...amount, source: kept.id })).toBe("pass");
    await loseMemory();
    expect((await m.stripe.tokens.retrieve(lost.id)).card).toMatchObject({ last4: "4242" });
    expect(await pay({ ...amount, source: lost.id })).toBe("unchecked");
  });

  test("that was not typed is unchecked", async () => {
    const { cvc: _, ...card } = VISA;
    const token = await m.stripe.tokens.create({ card });
    expect(await pay({ ...amount, source: token.id })).toBe("unchecked");
  });

  test("that is wrong fails the check or the charge", async () => {
    const failing = await m.stripe.tokens.create({ card: { ...VISA, number: "4000000000000101" } });
    expect(await pay({ ...amount, source: failing.id })).toBe("fail");
    const declined = await m.stripe.tokens.create({
      card: { ...VISA, number: "4000000000000127" },
    });
    await expect(pay({ ...amount, source: declined.id })).rejects.toMatchObject({
      code: "incorrect_cvc",
      param: "cvc",
    });
  });

  test("shows in no answer, and neither does the number", async () => {
    const cvc = "739";
    const token = await m.stripe.tokens.create({ card: { ...VISA, cvc } });
    const shown = JSON.stringify(await m.stripe.tokens.retrieve(token.id));
    const charge = await m.stripe.charges.create({ ...amount, source: token.id });
    for (const text of [
      shown,
      JSON.stringify(charge),
      JSON.stringify(await m.stripe.events.list()),
    ]) {
      expect(text).not.toMatch(/42424242|"739"/);
    }
  });
});

describe("a card", () => {
  test("of a deleted customer is gone from the box", async () => {
    const token = await m.stripe.tokens.create({ card: VISA });
    const customer = await m.stripe.customers.create({ source: token.id });
    await m.stripe.customers.del(customer.id);
    await expect(m.stripe.tokens.retrieve(token.id)).rejects.toMatchObject({
      statusCode: 404,
      code: "resource_missing",
    });
  });

  test("opens for its own merchant only", async () => {
    const token = await m.stripe.tokens.create({ card: VISA });
    const other = await system.merchant();
    await expect(other.stripe.tokens.retrieve(token.id)).rejects.toMatchObject({ statusCode: 404 });
    await expect(
      other.stripe.charges.create({ ...amount, source: token.id }),
    ).rejects.toMatchObject({ statusCode: 404, code: "resource_missing", param: "source" });
    expect(await pay({ ...amount, source: token.id })).toBe("pass");
  });
});
