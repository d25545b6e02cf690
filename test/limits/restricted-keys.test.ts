import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { PERMISSIONS, type Permission, permits } from "../../protocol/permission.ts";
import { type Merchant, refused, type System, startSystem, stripeAt } from "../system.ts";
import { errorOf, verdictOf } from "./refusal.ts";

let system: System;
let m: Merchant;
let charge: Stripe.Charge;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  const customer = await m.stripe.customers.create({ source: "tok_visa" });
  const of = { amount: 900, currency: "usd", customer: customer.id };
  charge = await m.stripe.charges.create(of);
});
afterAll(() => system?.close());

const PAYMENT = { amount: 900, currency: "usd", source: "tok_visa" };

const make = (form: Record<string, string>, account: string = m.account) =>
  system.call(`/v1/accounts/${account}/keys`, { key: system.platform, form });

async function keyOf(...permissions: string[]): Promise<string> {
  const form = Object.fromEntries(permissions.map((name, i) => [`permissions[${i}]`, name]));
  const made = await make(form);
  expect(made.status).toBe(200);
  return (made.body as { secret: string }).secret;
}
const sdkOf = async (...permissions: string[]): Promise<Stripe> =>
  stripeAt(system.url, await keyOf(...permissions));

describe("a restricted key", () => {
  test("does what it is permitted, and is told what it lacks", async () => {
    const reader = await sdkOf("charge_read");
    expect((await reader.charges.retrieve(charge.id)).id).toBe(charge.id);
    expect((await reader.charges.list()).data).not.toEqual([]);
    expect((await reader.refunds.list()).data).toEqual([]);
    const error = await refused(reader.charges.create(PAYMENT));
    expect(error).toBeInstanceOf(Stripe.errors.StripePermissionError);
    expect(error).toMatchObject({ statusCode: 403, rawType: "invalid_request_error" });
    expect(error.message).toContain("'rak_charge_write'");
    expect(error.message).toContain(m.account);
    expect(error.message).toMatch(/rk_test_\*{4}[0-9A-Za-z]{4} /);
    expect(await refused(reader.customers.list())).toMatchObject({
      message: expect.stringContaining("'rak_customer_read'"),
    });
    expect((await m.stripe.charges.list()).data).toHaveLength(1);
  });

  test("that may write may read as well", async () => {
    const writer = await sdkOf("rak_charge_write");
    const paid = await writer.charges.create(PAYMENT);
    await writer.refunds.create({ charge: paid.id });
    expect((await writer.charges.retrieve(paid.id)).refunded).toBe(true);
  });

  test("may make tokens where it is permitted", async () => {
    const card = { number: "4242424242424242", exp_month: "12", exp_year: "2034" };
    expect((await (await sdkOf("token_write")).tokens.create({ card })).object).toBe("token");
    expect(await refused((await sdkOf("token_read")).tokens.create({ card }))).toMatchObject({
      message: expect.stringContaining("'rak_token_write'"),
    });
  });

  test("sees nothing by expanding that it could not read", async () => {
    const [less, more] = [await sdkOf("charge_read"), await sdkOf("charge_read", "customer_read")];
    const expand = ["customer.sources"];
    expect(await refused(less.charges.retrieve(charge.id, { expand }))).toMatchObject({
      statusCode: 403,
      message: expect.stringContaining("'rak_customer_read'"),
    });
    const shown = await more.charges.retrieve(charge.id, { expand });
    expect(shown.customer).toMatchObject({ id: charge.customer, sources: { object: "list" } });
    expect(
      await refused(more.charges.list({ expand: ["data.balance_transaction"] })),
    ).toMatchObject({ message: expect.stringContaining("'rak_balance_read'") });
  });

  test("of one account opens no other", async () => {
    const other = await system.merchant();
    const theirs = stripeAt(system.url, await keyOf("charge_read"));
    const paid = await other.stripe.charges.create(PAYMENT);
    expect(await refused(theirs.charges.retrieve(paid.id))).toMatchObject({ statusCode: 404 });
  });

  test("is no platform key, and no key for pages but ours", async () => {
    const key = await keyOf(...PERMISSIONS);
    const form = { email: "m@example.com" };
    expect(verdictOf(await system.call("/v1/accounts", { key, form }))).toBe(
      "403 key_not_platform -",
    );
    const from = (origin: string) => system.call("/v1/charges", { key, headers: { origin } });
    expect(verdictOf(await from("https://shop.example"))).toBe("403 key_secret_in_browser -");
    expect(verdictOf(await from("null"))).toBe("403 key_secret_in_browser -");
    expect((await from(system.url.origin)).status).toBe(200);
    const secret = await system.call("/v1/charges", {
      key: m.secret,
      headers: { origin: system.url.origin },
    });
    expect(verdictOf(secret)).toBe("403 key_secret_in_browser -");
  });

  test("of a sealed-only account takes no typed card", async () => {
    const made = await make({ "permissions[]": "token_write", sealed_only: "true" });
    const { secret } = made.body as { secret: string };
    expect(secret).toMatch(/^rk_test_sealed_/);
    const form = { "card[number]": "4242424242424242" };
    expect(verdictOf(await system.call("/v1/tokens", { key: secret, form }))).toBe(
      "400 sealed_card_required card",
    );
  });
});

