// Deliveries from end to end, over real HTTP to real receivers: each event that is wanted, verified by both official
// verifiers, what the log tells of it, and what is sent once more.

import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";
import { type Received, type Receiver, startReceiver } from "./receiver.ts";

const { webhooks } = new Stripe("sk_test_unused");
let system: System;
const receivers: Receiver[] = [];

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
});
afterAll(async () => {
  for (const receiver of receivers) receiver.close();
  await system?.close();
});

async function receiver(): Promise<Receiver> {
  const one = await startReceiver();
  receivers.push(one);
  return one;
}

const charge = (m: Merchant, amount = 2000): Promise<Stripe.Charge> =>
  m.stripe.charges.create({ amount, currency: "usd", source: "tok_visa" });

/** What both official verifiers make of a delivery. */
function verified({ body, headers }: Received, secret: string): Stripe.Event {
  new Webhook(secret).verify(body, headers as Record<string, string>);
  return webhooks.constructEvent(body, String(headers["stripe-signature"]), secret);
}

const accepts = (received: Received, secret: string): boolean => {
  try {
    return verified(received, secret).id === received.event.id;
  } catch {
    return false;
  }
};

type Extended = Stripe.WebhookEndpoint & {
  ordered: boolean;
  disabled_reason: string | null;
  former_secret_expires_at: number | null;
};

describe("a delivery", () => {
  test("comes for each wanted event, and both official verifiers accept it", async () => {
    const m = await system.merchant();
    const hook = await receiver();
    const { secret = "" } = await m.stripe.webhookEndpoints.create({
      url: hook.url,
      enabled_events: ["charge.succeeded", "customer.created"],
    });
    const made = await charge(m);
    const customer = await m.stripe.customers.create({ email: "c@example.com" });
    await m.stripe.refunds.create({ charge: made.id });
    await hook.until((all) => all.length >= 2);
    const types = hook.received.map(({ event }) => event.type).sort();
    expect(types).toEqual(["charge.succeeded", "customer.created"]);
    for (const one of hook.received) {
      const event = verified(one, secret);
      expect(event.data.object).toMatchObject({
        id: event.type === "charge.succeeded" ? made.id : customer.id,
      });
      const stored = await m.stripe.events.retrieve(event.id);
      const { lastResponse: _, ...shown } = stored;
      expect(JSON.parse(one.body)).toEqual(shown);
      expect(one.headers["webhook-id"]).toBe(event.id);
      expect(one.headers["content-type"]).toBe("application/json; charset=utf-8");
      expect(one.path).toBe("/hook");
      expect(accepts(one, `whsec_${"A".repeat(32)}`)).toBe(false);
    }
  });

  test("comes in the order of the sequence where that is asked for, though the first fails at first", async () => {
    const m = await system.merchant();
    const hook = await receiver();
    let failures = 0;
    hook.answers(() => (failures++ === 0 ? 500 : 200));
    const params = {
      url: hook.url,
      enabled_events: ["charge.succeeded" as const],
      ordered: "true",
    };
    const endpoint = await m.stripe.webhookEndpoints.create(
      params as Stripe.WebhookEndpointCreateParams,
    );
    expect((endpoint as unknown as Extended).ordered).toBe(true);
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) ids.push((await charge(m, 1000 + i)).id);
    await hook.until((all) => all.length >= 1);
    // Its next attempt is ten seconds away; asked for again it is sent now, and the others follow.
    const first = hook.received[0]?.event.id ?? "";
    await system.call(`/v1/webhook_endpoints/${endpoint.id}/redeliver`, {
      key: m.secret,
      form: { event: first },
    });
    await hook.until((all) => all.length >= 5);
    const charges = hook.received.map(({ event }) => event.data.object.id);
    expect(charges).toEqual([ids[0], ...ids]);
  });

  test("is signed with both secrets while one is rolled, and with the new one alone when it is not to overlap", async () => {
    const m = await system.merchant();
    const hook = await receiver();
    const made = await m.stripe.webhookEndpoints.create({ url: hook.url, enabled_events: ["*"] });
    const roll = async (form: Record<string, string>) => {
      const path = `/v1/webhook_endpoints/${made.id}/roll_secret`;
      const { body } = await system.call(path, { key: m.secret, form });
      return body as Extended & { secret: string };
    };
    const second = await roll({ expires_in: "3600" });
    expect(second.secret).not.toBe(made.secret);
    expect(second.former_secret_expires_at).toBeGreaterThan(Date.now() / 1000 + 3000);
    await charge(m);
    await hook.until((all) => all.length >= 1);
    const [both] = hook.received;
    if (both === undefined) throw new Error("nothing came");
    expect([made.secret ?? "", second.secret].map((secret) => accepts(both, secret))).toEqual([
      true,
      true,
    ]);
    expect(String(both.headers["stripe-signature"]).match(/v1=/g)).toHaveLength(2);
    const third = await roll({ expires_in: "0" });
    expect(third.former_secret_expires_at).toBeNull();
    await charge(m);
    await hook.until((all) => all.length >= 2);
    const [, alone] = hook.received;
    if (alone === undefined) throw new Error("nothing came");
    const secrets = [made.secret ?? "", second.secret, third.secret];
    expect(secrets.map((secret) => accepts(alone, secret))).toEqual([false, false, true]);
  });

  test("is not made to a switched-off endpoint, nor to a deleted one, nor afterwards for what happened meanwhile", async () => {
    const m = await system.merchant();
    const hook = await receiver();
    const made = await m.stripe.webhookEndpoints.create({
      url: hook.url,
      enabled_events: ["charge.succeeded"],
    });
    await m.stripe.webhookEndpoints.update(made.id, { disabled: true });
    await charge(m, 1001);
    await m.stripe.webhookEndpoints.update(made.id, { disabled: false });
    const on = await charge(m, 1002);
    await hook.until((all) => all.length >= 1);
    await m.stripe.webhookEndpoints.del(made.id);
    await charge(m, 1003);
    const other = await m.stripe.webhookEndpoints.create({
      url: hook.url,
      enabled_events: ["charge.succeeded"],
    });
    const last = await charge(m, 1004);
    await hook.until((all) => all.length >= 2);
    expect(hook.received.map(({ event }) => event.data.object.id)).toEqual([on.id, last.id]);
    expect(other.id).not.toBe(made.id);
  });
});

