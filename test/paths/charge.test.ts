import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";

let system: System;
let merchant: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  merchant = await system.merchant();
});
afterAll(() => system?.close());

describe("a card through the official SDK", () => {
  test("becomes a token and then a captured charge", async () => {
    const token = await merchant.stripe.tokens.create({
      card: { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" },
    });
    expect(token.id).toMatch(/^tok_/);
    expect(token.card).toMatchObject({ brand: "Visa", last4: "4242", exp_month: 12 });
    const charge = await merchant.stripe.charges.create({
      amount: 2000,
      currency: "usd",
      source: token.id,
    });
    expect(charge).toMatchObject({
      object: "charge",
      amount: 2000,
      paid: true,
      captured: true,
      status: "succeeded",
    });
  });
});
