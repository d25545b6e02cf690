// Ephemeral keys: what a merchant's app may do with one, for how long, and all that it may not.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { mintApiKey } from "../../protocol/api-key.ts";
import type { CustomerId } from "../../protocol/ids.ts";
import { API_VERSION } from "../../protocol/object.ts";
import { slotOf } from "../../protocol/slot.ts";
import { type Merchant, refused, type System, startSystem, stripeAt } from "../system.ts";
import { errorOf, verdictOf } from "./refusal.ts";

let system: System;
let m: Merchant;
let customer: CustomerId;
let other: string;
let key: string;
let app: Stripe;

const version = { apiVersion: API_VERSION };

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  customer = (await m.stripe.customers.create({ source: "tok_visa" })).id as CustomerId;
  other = (await m.stripe.customers.create({ source: "tok_visa" })).id;
  key = (await m.stripe.ephemeralKeys.create({ customer }, version)).secret ?? "";
  app = stripeAt(system.url, key);
});
afterAll(() => system?.close());

const fresh = async () => (await m.stripe.paymentMethods.create(TYPE)).id;
const TYPE = { type: "card", card: { token: "tok_visa" } } as const;
const OUTSIDE = "403 key_ephemeral -";

describe("an ephemeral key", () => {
  test("is of one customer, for an hour", async () => {
    const made = await m.stripe.ephemeralKeys.create({ customer }, version);
    const now = Math.floor(Date.now() / 1000);
    expect(made).toMatchObject({
      object: "ephemeral_key",
      id: expect.stringMatching(/^ephkey_/),
      livemode: false,
      associated_objects: [{ id: customer, type: "customer" }],
      secret: expect.stringMatching(/^ek_test_[0-9A-Za-z]{73}$/),
    });
    expect(made.expires - made.created).toBe(3600);
    expect(Math.abs(made.created - now)).toBeLessThan(10);
    expect(made.secret).not.toBe(key);
  });

  test("reads its customer, and lists, attaches and detaches its payment methods", async () => {
    const method = await fresh();
    expect(await app.customers.retrieve(customer)).toMatchObject({ id: customer });
    expect(await app.paymentMethods.attach(method, { customer })).toMatchObject({ customer });
    const listed = await app.paymentMethods.list({ customer, type: "card" });
    expect(listed.data[0]?.id).toBe(method);
    expect((await app.customers.listPaymentMethods(customer)).data).toEqual(listed.data);
    expect((await app.customers.retrievePaymentMethod(customer, method)).id).toBe(method);
    expect(await app.paymentMethods.detach(method)).toMatchObject({ id: method, customer: null });
  });

  test("works in a page", async () => {
    const headers = { origin: "https://shop.example" };
    const call = await system.call(`/v1/customers/${customer}`, { key, headers });
    expect(call.status).toBe(200);
  });

  test("does nothing at any other route, nor for another customer", async () => {
    const theirs = await m.stripe.paymentMethods.attach("pm_card_visa", { customer: other });
    const loose = await fresh();
    const document = (await system.call("/openapi.json")).body as {
      paths: Record<string, Record<string, unknown>>;
    };
    const before = await m.stripe.events.list({ limit: 1 });
    for (const [path, methods] of Object.entries(document.paths)) {
      if (path === "/v1/vault/keys") continue;
      for (const method of Object.keys(methods)) {
        const filled = path
          .replace("/customers/{id}", `/customers/${other}`)
          .replace(/\{\w+\}/g, "x");
        const call = await system.call(filled, { method: method.toUpperCase(), key });
        expect([path, method, call.status >= 400 && call.status < 500]).toEqual([
          path,
          method,
          true,
        ]);
        expect([401, 403, 400, 404]).toContain(call.status);
      }
    }
    const calls: [string, RequestInit & { form?: Record<string, string> }, string][] = [
      [`/v1/customers/${other}`, {}, OUTSIDE],
      [`/v1/customers/${other}/payment_methods`, {}, OUTSIDE],
      [`/v1/payment_methods?customer=${other}`, {}, OUTSIDE],
      ["/v1/payment_methods", {}, OUTSIDE],
      [`/v1/payment_methods/${theirs.id}`, {}, OUTSIDE],
      [`/v1/payment_methods/${loose}`, { method: "DELETE" }, OUTSIDE],
      [`/v1/payment_methods/${loose}`, { form: { "metadata[a]": "1" } }, OUTSIDE],
      [`/v1/payment_methods/${loose}/attach`, { form: { customer: other } }, OUTSIDE],
      [
        `/v1/payment_methods/${theirs.id}/attach`,
        { form: { customer } },
        "400 payment_method_unexpected_state payment_method",
      ],
      [
        `/v1/payment_methods/${theirs.id}/detach`,
        { form: {} },
        "404 resource_missing payment_method",
      ],
      [`/v1/payment_methods/${loose}/detach`, { form: {} }, "404 resource_missing payment_method"],
      [`/v1/customers/${customer}/payment_methods/${theirs.id}`, {}, "404 resource_missing id"],
      [`/v1/customers/${customer}`, { form: { name: "mine" } }, "403 - -"],
      [`/v1/customers/${customer}/sources`, {}, OUTSIDE],
      ["/v1/customers", {}, OUTSIDE],
      ["/v1/charges", {}, "403 - -"],
      ["/v1/ephemeral_keys", { form: { customer } }, "403 - -"],
    ];
    for (const [path, init, verdict] of calls) {
      expect([path, verdictOf(await system.call(path, { key, ...init }))]).toEqual([path, verdict]);
    }
    expect((await m.stripe.events.list({ limit: 1 })).data).toEqual(before.data);
  });

  test("opens nothing when its hour is over", async () => {
    const of = {
      kind: "ephemeral",
      livemode: false,
      account: m.account.slice("acct_".length),
      only: { customer, expires: Math.floor(Date.now() / 1000) },
    } as const;
    const over = await mintApiKey(of, inject("bindings")["API_KEY_SECRET"] ?? "");
    const call = await system.call(`/v1/customers/${customer}`, { key: over });
    expect(verdictOf(call)).toBe("401 api_key_expired -");
    expect(JSON.stringify(call.body)).not.toContain(over);
  });

  test("opens nothing when it was taken back, also after the shard was lost", async () => {
    const made = await m.stripe.ephemeralKeys.create({ customer }, version);
    const { id, secret = "", created, expires } = made;
    const own = () => system.call(`/v1/customers/${customer}`, { key: secret });
    expect((await own()).status).toBe(200);
    expect(await m.stripe.ephemeralKeys.del(id)).toMatchObject({ id, created, expires });
    expect(verdictOf(await own())).toBe("401 api_key_expired -");
    await system.worker.evictDurableObject("SHARD", { name: `slot-${slotOf(m.account)}` });
    expect(verdictOf(await own())).toBe("401 api_key_expired -");
    expect((await app.customers.retrieve(customer)).id).toBe(customer);
  });

  test("does not take a key that the merchant's server uses", async () => {
    const method = await fresh();
    const options = { idempotencyKey: "app-17" };
    await app.paymentMethods.attach(method, { customer }, options);
    const made = await m.stripe.customers.create({}, options);
    expect(made.object).toBe("customer");
  });

  test("cannot be changed to another customer or a later hour", async () => {
    for (const at of [8, 30, 32, 53, 54, 58, 60, key.length - 1]) {
      const changed = key.slice(0, at) + (key[at] === "0" ? "1" : "0") + key.slice(at + 1);
      const call = await system.call(`/v1/customers/${customer}`, { key: changed });
      expect(call.status).toBe(401);
    }
  });
});

