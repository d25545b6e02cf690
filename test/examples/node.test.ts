// examples/node: the merchant's server, asked as its page and as Tessera would ask it.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { freePort } from "../../local/port.ts";
import { type Merchant, type System, startSystem } from "../system.ts";
import { environmentOf, type Shop, startShop } from "./example.ts";

let system: System;
let m: Merchant;
let shop: Shop;
let secret: string;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  const port = await freePort();
  const endpoint = await m.stripe.webhookEndpoints.create({
    url: `http://127.0.0.1:${port}/hook`,
    enabled_events: ["charge.succeeded"],
  });
  secret = endpoint.secret ?? "";
  shop = await startShop("server.mjs", {
    ...environmentOf(system, m),
    TESSERA_WEBHOOK_SECRET: secret,
    PORT: String(port),
  });
});
afterAll(async () => {
  shop?.close();
  await system?.close();
});

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await fetch(shop.url + path, { method: "POST", headers, body: text });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

describe("the merchant's server", () => {
  test("takes a payment once, however often the page asks", async () => {
    const order = { order: "A-1", amount: 2400, token: "tok_visa" };
    const first = await post("/pay", order);
    expect(first).toMatchObject({ status: 200, body: { status: "succeeded", card: "4242" } });
    expect(await post("/pay", order)).toEqual(first);
    const charges = await m.stripe.charges.list();
    expect(charges.data.filter((c) => c.metadata["order"] === "A-1")).toHaveLength(1);
  });

  test("tells the payer of a decline, and of nothing else", async () => {
    const declined = await post("/pay", { order: "A-2", amount: 100, token: "tok_chargeDeclined" });
    expect(declined).toMatchObject({ status: 402, body: { message: /declined/ } });
    const wrong = await post("/pay", { order: "A-3", amount: -1, token: "tok_visa" });
    expect(wrong).toEqual({ status: 400, body: { message: "Not accepted." } });
  });

  test("gives a payment back", async () => {
    const { body } = await post("/pay", { order: "A-4", amount: 700, token: "tok_mastercard" });
    const back = await post("/refund", { charge: body["charge"] });
    expect(back).toMatchObject({ status: 200, body: { amount: 700, status: "succeeded" } });
  });

  test("hears of its payments from Tessera", async () => {
    const { body } = await post("/pay", { order: "A-5", amount: 900, token: "tok_visa" });
    const told = `charge.succeeded ${String(body["charge"])}`;
    await expect.poll(() => shop.lines, { timeout: 20_000 }).toContain(told);
  });

  test("believes no event that is not signed", async () => {
    const payload = JSON.stringify({
      id: "evt_1",
      object: "event",
      type: "charge.succeeded",
      data: { object: { id: "ch_heard" } },
    });
    const signed = (by: string) => ({
      "stripe-signature": m.stripe.webhooks.generateTestHeaderString({ payload, secret: by }),
    });
    expect((await post("/hook", payload, signed("whsec_of_another"))).status).toBe(400);
    expect((await post("/hook", `${payload} `, signed(secret))).status).toBe(400);
    expect(shop.lines.join()).not.toContain("ch_heard");
    expect((await post("/hook", payload, signed(secret))).status).toBe(200);
    await expect.poll(() => shop.lines).toContain("charge.succeeded ch_heard");
  });
});
