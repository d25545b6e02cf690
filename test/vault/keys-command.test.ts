// `npm run keys` at the running system, and the vault's schedule.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { takeStep } from "../../ops/keys.ts";
import { slotOf } from "../../protocol/slot.ts";
import { maintain, OVERDUE_LINE } from "../../workers/vault/rotation.ts";
import { SecretKeyProvider } from "../../workers/vault/secret-keys.ts";
import { type System, startSystem } from "../system.ts";
import { rootKey } from "./rig/start.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
});
afterAll(() => system?.close());

describe("npm run keys", () => {
  const step = (name: Parameters<typeof takeStep>[1], slots: number[], key = system.platform) =>
    takeStep({ url: system.url.href, key }, name, "card", slots, () => {});

  test("counts the cards of every slot it is given, and moves them", async () => {
    const m = await system.merchant();
    const card = { number: "4242424242424242", exp_month: "12", exp_year: "2034" };
    await m.stripe.tokens.create({ card });
    const slots = [slotOf(m.account), (slotOf(m.account) + 1) % 1024];
    const before = await step("status", slots);
    expect(before).toMatchObject({ provider: "local", behind: 0, unfinished: [] });
    expect(before.cards).toBeGreaterThanOrEqual(1);
    expect(await step("rewrap", slots)).toMatchObject({ changed: 0, failed: 0, unfinished: [] });
    expect(await step("rotate", slots)).toMatchObject({ byConfiguration: true });
  });

  test("is refused without the platform's key", async () => {
    const m = await system.merchant();
    await expect(step("status", [1], m.secret)).rejects.toThrow();
  });

  test.each([
    [{ step: "melt", slot: "1" }, "step"],
    [{ step: "status", slot: "1024" }, "slot"],
    [{ step: "status", slot: "1", purpose: "tea" }, "purpose"],
    [{ step: "status" }, "slot"],
  ])("is refused for %o", async (form, param) => {
    const call = await system.call("/v1/card_keys", {
      key: system.platform,
      form: form as Record<string, string>,
    });
    expect(call.status).toBe(400);
    expect(call.body).toMatchObject({ error: { type: "invalid_request_error", param } });
  });
});

describe("the schedule", () => {
  const DAY_S = 24 * 60 * 60;
  const said = async (ageDays: number, wraps: number) => {
    const errors: string[] = [];
    const { error } = console;
    console.error = (...words: unknown[]) => errors.push(words.join(" "));
    const use = { account: "acct_1", version: 1, made: 0, wraps };
    try {
      await maintain(
        {
          keyUses: async (purpose) => (purpose === "card" ? [use] : []),
          holdings: async () => [],
          pageToMove: async () => ({ cards: [], done: true }),
          moveCards: async () => 0,
        },
        new SecretKeyProvider(rootKey(1), rootKey(2)),
        ageDays * DAY_S,
      );
    } finally {
      console.error = error;
    }
    return errors;
  };

  test.each([
    ["is 89 days old", 89, 0, 0],
    ["is 90 days old", 90, 0, 1],
    ["has wrapped 2^30 times", 1, 2 ** 30, 1],
  ])("says so of a root's key that %s", async (_, days, wraps, lines) => {
    const errors = await said(days, wraps);
    expect(errors).toHaveLength(lines);
    for (const line of errors) expect(line).toContain(OVERDUE_LINE);
  });
});
