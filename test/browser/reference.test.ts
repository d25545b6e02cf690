// The API reference and the error catalogue in a real Chromium: complete, from this origin alone, and
// readable on a phone.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { DECLINES } from "../../protocol/decline.ts";
import { ERROR_CATALOGUE } from "../../protocol/error-catalogue.ts";
import { type System, startSystem } from "../system.ts";
import { launch, missing, openPage, originsOf, PHONE, spillOf } from "./chromium.ts";

let system: System;
let browser: Browser | undefined;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  if (missing === undefined) browser = await launch();
  else console.warn(`browser tests skipped: ${missing}`);
});
afterAll(async () => {
  await browser?.close();
  await system?.close();
});

const at = (path: string): string => new URL(path, system.url).href;
const opened = (options = {}) => {
  if (browser === undefined) throw new Error(missing);
  return openPage(browser, options);
};

describe("the reference's script", () => {
  test("is in its place without anybody having put it there", async () => {
    const script = await fetch(at("/docs/scalar.js"));
    expect(script.status).toBe(200);
    expect(script.headers.get("content-type")).toMatch(/javascript/);
    expect(Number((await script.text()).length)).toBeGreaterThan(1_000_000);
  });

  test("may load scripts and data of this origin only", async () => {
    const policy = (await fetch(at("/docs"))).headers.get("content-security-policy") ?? "";
    const rules = new Map(
      policy.split("; ").map((rule) => {
        const [name = "", ...sources] = rule.split(" ");
        return [name, sources.join(" ")];
      }),
    );
    expect(rules.get("default-src")).toBe("'none'");
    expect(rules.get("script-src")).toBe("'self'");
    expect(rules.get("connect-src")).toBe("'self'");
    expect(rules.get("frame-ancestors")).toBe("'none'");
  });
});

describe.skipIf(missing !== undefined)("the reference", { timeout: 60_000 }, () => {
  test("shows every group of routes, and asks no other origin", async () => {
    const { page, asked, complaints } = await opened();
    await page.goto(at("/docs"));
    const document = (await (await fetch(at("/openapi.json"))).json()) as {
      tags: { name: string }[];
    };
    for (const { name } of document.tags) {
      await page.getByRole("complementary").getByText(name, { exact: true }).first().waitFor();
    }
    await page.goto(at("/docs#tag/charges/POST/v1/charges"));
    await page.getByRole("heading", { name: /Charge a card/ }).waitFor();
    expect(originsOf(asked)).toEqual([system.url.origin]);
    expect(complaints).toEqual([]);
  });

  test("asks nobody for a key", async () => {
    const { page } = await opened();
    await page.goto(at("/docs#tag/charges/POST/v1/charges"));
    await page.getByRole("heading", { name: /Charge a card/ }).waitFor();
    expect(await page.locator("input[type=password]").count()).toBe(0);
    expect(await page.getByRole("button", { name: /test request|send/i }).count()).toBe(0);
  });

  test.each(["light", "dark"] as const)("fits a phone, %s", async (colorScheme) => {
    const { page } = await opened({ viewport: PHONE, colorScheme });
    await page.goto(at("/docs"));
    await page.getByRole("heading", { name: "Tessera" }).first().waitFor();
    expect(await spillOf(page)).toBeLessThanOrEqual(0);
    const ground = await page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(ground).toBe(colorScheme === "light" ? "rgb(250, 249, 247)" : "rgb(19, 19, 18)");
  });
});

describe("the error catalogue", () => {
  test("has an anchor for every code, needs no script, and allows none", async () => {
    const answer = await fetch(at("/docs/errors"));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^text\/html/);
    expect(answer.headers.get("content-security-policy")).not.toContain("script-src");
    const page = await answer.text();
    expect(page).not.toContain("<script");
    const anchors = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(anchors).size).toBe(anchors.length);
    expect(anchors).toEqual(
      expect.arrayContaining([
        ...ERROR_CATALOGUE.map(({ name }) => name),
        ...DECLINES.map(({ code }) => `decline-${code}`),
      ]),
    );
    for (const [, anchor] of page.matchAll(/href="#([^"]+)"/g)) expect(anchors).toContain(anchor);
  });

  describe.skipIf(missing !== undefined)("in a browser", { timeout: 60_000 }, () => {
    test("marks the code that an error pointed to, in view", async () => {
      const { page, asked, complaints } = await opened();
      await page.goto(at("/docs/errors#lock_timeout"));
      const row = page.locator("#lock_timeout");
      await row.getByText("Another request was changing the same object.").waitFor();
      const look = (code: string, what: string) =>
        page.evaluate(
          `(() => { const row = document.getElementById("${code}"); return ${what}; })()`,
        );
      const top = await look("lock_timeout", "row.getBoundingClientRect().top");
      expect(top).toBeGreaterThan(0);
      expect(top).toBeLessThan(900);
      const ground = "getComputedStyle(row).backgroundColor";
      expect(await look("lock_timeout", ground)).not.toBe(await look("rate_limit", ground));
      expect(originsOf(asked)).toEqual([system.url.origin]);
      expect(complaints).toEqual([]);
    });

    test.each(["light", "dark"] as const)("fits a phone, %s", async (colorScheme) => {
      const { page } = await opened({ viewport: PHONE, colorScheme });
      await page.goto(at("/docs/errors"));
      await page.getByRole("heading", { name: "Errors", exact: true }).waitFor();
      expect(await spillOf(page)).toBeLessThanOrEqual(0);
    });
  });
});
