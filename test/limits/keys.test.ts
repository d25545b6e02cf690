import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { FIRST_SERIAL, mintApiKey } from "../../protocol/api-key.ts";
import { type Merchant, type System, startSystem } from "../system.ts";
import { errorOf, verdictOf } from "./refusal.ts";

let system: System;
let m: Merchant;
const secretOf = () => inject("bindings")["API_KEY_SECRET"] ?? "";

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const balance = (headers: Record<string, string>) => system.call("/v1/balance", { headers });
const account = () => m.account.slice("acct_".length);

/** The last character changed to another of the alphabet. */
const forged = (key: string) => key.slice(0, -1) + (key.endsWith("0") ? "1" : "0");

describe("a key", () => {
  const bad: readonly (readonly [string, () => string, RegExp])[] = [
    ["that is no key", () => "Bearer hunter2", /: \*{4}$/],
    [
      "that is a secret of another kind",
      () => "Bearer ghp_0123456789abcdefghijklmnopqr",
      /: \*{4}opqr$/,
    ],
    ["cut short", () => `Bearer ${m.secret.slice(0, -5)}`, /: sk_test_\*{4}[0-9A-Za-z]{4}$/],
    ["with a wrong MAC", () => `Bearer ${forged(m.secret)}`, /: sk_test_\*{4}[0-9A-Za-z]{4}$/],
    [
      "made live by its reader",
      () => `Bearer ${m.secret.replace("test", "live")}`,
      /: sk_live_\*{4}/,
    ],
    [
      "made secret by its reader",
      () => `Bearer ${m.publishable.replace("pk_", "sk_")}`,
      /: sk_test_\*{4}/,
    ],
    [
      "made platform by its reader",
      () => `Bearer ${m.secret.replace("sk_", "platform_")}`,
      /: platform_test_\*{4}/,
    ],
    [
      "of another account",
      () => `Bearer ${m.secret.replace(account(), "0".repeat(16))}`,
      /: sk_test_\*{4}/,
    ],
    ["of the platform", () => `Bearer ${system.platform}`, /: platform_test_\*{4}/],
    ["in Basic and wrong", () => `Basic ${btoa(`${forged(m.secret)}:`)}`, /: sk_test_\*{4}/],
    ["that is a card number", () => "Bearer 4242424242424242", /: \*{4}$/],
  ];
  test.each(bad)("%s is refused, and shown masked", async (_, header, shown) => {
    const call = await balance({ authorization: header() });
    expect(verdictOf(call)).toBe("401 - -");
    expect(errorOf(call)).toMatchObject({ type: "invalid_request_error" });
    expect(errorOf(call).message).toMatch(/^Invalid API Key provided: /);
    expect(errorOf(call).message).toMatch(shown);
    expect(errorOf(call).message.length).toBeLessThan(60);
    expect(call.headers.get("www-authenticate")).toBe('Bearer realm="Stripe"');
  });

  const none: readonly (readonly [string, () => Record<string, string>])[] = [
    ["not sent", () => ({})],
    ["empty", () => ({ authorization: "Bearer " })],
    ["without a scheme", () => ({ authorization: m.secret })],
    ["in a scheme that is not one", () => ({ authorization: `Token ${m.secret}` })],
    ["in Basic that is not base64", () => ({ authorization: "Basic %%%" })],
    ["in Basic without a user", () => ({ authorization: `Basic ${btoa(`:${m.secret}`)}` })],
  ];
  test.each(none)("%s is asked for", async (_, headers) => {
    const call = await balance(headers());
    expect(verdictOf(call)).toBe("401 - -");
    expect(errorOf(call).message).toMatch(/did not provide an API key/);
    expect(call.headers.get("www-authenticate")).toBe('Bearer realm="Stripe"');
    expect(JSON.stringify(call.body)).not.toContain(account());
  });

  const good: readonly (readonly [string, () => string])[] = [
    ["Bearer", () => `Bearer ${m.secret}`],
    ["bearer in small letters", () => `bearer ${m.secret}`],
    ["Basic", () => `Basic ${btoa(`${m.secret}:`)}`],
    ["Basic without a colon", () => `Basic ${btoa(m.secret)}`],
  ];
  test.each(good)("is taken as %s", async (_, header) => {
    expect((await balance({ authorization: header() })).status).toBe(200);
  });

  test("of an account that was never made opens nothing", async () => {
    const key = await mintApiKey(
      { kind: "secret", livemode: false, account: "Tessera000000001", serial: FIRST_SERIAL },
      secretOf(),
    );
    for (const call of [
      await system.call("/v1/balance", { key }),
      await system.call("/v1/charges", { key }),
      await system.call("/v1/charges", {
        key,
        form: { amount: "100", currency: "usd", source: "tok_visa" },
      }),
      await system.call("/v1/customers", { key, form: {} }),
    ]) {
      expect(verdictOf(call)).toBe("401 - -");
    }
  });
});

