import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { uuidOf } from "../../protocol/ids.ts";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { verdictOf } from "../limits/refusal.ts";
import { ledger, type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

const VISA = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

/** Without what the SDK adds. */
function bare<T extends { lastResponse?: unknown }>({ lastResponse: _, ...object }: T) {
  return object;
}

const customerOf = async (params: Stripe.CustomerCreateParams = {}) =>
  (await m.stripe.customers.create(params)).id;
const defaultOf = async (id: string) =>
  ((await m.stripe.customers.retrieve(id)) as Stripe.Customer).default_source;
const add = async (customer: string, source = "tok_visa", options?: Stripe.RequestOptions) =>
  (await m.stripe.customers.createSource(customer, { source }, options)) as Stripe.Card &
    Stripe.Response<Stripe.CustomerSource>;

describe("a customer's card", () => {
  test("has every field of Stripe's", async () => {
    const customer = await customerOf();
    const token = await m.stripe.tokens.create({
      card: { ...VISA, name: "Ada", address_line1: "Row 7", address_zip: "10115" },
    });
    const card = await m.stripe.customers.createSource(customer, {
      source: token.id,
      metadata: { a: "1" },
    });
    expect(bare(card)).toEqual({
      id: token.card?.id,
      object: "card",
      address_city: null,
      address_country: null,
      address_line1: "Row 7",
      address_line1_check: null,
      address_line2: null,
      address_state: null,
      address_zip: "10115",
      address_zip_check: null,
      brand: "Visa",
      country: null,
      customer,
      cvc_check: null,
      dynamic_last4: null,
      exp_month: 12,
      exp_year: 2034,
      fingerprint: token.card?.fingerprint,
      funding: "unknown",
      last4: "4242",
      metadata: { a: "1" },
      name: "Ada",
      regulated_status: null,
      tokenization_method: null,
      wallet: null,
    });
    expect(bare(await m.stripe.customers.retrieveSource(customer, card.id))).toEqual(bare(card));
    expect(await refused(add(customer, token.id))).toMatchObject({ code: "token_already_used" });
  });

  test("is charged by default when it is the first, or is made so", async () => {
    const customer = await customerOf();
    const first = await add(customer, "tok_visa");
    const second = await add(customer, "tok_mastercard");
    expect(await defaultOf(customer)).toBe(first.id);
    const charge = (source?: string) =>
      m.stripe.charges.create({
        amount: 100,
        currency: "usd",
        customer,
        ...(source === undefined ? {} : { source }),
      });
    expect(await charge()).toMatchObject({ source: { id: first.id } });
    expect(await charge(second.id)).toMatchObject({ source: { id: second.id } });
    await m.stripe.customers.update(customer, { default_source: second.id });
    expect(await charge()).toMatchObject({ source: { id: second.id } });
    const third = await m.stripe.customers.update(customer, { source: "tok_amex" });
    expect(third.default_source).not.toBe(second.id);
    const expand = ["sources"];
    const shown = (await m.stripe.customers.retrieve(customer, { expand })) as Stripe.Customer;
    expect(shown.sources?.data.map(({ id }) => id)).toEqual([
      third.default_source,
      second.id,
      first.id,
    ]);
  });

  test("is changed, and charged as it is then", async () => {
    const customer = await customerOf();
    const { id } = await add(customer);
    const params = {
      name: "Ada",
      address_city: "Berlin",
      address_line1: "Row 8",
      address_line2: "Yard",
      address_state: "BE",
      address_zip: "10117",
      address_country: "DE",
      exp_month: "3",
      exp_year: "2040",
      metadata: { a: "1", b: "2" },
    };
    const changed = (await m.stripe.customers.updateSource(customer, id, params)) as Stripe.Card;
    expect(changed).toMatchObject({ ...params, exp_month: 3, exp_year: 2040, country: null });
    const paid = await m.stripe.charges.create({ amount: 100, currency: "usd", customer });
    expect(paid).toMatchObject({
      source: { id, name: "Ada", address_zip: "10117", exp_year: 2040, metadata: {} },
      billing_details: { name: "Ada" },
    });
    const { lastResponse: _, ...again } = await m.stripe.charges.retrieve(paid.id);
    expect(again).toEqual(bare(paid));
    const unset = await m.stripe.customers.updateSource(customer, id, {
      name: "",
      metadata: { a: "" },
    });
    expect(unset).toMatchObject({ name: null, metadata: { b: "2" }, address_city: "Berlin" });
    expect(unset.metadata).not.toHaveProperty("a");
    expect(bare(await m.stripe.customers.retrieveSource(customer, id))).toEqual(bare(unset));
  });

  test("is asked for at the bank with the end that is known of it now", async () => {
    const customer = await customerOf();
    const { id } = await add(customer);
    const charge = () => m.stripe.charges.create({ amount: 100, currency: "usd", customer });
    const client = await ledger(inject("bindings"), homeOf(slotOf(m.account)));
    await client.query("update cards set card = card || '{\"exp_year\":2020}' where id = $1", [
      uuidOf("card", id),
    ]);
    await client.end();
    expect(await refused(charge())).toMatchObject({ code: "expired_card" });
    await m.stripe.customers.updateSource(customer, id, { exp_year: "2040" });
    expect(await charge()).toMatchObject({ paid: true, source: { exp_year: 2040 } });
  });

  test("has the answer of each key for ever, whatever became of it", async () => {
    const customer = await customerOf();
    const made = await add(customer, "tok_visa", { idempotencyKey: `add-${customer}` });
    const update = (name: string) =>
      m.stripe.customers.updateSource(
        customer,
        made.id,
        { name },
        { idempotencyKey: `name-${name}-${customer}` },
      );
    const ada = await update("Ada");
    await update("Eva");
    expect(bare(await update("Ada"))).toEqual(bare(ada));
    expect(bare(await add(customer, "tok_visa", { idempotencyKey: `add-${customer}` }))).toEqual(
      bare(made),
    );
    await system.worker.evictDurableObject("SHARD", { name: `slot-${slotOf(m.account)}` });
    expect(bare(await update("Ada"))).toEqual(bare(ada));
  });

  test("is told of by events of its own", async () => {
    const one = await system.merchant();
    const { customers, events } = one.stripe;
    const { id } = await customers.create({ source: "tok_visa" });
    const card = await customers.createSource(id, { source: "tok_amex" });
    await customers.updateSource(id, card.id, { name: "Ada" });
    await customers.deleteSource(id, card.id);
    const told = (await events.list({ limit: 100 })).data;
    expect(told.map(({ type }) => type).reverse()).toEqual([
      "customer.created",
      "customer.source.created",
      "customer.updated",
      "customer.source.created",
      "customer.updated",
      "customer.source.updated",
      "customer.updated",
      "customer.source.deleted",
    ]);
    const sources = await events.list({ type: "customer.source.*" });
    expect(sources.data.map(({ data }) => Reflect.get(data.object, "id"))).toEqual([
      card.id,
      card.id,
      card.id,
      expect.stringMatching(/^card_/),
    ]);
    const deleted = await events.list({ type: "customer.source.deleted" });
    expect(deleted.data).toHaveLength(1);
    for (const { id: event } of told) expect((await events.retrieve(event)).id).toBe(event);
  });
});

describe("a customer's list of cards", () => {
  test.each(["sources", "cards"])("at /%s is paged through, newest first", async (name) => {
    const customer = await customerOf();
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.unshift((await add(customer)).id);
    type List = { data: { id: string }[]; has_more: boolean; url: string };
    const list = async (query: string) => {
      const path = `/v1/customers/${customer}/${name}`;
      const body = (await system.call(`${path}?${query}`, { key: m.secret })).body as List;
      expect(body.url).toBe(path);
      return [body.data.map(({ id }) => id), body.has_more];
    };
    const [a, b, c, d, e] = made;
    expect(await list("")).toEqual([made, false]);
    expect(await list("object=card&limit=2")).toEqual([[a, b], true]);
    expect(await list(`limit=2&starting_after=${b}`)).toEqual([[c, d], true]);
    expect(await list(`limit=2&starting_after=${d}`)).toEqual([[e], false]);
    expect(await list(`limit=2&ending_before=${e}`)).toEqual([[c, d], true]);
    expect(await list(`limit=2&ending_before=${c}`)).toEqual([[a, b], false]);
    expect(await list("object=bank_account")).toEqual([[], false]);
  });
});

test.each([
  [{ exp_year: "2020" }, "402 invalid_expiry_year exp_year"],
  [{ exp_month: "1", exp_year: "2020" }, "402 invalid_expiry_year exp_year"],
])("a card is given no end that is past: %j", async (params, verdict) => {
  const customer = await customerOf();
  const { id } = await add(customer);
  const path = `/v1/customers/${customer}/sources/${id}`;
  const form = params as Record<string, string>;
  expect(verdictOf(await system.call(path, { key: m.secret, form }))).toBe(verdict);
  const method = await m.stripe.paymentMethods.create({
    type: "card",
    card: { token: "tok_visa" },
  });
  const card = Object.fromEntries(
    Object.entries(form).map(([name, value]) => [`card[${name}]`, value]),
  );
  const ofMethod = `/v1/payment_methods/${method.id}`;
  expect(verdictOf(await system.call(ofMethod, { key: m.secret, form: card }))).toBe(verdict);
});

describe("a card is refused", () => {
  let customer: string;
  let card: string;
  beforeAll(async () => {
    customer = await customerOf();
    card = (await add(customer)).id;
  });

  test.each([
    ["POST", "/v1/customers/{customer}/sources", {}, "400 parameter_missing source"],
    ["POST", "/v1/customers/cus_x/sources", { source: "tok_visa" }, "404 resource_missing id"],
    [
      "POST",
      "/v1/customers/{customer}/sources",
      { source: "tok_x" },
      "404 resource_missing source",
    ],
    [
      "POST",
      "/v1/customers/{customer}/sources/{card}",
      { exp_month: "13" },
      "400 parameter_invalid_integer exp_month",
    ],
    [
      "POST",
      "/v1/customers/{customer}/sources/{card}",
      { exp_year: "34" },
      "400 parameter_invalid_integer exp_year",
    ],
    [
      "POST",
      "/v1/customers/{customer}/sources/{card}",
      { address_country: "DEU" },
      "400 parameter_invalid address_country",
    ],
    [
      "POST",
      "/v1/customers/{customer}/sources/{card}",
      { number: VISA.number },
      "400 pan_detected number",
    ],
    [
      "POST",
      "/v1/customers/{customer}/sources/{card}",
      { name: VISA.number },
      "400 pan_detected name",
    ],
    ["POST", "/v1/customers/{customer}/sources/card_x", { name: "Ada" }, "404 resource_missing id"],
    [
      "POST",
      "/v1/customers/{customer}/sources/card_0000000000000000000001",
      { name: "A" },
      "404 resource_missing id",
    ],
    ["POST", "/v1/customers/{other}/sources/{card}", { name: "Ada" }, "404 resource_missing id"],
    ["GET", "/v1/customers/{other}/sources/{card}", undefined, "404 resource_missing id"],
    [
      "GET",
      "/v1/customers/{customer}/sources?starting_after=card_x",
      undefined,
      "404 resource_missing starting_after",
    ],
    [
      "GET",
      "/v1/customers/{customer}/sources?starting_after=a&ending_before=b",
      undefined,
      "400 parameter_invalid ending_before",
    ],
    ["GET", "/v1/customers/cus_x/sources", undefined, "404 resource_missing id"],
  ] as const)("%s %s %j", async (method, path, form, verdict) => {
    const other = path.includes("{other}") ? await customerOf() : "";
    const filled = path
      .replace("{customer}", customer)
      .replace("{card}", card)
      .replace("{other}", other);
    const call = await system.call(filled, {
      method,
      key: m.secret,
      ...(form === undefined ? {} : { form: { ...form } as Record<string, string> }),
    });
    expect(verdictOf(call)).toBe(verdict);
  });
});
