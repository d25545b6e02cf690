// Drives the real page in a real Chromium, against the composite with a demo merchant.
// Playwright's browsers are not downloaded: without a Chromium on the machine the suite says so.

import { exportJWK, generateKeyPair } from "jose";
import type { Browser, BrowserContext, Page, Request } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { type System, startWithDemo } from "../system.ts";
import { launch, missing } from "./chromium.ts";

let url: string;
let system: System | undefined;
if (missing) console.warn(`browser tests skipped: ${missing}`);

const VISA = "4242424242424242";
const CVC = "987";
const MOST_TABS = 40;

let browser: Browser;
let context: BrowserContext;
let page: Page;
let requests: Request[];
let complaints: string[];

beforeAll(async () => {
  if (missing) return;
  ({ system } = await startWithDemo(inject("bindings")));
  url = system.url.href;
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  await system?.close();
});

beforeEach(async () => {
  if (missing) return;
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  requests = [];
  complaints = [];
  page.on("request", (request) => requests.push(request));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) complaints.push(message.text());
  });
  await page.goto(url);
  await page.locator("#pay:enabled").waitFor();
});

afterEach(async () => {
  await context?.close();
});

describe.skipIf(missing !== undefined)("the demo shop", { timeout: 30_000 }, () => {
  test("pays by keyboard only", async () => {
    await tabTo("input[name=product]");
    await page.keyboard.press("ArrowDown");
    const total = await textOf(".product:has(:checked) .price");
    await tabTo("#number");
    await page.keyboard.type(VISA);
    await tabTo("#expiry");
    await page.keyboard.type("1234");
    await tabTo("#cvc");
    await page.keyboard.type(CVC);
    await tabTo("#zip");
    await page.keyboard.type("94107");
    await tabTo("#pay");
    expect(await textOf("#pay")).toBe(`Pay ${total}`);
    await page.keyboard.press("Enter");

    await page.locator("#receipt").waitFor();
    expect(await textOf("#receipt-title")).toBe(`Paid ${total}`);
    expect(await isFocused("#receipt-title")).toBe(true);
    const receipt = await textOf("#receipt");
    expect(receipt).toContain("Visa •••• 4242");
    expect(receipt).toMatch(/ch_\w+/);
    expect(receipt).toMatch(/tok_\w+/);
    expect(await page.locator("#number").inputValue()).toBe("");
    expect(complaints).toEqual([]);
  });

  test("leaves the page by Tab, without a trap", async () => {
    await page.locator("#number").focus();
    const met = new Set<unknown>();
    for (let i = 0; i < MOST_TABS; i++) {
      await page.keyboard.press("Tab");
      met.add(await page.evaluate("document.activeElement.id || document.activeElement.tagName"));
    }
    for (const id of ["expiry", "cvc", "zip", "name", "pay", "BODY"]) expect(met).toContain(id);
  });

  test("groups the number while it is typed, and erases over the gaps", async () => {
    const number = page.locator("#number");
    await number.pressSequentially("378282246310005");
    expect(await number.inputValue()).toBe("3782 822463 10005");
    expect(await textOf("#brand")).toBe("Amex");
    for (let i = 0; i < 6; i++) await page.keyboard.press("Backspace");
    expect(await number.inputValue()).toBe("3782 82246");

    await number.fill("");
    await number.pressSequentially("4242444");
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Backspace");
    expect(await number.inputValue()).toBe("4244 44");

    const expiry = page.locator("#expiry");
    await expiry.pressSequentially("1230");
    for (let i = 0; i < 3; i++) await page.keyboard.press("Backspace");
    expect(await expiry.inputValue()).toBe("1");
  });

  test("shows a decline next to the form", async () => {
    await pay("Declined");
    const problem = page.locator("#form-error");
    await problem.getByText(/declined/i).waitFor();
    expect(await page.locator("#form").getAttribute("aria-describedby")).toBe("form-error");
    expect(await problem.getAttribute("role")).toBe("alert");
    expect(await textOf("#form-error")).toMatch(/tok_\w+/);
    expect(await page.locator("#number").inputValue()).toBe("4000 0000 0000 0002");
    expect(await page.locator("#expiry").inputValue()).toBe("12 / 34");
    expect(await page.locator("#cvc").inputValue()).toBe("");
    expect(await page.locator("#receipt").isVisible()).toBe(false);
  });

  test("ties a wrong CVC to its field", async () => {
    await pay("Wrong CVC");
    await page.locator("#cvc[aria-invalid=true]").waitFor();
    expect(await page.locator("#cvc").getAttribute("aria-describedby")).toBe("cvc-error");
    expect(await textOf("#cvc-error")).not.toBe("");
    expect(await isFocused("#cvc")).toBe(true);
  });

  test("shows the events of the payment as they arrive", async () => {
    await pay("Visa");
    await page.locator("#receipt").waitFor();
    const charge = await textOf("#receipt-rows div:last-child dd");
    const succeeded = page.locator(".event-type", { hasText: "charge.succeeded" });
    const row = page.locator("#events details").filter({ hasText: charge, has: succeeded }).first();
    await row.waitFor();
    expect(await row.locator("pre").isVisible()).toBe(false);
    await row.locator("summary").focus();
    await page.keyboard.press("Enter");
    await row.locator("pre").waitFor();
    const event: unknown = JSON.parse((await row.locator("pre").textContent()) ?? "");
    expect(event).toMatchObject({ type: "charge.succeeded", data: { object: { id: charge } } });
  });

  test("asks again with the same key and token when an answer gets lost", async () => {
    let lost = false;
    await page.route("**/demo/pay", async (route) => {
      if (lost) return route.continue();
      lost = true;
      // The server has charged; only the answer does not come through.
      await route.fetch();
      return route.abort("connectionreset");
    });
    await pay("Visa");
    await page.locator("#receipt").waitFor();
    const [first, second] = requests.filter(isPayment);
    expect(second?.headers()["idempotency-key"]).toBe(first?.headers()["idempotency-key"]);
    expect(second?.postData()).toBe(first?.postData());
    expect(requests.filter(isTokenization)).toHaveLength(1);
  });

  test("seals the card once more when the keys that the browser kept are out of use", async () => {
    const { publicKey } = await generateKeyPair("ECDH-ES", { crv: "P-256" });
    const old = { ...(await exportJWK(publicKey)), kid: "old", use: "enc", alg: "ECDH-ES" };
    let asked = 0;
    await page.route("**/v1/vault/keys", async (route) => {
      if (asked++ > 0) return route.continue();
      const time = Math.floor(Date.now() / 1000);
      return route.fulfill({ json: { keys: [old], time } });
    });
    await pay("Visa");
    await page.locator("#receipt").waitFor();
    expect(asked).toBe(2);
    const answers = await Promise.all(requests.filter(isTokenization).map((r) => r.response()));
    expect(answers.map((answer) => answer?.status())).toEqual([400, 200]);
  });

  test("has no horizontal scroll at 375 px", async () => {
    await page.setViewportSize({ width: 375, height: 812 });
    const spill = () => page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
    expect(await spill()).toBeLessThanOrEqual(0);
    await pay("No funds");
    await page.locator("#form-error code").first().waitFor();
    expect(await spill()).toBeLessThanOrEqual(0);
    await pay("Visa");
    await page.locator("#receipt").waitFor();
    await page.locator("#events summary").first().click();
    expect(await spill()).toBeLessThanOrEqual(0);
  });

  test("talks to no other origin, and the shop's server never receives the card", async () => {
    await page.getByRole("button", { name: /^Visa/ }).click();
    await page.locator("#cvc").fill(CVC);
    await page.locator("#pay").click();
    await page.locator("#receipt").waitFor();

    const remote = requests.map((request) => new URL(request.url()));
    const strangers = remote.filter(({ protocol }) => protocol !== "data:");
    expect(new Set(strangers.map(({ origin }) => origin))).toEqual(new Set([origin()]));

    const [payment] = requests.filter(isPayment);
    const fields = [...new URLSearchParams(payment?.postData() ?? "").keys()].sort();
    expect(fields).toEqual(["product", "token"]);
    const [token] = requests.filter(isTokenization);
    const form = new URLSearchParams(token?.postData() ?? "");
    expect([...form.keys()]).toEqual(["sealed_card"]);
    expect(form.get("sealed_card")?.split(".")).toHaveLength(5);
    for (const request of requests) {
      const body = request.postData() ?? "";
      expect(body, request.url()).not.toContain(VISA);
      if (!isTokenization(request)) expect(body, request.url()).not.toContain(CVC);
      expect(`${request.url()} ${JSON.stringify(request.headers())}`).not.toContain(VISA);
    }
    expect(complaints).toEqual([]);
  });
});

function origin(): string {
  return new URL(page.url()).origin;
}

function isPayment(request: Request): boolean {
  return new URL(request.url()).pathname === "/demo/pay";
}

function isTokenization(request: Request): boolean {
  return new URL(request.url()).pathname === "/v1/tokens";
}

async function pay(testCard: string): Promise<void> {
  await page.getByRole("button", { name: new RegExp(`^${testCard}`) }).click();
  await page.locator("#pay").click();
}

async function tabTo(selector: string): Promise<void> {
  for (let i = 0; i < MOST_TABS; i++) {
    await page.keyboard.press("Tab");
    if (await isFocused(selector)) return;
  }
  throw new Error(`Tab never reached ${selector}`);
}

async function isFocused(selector: string): Promise<boolean> {
  return (await page.locator(`${selector}:focus`).count()) > 0;
}

async function textOf(selector: string): Promise<string> {
  return (await page.locator(selector).textContent()) ?? "";
}