describe("a publishable key", () => {
  test.each([
    ["GET", "/v1/balance"],
    ["GET", "/v1/charges"],
    ["POST", "/v1/charges"],
    ["POST", "/v1/customers"],
    ["POST", "/v1/refunds"],
    ["GET", "/v1/tokens/tok_0000000000000000000001"],
    ["GET", "/v1/account"],
  ])("is refused at %s %s", async (method, path) => {
    const call = await system.call(path, { method, key: m.publishable });
    expect(verdictOf(call)).toBe("401 secret_key_required -");
    expect(call.headers.get("www-authenticate")).toBe('Bearer realm="Stripe"');
  });

  test("is refused in the form field as well", async () => {
    const call = await system.call("/v1/charges", { form: { key: m.publishable, amount: "1" } });
    expect(verdictOf(call)).toBe("401 secret_key_required -");
  });
});

describe("a key in a browser", () => {
  const origin = "https://shop.example";

  test("that is secret is refused, wherever it is sent", async () => {
    for (const path of ["/v1/balance", "/v1/charges"]) {
      const call = await system.call(path, { key: m.secret, headers: { origin } });
      expect(verdictOf(call)).toBe("403 key_secret_in_browser -");
    }
    const token = await system.call("/v1/tokens", { key: m.secret, form: {}, headers: { origin } });
    expect(verdictOf(token)).toBe("403 key_secret_in_browser -");
    const field = await system.call("/v1/tokens", { form: { key: m.secret }, headers: { origin } });
    expect(verdictOf(field)).toBe("403 key_secret_in_browser -");
  });

  test("that is the platform's is refused", async () => {
    const form = { email: "m@example.com" };
    const call = await system.call("/v1/accounts", {
      key: system.platform,
      form,
      headers: { origin },
    });
    expect(verdictOf(call)).toBe("403 key_secret_in_browser -");
  });
});

describe("the platform key", () => {
  test.each(["secret", "publishable"] as const)("is not a merchant's %s key", async (kind) => {
    const call = await system.call("/v1/accounts", { key: m[kind], form: {} });
    expect(verdictOf(call)).toBe("403 key_not_platform -");
  });

  test("opens no merchant's route", async () => {
    for (const path of ["/v1/charges", "/v1/tokens"]) {
      const call = await system.call(path, { key: system.platform, form: { amount: "1" } });
      expect(verdictOf(call)).toBe("401 - -");
    }
  });
});

describe("a live key", () => {
  test.each(["secret", "publishable"] as const)(
    "of kind %s is refused without a live processor",
    async (kind) => {
      const key = await mintApiKey({ kind, livemode: true, account: account() }, secretOf());
      const call = await system.call("/v1/tokens", {
        key,
        form: { "card[number]": "4242424242424242" },
      });
      expect(verdictOf(call)).toBe("403 livemode_closed -");
    },
  );

  test("of the platform makes no merchant", async () => {
    const key = await mintApiKey(
      { kind: "platform", livemode: true, account: "0".repeat(16) },
      secretOf(),
    );
    expect(verdictOf(await system.call("/v1/accounts", { key, form: {} }))).toBe(
      "403 livemode_closed -",
    );
  });
});
