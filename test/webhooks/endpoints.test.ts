// Webhook endpoints as the official SDK makes, reads, changes and deletes them, and what cannot be one.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { refused, type System, startSystem } from "../system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
});
afterAll(() => system?.close());

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