type Log = readonly { readonly [field: string]: unknown }[];

/** The attempts at an endpoint once they satisfy. */
async function logOf(
  m: Merchant,
  id: string,
  satisfies: (log: Log) => boolean,
  query = "",
): Promise<Log> {
  for (let looks = 0; looks < 300; looks++) {
    const { body } = await system.call(`/v1/webhook_endpoints/${id}/deliveries${query}`, {
      key: m.secret,
    });
    const { data } = body as { data: Log };
    if (satisfies(data)) return data;
    await new Promise((resume) => setTimeout(resume, 50));
  }
  throw new Error("the log never told of it");
}

describe("a redelivery", () => {
  test("of an event sends it again under its own id, and of a time all that the endpoint wants", async () => {
    const m = await system.merchant();
    const hook = await receiver();
    const made = await m.stripe.webhookEndpoints.create({
      url: hook.url,
      enabled_events: ["charge.succeeded"],
    });
    const redeliver = (form: Record<string, string>) =>
      system.call(`/v1/webhook_endpoints/${made.id}/redeliver`, { key: m.secret, form });
    for (let i = 0; i < 3; i++) await charge(m, 1000 + i);
    await hook.until((all) => all.length >= 3);
    const [first] = hook.received;
    const again = await redeliver({ event: first?.event.id ?? "" });
    expect(again).toMatchObject({
      status: 200,
      body: {
        object: "webhook_redelivery",
        event: first?.event.id,
        status: "pending",
        webhook_endpoint: made.id,
      },
    });
    await hook.until((all) => all.length >= 4);
    expect(hook.received[3]?.body).toBe(first?.body);
    expect(hook.received[3]?.headers["webhook-id"]).toBe(first?.event.id);
    const span = await redeliver({ "created[gte]": String(Math.floor(Date.now() / 1000) - 3600) });
    expect(span.status).toBe(200);
    await hook.until((all) => all.length >= 7);
    const ids = hook.received.slice(4).map(({ event }) => event.id);
    expect(ids.sort()).toEqual(
      hook.received
        .slice(0, 3)
        .map(({ event }) => event.id)
        .sort(),
    );
    const log = await logOf(m, made.id, (data) => data.length >= 7);
    expect(log.filter(({ redelivery }) => redelivery === true).length).toBe(4);
    const one = await logOf(
      m,
      made.id,
      () => true,
      `?event=${first?.event.id}&limit=2&status=succeeded`,
    );
    expect(one.map(({ event }) => event)).toEqual([first?.event.id, first?.event.id]);
    const page = await logOf(m, made.id, () => true, `?limit=2&starting_after=${log[1]?.["id"]}`);
    expect(page.map(({ id }) => id)).toEqual([log[2]?.["id"], log[3]?.["id"]]);
    const back = await logOf(m, made.id, () => true, `?limit=2&ending_before=${log[3]?.["id"]}`);
    expect(back.map(({ id }) => id)).toEqual([log[1]?.["id"], log[2]?.["id"]]);
  });

  test("that is sent again with its idempotency key is one, and another one is refused", async () => {
    const m = await system.merchant();
    const hook = await receiver();
    const { id } = await m.stripe.webhookEndpoints.create({
      url: hook.url,
      enabled_events: ["charge.succeeded"],
    });
    await charge(m);
    await charge(m);
    await hook.until((all) => all.length >= 2);
    const redeliver = (key: string, form: Record<string, string>) =>
      system.call(`/v1/webhook_endpoints/${id}/redeliver`, {
        key: m.secret,
        form,
        headers: { "idempotency-key": key },
      });
    const forms = [
      { event: hook.received[0]?.event.id ?? "" },
      { "created[gte]": String(Math.floor(Date.now() / 1000) - 3600) },
    ];
    const first: unknown[] = [];
    for (const [i, form] of forms.entries()) {
      const calls = await Promise.all([1, 2, 3].map(() => redeliver(`again-${i}`, form)));
      for (const { status, body } of calls) {
        expect(status).toBe(200);
        expect(body).toEqual(calls[0]?.body);
      }
      first.push(calls[0]?.body);
    }
    await hook.until((all) => all.length >= 5);
    await system.worker.evictDurableObject("STREAM", { name: `${m.account}/test` });
    for (const [i, form] of forms.entries()) {
      const again = await redeliver(`again-${i}`, form);
      expect(again.body).toEqual(first[i]);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      const other = await redeliver(`again-${i}`, forms[1 - i] ?? {});
      expect(other).toMatchObject({ status: 400, body: { error: { type: "idempotency_error" } } });
    }
    await m.stripe.webhookEndpoints.del(id);
    expect((await redeliver("again-0", forms[0] ?? {})).body).toEqual(first[0]);
    const log = hook.received.map(({ event }) => event.id);
    expect(log).toHaveLength(5);
  });

  test.each<[string, Record<string, string>, number, string]>([
    ["of nothing", {}, 400, "event"],
    ["of both", { event: "evt_x", "created[gte]": "1" }, 400, "event"],
    ["of an event that there is not", { event: "evt_x" }, 404, "event"],
    ["of a time without a beginning", { "created[lte]": "5" }, 400, "created[gte]"],
  ])("%s is refused", async (_, form, status, param) => {
    const m = await system.merchant();
    const { id } = await m.stripe.webhookEndpoints.create({
      url: "https://example.com/",
      enabled_events: ["*"],
    });
    const answer = await system.call(`/v1/webhook_endpoints/${id}/redeliver`, {
      key: m.secret,
      method: "POST",
      form,
    });
    expect(answer).toMatchObject({ status, body: { error: { param } } });
  });

  test("to a switched-off endpoint is refused", async () => {
    const m = await system.merchant();
    const hook = await receiver();
    const { id } = await m.stripe.webhookEndpoints.create({
      url: hook.url,
      enabled_events: ["charge.succeeded"],
    });
    await charge(m);
    await hook.until((all) => all.length >= 1);
    await m.stripe.webhookEndpoints.update(id, { disabled: true });
    const form = { event: hook.received[0]?.event.id ?? "" };
    for (let looks = 0; looks < 100; looks++) {
      const answer = await system.call(`/v1/webhook_endpoints/${id}/redeliver`, {
        key: m.secret,
        form,
      });
      if (answer.status === 400) {
        expect(answer.body).toMatchObject({
          error: { message: expect.stringContaining("disabled=false") },
        });
        return;
      }
      await new Promise((resume) => setTimeout(resume, 50));
    }
    throw new Error("a redelivery to a disabled endpoint was taken");
  });
});