describe("sent again with its idempotency key", () => {
  const headersOf = (idempotencyKey: string) => ({
    "idempotency-key": idempotencyKey,
    "stripe-version": API_VERSION,
  });
  const make = (idempotencyKey: string, form: Record<string, string>) =>
    system.call("/v1/ephemeral_keys", { key: m.secret, form, headers: headersOf(idempotencyKey) });

  test("the making of a key answers with the same key, also after the shard was lost", async () => {
    const first = await make("eph-1", { customer });
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    await system.worker.evictDurableObject("SHARD", { name: `slot-${slotOf(m.account)}` });
    const again = await make("eph-1", { customer });
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.headers.get("original-request")).toBe(first.headers.get("request-id"));
    expect((await make("eph-2", { customer })).body).not.toEqual(first.body);
  });

  test("five at once make one key, which works and can be taken back", async () => {
    const calls = await Promise.all([1, 2, 3, 4, 5].map(() => make("eph-3", { customer })));
    const made = calls.map(({ body }) => body as { id: string; secret: string });
    expect(new Set(made.map(({ secret }) => secret)).size).toBe(1);
    const [{ id, secret: own } = { id: "", secret: "" }] = made;
    expect((await system.call(`/v1/customers/${customer}`, { key: own })).status).toBe(200);
    await m.stripe.ephemeralKeys.del(id);
    const call = await system.call(`/v1/customers/${customer}`, { key: own });
    expect(verdictOf(call)).toBe("401 api_key_expired -");
  });

  test("the making of another key is refused, and a merchant's keys are its own", async () => {
    const first = await make("eph-4", { customer });
    const refusal = await make("eph-4", { customer: other });
    expect(verdictOf(refusal)).toBe("400 - -");
    expect(errorOf(refusal).type).toBe("idempotency_error");
    const n = await system.merchant();
    const theirs = (await n.stripe.customers.create({})).id;
    const form = { customer: theirs };
    const headers = headersOf("eph-4");
    const call = await system.call("/v1/ephemeral_keys", { key: n.secret, form, headers });
    expect(call.status).toBe(200);
    expect(call.body).not.toEqual(first.body);
  });

  test("the making answers the same when its customer is gone", async () => {
    const gone = (await m.stripe.customers.create({})).id;
    const first = await make("eph-5", { customer: gone });
    await m.stripe.customers.del(gone);
    expect((await make("eph-5", { customer: gone })).body).toEqual(first.body);
    expect(verdictOf(await make("eph-6", { customer: gone }))).toBe(
      "404 resource_missing customer",
    );
  });

  test("what was refused may be asked again", async () => {
    expect(verdictOf(await make("eph-7", { customer: "cus_x" }))).toBe(
      "404 resource_missing customer",
    );
    expect((await make("eph-7", { customer })).status).toBe(200);
  });

  test("a key is taken back by its id, as often as it is asked, and no other for it", async () => {
    const keys = await Promise.all(
      [1, 2, 3].map(() => m.stripe.ephemeralKeys.create({ customer }, version)),
    );
    const remove = (id: string) => {
      const headers = headersOf("eph-8");
      return system.call(`/v1/ephemeral_keys/${id}`, { key: m.secret, method: "DELETE", headers });
    };
    const opened = () =>
      Promise.all(
        keys.map(async ({ secret: own = "" }) => {
          const call = await system.call(`/v1/customers/${customer}`, { key: own });
          return call.status;
        }),
      );
    expect(await opened()).toEqual([200, 200, 200]);
    const [one, two] = keys.map(({ id }) => id) as [string, string, string];
    const first = await remove(one);
    expect(first).toMatchObject({ status: 200, body: { id: one } });
    expect(await opened()).toEqual([401, 200, 200]);
    expect((await remove(one)).body).toEqual(first.body);
    // An idempotency key says nothing of what is taken away: its id does.
    expect(await remove(two)).toMatchObject({ status: 200, body: { id: two } });
    expect(await opened()).toEqual([401, 401, 200]);
  });

  test("an app's detaching answers as before, and to no other customer's app", async () => {
    const method = await fresh();
    await app.paymentMethods.attach(method, { customer });
    const path = `/v1/payment_methods/${method}/detach`;
    const detach = (by: string) =>
      system.call(path, { key: by, form: {}, headers: headersOf("eph-9") });
    const first = await detach(key);
    expect(first.status).toBe(200);
    const again = await detach(key);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    const theirs = await m.stripe.ephemeralKeys.create({ customer: other }, version);
    expect(verdictOf(await detach(theirs.secret ?? ""))).toBe(
      "404 resource_missing payment_method",
    );
  });
});

test.each([
  ["no customer", {}, { "stripe-version": API_VERSION }, "400 parameter_missing customer"],
  [
    "nobody",
    { customer: "cus_x" },
    { "stripe-version": API_VERSION },
    "404 resource_missing customer",
  ],
  ["no version", { customer: "" }, {}, "400 parameter_invalid Stripe-Version"],
] as const)("an ephemeral key is not made of %s", async (_, given, headers, verdict) => {
  const own = "customer" in given && given.customer === "" ? { customer } : given;
  const form: Record<string, string> = { ...own };
  const call = await system.call("/v1/ephemeral_keys", { key: m.secret, form, headers });
  expect(verdictOf(call)).toBe(verdict);
});

test.each(["ephkey_x", `ephkey_${"0".repeat(35)}`])("the id %s takes no key back", async (id) => {
  expect(await refused(m.stripe.ephemeralKeys.del(id))).toMatchObject({ code: "resource_missing" });
});
