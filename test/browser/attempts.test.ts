// The attempts at a payment in a real Chromium: each card that an intent was tried with, whether it was charged or
// not, and where its cardholder proved himself.

import type { Page } from "playwright-core";
import type Stripe from "stripe";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import type { Merchant, System } from "../system.ts";
import { missing, PHONE, spillOf } from "./chromium.ts";
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

const open: Demo["open"] = (...given) => demo.open(...given);

const ALWAYS = "4000002760003184";
const FUNDS = "4000000000009995";

async function method(number: string): Promise<string> {
  const card = { number, exp_month: 12, exp_year: 2034, cvc: "123" };
  return (await m.stripe.paymentMethods.create({ type: "card", card })).id;
}

/** An intent that was confirmed once. */
async function intentOf(number: string): Promise<Stripe.PaymentIntent> {
  const { id } = await m.stripe.paymentIntents.create({
    amount: 8450,
    currency: "usd",
    description: "Gold tessera",
  });
  await confirm(id, number).catch(() => undefined);
  return m.stripe.paymentIntents.retrieve(id);
}

const confirm = async (id: string, number: string): Promise<Stripe.PaymentIntent> =>
  m.stripe.paymentIntents.confirm(id, { payment_method: await method(number) });

/** What the bank's page does. */
async function answerChallenge(intent: Stripe.PaymentIntent, outcome: "complete" | "fail") {
  const { stripe_js } = (intent.next_action?.use_stripe_sdk ?? {}) as { stripe_js?: string };
  const url = new URL(String(stripe_js));
  const form = { client_secret: url.hash.slice(1), outcome };
  const key = url.searchParams.get("key") ?? "";
  const { status } = await system.call(`/v1/challenges/${intent.id}`, { key, form });
  expect(status).toBe(200);
}

/** An intent whose first card is declined, whose second has no proof, and whose third pays. */
async function triedIntent(): Promise<{ intent: string; charges: string[] }> {
  const { id, latest_charge: declined } = await intentOf(FUNDS);
  await answerChallenge(await confirm(id, ALWAYS), "fail");
  await answerChallenge(await confirm(id, ALWAYS), "complete");
  const { latest_charge: paid } = await m.stripe.paymentIntents.retrieve(id);
  return { intent: id, charges: [String(declined), String(paid)] };
}

/** Number, result and words of each attempt that is shown. */
const attemptsIn = (page: Page): Promise<string[][]> =>
  page.evaluate(
    `[...document.querySelectorAll("#attempts tr")].map((row) =>
       [...row.cells].slice(0, 3).map((cell) => cell.textContent))`,
  );

/** Where screenshots go, if anywhere. */
const SHOTS = process.env["SCREENSHOTS"];
const shot = async (page: Page, name: string): Promise<void> => {
  if (SHOTS !== undefined) await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
};

