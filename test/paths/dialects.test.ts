// The same call in every dialect in which Stripe's clients write it.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { verdictOf } from "../limits/refusal.ts";
import { type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const FORM = "application/x-www-form-urlencoded";

type Sent = { readonly query?: string; readonly body?: string; readonly type?: string };

const post = (path: string, { query = "", body = "", type = FORM }: Sent) =>
  system.call(`${path}${query}`, {
    method: "POST",
    key: m.secret,
    headers: { "content-type": type },
    body,
  });

describe("a charge", () => {
  const dialects: readonly (readonly [string, Sent])[] = [
    [
      "indexed",
      { body: "amount=100&currency=usd&source=tok_visa&metadata[a]=1&expand[0]=customer" },
    ],
    [
      "with bare brackets",
      { body: "amount=100&currency=usd&source=tok_visa&metadata[a]=1&expand[]=customer" },
    ],
    [
      "with encoded brackets",
      {
        body: "amount=100&currency=usd&source=tok_visa&metadata%5Ba%5D=1&expand%5B%5D=customer",
      },
    ],
    [
      "with brackets encoded in small letters",
      { body: "amount=100&currency=usd&source=tok_visa&metadata%5ba%5d=1&expand%5b0%5d=customer" },
    ],
    [
      "all in the query",
      { query: "?amount=100&currency=usd&source=tok_visa&metadata[a]=1&expand[]=customer" },
    ],
    [
      "half in the query",
      {
        query: "?amount=100&metadata[a]=1",
        body: "currency=usd&source=tok_visa&expand[]=customer",
      },
    ],
    [
      "with a repeated scalar, of which the last counts",
      { body: "amount=1&amount=100&currency=eur&currency=usd&source=tok_visa&metadata[a]=1" },
    ],
    [
      "in the query and again in the body, which counts",
      { query: "?amount=1", body: "amount=100&currency=usd&source=tok_visa&metadata[a]=1" },
    ],
    [
      "with text for a flag",
      { body: "amount=100&currency=USD&capture=true&source=tok_visa&metadata[a]=1" },
    ],
    [
      "with what is unset",
      { body: "amount=100&currency=usd&source=tok_visa&description=&metadata[a]=1&metadata[b]=" },
    ],
    [
      "in JSON",
      {
        type: "application/json",
        body: '{"amount":100,"currency":"usd","source":"tok_visa","metadata":{"a":1},"expand":["customer"]}',
      },
    ],
    [
      "in JSON, all as text",
      {
        type: "application/json",
        body: '{"amount":"100","currency":"usd","source":"tok_visa","capture":"true","metadata":{"a":"1"}}',
      },
    ],
  ];

  test.each(dialects)("%s is the same charge", async (_, sent) => {
    const { status, body } = await post("/v1/charges", sent);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        amount: 100,
        currency: "usd",
        captured: true,
        description: null,
        customer: null,
        metadata: { a: "1" },
      },
    });
    expect(Object.keys((body as Stripe.Charge).metadata)).toEqual(["a"]);
  });

  test("in any order and dialect is one request for its key", async () => {
    const bodies: readonly Sent[] = [
      { body: "amount=100&currency=usd&source=tok_visa&metadata[a]=1&metadata[b]=2" },
      { body: "metadata%5Bb%5D=2&metadata%5Ba%5D=1&source=tok_visa&currency=usd&amount=100" },
      { query: "?metadata[a]=1&amount=100", body: "currency=usd&source=tok_visa&metadata[b]=2" },
      {
        type: "application/json",
        body: '{"metadata":{"b":2,"a":"1"},"source":"tok_visa","currency":"usd","amount":"100"}',
      },
    ];
    const ids = new Set<unknown>();
    for (const { query = "", body = "", type = FORM } of bodies) {
      const call = await system.call(`/v1/charges${query}`, {
        method: "POST",
        key: m.secret,
        headers: { "content-type": type, "idempotency-key": "one-in-four-dialects" },
        body,
      });
      expect(call.status).toBe(200);
      ids.add((call.body as { id: string }).id);
    }
    expect(ids.size).toBe(1);
  });
});

