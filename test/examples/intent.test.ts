// examples/node/intent.mjs: a buyer pays in the shop's page with a card whose bank asks him, by hand and in a real
// Chromium, and the shop hears of it.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createToken } from "../../checkout/public/checkout.js";
import { freePort } from "../../local/port.ts";
import { launch, missing, openPage } from "../browser/chromium.ts";
import { type Merchant, type System, startSystem } from "../system.ts";
import { environmentOf, type Shop, startShop } from "./example.ts";

const ALWAYS = "4000002760003184";
const DECLINED = "4000000000000002";

let system: System;
let m: Merchant;
let shop: Shop;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  const port = await freePort();
  const { secret = "" } = await m.stripe.webhookEndpoints.create({
    url: `http://127.0.0.1:${port}/hook`,
    enabled_events: ["payment_intent.succeeded", "payment_intent.payment_failed"],
  });
  shop = await startShop("intent.mjs", {
    ...environmentOf(system, m),
    TESSERA_WEBHOOK_SECRET: secret,
    PORT: String(port),
  });
});
afterAll(async () => {
  shop?.close();
  await system?.close();
});

type Begun = { url: string; key: string; intent: string; client_secret: string };
type Intent = {
  id: string;
  status: string;
  next_action: { redirect_to_url: { url: string; return_url: string } } | null;
  error?: { message: string };
};

const begin = async (order: string): Promise<Begun> => {
  const answer = await fetch(`${shop.url}/intent`, {
    method: "POST",
    body: JSON.stringify({ order }),
  });
  return (await answer.json()) as Begun;
};
const done = async (intent: string): Promise<unknown> =>
  (await fetch(`${shop.url}/done?payment_intent=${intent}`)).json();

/** What the shop's page does. */
async function confirm({ url: base, key, intent, client_secret }: Begun, number: string) {
  const card = { number, exp_month: 12, exp_year: 2034, cvc: "123" };
  const made = await createToken({ publishableKey: key, card, base });
  if ("error" in made) throw new Error(made.error.message);
  const answer = await fetch(`${base}/v1/payment_intents/${intent}/confirm`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: new URLSearchParams({
      client_secret,
      "payment_method_data[type]": "card",
      "payment_method_data[card][token]": made.token.id,
      return_url: `${shop.url}/done`,
    }),
  });
  return (await answer.json()) as Intent;
}

describe("a shop that takes payment intents", () => {
  test("makes one for an order, however often the page asks", async () => {
    const first = await begin("B-1");
    expect(await begin("B-1")).toEqual(first);
    expect(await done(first.intent)).toEqual({
      status: "requires_payment_method",
      order: "B-1",
      paid: false,
    });
  });

  test("is paid when the cardholder has proved himself, and hears of it", async () => {
    const begun = await begin("B-2");
    const { status, next_action } = await confirm(begun, ALWAYS);
    expect(status).toBe("requires_action");
    const challenge = new URL(next_action?.redirect_to_url.url ?? "");
    const answer = await system.call(`/v1/challenges/${begun.intent}`, {
      key: challenge.searchParams.get("key") ?? "",
      form: { client_secret: begun.client_secret, outcome: "complete" },
    });
    expect(answer.status).toBe(200);
    await expect
      .poll(() => shop.lines, { timeout: 20_000 })
      .toContain(`payment_intent.succeeded ${begun.intent}`);
    expect(await done(begun.intent)).toEqual({ status: "succeeded", order: "B-2", paid: true });
  });

  test("hears of a card that was declined, and the order stays unpaid", async () => {
    const begun = await begin("B-3");
    expect((await confirm(begun, DECLINED)).error?.message).toMatch(/declined/);
    await expect
      .poll(() => shop.lines, { timeout: 20_000 })
      .toContain(`payment_intent.payment_failed ${begun.intent}`);
    expect(await done(begun.intent)).toMatchObject({ paid: false });
  });

  test("says nothing of an intent that is not there", async () => {
    expect(await done("pi_0000000000000000000000")).toEqual({ message: "Not accepted." });
    expect((await fetch(`${shop.url}/admin`)).status).toBe(404);
  });
});

describe.skipIf(missing !== undefined)("the shop's page", { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());

  test.each([
    ["complete", "succeeded"],
    ["fail", "requires_payment_method"],
  ])("sends a buyer to his bank and back: %s", async (button, status) => {
    const { page, complaints } = await openPage(browser);
    await page.goto(shop.url);
    await page.getByRole("button", { name: "Pay" }).click();
    await page.locator(`#${button}:enabled`).click();
    await page.waitForURL(/\/done\?/);
    expect(await page.locator("body").textContent()).toContain(`"status":"${status}"`);
    // Chromium asks every site for an icon, and this shop has none.
    const icon = "Failed to load resource: the server responded with a status of 404 (Not Found)";
    expect(complaints.filter((text) => text !== icon)).toEqual([]);
    await page.context().close();
  });
});
