import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import {
  type ApiVersion,
  embeddedIn,
  PUBLISHED,
  parseApiVersion,
  shapesOf,
} from "../../protocol/api-version.ts";
import { API_VERSION } from "../../protocol/object.ts";

const parsed = (text: string): ApiVersion => {
  const version = parseApiVersion(text);
  if (version === undefined) throw new Error(`${text} is no version`);
  return version;
};

/** The versions a webhook endpoint may be made for, which is all there are. */
function versionsOfSdk(): string[] {
  const entry = createRequire(import.meta.url).resolve("stripe");
  const types = join(dirname(entry), "resources", "WebhookEndpoints.d.ts");
  const [, union = ""] = /type ApiVersion = ([^;]+);/.exec(readFileSync(types, "utf8")) ?? [];
  return [...union.matchAll(/'([^']+)'/g)].map(([, version]) => version ?? "");
}

describe("the published versions", () => {
  test("are those of the official SDK, oldest first, and ours is the newest", () => {
    expect(PUBLISHED).toEqual(versionsOfSdk());
    expect(PUBLISHED).toEqual(PUBLISHED.toSorted());
    expect(PUBLISHED.at(-1)).toBe(API_VERSION);
    expect(Stripe.API_VERSION).toBe(API_VERSION);
  });

  test("are all known", () => {
    for (const text of PUBLISHED) {
      expect(parseApiVersion(text)).toEqual({ text, date: text.slice(0, 10) });
    }
  });
});

describe("a version", () => {
  test.each([
    "2026-11-25.endive",
    "2027-03-31.foxglove",
    "2025-11-17.preview",
    "2020-08-27; orders_beta=v4",
    "2020-08-27;orders_beta=v4;link_beta=v1",
  ])("of %s is taken, and told back as it was asked for", (text) => {
    expect(parseApiVersion(text)).toEqual({ text, date: text.slice(0, 10) });
  });

  test.each([
    "",
    "2020",
    "latest",
    "endive",
    "2019-2-19",
    "2020-08-28",
    "2010-12-31",
    "2020-08-27.endive",
    "2026-10-28",
    "2026-10-28.acacia",
    "2026-10-28.Endive",
    "2026-10-29",
    "2020-08-27.preview",
    "2025-11-18.preview",
    "2027-02-30.foxglove",
    "2027-13-01.foxglove",
    "2027-00-01.foxglove",
    "2027-01-00.foxglove",
    "2019-12-03, 2019-12-03",
    " 2020-08-27",
    "2020-08-27\n",
    "2020-08-27; orders_beta",
    "2020-08-27; orders_beta=4242424242424242",
    `2020-08-27${"; a=v1".repeat(9)}`,
  ])("of %j is refused", (text) => {
    expect(parseApiVersion(text)).toBeUndefined();
  });

  test.each([
    ["2019-12-03", ["refunds"], ["sources", "subscriptions", "tax_ids"], ["charges"]],
    ["2020-03-02", ["refunds"], ["sources", "subscriptions", "tax_ids"], ["charges"]],
    ["2020-08-27", ["refunds"], [], ["charges"]],
    ["2022-08-01", ["refunds"], [], ["charges"]],
    ["2022-11-15", [], [], []],
    ["2026-10-28.endive", [], [], []],
    ["2027-03-31.foxglove", [], [], []],
  ])("of %s embeds what it did then", (text, charge, customer, intent) => {
    const version = parsed(text);
    expect(embeddedIn(version, "charge")).toEqual(charge);
    expect(embeddedIn(version, "customer")).toEqual(customer);
    expect(embeddedIn(version, "payment_intent")).toEqual(intent);
    expect(embeddedIn(version, "refund")).toEqual([]);
  });

  test("has the shapes of its time, and those of ours have no name", () => {
    const shapes = (text: string) => shapesOf(parsed(text));
    expect(shapes("2011-01-01")).toBe(shapes("2020-03-02"));
    expect(shapes("2020-08-27")).toBe(shapes("2022-08-01"));
    expect(shapes("2020-03-02")).not.toBe(shapes("2020-08-27"));
    expect(shapes("2022-11-15")).toBeUndefined();
    expect(shapes(API_VERSION)).toBeUndefined();
    for (const text of PUBLISHED) {
      const alike = PUBLISHED.filter((other) => shapes(other) === shapes(text));
      for (const type of ["charge", "customer", "payment_intent"]) {
        const embedded = alike.map((other) => embeddedIn(parsed(other), type).join());
        expect(new Set(embedded).size).toBe(1);
      }
    }
  });
});