describe("metadata", () => {
  const pairs = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${from + i}`, "v"]));

  test("merges: what is named is set or unset, the rest stays, and an empty text unsets all", async () => {
    const { id } = await m.stripe.customers.create({ metadata: { a: "1", b: "2" } });
    const update = async (metadata: Stripe.Emptyable<Stripe.MetadataParam>) =>
      (await m.stripe.customers.update(id, { metadata })).metadata;
    expect(await update({ b: "3", c: "4" })).toEqual({ a: "1", b: "3", c: "4" });
    expect(await update({ a: null, c: "" })).toEqual({ b: "3" });
    expect(await update({})).toEqual({ b: "3" });
    expect((await m.stripe.customers.update(id, { name: "Ada" })).metadata).toEqual({ b: "3" });
    expect(await update("")).toEqual({});
    expect(await update({ d: "5" })).toEqual({ d: "5" });
  });

  test("has at most fifty keys, those it had before counted", async () => {
    const { id } = await m.stripe.customers.create({ metadata: pairs(0, 50) });
    const error = await refused(m.stripe.customers.update(id, { metadata: { more: "1" } }));
    expect(error).toMatchObject({ statusCode: 400, param: "metadata" });
    expect(error.message).toContain("at most 50 keys");
    const kept = await m.stripe.customers.retrieve(id);
    expect((kept as Stripe.Customer).metadata).toEqual(pairs(0, 50));
    const swapped = await m.stripe.customers.update(id, { metadata: { k0: "", more: "1" } });
    expect(swapped.metadata).toEqual({ ...pairs(1, 49), more: "1" });
    const changed = await m.stripe.customers.update(id, { metadata: pairs(1, 49) });
    expect(Object.keys(changed.metadata)).toHaveLength(50);
  });

  test.each([
    ["payment intent", "/v1/payment_intents", { amount: "100", currency: "usd" }],
    ["setup intent", "/v1/setup_intents", {}],
    [
      "webhook endpoint",
      "/v1/webhook_endpoints",
      { url: "https://hooks.example.com/in", "enabled_events[]": "*" },
    ],
    ["charge", "/v1/charges", { amount: "100", currency: "usd", source: "tok_visa" }],
    ["payment method", "/v1/payment_methods", { type: "card", "card[token]": "tok_visa" }],
  ] as const)("of a %s has at most fifty keys after a change as well", async (_, path, form) => {
    const named = (from: number, count: number) =>
      Object.fromEntries(Object.entries(pairs(from, count)).map(([k, v]) => [`metadata[${k}]`, v]));
    const say = (at: string, said: Record<string, string>, key: string) =>
      system.call(at, { key: m.secret, form: said, headers: { "idempotency-key": key } });
    const made = await say(path, { ...form, ...named(0, 50) }, `fifty-${path}`);
    const { id } = made.body as { id: string };
    const more = { "metadata[more]": "1" };
    expect(verdictOf(await say(`${path}/${id}`, more, `more-${id}`))).toBe(
      "400 parameter_invalid metadata",
    );
    const swap = { ...more, "metadata[k0]": "" };
    const swapped = await say(`${path}/${id}`, swap, `swap-${id}`);
    expect(swapped.body).toMatchObject({ metadata: { ...pairs(1, 49), more: "1" } });
    expect((await say(`${path}/${id}`, swap, `swap-${id}`)).body).toEqual(swapped.body);
  });

  test("that is refused for its number is refused again under its key, also when there is room", async () => {
    const { id } = await m.stripe.customers.create({ metadata: pairs(0, 50) });
    const key = { idempotencyKey: "too-many-pairs" };
    const add = () => m.stripe.customers.update(id, { metadata: { more: "1" } }, key);
    const { message } = await refused(add());
    await m.stripe.customers.update(id, { metadata: "" });
    expect((await refused(add())).message).toBe(message);
  });

  test.each([
    ["metadata[]=x", FORM],
    ["metadata[]=x&metadata[a]=y", FORM],
    ['{"metadata":["x"]}', "application/json"],
    ['{"metadata":[]}', "application/json"],
    ["metadata[a][]=x", FORM],
  ])("is no list, as in %s", async (body, type) => {
    const call = await post("/v1/customers", { body, type });
    expect(verdictOf(call)).toBe("400 parameter_invalid metadata");
  });

  test("may have numbers for keys", async () => {
    const call = await post("/v1/customers", { body: "metadata[0]=zero&metadata[7]=seven" });
    expect(call.body).toMatchObject({ metadata: { "0": "zero", "7": "seven" } });
  });
});

describe("an empty text", () => {
  test("unsets a field of a customer, and a whole address", async () => {
    const made = await m.stripe.customers.create({
      name: "Ada",
      email: "ada@example.com",
      address: { line1: "1 Mosaic Street", city: "Ravenna" },
    });
    const update = (params: object) => m.stripe.customers.update(made.id, params);
    expect(await update({ name: "", email: null })).toMatchObject({ name: null, email: null });
    expect((await update({ address: "" })).address).toBeNull();
    expect((await update({ address: { city: "Rome" } })).address).toMatchObject({ city: "Rome" });
  });
});

describe("lists", () => {
  let ids: string[];
  let created: number;

  beforeAll(async () => {
    const by = await system.merchant();
    m = by;
    ids = [];
    for (let i = 0; i < 7; i++) {
      const { id } = await by.stripe.customers.create({ description: String(i) });
      ids.unshift(id);
    }
    created = ((await by.stripe.customers.retrieve(ids[3] ?? "")) as Stripe.Customer).created;
  });

  const page = async (query: string) => {
    const { status, body } = await system.call(`/v1/customers?${query}`, { key: m.secret });
    expect(status).toBe(200);
    const { data, has_more } = body as { data: { id: string }[]; has_more: boolean };
    return { at: data.map(({ id }) => ids.indexOf(id)), has_more };
  };

  test.each<[string, number[], boolean]>([
    ["limit=3", [0, 1, 2], true],
    ["limit=7", [0, 1, 2, 3, 4, 5, 6], false],
    ["limit=100", [0, 1, 2, 3, 4, 5, 6], false],
    ["", [0, 1, 2, 3, 4, 5, 6], false],
    ["limit=2&starting_after={0}", [1, 2], true],
    ["limit=3&starting_after={3}", [4, 5, 6], false],
    ["limit=3&starting_after={6}", [], false],
    ["limit=2&ending_before={6}", [4, 5], true],
    ["limit=3&ending_before={3}", [0, 1, 2], false],
    ["limit=2&ending_before={1}", [0], false],
    ["limit=3&ending_before={0}", [], false],
    ["starting_after=&ending_before=&limit=1", [0], true],
  ])("give of %s the page %j and say whether there is more: %s", async (query, at, has_more) => {
    const named = query.replaceAll(/\{(\d)\}/g, (_, i) => ids[Number(i)] ?? "");
    expect(await page(named)).toEqual({ at, has_more });
  });

  test.each([
    ["created={t}", (t: number, at: number) => at === t],
    ["created[gte]={t}&created[lte]={t}", (t: number, at: number) => at === t],
    ["created[gt]={t}", (t: number, at: number) => at > t],
    ["created[gte]={t}", (t: number, at: number) => at >= t],
    ["created[lt]={t}", (t: number, at: number) => at < t],
    ["created%5Blte%5D={t}", (t: number, at: number) => at <= t],
    ["created[gt]={t}&created[lt]={t}", () => false],
  ])("keep to %s", async (query, within) => {
    const all = (await m.stripe.customers.list({ limit: 100 })).data;
    const expected = all.filter((c) => within(created, c.created)).map((c) => ids.indexOf(c.id));
    expect((await page(query.replaceAll("{t}", String(created)))).at).toEqual(expected);
  });

  test("are walked to their ends by the SDK in both directions", async () => {
    const forward: string[] = [];
    for await (const { id } of m.stripe.customers.list({ limit: 2 })) forward.push(id);
    expect(forward).toEqual(ids);
    const last = ids.at(-1) ?? "";
    const back: string[] = [];
    for await (const { id } of m.stripe.customers.list({ limit: 2, ending_before: last })) {
      back.push(id);
    }
    expect(back).toEqual(ids.slice(0, -1).toReversed());
  });
});
