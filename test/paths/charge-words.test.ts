// What a charge is made with beside its money: where it is sent, what the statement says after its descriptor, and to
// which group it belongs; and that charges are found by their group.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { ledger, type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant("us");
});
afterAll(() => system?.close());

const PAY = { amount: 2000, currency: "usd", source: "tok_visa" } as const;
const SHIPPING = { name: "Ada", address: { line1: "1 Mosaic Street" }, tracking_number: "T1" };
const SHOWN = {
  address: {
    city: null,
    country: null,
    line1: "1 Mosaic Street",
    line2: null,
    postal_code: null,
    state: null,
  },
  carrier: null,
  name: "Ada",
  phone: null,
  tracking_number: "T1",
};
const WORDS = { statement_descriptor_suffix: "BLUE", transfer_group: "ORDER-1" };

const idsOf = async (transfer_group: string) =>
  (await m.stripe.charges.list({ transfer_group })).data.map(({ id }) => id);

describe("a charge that is made with words", () => {
  test("shows them, wherever and whenever it is read", async () => {
    const idempotencyKey = `words-${Date.now()}`;
    const params = { ...PAY, ...WORDS, shipping: SHIPPING };
    const charge = await m.stripe.charges.create(params, { idempotencyKey });
    expect(charge).toMatchObject({ ...WORDS, shipping: SHOWN });
    expect(await m.stripe.charges.retrieve(charge.id)).toEqual(charge);
    expect(await m.stripe.charges.create(params, { idempotencyKey })).toEqual(charge);
    const events = await m.stripe.events.list({ type: "charge.succeeded", limit: 1 });
    expect(events.data[0]?.data.object).toMatchObject({ ...WORDS, shipping: SHOWN });
    expect(
      await refused(
        m.stripe.charges.create({ ...params, transfer_group: "ORDER-2" }, { idempotencyKey }),
      ),
    ).toMatchObject({ type: "StripeIdempotencyError" });
  });

  test("shows them when it is declined too, and without them null", async () => {
    const params = { ...PAY, source: "tok_chargeDeclined", ...WORDS, shipping: SHIPPING };
    const { raw } = await refused(m.stripe.charges.create(params));
    const { charge } = raw as { charge: string };
    expect(await m.stripe.charges.retrieve(charge)).toMatchObject({ ...WORDS, shipping: SHOWN });
    const bare = { shipping: null, statement_descriptor_suffix: null, transfer_group: null };
    expect(await m.stripe.charges.create(PAY)).toMatchObject(bare);
    const unset = { shipping: "" as never, statement_descriptor_suffix: "", transfer_group: "" };
    expect(await m.stripe.charges.create({ ...PAY, ...unset })).toMatchObject(bare);
  });

  test("is sent elsewhere, or nowhere, by a later change", async () => {
    const charge = await m.stripe.charges.create({ ...PAY, shipping: SHIPPING });
    const moved = { name: "Bob", address: { line1: "2 Tile Lane" } };
    expect(await m.stripe.charges.update(charge.id, { shipping: moved })).toMatchObject({
      shipping: { name: "Bob", tracking_number: null },
    });
    await m.stripe.charges.update(charge.id, { shipping: "" as never });
    expect((await m.stripe.charges.retrieve(charge.id)).shipping).toBeNull();
    // What is changed later leaves that as it is.
    const after = await m.stripe.charges.update(charge.id, { description: "Tiles" });
    expect(after.shipping).toBeNull();
  });

  test("is sent nowhere when its intent was sent somewhere and a change unset that", async () => {
    const intent = await m.stripe.paymentIntents.create({
      amount: 900,
      currency: "usd",
      payment_method: "pm_card_visa",
      confirm: true,
      shipping: SHIPPING,
    });
    const id = String(intent.latest_charge);
    expect((await m.stripe.charges.retrieve(id)).shipping).toEqual(SHOWN);
    const unset = await m.stripe.charges.update(id, { shipping: "" as never });
    expect(unset.shipping).toBeNull();
  });

  test("forgets where it was sent with its customer, and keeps its group", async () => {
    const customer = await m.stripe.customers.create({ source: "tok_visa" });
    const { id } = await m.stripe.charges.create({
      amount: 700,
      currency: "usd",
      customer: customer.id,
      ...WORDS,
      transfer_group: "forgotten",
      shipping: { ...SHIPPING, address: { line1: "9 Vanishing Row" } },
    });
    const client = await ledger(inject("bindings"), "us");
    const kept = async () =>
      (await client.query("select from charges c where c::text ~ 'Vanishing Row'")).rowCount;
    try {
      expect(await kept()).toBe(1);
      await m.stripe.customers.del(customer.id);
      expect(await kept()).toBe(0);
    } finally {
      await client.end();
    }
    expect(await m.stripe.charges.retrieve(id)).toMatchObject({
      shipping: null,
      statement_descriptor_suffix: "BLUE",
      transfer_group: "forgotten",
    });
  });
});

