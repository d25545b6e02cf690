import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { type Call, ledger, type Merchant, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const params = { amount: 1999, currency: "usd", source: "tok_visa" };
const charge = (key: string, over: Partial<typeof params> = {}, by = m) =>
  by.stripe.charges.create({ ...params, ...over }, { idempotencyKey: key });

describe("one key", () => {
  test("gives the same charge again, byte for byte, and says it is a replay", async () => {
    const form = { amount: "1999", currency: "usd", source: "tok_visa" };
    const send = () =>
      fetch(new URL("/v1/charges", system.url), {
        method: "POST",
        headers: {
          authorization: `Bearer ${m.secret}`,
          "content-type": "application/x-www-form-urlencoded",
          "idempotency-key": "order-1",
        },
        body: new URLSearchParams(form),
      });
    const first = await send();
    const again = await send();
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.headers.get("original-request")).toBe(first.headers.get("request-id"));
    expect(again.headers.get("idempotency-key")).toBe("order-1");
    const bytes = await first.text();
    expect(await again.text()).toBe(bytes);
    // The shard forgets everything: the ledger answers, with the same bytes.
    await system.worker.evictDurableObject("SHARD", { name: `slot-${slotOf(m.account)}` });
    const { id } = JSON.parse(bytes) as { id: string };
    await m.stripe.refunds.create({ charge: id });
    const late = await send();
    expect(late.headers.get("idempotent-replayed")).toBe("true");
    expect(await late.text()).toBe(bytes);
  });

  test("tells metadata in one order, whoever remembers the answer", async () => {
    const metadata = { "metadata[zebra]": "1", "metadata[a]": "2", "metadata[bb]": "3" };
    const send = (path: string, key: string, form: Record<string, string>) =>
      system.call(path, { key: m.secret, form, headers: { "idempotency-key": key } });
    const pay = () =>
      send("/v1/charges", "order-1-meta", {
        amount: "1500",
        currency: "usd",
        source: "tok_visa",
        capture: "false",
        ...metadata,
      });
    const paid = await pay();
    const id = String((paid.body as { id: string }).id);
    const capture = () => send(`/v1/charges/${id}/capture`, "capture-meta", {});
    const refund = () => send("/v1/refunds", "refund-meta", { charge: id, ...metadata });
    const first = [paid, await capture(), await refund()];
    await system.worker.evictDurableObject("SHARD", { name: `slot-${slotOf(m.account)}` });
    const again = [await pay(), await capture(), await refund()];
    const texts = (calls: readonly Call[]) => calls.map(({ body }) => JSON.stringify(body));
    expect(texts(again)).toEqual(texts(first));
    const read = await system.call(`/v1/charges/${id}`, { key: m.secret });
    const events = await m.stripe.events.list({ limit: 4 });
    const told = [...first, read].map(({ body }) => body as { metadata: object });
    const seen = events.data.map(({ data }) => data.object as unknown as { metadata: object });
    expect(seen).toHaveLength(4);
    for (const { metadata: had } of [...told, ...seen]) {
      expect(Object.keys(had)).toEqual(["a", "bb", "zebra"]);
    }
  });

  test("gives a decline again as well", async () => {
    const declined = () => charge("order-2", { source: "tok_chargeDeclined" });
    const errors = [];
    for (let i = 0; i < 3; i++) {
      errors.push(await declined().catch((error: Stripe.errors.StripeCardError) => error));
      if (i === 1) {
        await system.worker.evictDurableObject("SHARD", { name: `slot-${slotOf(m.account)}` });
      }
    }
    const ids = errors.map((e) => (e as Stripe.errors.StripeCardError).charge);
    expect(new Set(ids).size).toBe(1);
    expect(errors[2]).toMatchObject({ code: "card_declined", decline_code: "generic_decline" });
  });

  test("with other parameters is an idempotency error and changes nothing", async () => {
    await charge("order-3");
    const before = await m.stripe.charges.list({ limit: 100 });
    for (const over of [{ amount: 2000 }, { currency: "eur" }, { source: "tok_amex" }]) {
      await expect(charge("order-3", over)).rejects.toBeInstanceOf(
        Stripe.errors.StripeIdempotencyError,
      );
    }
    await system.worker.evictDurableObject("SHARD", { name: `slot-${slotOf(m.account)}` });
    await expect(charge("order-3", { amount: 2000 })).rejects.toMatchObject({ statusCode: 400 });
    const after = await m.stripe.charges.list({ limit: 100 });
    expect(after.data.map((c) => c.id)).toEqual(before.data.map((c) => c.id));
  });

  test("still answers its own request after a wrong one was refused by the ledger", async () => {
    const first = await charge("order-3b");
    await system.worker.evictDurableObject("SHARD", { name: `slot-${slotOf(m.account)}` });
    await expect(charge("order-3b", { amount: 200 })).rejects.toMatchObject({ statusCode: 400 });
    expect((await charge("order-3b")).id).toBe(first.id);
  });

  test("is free for another token when the first one was nobody's", async () => {
    const nobody = "tok_0000000000000000000000";
    await expect(charge("order-3c", { source: nobody })).rejects.toMatchObject({
      code: "resource_missing",
    });
    expect((await charge("order-3c")).paid).toBe(true);
  });

  test("on another route names both routes", async () => {
    await charge("order-4");
    await expect(m.stripe.customers.create({}, { idempotencyKey: "order-4" })).rejects.toThrow(
      /POST \/v1\/charges.*POST \/v1\/customers/,
    );
  });

  test("means another request at another merchant", async () => {
    const other = await system.merchant();
    const [a, b] = [await charge("order-5"), await charge("order-5", {}, other)];
    expect(a.id).not.toBe(b.id);
  });

  test("of 50 parallel charges books exactly once in the ledger and at the bank", async () => {
    const one = await system.merchant();
    const before = await system.bank<{ authorizations: number }>("/book");
    const answers = await Promise.allSettled(
      Array.from({ length: 50 }, () => charge("order-6", {}, one)),
    );
    const won = answers.filter((a) => a.status === "fulfilled");
    expect(won.length).toBeGreaterThanOrEqual(1);
    expect(new Set(won.map((a) => a.value.id)).size).toBe(1);
    for (const lost of answers.filter((a) => a.status === "rejected")) {
      expect(lost.reason).toMatchObject({ statusCode: 409, code: "idempotency_key_in_use" });
    }
    expect((await charge("order-6", {}, one)).id).toBe(won[0]?.value.id);
    const after = await system.bank<{ authorizations: number }>("/book");
    expect(after.authorizations - before.authorizations).toBe(1);
    const db = await ledger(inject("bindings"), homeOf(slotOf(one.account)));
    const { rows } = await db.query(
      "select c.state from charge_facts c join accounts a on a.no = c.account_no where a.id = $1",
      [one.account],
    );
    await db.end();
    expect(rows).toEqual([{ state: "captured" }]);
  });

  test("drives what a lost answer of the bank left open to its one end", async () => {
    const one = await system.merchant();
    await system.bank("/faults", { body: { error_after_rate: 1, count: 1, seed: 7 } });
    const made = await charge("order-7", {}, one);
    expect(made.status).toBe("succeeded");
    const page = await system.bank<{ data: { reference: string }[] }>(
      "/book/authorizations?limit=1000",
    );
    expect(page.data.filter((a) => a.reference.startsWith(made.id))).toHaveLength(1);
  });

  test("stays safe when the bank is down: 503, then the same key ends the charge", async () => {
    const one = await system.merchant();
    await system.bank("/faults", { body: { error_rate: 1 } });
    const failed = await charge("order-8", {}, one).catch((e: Stripe.errors.StripeError) => e);
    expect(failed).toMatchObject({ statusCode: 503 });
    expect((failed as Stripe.errors.StripeError).headers?.["stripe-should-retry"]).toBe("true");
    await system.bank("/faults", { method: "DELETE" });
    const made = await charge("order-8", {}, one);
    expect(made.paid).toBe(true);
    expect((await one.stripe.charges.list()).data.map((c) => c.id)).toEqual([made.id]);
  });
});
