// What is said of a charge after it was made: shown from then on, and not before.

import type Stripe from "stripe";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { ledger, type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant("us");
});
afterAll(() => system?.close());

const PAY = { amount: 2000, currency: "usd", source: "tok_visa" } as const;
const SHIPPING = {
  name: "Ada Lovelace",
  address: { line1: "1 Mosaic Street", city: "Berlin", postal_code: "10115" },
  carrier: "Post",
  tracking_number: "T1",
};
/** As it is shown: each field, also what was not said. */
const SHOWN = {
  ...SHIPPING,
  phone: null,
  address: { ...SHIPPING.address, line2: null, state: null, country: null },
};

test("a charge shows what was changed of it, wherever it is read", async () => {
  const charge = await m.stripe.charges.create({
    ...PAY,
    description: "Ten tiles",
    metadata: { order: "A", by: "Ada" },
  });
  const changed = await m.stripe.charges.update(charge.id, {
    description: "Eleven tiles",
    metadata: { by: "", at: "noon" },
    receipt_email: "ada@example.com",
    shipping: SHIPPING,
    fraud_details: { user_report: "safe" },
  });
  expect(changed).toEqual({
    ...charge,
    description: "Eleven tiles",
    metadata: { order: "A", at: "noon" },
    receipt_email: "ada@example.com",
    shipping: SHOWN,
    fraud_details: { user_report: "safe" },
  });
  expect(await m.stripe.charges.retrieve(charge.id)).toEqual(changed);
  const listed = await m.stripe.charges.list({ limit: 1 });
  expect(listed.data).toEqual([changed]);
  const refund = await m.stripe.refunds.create(
    { charge: charge.id, amount: 1 },
    { idempotencyKey: `r-${charge.id}` },
  );
  const expanded = await m.stripe.refunds.retrieve(refund.id, { expand: ["charge"] });
  expect(expanded.charge).toMatchObject({ description: "Eleven tiles" });
});

test("a second change goes before the first, and an empty value unsets", async () => {
  const charge = await m.stripe.charges.create({ ...PAY, description: "One" });
  await m.stripe.charges.update(charge.id, { description: "Two", shipping: SHIPPING });
  await m.stripe.charges.update(charge.id, { metadata: { a: "b" } });
  const last = await m.stripe.charges.update(charge.id, {
    description: "",
    shipping: "" as never,
    metadata: "",
  });
  expect(last).toEqual({ ...charge, description: null });
});

test("answers and events of before stay what they were", async () => {
  const idempotencyKey = `before-${Date.now()}`;
  const charge = await m.stripe.charges.create({ ...PAY, description: "One" }, { idempotencyKey });
  const key = { idempotencyKey: `change-${charge.id}` };
  const first = await m.stripe.charges.update(charge.id, { description: "Two" }, key);
  await m.stripe.charges.update(charge.id, { description: "Three" });
  expect(await m.stripe.charges.create({ ...PAY, description: "One" }, { idempotencyKey })).toEqual(
    charge,
  );
  expect(await m.stripe.charges.update(charge.id, { description: "Two" }, key)).toEqual(first);
  const events = await m.stripe.events.list({ limit: 20 });
  const told = events.data
    .filter(({ data }) => (data.object as Stripe.Charge).id === charge.id)
    .map(({ type, data }) => [type, (data.object as Stripe.Charge).description]);
  expect(told.reverse()).toEqual([
    ["charge.succeeded", "One"],
    ["charge.updated", "Two"],
    ["charge.updated", "Three"],
  ]);
});

test("a charge without a customer can be given one, and keeps it", async () => {
  const [ada, bob] = await Promise.all([
    m.stripe.customers.create({ name: "Ada" }),
    m.stripe.customers.create({ name: "Bob" }),
  ]);
  const charge = await m.stripe.charges.create({ ...PAY, description: "Ada's" });
  const given = await m.stripe.charges.update(charge.id, { customer: ada.id });
  expect(given.customer).toBe(ada.id);
  expect(await m.stripe.charges.update(charge.id, { customer: ada.id })).toEqual(given);
  const other = m.stripe.charges.update(charge.id, { customer: bob.id });
  expect(await refused(other)).toMatchObject({ statusCode: 400, param: "customer" });
  const stranger = await system.merchant();
  const foreign = await stranger.stripe.charges.create(PAY);
  expect(
    await refused(stranger.stripe.charges.update(foreign.id, { customer: ada.id })),
  ).toMatchObject({ statusCode: 404, param: "customer" });
});

test("what was said of a person goes with the customer", async () => {
  const customer = await m.stripe.customers.create({ name: "Ada" });
  const charge = await m.stripe.charges.create(PAY);
  await m.stripe.charges.update(charge.id, {
    customer: customer.id,
    description: "For Ada, by the river",
    receipt_email: "ada@example.com",
    shipping: { ...SHIPPING, address: { line1: "7 Vanished Lane" } },
    metadata: { name: "Ada" },
  });
  const client = await ledger(inject("bindings"), "us");
  const versions = async (text: string) =>
    (await client.query("select from object_versions where document::text ~ $1", [text])).rowCount;
  try {
    for (const text of ["by the river", "Vanished Lane"]) expect(await versions(text)).toBe(1);
    await m.stripe.customers.del(customer.id);
    for (const text of ["by the river", "Vanished Lane"]) expect(await versions(text)).toBe(0);
  } finally {
    await client.end();
  }
  expect(await m.stripe.charges.retrieve(charge.id)).toMatchObject({
    customer: customer.id,
    description: null,
    receipt_email: null,
    shipping: null,
    metadata: {},
  });
});

test("what cannot be is refused", async () => {
  const charge = await m.stripe.charges.create(PAY);
  const report = m.stripe.charges.update(charge.id, {
    fraud_details: { user_report: "maybe" as never },
  });
  expect(await refused(report)).toMatchObject({ param: "fraud_details[user_report]" });
  const amount = m.stripe.charges.update(charge.id, { amount: 1 } as never);
  expect(await refused(amount)).toMatchObject({ code: "parameter_unknown", param: "amount" });
});