describe.skipIf(missing !== undefined)("the attempts at a payment", { timeout: 60_000 }, () => {
  test("are all shown, newest last, with where the cardholder proved himself", async () => {
    const { charges, intent } = await triedIntent();
    const [declined = "", paid = ""] = charges;
    const { page, complaints } = await open(`/dashboard#${paid}`);
    await page.locator("#payment-body").waitFor();
    expect(await attemptsIn(page)).toEqual([
      ["1", "Declined", expect.stringMatching(/did not approve.*insufficient_funds.*network 51/)],
      ["2", "Not charged", expect.stringMatching(/authentication_failure3-D Secure: failed/)],
      [
        "3",
        "Succeeded",
        expect.stringMatching(/complete\.3-D Secure: authenticatedVisa •••• 3184/),
      ],
    ]);
    expect(await page.locator("#attempts tr[aria-current]").textContent()).toContain("Succeeded");
    expect(await page.locator("#attempts-more").isVisible()).toBe(false);
    await page.locator("#timeline", { hasText: "payment_intent.requires_action" }).waitFor();
    await shot(page, "attempts-desktop");
    // The other charge is a page of its own, reached by keyboard, with the same attempts.
    await page.getByRole("link", { name: "Declined" }).focus();
    await page.keyboard.press("Enter");
    await page.locator("#payment-id", { hasText: declined }).waitFor();
    expect((await attemptsIn(page)).map(([, state]) => state)).toEqual([
      "Declined",
      "Not charged",
      "Succeeded",
    ]);
    expect(await page.locator("#details").textContent()).toContain(intent);
    await page.locator("#attempts a", { hasText: "authentication_failure" }).click();
    await page.locator("#payment_intent_authentication_failure:target").waitFor();
    expect(complaints).toEqual([]);
  });

  test("are shown while one waits for its cardholder, until he has answered", async () => {
    const first = await intentOf(FUNDS);
    const second = await m.stripe.paymentIntents.confirm(first.id, {
      payment_method: await method(ALWAYS),
    });
    const { page } = await open(`/dashboard#${String(first.latest_charge)}`);
    await page.locator("#payment-body").waitFor();
    await page.locator("#live[data-state=live]").waitFor({ state: "attached" });
    expect((await attemptsIn(page)).map(([, state]) => state)).toEqual(["Declined", "Waiting"]);
    await answerChallenge(second, "complete");
    await page.locator("#attempts", { hasText: "authenticated" }).waitFor();
    expect((await attemptsIn(page)).map(([, state]) => state)).toEqual(["Declined", "Succeeded"]);
  });

  test.each([
    "/v1/events?type=payment_intent.payment_failed",
    "/v1/events?type=payment_intent.requires_action",
    "/v1/charges?payment_intent=",
  ])("say that there are more when a busy account has more than is read of %s", async (list) => {
    const { charges } = await triedIntent();
    const { page } = await open("/dashboard", { viewport: PHONE });
    let first: unknown[] | undefined;
    await page.route(
      (url) => url.href.includes(list),
      async (route) => {
        const response = await route.fetch();
        const { data, ...rest } = (await response.json()) as { data: unknown[] };
        // As if there were hundreds: pages like the first that never end.
        first ??= Array.from({ length: 100 }, (_, i) => data[i % data.length]);
        await route.fulfill({ response, json: { ...rest, data: first, has_more: true } });
      },
    );
    await page.evaluate(`location.hash = "${charges[1]}"`);
    await page.locator("#attempts-more", { hasText: "earlier attempts may be missing" }).waitFor();
    expect(await spillOf(page)).toBeLessThanOrEqual(0);
  });

  test("stay in order when the event of an early one is no longer read", async () => {
    const { charges } = await triedIntent();
    const { page } = await open();
    const type = "payment_intent.payment_failed";
    const strangers = Array.from({ length: 100 }, () => ({
      ...{ id: "evt_1", type },
      data: { object: { id: "pi_1" } },
    }));
    let newest: Stripe.Event[] | undefined;
    await page.route(
      (url) => url.href.includes(`type=${type}`),
      async (route) => {
        const isFirst = newest === undefined;
        newest ??= ((await (await route.fetch()).json()) as Stripe.ApiList<Stripe.Event>).data;
        // The event of the declined charge is behind more than is read.
        const data = [...(isFirst ? newest.slice(0, 1) : []), ...strangers];
        await route.fulfill({ json: { data, has_more: true } });
      },
    );
    await page.evaluate(`location.hash = "${charges[1]}"`);
    await page.locator("#payment-body").waitFor();
    expect((await attemptsIn(page)).map(([, state]) => state)).toEqual([
      "Declined",
      "Not charged",
      "Succeeded",
    ]);
  });

  test.each([
    ["phone", "light", PHONE],
    ["phone", "dark", PHONE],
    ["desktop", "dark", { width: 1280, height: 900 }],
  ] as const)("are shown whole on a %s in %s", async (device, colorScheme, viewport) => {
    const { charges } = await triedIntent();
    const { page } = await open(`/dashboard#${charges[1]}`, { viewport, colorScheme });
    await page.locator("#attempts tr").nth(2).waitFor();
    await page.locator("#attempts tr").first().scrollIntoViewIfNeeded();
    await shot(page, `attempts-${device}-${colorScheme}`);
    expect(await spillOf(page)).toBeLessThanOrEqual(0);
    const cut = await page.evaluate(
      `[...document.querySelectorAll("#attempts td")]
           .filter((cell) => cell.getBoundingClientRect().right > innerWidth).length`,
    );
    expect(cut).toBe(0);
  });
});
