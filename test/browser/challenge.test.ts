// The test bank's page in a real Chromium: a buyer is sent there, proves himself or does not, and comes back to the
// shop, which is told how it went.

import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";

const executablePath = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));
const missing = executablePath ? undefined : "no Chromium found (set CHROMIUM_PATH)";
if (missing) console.warn(`browser tests skipped: ${missing}`);

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const ALWAYS = "4000002760003184";
const THEN_DECLINED = "4000008400001629";
/** Where screenshots go, if anywhere. */
const SHOTS = process.env.SCREENSHOTS;

let system: System;
let m: Merchant;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let complaints: string[];
/** A shop that buyers come back to. */
let shop: Server;
let shopUrl: string;

beforeAll(async () => {
  if (missing || !executablePath) return;
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  browser = await chromium.launch({ executablePath, args: FLAGS });
  shop = createServer((_, answer) => {
    answer.setHeader("content-type", "text/html");
    answer.end("<title>shop</title>Thank you");
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  shop.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = shop.address();
  shopUrl = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/done?cart=7`;
});

afterAll(async () => {
  shop?.close();
  await browser?.close();
  await system?.close();
});

beforeEach(async () => {
  if (missing) return;
  await open({ width: 1280, height: 900 });
});
afterEach(() => context?.close());

async function open(viewport: { width: number; height: number }): Promise<void> {
  context = await browser.newContext({ viewport });
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
}

async function waiting(number: string, over: object = {}) {
  const card = { number, exp_month: 12, exp_year: 2034, cvc: "123" };
  const { id } = await m.stripe.paymentMethods.create({ type: "card", card });
  const intent = await m.stripe.paymentIntents.create({
    amount: 4999,
    currency: "eur",
    description: "Gold tessera",
    payment_method: id,
    confirm: true,
    ...over,
  });
  const { redirect_to_url: to, use_stripe_sdk: sdk } = intent.next_action ?? {};
  return { intent, url: to?.url ?? String((sdk as { stripe_js?: string })?.stripe_js) };
}

const statusOf = async (id: string) => (await m.stripe.paymentIntents.retrieve(id)).status;
const shot = async (name: string) => {
  if (SHOTS !== undefined) await page.screenshot({ path: `${SHOTS}/${name}.png` });
};

describe.skipIf(missing !== undefined)("the bank's page", { timeout: 30_000 }, () => {
  test.each([
    ["complete", "succeeded", "succeeded"],
    ["fail", "failed", "requires_payment_method"],
  ])("%s leads back to the shop, which hears %s", async (button, told, status) => {
    const { intent, url } = await waiting(ALWAYS, { return_url: shopUrl });
    await page.goto(url);
    await page.locator(`#${button}:enabled`).waitFor();
    expect(await page.locator("#rows").textContent()).toContain("€49.99");
    expect(await page.locator("#rows").textContent()).toContain("Gold tessera");
    await page.locator(`#${button}`).click();
    await page.waitForURL((at) => at.port === new URL(shopUrl).port);
    const back = new URL(page.url()).searchParams;
    expect(Object.fromEntries(back)).toEqual({
      cart: "7",
      payment_intent: intent.id,
      payment_intent_client_secret: intent.client_secret,
      redirect_status: told,
    });
    expect(await statusOf(intent.id)).toBe(status);
    expect(complaints).toEqual([]);
  });

  test("is answered by keyboard, and says so where no shop waits", async () => {
    const { intent, url } = await waiting(ALWAYS);
    await page.goto(url);
    await page.locator("#complete:enabled").waitFor();
    await shot("challenge-desktop");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.id")).toBe("complete");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Thank you" }).waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("title");
    await shot("challenge-done-desktop");
    expect(await statusOf(intent.id)).toBe("succeeded");
    await page.reload();
    await page.getByRole("heading", { name: "Thank you" }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("tells of a card that is declined although its holder proved himself", async () => {
    const { intent, url } = await waiting(THEN_DECLINED);
    await page.goto(url);
    await page.locator("#complete:enabled").click();
    await page.getByRole("heading", { name: "Not confirmed" }).waitFor();
    expect(await page.locator("#lead").textContent()).toBe("Your card was declined.");
    await shot("challenge-declined-desktop");
    expect(await statusOf(intent.id)).toBe("requires_payment_method");
  });

  test("asks nothing at an address that is of no payment, and runs no address of a shop", async () => {
    await page.goto(
      `${system.url.origin}/challenge?intent=pi_0&key=${m.publishable}#pi_0_secret_0`,
    );
    await page.getByRole("heading", { name: "Nothing to confirm" }).waitFor();
    expect(await page.locator("#problem").textContent()).toContain("No such payment_intent");
    expect(await page.locator("#buttons").isVisible()).toBe(false);
  });

  test.each([
    ["phone", "light", { width: 390, height: 844 }],
    ["phone", "dark", { width: 390, height: 844 }],
    ["desktop", "dark", { width: 1280, height: 900 }],
  ] as const)("fits a %s in %s, with nothing cut off", async (device, colorScheme, viewport) => {
    await context.close();
    await open(viewport);
    await page.emulateMedia({ colorScheme });
    const { url } = await waiting(ALWAYS);
    await page.goto(url);
    await page.locator("#complete:enabled").waitFor();
    await shot(`challenge-${device}-${colorScheme}`);
    const width = await page.evaluate("document.documentElement.scrollWidth");
    expect(width).toBeLessThanOrEqual(viewport.width);
    for (const button of ["#complete", "#fail"]) {
      const box = await page.locator(button).boundingBox();
      expect(box?.height).toBeGreaterThanOrEqual(44);
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(viewport.width);
    }
  });
});
