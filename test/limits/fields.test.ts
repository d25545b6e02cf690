import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";
import { verdictOf } from "./refusal.ts";

let system: System;
let m: Merchant;
let customer: string;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  customer = (await m.stripe.customers.create({ source: "tok_visa" })).id;
});
afterAll(() => system?.close());

type Form = Record<string, string>;

const post = (path: string, form: Form) => system.call(path, { key: m.secret, form });
const postJson = (path: string, body: unknown) =>
  system.call(path, {
    method: "POST",
    key: m.secret,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

describe("metadata", () => {
  const keys = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`metadata[k${i}]`, "v"]));
  test.each([
    ["51 keys", keys(51), false],
    ["a key of 41 characters", { [`metadata[${"k".repeat(41)}]`]: "v" }, false],
    ["a value of 501 characters", { "metadata[k]": "v".repeat(501) }, false],
    ["an object as a value", { "metadata[k][l]": "v" }, false],
    ["a null character in a value", { "metadata[k]": "a\u0000" }, false],
    ["a null character in a key", { "metadata[k\u0000]": "a" }, false],
    ["text instead of pairs", { metadata: "text" }, false],
    ["50 keys", keys(50), true],
    ["a key of 40 characters", { [`metadata[${"k".repeat(40)}]`]: "v" }, true],
    ["a value of 500 characters", { "metadata[k]": "v".repeat(500) }, true],
    ["a key of all objects", { "metadata[toString]": "v", "metadata[hasOwnProperty]": "w" }, true],
    ["characters of all kinds", { "metadata[🏛 ключ]": "⟡ “x” \\ ' ; -- \u2028" }, true],
  ] as const)("of %s is %#", async (_, pairs, taken) => {
    const call = await post("/v1/customers", { ...pairs } as Form);
    if (!taken) {
      expect(verdictOf(call)).toBe("400 parameter_invalid metadata");
      return;
    }
    expect(call.status).toBe(200);
    const expected = Object.entries(pairs).map(([name, value]) => [name.slice(9, -1), value]);
    expect((call.body as { metadata: object }).metadata).toEqual(Object.fromEntries(expected));
  });

  test.each(["\ud800", "a\udc00"])("with half a character %j is refused", async (half) => {
    for (const metadata of [{ k: half }, { [half]: "v" }]) {
      const call = await postJson("/v1/customers", { metadata });
      expect(verdictOf(call)).toBe("400 parameter_invalid metadata");
    }
  });

  test("with the same key again keeps the last", async () => {
    const call = await system.call("/v1/customers", {
      method: "POST",
      key: m.secret,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "metadata[a]=1&metadata[a]=2",
    });
    expect(call.body).toMatchObject({ metadata: { a: "2" } });
  });
});

describe("a customer", () => {
  test.each([
    ["an address of text", { address: "Berlin" }, "400 parameter_invalid address"],
    [
      "an unknown line of an address",
      { "address[planet]": "Earth" },
      "400 parameter_unknown address[planet]",
    ],
    [
      "a country of three letters",
      { "address[country]": "DEU" },
      "400 parameter_invalid address[country]",
    ],
    [
      "an unknown part of its shipping",
      { "shipping[speed]": "1" },
      "400 parameter_unknown shipping[speed]",
    ],
    [
      "a null character in an address",
      { "address[city]": "B\u0000" },
      "400 parameter_invalid address[city]",
    ],
    ["a name of 257 characters", { name: "n".repeat(257) }, "400 parameter_invalid name"],
    ["a token that is none", { source: "tok_nobody" }, "404 resource_missing source"],
  ] as const)("with %s is refused", async (_, form, verdict) => {
    expect(verdictOf(await post("/v1/customers", { ...form }))).toBe(verdict);
    expect(verdictOf(await post(`/v1/customers/${customer}`, { ...form }))).toBe(verdict);
  });

  test.each(["", "card_x", "card_0000000000000000000001"])(
    "cannot keep the card %j",
    async (card) => {
      const call = await post(`/v1/customers/${customer}`, { default_source: card });
      if (card === "") expect(call.status).toBe(200);
      else expect(verdictOf(call)).toBe("404 resource_missing default_source");
    },
  );
});

describe("a list", () => {
  test.each([
    ["limit=0", "400 parameter_invalid_integer limit"],
    ["limit=101", "400 parameter_invalid_integer limit"],
    ["limit=-1", "400 parameter_invalid_integer limit"],
    ["limit=", "400 parameter_missing limit"],
    ["limit=x", "400 parameter_invalid_integer limit"],
    ["limit[a]=1", "400 parameter_invalid_integer limit"],
    ["starting_after=nothing", "404 resource_missing starting_after"],
    ["ending_before=nothing", "404 resource_missing ending_before"],
    ["starting_after=a&ending_before=b", "400 parameter_invalid ending_before"],
    ["created=yesterday", "400 parameter_invalid_integer created"],
    ["created[gt]=x", "400 parameter_invalid_integer created[gt]"],
    ["created[after]=1", "400 parameter_unknown created[after]"],
    ["expand[]=data.colour", "400 parameter_invalid expand"],
    ["offset=1", "400 parameter_unknown offset"],
  ])("with %s is refused", async (query, verdict) => {
    for (const path of ["charges", "customers", "refunds", "events", "balance_transactions"]) {
      const call = await system.call(`/v1/${path}?${query}`, { key: m.secret });
      expect(verdictOf(call), path).toBe(verdict);
    }
  });

  test.each(["limit=1", "limit=100", "created[gte]=0&created[lt]=99999999999", "expand[]="])(
    "with %s is given",
    async (query) => {
      const call = await system.call(`/v1/charges?${query}`, { key: m.secret });
      expect(call).toMatchObject({ status: 200, body: { object: "list", url: "/v1/charges" } });
    },
  );
});
