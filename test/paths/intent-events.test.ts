// What merchants are told of payment intents: each event once, in the order in which things happened, with the
// object as it stood then, and whole pages of them from any cursor, also from the middle of an entry.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, refused, type System, startSystem } from "../system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
});
afterAll(() => system?.close());

type Told = {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly object: Stripe.PaymentIntent };
};
type Make = (m: Merchant) => Promise<unknown>;

const create = (m: Merchant, over: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
  m.stripe.paymentIntents.create({ amount: 2000, currency: "usd", ...over });
const now = { payment_method: "pm_card_visa", confirm: true };

/** All events of a merchant, oldest first. */
async function eventsOf(m: Merchant): Promise<Told[]> {
  const { data } = await m.stripe.events.list({ limit: 100 });
  return (data as unknown as Told[]).reverse();
}
const types = (events: readonly Told[]) => events.map(({ type }) => type);

const LIVES: readonly (readonly [string, Make, readonly string[]])[] = [
  [
    "made, and paid at once",
    (m) => create(m, now),
    ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"],
  ],
  [
    "held, then captured",
    async (m) => {
      const { id } = await create(m, { ...now, capture_method: "manual" });
      await m.stripe.paymentIntents.capture(id);
    },
    [
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.amount_capturable_updated",
      "charge.captured",
      "payment_intent.succeeded",
    ],
  ],
  [
    "held, held for more, then captured",
    async (m) => {
      const { id } = await create(m, {
        ...now,
        capture_method: "manual",
        payment_method_options: { card: { request_incremental_authorization: "if_available" } },
      });
      await m.stripe.paymentIntents.incrementAuthorization(id, { amount: 2500 });
      await m.stripe.paymentIntents.capture(id);
    },
    [
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.amount_capturable_updated",
      "charge.updated",
      "payment_intent.amount_capturable_updated",
      "charge.captured",
      "payment_intent.succeeded",
    ],
  ],
  [
    "held, then canceled",
    async (m) => {
      const { id } = await create(m, { ...now, capture_method: "manual" });
      await m.stripe.paymentIntents.cancel(id, { cancellation_reason: "abandoned" });
    },
    [
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.amount_capturable_updated",
      "refund.created",
      "charge.refunded",
      "payment_intent.canceled",
    ],
  ],
  [
    "declined, then paid",
    async (m) => {
      const { id } = await create(m);
      const declined = { payment_method: "pm_card_chargeDeclined" };
      await refused(m.stripe.paymentIntents.confirm(id, declined));
      await m.stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" });
    },
    [
      "payment_intent.created",
      "charge.failed",
      "payment_intent.payment_failed",
      "charge.succeeded",
      "payment_intent.succeeded",
    ],
  ],
  [
    "canceled before it was paid",
    async (m) => {
      const { id } = await create(m);
      await m.stripe.paymentIntents.cancel(id);
    },
    ["payment_intent.created", "payment_intent.canceled"],
  ],
  [
    "paid, then refunded",
    async (m) => {
      const { id } = await create(m, now);
      await m.stripe.refunds.create({ payment_intent: id });
    },
    [
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.succeeded",
      "refund.created",
      "charge.refunded",
    ],
  ],
];

describe("an intent that is", () => {
  test.each(LIVES)("%s is told of once, in order, as it stood then", async (_, make, expected) => {
    const m = await system.merchant();
    await make(m);
    const events = await eventsOf(m);
    expect(types(events)).toEqual(expected);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    const statusAt: Record<string, string> = {
      "payment_intent.succeeded": "succeeded",
      "payment_intent.canceled": "canceled",
      "payment_intent.payment_failed": "requires_payment_method",
      "payment_intent.amount_capturable_updated": "requires_capture",
    };
    for (const { type, data, id } of events) {
      if (!type.startsWith("payment_intent.")) continue;
      expect(data.object.object).toBe("payment_intent");
      if (type in statusAt) expect(data.object.status).toBe(statusAt[type]);
      expect((await m.stripe.events.retrieve(id)).data.object).toEqual(data.object);
      const same = await m.stripe.events.list({ type });
      expect(same.data.map((event) => event.id)).toContain(id);
    }
  });

  test("changed later leaves its events as they were", async () => {
    const m = await system.merchant();
    const { id } = await create(m, { ...now, description: "then" });
    await m.stripe.paymentIntents.update(id, { description: "later", metadata: { a: "1" } });
    const events = (await eventsOf(m)).filter(({ type }) => type.startsWith("payment_intent."));
    expect(events.map(({ data }) => data.object.description)).toEqual(["then", "then"]);
    expect(events.at(-1)?.data.object).toMatchObject({ status: "succeeded", metadata: {} });
  });

  test("declined and canceled later was not canceled when it was declined", async () => {
    const m = await system.merchant();
    const { id } = await create(m);
    await refused(
      m.stripe.paymentIntents.confirm(id, { payment_method: "pm_card_chargeDeclined" }),
    );
    await m.stripe.paymentIntents.cancel(id);
    const events = await eventsOf(m);
    const at = (type: string) => events.find((event) => event.type === type)?.data.object;
    expect(at("payment_intent.payment_failed")).toMatchObject({
      status: "requires_payment_method",
      canceled_at: null,
      last_payment_error: { code: "card_declined" },
    });
    expect(at("payment_intent.canceled")).toMatchObject({ status: "canceled" });
  });
});

test("pages of events join without a gap or a doublet, of every size and both ways", async () => {
  const m = await system.merchant();
  for (const [, make] of LIVES) await make(m);
  const all = (await eventsOf(m)).map(({ id }) => id).reverse();
  for (const limit of [1, 2, 3, 5, 7]) {
    const down: string[] = [];
    for (;;) {
      const after = down.at(-1);
      const page = await m.stripe.events.list({
        limit,
        ...(after === undefined ? {} : { starting_after: after }),
      });
      down.push(...page.data.map(({ id }) => id));
      if (!page.has_more) break;
    }
    expect(down, `down by ${limit}`).toEqual(all);
    const up: string[] = [all.at(-1) ?? ""];
    for (;;) {
      const page = await m.stripe.events.list({ limit, ending_before: up[0] ?? "" });
      up.unshift(...page.data.map(({ id }) => id));
      if (!page.has_more) break;
    }
    expect(up, `up by ${limit}`).toEqual(all);
  }
  for (const type of ["payment_intent.*", "payment_intent.succeeded", "charge.succeeded"]) {
    const { data } = await m.stripe.events.list({ type, limit: 100 });
    const paged: string[] = [];
    for await (const event of m.stripe.events.list({ type, limit: 2 })) paged.push(event.id);
    expect(paged, type).toEqual(data.map(({ id }) => id));
    expect(data.length).toBeGreaterThan(2);
  }
});
