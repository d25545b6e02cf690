// The right to be forgotten, in the running system: what is deleted is gone for ever and from everywhere, also when
// the ledger's answer is lost and the object that asked is gone.

import type Stripe from "stripe";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { findInLedger } from "../../ops/forgotten.ts";
import { verifyLedger } from "../../ops/verify.ts";
import { idOf, uuidOf } from "../../protocol/ids.ts";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { ledger, type Merchant, refused, type System, startSystem } from "../system.ts";
import { type Doorway, startDoorway } from "./doorway.ts";

const CARD = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };
const PERSON = { name: "Hypatia Canary", address_line1: "Canary Row 7", address_zip: "CANARY" };
const NEEDLES = ["Hypatia", "Canary Row", "CANARY", "hypatia@canary.example", "likes-canaries"];
/** A search five seconds later, and the next one if the first came too early. */
const FORGOTTEN_MS_MAX = 30_000;

let doorway: Doorway;
let system: System;
let m: Merchant;
const urlOf = () =>
  inject("bindings")[homeOf(slotOf(m.account)) === "us" ? "DATABASE_URL_US" : "DATABASE_URL_EU"] ??
  "";

beforeAll(async () => {
  doorway = await startDoorway(inject("bindings")["SQL_ENDPOINT"] ?? "");
  system = await startSystem({ ...inject("bindings"), SQL_ENDPOINT: doorway.url });
  m = await system.merchant();
});
afterEach(() => doorway?.decide(() => "pass"));
afterAll(async () => {
  await system?.close();
  await doorway?.close();
});

const tokenOf = async () => (await m.stripe.tokens.create({ card: { ...CARD, ...PERSON } })).id;

/** A customer with one card and a charge that names the person wherever a merchant could. */
async function person() {
  const token = await tokenOf();
  const customer = await m.stripe.customers.create({
    source: token,
    name: PERSON.name,
    email: "hypatia@canary.example",
  });
  const charge = await m.stripe.charges.create({
    amount: 700,
    currency: "usd",
    customer: customer.id,
    description: "for Hypatia",
    receipt_email: "hypatia@canary.example",
    metadata: { note: "likes-canaries" },
    shipping: { name: PERSON.name, address: { line1: PERSON.address_line1 } },
  });
  const note = { note: "likes-canaries" };
  await m.stripe.refunds.create({ charge: charge.id, amount: 100, metadata: note });
  return { token, customer: customer.id, charge: charge.id };
}

const del = (path: string) => system.call(path, { method: "DELETE", key: m.secret });

const tokenStatus = async (token: string) =>
  (await system.call(`/v1/tokens/${token}`, { key: m.secret })).status;

/** The tables in which a word about the person stands. */
async function tablesWithPerson(): Promise<string[]> {
  const client = await ledger(inject("bindings"), homeOf(slotOf(m.account)));
  const { rows } = await client.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  const found: string[] = [];
  for (const { name } of rows) {
    const { rowCount } = await client.query(
      `select from "${name}" t where t::text ilike any ($1)`,
      [NEEDLES.map((needle) => `%${needle}%`)],
    );
    if (rowCount) found.push(name);
  }
  await client.end();
  return found;
}

const monthAhead = Math.floor(Date.now() / 1000) + 30 * 86_400;

