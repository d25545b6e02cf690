// The dashboard in a real Chromium: read by keyboard, refunded by click, and on a phone.

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";
import { startReceiver } from "../webhooks/receiver.ts";
import { missing, originsOf, PHONE, spillOf } from "./chromium.ts";
import { type Demo, startDemo } from "./demo.ts";

let demo: Demo;
let m: Merchant;
let system: System;

beforeAll(async () => {
  demo = await startDemo(inject("bindings"));
  m = demo.merchant;
  system = demo.system;
});
afterAll(() => demo?.close());
afterEach(() => demo.closePages());

const at = (path: string): string => demo.at(path);
const open: Demo["open"] = (...given) => demo.open(...given);

const charge = (amount: number, more: { capture?: boolean; description?: string } = {}) =>
  m.stripe.charges.create({ amount, currency: "usd", source: "tok_visa", ...more });

const rowOf = (page: Page, id: string) => page.locator(`tr[data-payment="${id}"]`);
const focusedId = (page: Page): Promise<string | undefined> =>
  page.evaluate("document.activeElement?.closest('tr')?.dataset.payment");

describe("the key of the page", () => {
  let key: string;

  beforeAll(async () => {
    const session = (await (await fetch(at("/dashboard/session"))).json()) as { key: string };
    key = session.key;
  });
  const refund = (id: string, origin: string) =>
    system.call("/v1/refunds", { key, form: { charge: id }, headers: { origin } });

  test("is a restricted one of test mode, and is not kept by anybody on its way", async () => {
    expect(key).toMatch(/^rk_test_/);
    const { headers } = await system.call("/dashboard/session");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  test("reads what the page shows", async () => {
    const paths = [
      "/v1/balance",
      "/v1/balance_transactions",
      "/v1/charges",
      "/v1/events",
      "/v1/refunds",
    ];
    for (const path of paths) expect((await system.call(path, { key })).status, path).toBe(200);
  });

  test.each([
    ["GET", "/v1/customers"],
    ["POST", "/v1/customers"],
    ["GET", "/v1/account"],
    ["POST", "/v1/tokens"],
    ["POST", "/v1/accounts"],
  ])("opens no %s %s", async (method, path) => {
    expect((await system.call(path, { method, key })).status).toBe(403);
  });

  test("refunds from the dashboard's own page, and from nobody else's", async () => {
    const { id } = await charge(900);
    for (const origin of ["https://shop.example", "null"]) {
      expect((await refund(id, origin)).status).toBe(403);
    }
    expect((await m.stripe.charges.retrieve(id)).amount_refunded).toBe(0);
    expect((await refund(id, system.url.origin)).status).toBe(200);
    expect((await m.stripe.charges.retrieve(id)).amount_refunded).toBe(900);
  });

  test("is nowhere where there is no demo account", async () => {
    const bare = await startSystem(inject("bindings"), { DEMO_SECRET_KEY: "" });
    expect((await bare.call("/dashboard/session")).status).toBe(404);
    await bare.close();
  });
});

describe.skipIf(missing !== undefined)("the dashboard", { timeout: 60_000 }, () => {
  test("shows what there is, with the secret key nowhere in the page", async () => {
    const { id } = await charge(4200, { description: "Mosaic <b>kit</b>" });
    const { page, asked, complaints } = await open();
    const bodies: Promise<string>[] = [];
    page.on("response", (answer) => {
      if (!answer.url().endsWith("/demo/events")) bodies.push(answer.text().catch(() => ""));
    });
    await page.reload();
    await rowOf(page, id).waitFor();
    expect(await rowOf(page, id).textContent()).toContain("Mosaic <b>kit</b>");
    expect(await rowOf(page, id).textContent()).toContain("Visa •••• 4242");
    const { available } = await m.stripe.balance.retrieve();
    const shown = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
    await page
      .locator("#available", { hasText: shown.format((available[0]?.amount ?? 0) / 100) })
      .waitFor();
    expect((await Promise.all(bodies)).join("\n")).not.toContain(m.secret);
    expect(originsOf(asked)).toEqual([system.url.origin]);
    expect(complaints).toEqual([]);
  });

  test("is read by keyboard: into the list, along it, into a payment, and back to where one was", async () => {
    const older = await charge(1100);
    const newer = await charge(1200);
    const { page } = await open();
    await rowOf(page, newer.id).waitFor();
    await rowOf(page, newer.id).locator("a").focus();
    await page.keyboard.press("ArrowDown");
    expect(await focusedId(page)).toBe(older.id);
    await page.keyboard.press("Enter");
    await page.locator("#payment-body").waitFor();
    expect(await page.locator("#payment-id").textContent()).toBe(older.id);
    expect(await page.evaluate("document.activeElement.id")).toBe("payment-amount");
    await page.keyboard.press("Escape");
    await page.locator("#overview").waitFor();
    expect(await focusedId(page)).toBe(older.id);
  });

  test("tells the line of the balance to who cannot see it", async () => {
    await charge(500);
    const { data } = await m.stripe.balanceTransactions.list({ limit: 1 });
    const { page } = await open();
    const line = page.getByRole("slider", { name: "Balance over time" });
    await line.focus();
    await page.keyboard.press("End");
    const said = await line.getAttribute("aria-valuetext");
    expect(said).toContain(`+$${((data[0]?.net ?? 0) / 100).toFixed(2)}`);
    await page.keyboard.press("ArrowLeft");
    expect(await line.getAttribute("aria-valuetext")).not.toBe(said);
    await page.keyboard.press("Home");
    expect(await line.getAttribute("aria-valuenow")).toBe("1");
  });

  test("shows a payment as it is made, without being asked", async () => {
    const { page } = await open();
    await page.locator("#live[data-state=live]").waitFor();
    const { id } = await charge(1300);
    await rowOf(page, id).waitFor();
  });

  test("says why a card was declined, and where that is explained", async () => {
    const refused = await m.stripe.charges
      .create({ amount: 700, currency: "usd", source: "tok_chargeDeclinedInsufficientFunds" })
      .catch((error: { raw: { charge: string } }) => error.raw.charge);
    const { page } = await open(`/dashboard#${String(refused)}`);
    const reason = page.locator("#reason a");
    await reason.waitFor();
    expect(await reason.textContent()).toBe("insufficient_funds");
    expect(await page.locator("#refund-open").isVisible()).toBe(false);
    await reason.click();
    await page.locator("#decline-insufficient_funds:target").waitFor();
  });

  test("shows which endpoints were told of a payment, and what they answered", async () => {
    const receiver = await startReceiver();
    const endpoint = await m.stripe.webhookEndpoints.create({
      url: receiver.url,
      enabled_events: ["charge.succeeded"],
    });
    try {
      const { id } = await charge(2200);
      await receiver.until((all) => all.some(({ event }) => event.data.object.id === id));
      const { page } = await open(`/dashboard#${id}`);
      const row = page.locator("#deliveries tr", { hasText: new URL(receiver.url).host });
      await row.waitFor();
      expect(await row.textContent()).toMatch(/^200charge\.succeeded/);
    } finally {
      await m.stripe.webhookEndpoints.del(endpoint.id);
      receiver.close();
    }
  });

  test("of a payment that is not there says so", async () => {
    const { page } = await open("/dashboard#ch_0000000000000000000001");
    await page.locator("#payment-problem", { hasText: "No such charge" }).waitFor();
  });

  test.each(["light", "dark"] as const)("fits a phone, %s", async (colorScheme) => {
    const { id } = await charge(9900, { description: "A description ".repeat(12) });
    const { page } = await open("/dashboard", { viewport: PHONE, colorScheme });
    await rowOf(page, id).waitFor();
    expect(await spillOf(page)).toBeLessThanOrEqual(0);
    await rowOf(page, id).click();
    await page.locator("#timeline li").first().waitFor();
    expect(await spillOf(page)).toBeLessThanOrEqual(0);
    await page.locator("#timeline summary").first().click();
    expect(await spillOf(page)).toBeLessThanOrEqual(0);
    await page.locator("#refund-open").click();
    expect(await spillOf(page)).toBeLessThanOrEqual(0);
  });
});

describe.skipIf(missing !== undefined)("a refund", { timeout: 60_000 }, () => {
  test("is made by click, in part, and all that it did is shown", async () => {
    const { id } = await charge(5000);
    const { page, complaints } = await open(`/dashboard#${id}`);
    await page.locator("#refund-open").click();
    await page.locator("#refund-amount").fill("12.5");
    expect(await page.locator("#refund-submit").textContent()).toBe("Refund $12.50");
    await page.locator("#refund-reason").selectOption("duplicate");
    await page.locator("#refund-submit").click();
    await page.locator("#refunds", { hasText: "$12.50" }).waitFor();
    expect(await page.locator("#payment-badge").textContent()).toBe("Partly refunded");
    await page.locator("#postings", { hasText: "−$12.50" }).waitFor();
    await page.locator("#timeline", { hasText: "charge.refunded" }).waitFor();
    const { data } = await m.stripe.refunds.list({ charge: id });
    expect(data.map(({ amount, reason }) => [amount, reason])).toEqual([[1250, "duplicate"]]);
    expect(complaints).toEqual([]);
  });

  test("of more than is left, or of nothing, is refused before it is asked for", async () => {
    const { id } = await charge(800);
    const { page, asked } = await open(`/dashboard#${id}`);
    await page.locator("#refund-open").click();
    for (const typed of ["8.01", "0", "-1", "1.234", "ten", ""]) {
      await page.locator("#refund-amount").fill(typed);
      await page.keyboard.press("Enter");
      expect(await page.locator("#refund-problem").textContent(), typed).toMatch(/\S/);
    }
    expect(asked.filter((url) => url.endsWith("/v1/refunds"))).toEqual([]);
    expect((await m.stripe.refunds.list({ charge: id })).data).toEqual([]);
  });

  test("whose answer was lost is asked for again, and made once", async () => {
    const { id } = await charge(2000);
    const { page } = await open(`/dashboard#${id}`);
    let lost = false;
    await page.route("**/v1/refunds", async (route) => {
      if (lost || route.request().method() !== "POST") return route.continue();
      lost = true;
      // The edge has refunded; only the answer does not come through.
      await route.fetch();
      return route.abort("connectionreset");
    });
    await page.locator("#refund-open").click();
    await page.locator("#refund-amount").fill("5");
    await page.locator("#refund-submit").click();
    await page.locator("#refund-submit", { hasText: "Ask again" }).click();
    await page.locator("#refunds", { hasText: "$5.00" }).waitFor();
    expect((await m.stripe.refunds.list({ charge: id })).data).toHaveLength(1);
  });

  test("whose answer comes late leaves the payment that is shown meanwhile where it is", async () => {
    const [left, other] = [await charge(2100), await charge(2300)];
    const { page, asked } = await open(`/dashboard#${left.id}`);
    const made = Promise.withResolvers<void>();
    const late = Promise.withResolvers<void>();
    await page.route("**/v1/refunds", async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      const response = await route.fetch();
      made.resolve();
      await late.promise;
      return route.fulfill({ response });
    });
    await page.locator("#refund-open").click();
    await page.locator("#refund-submit").click();
    await made.promise;
    await page.keyboard.press("Escape");
    await page.evaluate(`location.hash = "${other.id}"`);
    await page.locator("#payment-id", { hasText: other.id }).waitFor();
    const before = asked.length;
    const answered = page.waitForResponse(
      (answer) => answer.url().endsWith("/v1/refunds") && answer.request().method() === "POST",
    );
    late.resolve();
    await (await answered).finished();
    // Whatever the answer sets off was asked for before this.
    await page.evaluate("fetch('/healthz').then((answer) => answer.text())");
    expect(asked.slice(before).filter((url) => url.endsWith(left.id))).toEqual([]);
    expect(await page.locator("#payment-id").textContent()).toBe(other.id);
    expect((await m.stripe.charges.retrieve(left.id)).refunded).toBe(true);
  });

  test("of what was never captured lets go of all of it", async () => {
    const { id } = await charge(3300, { capture: false });
    const { page } = await open(`/dashboard#${id}`);
    await page.locator("#refund-open", { hasText: "Release" }).click();
    expect(await page.locator("#refund-amount").isVisible()).toBe(false);
    await page.locator("#refund-submit").click();
    await page.locator("#payment-badge", { hasText: "Released" }).waitFor();
    expect((await m.stripe.charges.retrieve(id)).refunded).toBe(true);
  });

  test("is left by Escape, with the focus where it was", async () => {
    const { id } = await charge(1000);
    const { page } = await open(`/dashboard#${id}`);
    await page.locator("#refund-open").click();
    await page.keyboard.press("Escape");
    expect(await page.locator("#refund").isVisible()).toBe(false);
    expect(await page.evaluate("document.activeElement.id")).toBe("refund-open");
    expect(await page.locator("#payment").isVisible()).toBe(true);
  });
});
