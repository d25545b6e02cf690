// The audit log of the running system: what the vault did with a card, each call with the platform's key, and callers
// that were refused stand in it, and nothing of a card.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { auditEntries } from "../../ops/audit.ts";
import { verifyLedger } from "../../ops/verify.ts";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { type Merchant, type System, startSystem } from "../system.ts";

const CARD = {
  number: "4242424242424242",
  exp_month: "12",
  exp_year: "2034",
  cvc: "123",
  name: "Hypatia Canary",
  address_line1: "Canary Row 7",
  address_zip: "CANARY",
};

let system: System;
let m: Merchant;
const urlOf = () =>
  inject("bindings")[homeOf(slotOf(m.account)) === "us" ? "DATABASE_URL_US" : "DATABASE_URL_EU"] ??
  "";

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

describe("the audit log", () => {
  const entriesOf = async (account?: string) =>
    (await auditEntries(urlOf(), { account })).map(({ entry }) => JSON.parse(entry) as Entry);
  type Entry = {
    action: string;
    result?: string;
    operation?: string;
    request?: string;
    key_prefix?: string;
    count?: number;
    cards?: Record<string, unknown[][]>;
  };

  test("names each opened and destroyed card, the admin's call, and nothing of a card", async () => {
    const other = await system.merchant(homeOf(slotOf(m.account)));
    const token = (await m.stripe.tokens.create({ card: CARD })).id;
    const charge = await m.stripe.charges.create({ amount: 100, currency: "usd", source: token });
    await system.call(`/v1/tokens/${token}`, { method: "DELETE", key: m.secret });
    const owner = `${m.account}/test`;
    const uses = async () =>
      (await entriesOf(m.account))
        .filter(({ cards }) => JSON.stringify(cards ?? {}).includes(token))
        .map(({ action, cards }) => [action, cards?.[owner]?.find(([name]) => name === token)]);
    await expect.poll(uses, { timeout: 40_000 }).toEqual([
      ["card.opened", [token, `${charge.id}.authorize.1`, "1"]],
      ["card.destroyed", [token, null, "1"]],
    ]);
    await expect
      .poll(async () => (await entriesOf(other.account)).map(({ action }) => action), {
        timeout: 40_000,
      })
      .toEqual(["admin.call"]);
    // Not the last four alone, which are part of some instants.
    expect(JSON.stringify(await entriesOf())).not.toMatch(/42424242|"4242"|Hypatia|canary/i);
    expect(await verifyLedger(urlOf())).toEqual([]);
  });

  test("has each call with the platform's key, also the refused ones, and none without it", async () => {
    const key = system.platform;
    const calls = [
      system.call("/v1/accounts", { form: { colour: "red" }, key }),
      system.call("/v1/accounts", { form: { country: "too long" }, key }),
      system.call("/v1/accounts", { form: { email: "4242424242424242" }, key }),
      system.call("/v1/card_keys", { form: { step: "status", slot: "99999" }, key }),
      system.call("/v1/card_keys/nobody", { method: "DELETE", key }),
      system.call("/v1/accounts", { form: { colour: "red" }, key: m.secret }),
    ];
    const answers = await Promise.all(calls);
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 404, 403]);
    const ids = answers.map(({ headers }) => headers.get("request-id") ?? "");
    const told = async () => {
      const both = [inject("bindings")["DATABASE_URL_US"], inject("bindings")["DATABASE_URL_EU"]];
      const rows = await Promise.all(both.map((url) => auditEntries(url ?? "", {})));
      const entries = rows.flat().map(({ entry }) => JSON.parse(entry) as Entry);
      return ids.map((id) => {
        const entry = entries.find(({ request }) => request === id);
        return entry && `${entry.operation} ${entry.result}`;
      });
    };
    await expect
      .poll(told, { timeout: 40_000 })
      .toEqual([
        "POST /v1/accounts parameter_unknown",
        "POST /v1/accounts parameter_invalid",
        "POST /v1/accounts pan_detected",
        "POST /v1/card_keys parameter_invalid_integer",
        "DELETE /v1/card_keys/nobody resource_missing",
        undefined,
      ]);
  });

  test("counts refused callers in one entry for each kind of key", async () => {
    const rest = "0".repeat(40);
    const [open, sealed] = [`sk_test_Zq9x${rest}`, `sk_test_sealed_Zq9x${rest}`];
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        system.call("/v1/charges", { key: i % 4 === 0 ? sealed : open }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    const url = inject("bindings")["DATABASE_URL_US"] ?? "";
    const counted = async () => {
      const rows = (await auditEntries(url, {})).filter(({ entry }) => entry.includes("Zq9x"));
      const entries = rows.map(({ entry }) => JSON.parse(entry) as Entry);
      const of = (prefix: string) => {
        const some = entries.filter(({ key_prefix }) => key_prefix === prefix);
        return {
          total: some.reduce((sum, { count = 0 }) => sum + count, 0),
          few: some.length <= 2,
          results: [...new Set(some.map(({ result }) => result))],
        };
      };
      return [of("sk_test_Zq9x"), of("sk_test_sealed_Zq9x")];
    };
    const once = { few: true, results: ["key_invalid"] };
    await expect.poll(counted, { timeout: 100_000, interval: 1_000 }).toEqual([
      { total: 30, ...once },
      { total: 10, ...once },
    ]);
    expect((await auditEntries(url, {})).some(({ entry }) => entry.includes("Zq9x0"))).toBe(false);
  }, 120_000);
});