describe("making one", () => {
  test("again with its idempotency key answers with the same one, and refuses another", async () => {
    const again = (form: Record<string, string>, path = `/v1/accounts/${m.account}/keys`) =>
      system.call(path, { key: system.platform, form, headers: { "idempotency-key": "rk-1" } });
    const first = await again({ "permissions[]": "charge_read" });
    const second = await again({ "permissions[]": "charge_read" });
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    const other = await again({ "permissions[]": "charge_write" });
    expect(errorOf(other).type).toBe("idempotency_error");
    expect((await m.stripe.customers.create({}, { idempotencyKey: "rk-1" })).object).toBe(
      "customer",
    );
  });

  test("a merchant again with its idempotency key answers with the same one, and refuses another", async () => {
    const key = `acct-${crypto.randomUUID()}`;
    const again = (form: Record<string, string>) =>
      system.call("/v1/accounts", {
        key: system.platform,
        form,
        headers: { "idempotency-key": key },
      });
    const calls = await Promise.all([1, 2, 3].map(() => again({ email: "one@example.com" })));
    for (const { body } of calls) expect(body).toEqual(calls[0]?.body);
    expect(errorOf(await again({ email: "two@example.com" })).type).toBe("idempotency_error");
  });

  test("tells what it may do, and another one each time", async () => {
    const form = { "permissions[]": "charge_write" };
    const [one, two] = [await make(form), await make(form)];
    expect(one.body).toEqual({
      object: "api_key",
      account: m.account,
      kind: "restricted",
      livemode: false,
      permissions: ["charge_write"],
      secret: expect.stringMatching(/^rk_test_[0-9A-Za-z]{55}$/),
    });
    expect((two.body as { secret: string }).secret).not.toBe(
      (one.body as { secret: string }).secret,
    );
  });

  test.each([
    ["no permission", {}, "400 parameter_missing permissions"],
    ["an empty permission", { permissions: "" }, "400 parameter_missing permissions"],
    ["a list of nothing", { "permissions[]": "" }, "400 parameter_missing permissions"],
    ["an unknown one", { "permissions[]": "charge_eat" }, "400 parameter_invalid permissions"],
    ["one by itself", { permissions: "charge_read" }, "400 parameter_invalid permissions"],
    ["one of all", { "permissions[]": "*" }, "400 parameter_invalid permissions"],
    ["a long one", { "permissions[]": "x".repeat(61) }, "400 parameter_invalid permissions"],
    ["another thing", { "permissions[]": "charge_read", to: "me" }, "400 parameter_unknown to"],
  ] as const)("with %s is refused", async (_, form, verdict) => {
    expect(verdictOf(await make({ ...form } as Record<string, string>))).toBe(verdict);
  });

  test.each(["acct_0000000000000009", "acct_x", "cus_1", "0"])(
    "of account %s is of nobody",
    async (account) => {
      const call = await make({ "permissions[]": "charge_read" }, account);
      expect(verdictOf(call)).toBe("404 resource_missing id");
    },
  );

  test("is the platform's alone", async () => {
    const form = { "permissions[]": "charge_read" };
    for (const key of [m.secret, m.publishable, await keyOf(...PERMISSIONS)]) {
      const call = await system.call(`/v1/accounts/${m.account}/keys`, { key, form });
      expect(verdictOf(call)).toBe("403 key_not_platform -");
    }
  });
});

type Operation = { security: Record<string, []>[]; "x-permission"?: string };

describe("every route", () => {
  test("names the permission it needs, to read or to write, unless it is the platform's", async () => {
    const { body } = await system.call("/openapi.json");
    const { paths } = body as { paths: Record<string, Record<string, Operation>> };
    let routes = 0;
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { security, "x-permission": marked }] of Object.entries(methods)) {
        const [scheme] = security.flatMap((by) => Object.keys(by));
        if (scheme === undefined || scheme === "platform") {
          expect(marked, path).toBeUndefined();
          continue;
        }
        const permission = (marked ?? "").slice("rak_".length) as Permission;
        expect(PERMISSIONS, path).toContain(permission);
        expect(permission.endsWith(method === "get" ? "_read" : "_write"), path).toBe(true);
        const key = await keyOf(
          ...PERMISSIONS.filter((other) => !permits(new Set([other]), permission)),
        );
        const call = await system.call(path.replaceAll(/\{\w+\}/g, "x"), {
          key,
          method: method.toUpperCase(),
        });
        expect(call.status, path).toBe(403);
        expect(errorOf(call).message).toContain(`'${marked}'`);
        routes++;
      }
    }
    expect(routes).toBeGreaterThan(20);
  });
});
