// Webhooks from end to end: endpoints made by the official SDK, deliveries over real HTTP to real receivers, each
// verified by both official verifiers.

import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, refused, type System, startSystem } from "../system.ts";
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

describe("an endpoint", () => {
  test("is made, read, listed, changed and deleted through the official SDK", async () => {
    const { stripe } = await system.merchant();
    const made = await stripe.webhookEndpoints.create({
      url: "https://example.com/hook",
      enabled_events: ["charge.succeeded", "charge.failed"],
      description: "Orders",
      metadata: { team: "shop" },
    });
    expect(made).toMatchObject({
      object: "webhook_endpoint",
      application: null,
      api_version: null,
      description: "Orders",
      enabled_events: ["charge.succeeded", "charge.failed"],
      livemode: false,
      metadata: { team: "shop" },
      status: "enabled",
      url: "https://example.com/hook",
    });
    expect(made.id).toMatch(/^we_[0-9A-Za-z]{22}$/);
    expect(made.secret).toMatch(/^whsec_[0-9A-Za-z+/]{32}$/);

    const read = await stripe.webhookEndpoints.retrieve(made.id);
    const { secret: _, lastResponse: __, ...shown } = made;
    expect(read).toMatchObject(shown);
    expect(read).not.toHaveProperty("secret");

    const changed = await stripe.webhookEndpoints.update(made.id, {
      url: "https://example.com/other",
      enabled_events: ["*"],
      description: "",
      metadata: { team: "", owner: "ada" },
      disabled: true,
    });
    expect(changed).toMatchObject({
      url: "https://example.com/other",
      enabled_events: ["*"],
      description: null,
      metadata: { owner: "ada" },
      status: "disabled",
      disabled_reason: "merchant",
    });
    expect(changed).not.toHaveProperty("secret");
    const enabled = await stripe.webhookEndpoints.update(made.id, { disabled: false });
    expect(enabled).toMatchObject({ status: "enabled", disabled_reason: null });

    const second = await stripe.webhookEndpoints.create({
      url: "https://example.com/2",
      enabled_events: ["*"],
    });
    const dated = await stripe.webhookEndpoints.create({
      url: "https://example.com/3",
      enabled_events: ["*"],
      api_version: "2024-06-20",
    });
    expect(dated.api_version).toBe("2024-06-20");
    await stripe.webhookEndpoints.del(dated.id);
    const listed = await stripe.webhookEndpoints.list({ limit: 1 });
    expect(listed).toMatchObject({ has_more: true, url: "/v1/webhook_endpoints" });
    expect(listed.data[0]).toMatchObject({ id: second.id });
    const next = await stripe.webhookEndpoints.list({ starting_after: second.id });
    expect(next.data.map(({ id }) => id)).toEqual([made.id]);

    const gone = await stripe.webhookEndpoints.del(made.id);
    expect(gone).toMatchObject({ id: made.id, object: "webhook_endpoint", deleted: true });
    const missing = await refused(stripe.webhookEndpoints.retrieve(made.id));
    expect(missing).toMatchObject({ statusCode: 404, code: "resource_missing" });
  });

  test("is made once for its key, and the retry hears the same secret, also when there is room for no more", async () => {
    const { stripe } = await system.merchant();
    const params = { url: "https://example.com/hook", enabled_events: ["*" as const] };
    for (let i = 0; i < 15; i++) await stripe.webhookEndpoints.create(params);
    const key = { idempotencyKey: "sixteenth" };
    const made = await stripe.webhookEndpoints.create(params, key);
    const again = await stripe.webhookEndpoints.create(params, key);
    expect([again.id, again.secret]).toEqual([made.id, made.secret]);
    const full = await refused(stripe.webhookEndpoints.create(params));
    expect(full).toMatchObject({ statusCode: 400, param: "url" });
    expect(full.message).toContain("maximum of 16 test webhook endpoints");
    await stripe.webhookEndpoints.del(made.id);
    await stripe.webhookEndpoints.create(params);
  });

  test.each<[string, Record<string, string>, string, string]>([
    ["without a url", { "enabled_events[]": "*" }, "url", "parameter_missing"],
    ["without events", { url: "https://example.com" }, "enabled_events", "parameter_missing"],
    [
      "with no events",
      { url: "https://example.com", enabled_events: "" },
      "enabled_events",
      "parameter_missing",
    ],
    [
      "with events that are no list",
      { url: "https://example.com", enabled_events: "*" },
      "enabled_events",
      "parameter_invalid",
    ],
    [
      "with an event that there is not",
      { url: "https://example.com", "enabled_events[0]": "*", "enabled_events[1]": "charge.eaten" },
      "enabled_events[1]",
      "parameter_invalid",
    ],
    [
      "with a pattern of events",
      { url: "https://example.com", "enabled_events[]": "charge.*" },
      "enabled_events[0]",
      "parameter_invalid",
    ],
    [
      "with events in a list",
      { url: "https://example.com", "enabled_events[0][0]": "*" },
      "enabled_events[0]",
      "parameter_invalid",
    ],
    [
      "with a private address",
      { url: "https://10.0.0.1/", "enabled_events[]": "*" },
      "url",
      "parameter_invalid",
    ],
    [
      "with another scheme",
      { url: "ftp://example.com/", "enabled_events[]": "*" },
      "url",
      "parameter_invalid",
    ],
    [
      "with a url that is too long",
      { url: `https://example.com/${"a".repeat(3000)}`, "enabled_events[]": "*" },
      "url",
      "parameter_invalid",
    ],
    [
      "with an older version",
      { url: "https://example.com", "enabled_events[]": "*", api_version: "2019-01-01" },
      "api_version",
      "parameter_invalid",
    ],
    [
      "with order that is neither",
      { url: "https://example.com", "enabled_events[]": "*", ordered: "maybe" },
      "ordered",
      "parameter_invalid",
    ],
    [
      "with what there is not",
      { url: "https://example.com", "enabled_events[]": "*", secret: "x" },
      "secret",
      "parameter_unknown",
    ],
  ])("%s is refused, and nothing is made", async (_, form, param, code) => {
    const m = await system.merchant();
    const answer = await system.call("/v1/webhook_endpoints", { key: m.secret, form });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { param, code, type: "invalid_request_error" } },
    });
    const list = await m.stripe.webhookEndpoints.list();
    expect(list.data).toEqual([]);
  });

  test("of another merchant is not there, whatever is asked of it", async () => {
    const [a, b] = [await system.merchant(), await system.merchant()];
    const { id } = await a.stripe.webhookEndpoints.create({
      url: "https://example.com/",
      enabled_events: ["*"],
    });
    const paths: [string, string][] = [
      ["GET", ""],
      ["POST", ""],
      ["DELETE", ""],
      ["POST", "/roll_secret"],
      ["POST", "/redeliver"],
      ["GET", "/deliveries"],
    ];
    for (const [method, path] of paths) {
      const answer = await system.call(`/v1/webhook_endpoints/${id}${path}`, {
        key: b.secret,
        method,
      });
      expect(answer.status, `${method} ${path}`).toBe(404);
    }
  });

  test("may be on this machine only where that is said", async () => {
    const closed = await startSystem(inject("bindings"), { WEBHOOK_LOOPBACK: "" });
    try {
      const m = await closed.merchant();
      const params = { url: "http://127.0.0.1:3000/hook", enabled_events: ["*" as const] };
      const failure = await refused(m.stripe.webhookEndpoints.create(params));
      expect(failure).toMatchObject({ statusCode: 400, param: "url" });
    } finally {
      await closed.close();
    }
  });
});

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