describe("a transfer group", () => {
  test("lists charges that were made with it or given it, newest first, and nobody else's", async () => {
    const group = `group-${Date.now()}`;
    const first = await m.stripe.charges.create({ ...PAY, transfer_group: group });
    const given = await m.stripe.charges.create(PAY);
    await m.stripe.charges.create({ ...PAY, transfer_group: `${group}-other` });
    const intent = await m.stripe.paymentIntents.create({
      amount: 900,
      currency: "usd",
      payment_method: "pm_card_visa",
      confirm: true,
      transfer_group: group,
    });
    const changed = await m.stripe.charges.update(given.id, { transfer_group: group });
    expect(changed.transfer_group).toBe(group);
    // A later change of something else leaves it there, once.
    await m.stripe.charges.update(given.id, { description: "Tiles" });
    const ids = [String(intent.latest_charge), given.id, first.id];
    expect(await idsOf(group)).toEqual(ids);
    const page = { transfer_group: group, limit: 1, starting_after: given.id };
    expect(await m.stripe.charges.list(page)).toMatchObject({
      data: [{ id: first.id, transfer_group: group }],
      has_more: false,
    });
    const stranger = await system.merchant("us");
    const theirs = await stranger.stripe.charges.list({ transfer_group: group });
    expect(theirs.data).toEqual([]);
    expect(await idsOf("nobody's")).toEqual([]);
  });

  test("is paged through from both ends, and chosen from by customer", async () => {
    const group = `paged-${Date.now()}`;
    const { id: customer } = await m.stripe.customers.create({ source: "tok_visa" });
    const ids: string[] = [];
    for (const [i, whose] of ["", "", customer, "", ""].entries()) {
      const paid = whose === "" ? PAY : { amount: 700, currency: "usd", customer: whose };
      const made = i % 2 === 0 ? { transfer_group: group } : {};
      const { id } = await m.stripe.charges.create({ ...paid, ...made });
      // Each change of what was given leaves a version with the group.
      for (const description of i % 2 === 0 ? [] : ["a", "b", "c"]) {
        await m.stripe.charges.update(id, { transfer_group: group, description });
      }
      ids.unshift(id);
    }
    for (const limit of [1, 2, 5]) {
      const all = m.stripe.charges.list({ transfer_group: group, limit });
      expect((await all.autoPagingToArray({ limit: 10 })).map(({ id }) => id)).toEqual(ids);
    }
    const oldest = { transfer_group: group, ending_before: ids.at(-1) ?? "", limit: 2 };
    expect((await m.stripe.charges.list(oldest)).data.map(({ id }) => id)).toEqual(ids.slice(2, 4));
    const of = await m.stripe.charges.list({ transfer_group: group, customer, limit: 1 });
    expect(of).toMatchObject({ data: [{ id: ids[2] }], has_more: false });
  });

  test("is said once: another is refused, the same is heard", async () => {
    const { id } = await m.stripe.charges.create({ ...PAY, transfer_group: "once" });
    const { id: given } = await m.stripe.charges.create(PAY);
    await m.stripe.charges.update(given, { transfer_group: "once" });
    for (const charge of [id, given]) {
      const other = m.stripe.charges.update(charge, { transfer_group: "twice" });
      expect(await refused(other)).toMatchObject({ statusCode: 400, param: "transfer_group" });
      expect(await m.stripe.charges.update(charge, { transfer_group: "once" })).toMatchObject({
        transfer_group: "once",
      });
    }
  });
});