describe("what is deleted", () => {
  test("a customer: the card is destroyed, its words are in no table, and the ledger verifies", async () => {
    const { token, customer, charge } = await person();
    expect(await tablesWithPerson()).not.toEqual([]);
    expect((await findInLedger(urlOf(), { customer })).places.some((p) => p.open)).toBe(true);
    const { status, body } = await del(`/v1/customers/${customer}`);
    expect([status, body]).toEqual([
      200,
      { id: customer, object: "customer", deleted: true, effective_at: expect.any(Number) },
    ]);
    expect((body as { effective_at: number }).effective_at).toBeGreaterThanOrEqual(monthAhead);
    expect(await tokenStatus(token)).toBe(404);
    expect(await tablesWithPerson()).toEqual([]);
    const found = await findInLedger(urlOf(), { customer });
    expect(found.places.filter((p) => p.open)).toEqual([]);
    expect(found.tokens).toEqual([token]);
    expect(await m.stripe.charges.retrieve(charge)).toMatchObject({
      amount: 700,
      amount_refunded: 100,
      customer,
      source: { last4: "4242", brand: "Visa", name: null },
    });
    expect(await verifyLedger(urlOf())).toEqual([]);
  });

  test("a token: it answers 404 for ever, to whoever asks for what", async () => {
    const token = await tokenOf();
    const { status, body } = await del(`/v1/tokens/${token}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: token, object: "token", deleted: true });
    expect(await tokenStatus(token)).toBe(404);
    expect((await del(`/v1/tokens/${token}`)).status).toBe(404);
    const charge = { amount: 100, currency: "usd", source: token };
    const missing = { statusCode: 404, code: "resource_missing" };
    expect(await refused(m.stripe.charges.create(charge))).toMatchObject(missing);
    expect(await refused(m.stripe.customers.create({ source: token }))).toMatchObject(missing);
    expect((await findInLedger(urlOf(), { token })).places.filter((p) => p.open)).toEqual([]);
    expect(await tablesWithPerson()).toEqual([]);
  });

  test("a customer's card: the newest one left is paid with, and another's card is not found", async () => {
    const { token, customer } = await person();
    const card = token.replace("tok_", "card_");
    const kept = (await m.stripe.customers.update(customer, { source: "tok_mastercard" }))
      .default_source as string;
    await m.stripe.customers.update(customer, { default_source: card });
    const stranger = await m.stripe.customers.create({});
    for (const path of [
      `/v1/customers/${stranger.id}/sources/${card}`,
      "/v1/customers/cus_x/sources/y",
    ]) {
      expect((await del(path)).status).toBe(404);
    }
    expect(await m.stripe.customers.deleteSource(customer, card)).toMatchObject({
      id: card,
      object: "card",
      deleted: true,
    });
    expect((await del(`/v1/customers/${customer}/sources/${card}`)).status).toBe(404);
    expect(await tokenStatus(token)).toBe(404);
    const shown = await m.stripe.customers.retrieve(customer, { expand: ["sources"] });
    expect(shown).toMatchObject({ default_source: kept, sources: { data: [{ id: kept }] } });
    const paid = await m.stripe.charges.create({ amount: 300, currency: "usd", customer });
    expect(paid).toMatchObject({ paid: true, source: { id: kept } });
    await del(`/v1/customers/${customer}`);
    expect(await tablesWithPerson()).toEqual([]);
    expect(await verifyLedger(urlOf())).toEqual([]);
  });

  const CARD_OF_METHOD = { ...CARD, exp_month: 12, exp_year: 2034 };
  const BILLED = {
    name: PERSON.name,
    email: "hypatia@canary.example",
    address: { line1: PERSON.address_line1, postal_code: PERSON.address_zip },
  };
  const methodOf = (metadata = { note: "likes-canaries" }) =>
    m.stripe.paymentMethods.create({
      type: "card",
      card: CARD_OF_METHOD,
      billing_details: BILLED,
      metadata,
    });
  const tokenOfMethod = async (id: string): Promise<string> => {
    const client = await ledger(inject("bindings"), homeOf(slotOf(m.account)));
    const { rows } = await client.query<{ token: string }>(
      "select token from objects where id = $1",
      [uuidOf("pm", id)],
    );
    await client.end();
    return idOf("tok", rows[0]?.token ?? "");
  };

  test.each(["DELETE of the payment method", "DELETE of its token"])(
    "a payment method, by %s: its card is destroyed, and it is found nowhere",
    async (how) => {
      const made = await methodOf();
      const { id: customer } = await m.stripe.customers.create({});
      await m.stripe.paymentMethods.attach(made.id, { customer });
      await m.stripe.paymentMethods.update(made.id, { metadata: { more: "likes-canaries" } });
      const token = await tokenOfMethod(made.id);
      expect((await findInLedger(urlOf(), { token })).places.some((p) => p.open)).toBe(true);
      const isMethod = how.includes("payment method");
      const { status, body } = await del(
        isMethod ? `/v1/payment_methods/${made.id}` : `/v1/tokens/${token}`,
      );
      expect(status).toBe(200);
      expect(body).toEqual({
        id: isMethod ? made.id : token,
        object: isMethod ? "payment_method" : "token",
        deleted: true,
        effective_at: expect.any(Number),
      });
      expect((body as { effective_at: number }).effective_at).toBeGreaterThanOrEqual(monthAhead);
      expect(await tokenStatus(token)).toBe(404);
      const missing = { statusCode: 404, code: "resource_missing" };
      for (const call of [
        () => m.stripe.paymentMethods.retrieve(made.id),
        () => m.stripe.paymentMethods.update(made.id, { metadata: {} }),
        () => m.stripe.paymentMethods.attach(made.id, { customer }),
        () => m.stripe.paymentMethods.detach(made.id),
      ]) {
        expect(await refused(call())).toMatchObject(missing);
      }
      expect((await del(`/v1/payment_methods/${made.id}`)).status).toBe(404);
      expect((await m.stripe.customers.listPaymentMethods(customer)).data).toEqual([]);
      expect(await tablesWithPerson()).toEqual([]);
      const found = await findInLedger(urlOf(), { token });
      expect(found.places.filter((p) => p.open)).toEqual([]);
      const told = await m.stripe.events.list({ type: "payment_method.detached", limit: 1 });
      expect(told.data[0]?.data.object).toMatchObject({ id: made.id, deleted: true });
      expect(JSON.stringify(await m.stripe.events.list({ limit: 100 }))).not.toMatch(/Hypatia/);
      expect(await verifyLedger(urlOf())).toEqual([]);
    },
  );

  test("a payment method of nobody: no merchant is told of it as detached", async () => {
    const made = await methodOf();
    const before = await m.stripe.events.list({ limit: 1 });
    expect((await del(`/v1/payment_methods/${made.id}`)).status).toBe(200);
    expect((await m.stripe.events.list({ limit: 1 })).data).toEqual(before.data);
    expect(await tablesWithPerson()).toEqual([]);
    expect(await verifyLedger(urlOf())).toEqual([]);
  });

  test("a customer: its payment methods go with it, also from the answers of their keys", async () => {
    const { id: customer } = await m.stripe.customers.create({});
    const key = { idempotencyKey: `method-of-${customer}` };
    const params = {
      type: "card",
      card: CARD_OF_METHOD,
      billing_details: BILLED,
    } as const;
    const made = await m.stripe.paymentMethods.create(params, key);
    await m.stripe.paymentMethods.attach(made.id, { customer });
    const token = await tokenOfMethod(made.id);
    await del(`/v1/customers/${customer}`);
    expect(await tokenStatus(token)).toBe(404);
    expect((await del(`/v1/payment_methods/${made.id}`)).status).toBe(404);
    expect((await findInLedger(urlOf(), { customer })).places.filter((p) => p.open)).toEqual([]);
    expect(await tablesWithPerson()).toEqual([]);
    const again = await m.stripe.paymentMethods.create(params, key);
    expect(again).toMatchObject({ id: made.id, deleted: true });
    expect(JSON.stringify(again)).not.toMatch(/Hypatia/);
    expect(await verifyLedger(urlOf())).toEqual([]);
  });

  test("a customer: a payment method that it was detached from goes with it", async () => {
    const { id: customer } = await m.stripe.customers.create({});
    const made = await methodOf();
    const token = await tokenOfMethod(made.id);
    await m.stripe.paymentMethods.attach(made.id, { customer });
    await m.stripe.paymentMethods.detach(made.id);
    await m.stripe.paymentMethods.update(made.id, { metadata: { more: "likes-canaries" } });
    const before = await findInLedger(urlOf(), { customer });
    expect(before.places.filter((p) => p.open && p.where.endsWith("object_versions"))).toHaveLength(
      1,
    );
    expect(before.tokens).toEqual([token]);
    expect((await del(`/v1/customers/${customer}`)).status).toBe(200);
    expect(await tokenStatus(token)).toBe(404);
    const missing = { statusCode: 404, code: "resource_missing" };
    expect(await refused(m.stripe.paymentMethods.retrieve(made.id))).toMatchObject(missing);
    expect(await tablesWithPerson()).toEqual([]);
    const found = await findInLedger(urlOf(), { customer });
    expect(found.places.filter((p) => p.open)).toEqual([]);
    expect(found.tokens).toEqual([token]);
    expect(await verifyLedger(urlOf())).toEqual([]);
  });

  test.each(["payment method", "card"])(
    "a %s that nothing was paid with: its words go from intents, also where they were before",
    async (kind) => {
      const { id: customer } = await m.stripe.customers.create({});
      const card = await tokenOf();
      const method =
        kind === "card"
          ? (await m.stripe.customers.createSource(customer, { source: card })).id
          : (await methodOf()).id;
      const token = kind === "card" ? card : await tokenOfMethod(method);
      const of = kind === "card" ? { customer } : {};
      const intent = { amount: 700, currency: "usd", payment_method: method, ...of };
      const [now, before] = [
        await m.stripe.paymentIntents.create(intent),
        await m.stripe.paymentIntents.create(intent),
      ];
      await m.stripe.paymentIntents.update(before.id, { payment_method: "pm_card_visa" });
      if (kind !== "card") await m.stripe.setupIntents.create({ payment_method: method });
      const client = await ledger(inject("bindings"), homeOf(slotOf(m.account)));
      const held = async () => {
        const { rowCount } = await client.query(
          "select from object_versions where document::text ~ 'Hypatia' and id = any ($1)",
          [[uuidOf("pi", now.id), uuidOf("pi", before.id)]],
        );
        return rowCount;
      };
      expect(await held()).toBe(2);
      expect((await findInLedger(urlOf(), { token })).places.some((p) => p.open)).toBe(true);
      expect((await del(`/v1/tokens/${token}`)).status).toBe(200);
      expect(await held()).toBe(0);
      await client.end();
      expect(await tablesWithPerson()).toEqual([]);
      expect((await findInLedger(urlOf(), { token })).places.filter((p) => p.open)).toEqual([]);
      expect((await m.stripe.paymentIntents.cancel(now.id)).status).toBe("canceled");
      expect(await verifyLedger(urlOf())).toEqual([]);
    },
  );

  test.each(["a payment intent", "a setup intent"])(
    "a payment method that was made with %s: the request hears its answer again, without the words",
    async (what) => {
      const { name, address_line1: line1, address_zip: postal_code } = PERSON;
      const data = {
        payment_method_data: {
          type: "card",
          card: CARD_OF_METHOD,
          billing_details: { name, address: { line1, postal_code } },
        },
      } as const;
      const key = { idempotencyKey: `made-with-${what.replaceAll(" ", "-")}` };
      const make = () =>
        what === "a payment intent"
          ? m.stripe.paymentIntents.create({ amount: 700, currency: "usd", ...data }, key)
          : m.stripe.setupIntents.create(data as Stripe.SetupIntentCreateParams, key);
      const first = await make();
      await del(`/v1/payment_methods/${first.payment_method}`);
      expect(await make()).toMatchObject({ id: first.id, payment_method: first.payment_method });
      expect(await tablesWithPerson()).toEqual([]);
    },
  );

  test("a customer's card: what it was once is gone from every answer and event", async () => {
    const { id: customer } = await m.stripe.customers.create({});
    const key = { idempotencyKey: `card-of-${customer}` };
    const token = await tokenOf();
    const made = await m.stripe.customers.createSource(customer, { source: token }, key);
    await m.stripe.customers.updateSource(customer, made.id, {
      name: "Hypatia",
      metadata: { note: "likes-canaries" },
    });
    expect((await findInLedger(urlOf(), { token })).places.some((p) => p.open)).toBe(true);
    await m.stripe.customers.deleteSource(customer, made.id);
    expect(await tablesWithPerson()).toEqual([]);
    expect((await findInLedger(urlOf(), { token })).places.filter((p) => p.open)).toEqual([]);
    const gone = { id: made.id, object: "card", deleted: true };
    const again = m.stripe.customers.createSource(customer, { source: token }, key);
    expect(await refused(again)).toMatchObject({ code: "resource_missing", param: "source" });
    const told = await m.stripe.events.list({ type: "customer.source.*", limit: 3 });
    for (const { data } of told.data) expect(data.object).toMatchObject(gone);
  });

  test("of another merchant is not found, and stays", async () => {
    const token = await tokenOf();
    const other = await system.merchant();
    const answer = await system.call(`/v1/tokens/${token}`, {
      method: "DELETE",
      key: other.secret,
    });
    expect(answer.status).toBe(404);
    expect(await tokenStatus(token)).toBe(200);
    await del(`/v1/tokens/${token}`);
  });
});

describe("a deletion that the ledger has committed", () => {
  const crash = () =>
    system.worker.evictDurableObject("SHARD", { name: `slot-${slotOf(m.account)}` });

  test.each([
    { what: "of a customer", mark: '\\\\\\"removed\\\\\\":true', pathOf: "customer" },
    { what: "of a token", mark: "forget_card", pathOf: "token" },
  ] as const)(
    "$what destroys the card though its answer is lost and the shard is gone",
    async (t) => {
      const { token, customer } = await person();
      let lost = 0;
      doorway.decide((body) => {
        const isIt =
          body.includes(t.mark) || (t.pathOf === "customer" && /removed[\\"]+:true/.test(body));
        if (!isIt) return "pass";
        lost++;
        return "lose_answer";
      });
      const path = t.pathOf === "customer" ? `/v1/customers/${customer}` : `/v1/tokens/${token}`;
      expect((await del(path)).status).toBe(503);
      expect(lost).toBeGreaterThan(0);
      doorway.decide(() => "pass");
      await crash();
      await expect.poll(() => tokenStatus(token), { timeout: FORGOTTEN_MS_MAX }).toBe(404);
      const open = async () =>
        (await findInLedger(urlOf(), { token })).places.filter((p) => p.open).map((p) => p.what);
      await expect.poll(open, { timeout: FORGOTTEN_MS_MAX }).toEqual([]);
      if (t.pathOf === "token") await del(`/v1/customers/${customer}`);
      expect(await tablesWithPerson()).toEqual([]);
    },
  );

  test("is owed until the ledger has heard that the card is destroyed", async () => {
    const token = await tokenOf();
    doorway.decide((body) => (body.includes("cards_destroyed") ? "lose_question" : "pass"));
    expect((await del(`/v1/tokens/${token}`)).status).toBe(200);
    expect(await tokenStatus(token)).toBe(404);
    const owed = async () => (await findInLedger(urlOf(), { token })).places.some((p) => p.open);
    expect(await owed()).toBe(true);
    doorway.decide(() => "pass");
    await crash();
    await expect.poll(owed, { timeout: FORGOTTEN_MS_MAX }).toBe(false);
  });
});
