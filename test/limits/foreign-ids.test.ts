// Every way to name a thing by its id, tried with the ids of another merchant: each answers exactly as
// for a thing that does not exist.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { idOf, mintAccountId, mintTokenId, sequenceId } from "../../protocol/ids.ts";
import { API_VERSION } from "../../protocol/object.ts";
import { disputeOf } from "../paths/merchants-view.ts";
import { AT_ONCE, type Merchant, type System, startSystem } from "../system.ts";
import { verdictOf } from "./refusal.ts";

let system: System;
let owner: Merchant;
let stranger: Merchant;
/** The stranger's own customer, so that only the other id is foreign. */
let own: string;
let ownEndpoint: string;
let ownMethod: string;

type Kind =
  | "charge"
  | "held"
  | "refund"
  | "dispute"
  | "customer"
  | "card"
  | "token"
  | "method"
  | "intent"
  | "setup"
  | "ephemeral"
  | "payout"
  | "evt"
  | "txn"
  | "endpoint";
const theirs = {} as Record<Kind, string>;

beforeAll(async () => {
  system = await startSystem(inject("bindings"), { TESTBANK_NOTICE_DELAY_MS: "0" });
  [owner, stranger] = await Promise.all([system.merchant(undefined, AT_ONCE), system.merchant()]);
  const { stripe } = owner;
  const pay = { amount: 1000, currency: "usd", source: "tok_visa" };
  const charge = await stripe.charges.create(pay);
  const customer = await stripe.customers.create({ source: "tok_visa" });
  const events = await stripe.events.list();
  theirs.charge = charge.id;
  theirs.held = (await stripe.charges.create({ ...pay, capture: false })).id;
  theirs.refund = (await stripe.refunds.create({ charge: charge.id, amount: 1 })).id;
  theirs.payout = (await stripe.payouts.create({ amount: 500, currency: "usd" })).id;
  const disputed = await stripe.charges.create({ ...pay, source: "tok_createDispute" });
  theirs.dispute = (await disputeOf(stripe, disputed.id)).id;
  theirs.customer = customer.id;
  theirs.card = String(customer.default_source);
  theirs.evt = events.data[0]?.id ?? "";
  theirs.txn = String(charge.balance_transaction);
  const hook = { url: "https://example.com/hook", enabled_events: ["*" as const] };
  theirs.endpoint = (await stripe.webhookEndpoints.create(hook)).id;
  ownEndpoint = (await stranger.stripe.webhookEndpoints.create(hook)).id;
  theirs.token = (
    await stripe.tokens.create({
      card: { number: "4242424242424242", exp_month: "12", exp_year: "2034" },
    })
  ).id;
  theirs.method = (
    await stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id })
  ).id;
  theirs.ephemeral = (
    await stripe.ephemeralKeys.create({ customer: customer.id }, { apiVersion: API_VERSION })
  ).id;
  ownMethod = (
    await stranger.stripe.paymentMethods.create({ type: "card", card: { token: "tok_visa" } })
  ).id;
  theirs.intent = (
    await stripe.paymentIntents.create({
      amount: 1000,
      currency: "usd",
      payment_method: "pm_card_visa",
      capture_method: "manual",
      confirm: true,
      payment_method_options: { card: { request_incremental_authorization: "if_available" } },
    })
  ).id;
  theirs.setup = (await stripe.setupIntents.create({ payment_method: "pm_card_visa" })).id;
  own = (await stranger.stripe.customers.create({ source: "tok_visa" })).id;
});
afterAll(() => system?.close());

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

/** An id of this kind that nobody has. */
function nobodys(kind: Kind): string {
  const uuid = crypto.randomUUID();
  switch (kind) {
    case "charge":
    case "held":
      return idOf("ch", uuid);
    case "refund":
      return idOf("re", uuid);
    case "dispute":
      return idOf("dp", uuid);
    case "customer":
      return idOf("cus", uuid);
    case "card":
      return idOf("card", uuid);
    case "payout":
      return idOf("po", uuid);
    case "endpoint":
      return idOf("we", uuid);
    case "ephemeral":
      return `ephkey_${"A".repeat(35)}`;
    case "method":
      return idOf("pm", uuid);
    case "intent":
      return idOf("pi", uuid);
    case "setup":
      return idOf("seti", uuid);
    case "token":
      return mintTokenId(random);
    case "evt":
    case "txn":
      return sequenceId(kind, mintAccountId(random), false, 1);
  }
}

type Way = readonly [method: string, path: string, kind: Kind, form?: Record<string, string>];

const WAYS: readonly Way[] = [
  ["GET", "/v1/charges/{id}", "charge"],
  ["POST", "/v1/charges/{id}", "charge", { description: "mine" }],
  ["POST", "/v1/charges/{id}/capture", "held"],
  ["POST", "/v1/charges/{id}/capture", "charge", { amount: "1" }],
  ["POST", "/v1/charges/{id}/refunds", "charge", {}],
  ["POST", "/v1/charges/{id}/refunds", "held", {}],
  ["POST", "/v1/refunds", "charge", { charge: "{id}" }],
  ["GET", "/v1/refunds/{id}", "refund"],
  ["POST", "/v1/refunds/{id}", "refund", { "metadata[a]": "b" }],
  ["POST", "/v1/refunds/{id}/cancel", "refund", {}],
  ["GET", "/v1/refunds?charge={id}", "charge"],
  ["GET", "/v1/disputes/{id}", "dispute"],
  ["POST", "/v1/disputes/{id}", "dispute", { "metadata[a]": "b" }],
  ["POST", "/v1/disputes/{id}/close", "dispute", {}],
  ["GET", "/v1/disputes?charge={id}", "charge"],
  ["GET", "/v1/disputes?starting_after={id}", "dispute"],
  ["GET", "/v1/balance_transactions?source={id}", "dispute"],
  ["GET", "/v1/customers/{id}", "customer"],
  ["POST", "/v1/customers/{id}", "customer", { name: "mine" }],
  ["POST", "/v1/customers/{id}", "customer", { source: "tok_visa" }],
  ["DELETE", "/v1/customers/{id}", "customer"],
  ["POST", "/v1/customers/{own}", "card", { default_source: "{id}" }],
  ["POST", "/v1/customers/{own}", "token", { source: "{id}" }],
  ["POST", "/v1/customers", "token", { source: "{id}" }],
  ["POST", "/v1/charges", "token", { amount: "100", currency: "usd", source: "{id}" }],
  ["POST", "/v1/charges", "customer", { amount: "100", currency: "usd", customer: "{id}" }],
  [
    "POST",
    "/v1/charges",
    "card",
    { amount: "100", currency: "usd", customer: "{own}", source: "{id}" },
  ],
  ["GET", "/v1/charges?customer={id}", "customer"],
  ["GET", "/v1/tokens/{id}", "token"],
  ["DELETE", "/v1/tokens/{id}", "token"],
  ...["sources", "cards"].flatMap((name): Way[] => [
    ["GET", `/v1/customers/{id}/${name}`, "customer"],
    ["POST", `/v1/customers/{id}/${name}`, "customer", { source: "tok_visa" }],
    ["POST", `/v1/customers/{own}/${name}`, "token", { source: "{id}" }],
    ["GET", `/v1/customers/{own}/${name}?starting_after={id}`, "card"],
    ["GET", `/v1/customers/{own}/${name}?ending_before={id}`, "card"],
    ["GET", `/v1/customers/{own}/${name}/{id}`, "card"],
    ["POST", `/v1/customers/{own}/${name}/{id}`, "card", { name: "mine" }],
    ["DELETE", `/v1/customers/{own}/${name}/{id}`, "card"],
  ]),
  ["DELETE", "/v1/ephemeral_keys/{id}", "ephemeral"],
  ["POST", "/v1/ephemeral_keys", "customer", { customer: "{id}" }],
  ["GET", "/v1/customers/{id}/payment_methods", "customer"],
  ["GET", "/v1/customers/{own}/payment_methods?starting_after={id}", "method"],
  ["GET", "/v1/customers/{own}/payment_methods?ending_before={id}", "card"],
  ["GET", "/v1/customers/{own}/payment_methods/{id}", "method"],
  ["GET", "/v1/customers/{own}/payment_methods/{id}", "card"],
  ["GET", "/v1/payment_methods?customer={id}", "customer"],
  ["GET", "/v1/payment_methods?starting_after={id}", "method"],
  ["GET", "/v1/payment_methods/{id}", "card"],
  ["DELETE", "/v1/payment_methods/{id}", "method"],
  ["POST", "/v1/customers", "method", { payment_method: "{id}" }],
  ["POST", "/v1/customers/{own}", "method", { "invoice_settings[default_payment_method]": "{id}" }],
  ["GET", "/v1/payment_methods/{id}", "method"],
  ["POST", "/v1/payment_methods/{id}", "method", { "metadata[mine]": "yes" }],
  ["POST", "/v1/payment_methods/{id}/attach", "method", { customer: "{own}" }],
  ["POST", "/v1/payment_methods/{ownMethod}/attach", "customer", { customer: "{id}" }],
  ["POST", "/v1/payment_methods/{id}/detach", "method", {}],
  ["POST", "/v1/payment_methods", "token", { type: "card", "card[token]": "{id}" }],
  ["GET", "/v1/payouts/{id}", "payout"],
  ["POST", "/v1/payouts/{id}", "payout", { "metadata[a]": "1" }],
  ["POST", "/v1/payouts/{id}/cancel", "payout", {}],
  ["GET", "/v1/payouts?starting_after={id}", "payout"],
  ["GET", "/v1/balance_transactions?source={id}", "payout"],
  ["GET", "/v1/setup_intents/{id}", "setup"],
  ["POST", "/v1/setup_intents/{id}", "setup", { description: "mine" }],
  ["POST", "/v1/setup_intents/{id}/confirm", "setup", {}],
  ["POST", "/v1/setup_intents/{id}/cancel", "setup", {}],
  [
    "POST",
    "/v1/challenges/{id}",
    "intent",
    { client_secret: "{id}_secret_1", outcome: "complete" },
  ],
  ["POST", "/v1/challenges/{id}", "setup", { client_secret: "{id}_secret_1", outcome: "complete" }],
  ["GET", "/v1/setup_intents?starting_after={id}", "setup"],
  ["GET", "/v1/setup_intents?customer={id}", "customer"],
  ["GET", "/v1/setup_intents?payment_method={id}", "method"],
  ["POST", "/v1/setup_intents", "method", { payment_method: "{id}" }],
  ["POST", "/v1/setup_intents", "customer", { customer: "{id}" }],
  ["GET", "/v1/payment_intents/{id}", "intent"],
  ["POST", "/v1/payment_intents/{id}", "intent", { description: "mine" }],
  ["POST", "/v1/payment_intents/{id}/confirm", "intent", { payment_method: "pm_card_visa" }],
  ["POST", "/v1/payment_intents/{id}/capture", "intent", {}],
  ["POST", "/v1/payment_intents/{id}/increment_authorization", "intent", { amount: "2000" }],
  ["POST", "/v1/payment_intents/{id}/cancel", "intent", {}],
  ["POST", "/v1/refunds", "intent", { payment_intent: "{id}" }],
  ["GET", "/v1/charges?payment_intent={id}", "intent"],
  ["GET", "/v1/refunds?payment_intent={id}", "intent"],
  ["GET", "/v1/payment_intents?starting_after={id}", "intent"],
  ["GET", "/v1/payment_intents?customer={id}", "customer"],
  [
    "POST",
    "/v1/payment_intents",
    "method",
    { amount: "100", currency: "usd", payment_method: "{id}" },
  ],
  ["POST", "/v1/payment_intents", "customer", { amount: "100", currency: "usd", customer: "{id}" }],
  [
    "POST",
    "/v1/payment_intents",
    "card",
    { amount: "100", currency: "usd", customer: "{own}", payment_method: "{id}" },
  ],
  ["GET", "/v1/events/{id}", "evt"],
  ["GET", "/v1/balance_transactions/{id}", "txn"],
  ["GET", "/v1/balance/history/{id}", "txn"],
  ["GET", "/v1/balance_transactions?source={id}", "charge"],
  ["GET", "/v1/balance_transactions?source={id}", "refund"],
  ["GET", "/v1/charges?starting_after={id}", "charge"],
  ["GET", "/v1/charges?ending_before={id}", "charge"],
  ["GET", "/v1/refunds?starting_after={id}", "refund"],
  ["GET", "/v1/customers?starting_after={id}", "customer"],
  ["GET", "/v1/customers?ending_before={id}", "customer"],
  ["GET", "/v1/events?starting_after={id}", "evt"],
  ["GET", "/v1/events?ending_before={id}", "evt"],
  ["GET", "/v1/balance_transactions?starting_after={id}", "txn"],
  ["GET", "/v1/webhook_endpoints/{id}", "endpoint"],
  ["POST", "/v1/webhook_endpoints/{id}", "endpoint", { description: "mine" }],
  ["DELETE", "/v1/webhook_endpoints/{id}", "endpoint"],
  ["POST", "/v1/webhook_endpoints/{id}/roll_secret", "endpoint", {}],
  ["POST", "/v1/webhook_endpoints/{id}/redeliver", "endpoint", { "created[gte]": "1" }],
  ["POST", "/v1/webhook_endpoints/{hook}/redeliver", "evt", { event: "{id}" }],
  ["GET", "/v1/webhook_endpoints/{id}/deliveries", "endpoint"],
  ["GET", "/v1/webhook_endpoints?starting_after={id}", "endpoint"],
];

async function attempt([method, path, , form]: Way, id: string, by = stranger) {
  const fill = (text: string) =>
    text
      .replace("{id}", id)
      .replace("{own}", by === stranger ? own : theirs.customer)
      .replace("{ownMethod}", ownMethod)
      .replace("{hook}", ownEndpoint);
  const filled =
    form === undefined
      ? undefined
      : Object.fromEntries(Object.entries(form).map(([name, value]) => [name, fill(value)]));
  const call = await system.call(fill(path), {
    method,
    key: by.secret,
    headers: { "stripe-version": API_VERSION },
    ...(filled === undefined ? {} : { form: filled }),
  });
  const headers = Object.fromEntries(
    [...call.headers].filter(
      ([name]) => !["request-id", "date", "content-length", "ratelimit"].includes(name),
    ),
  );
  const body = JSON.stringify(call.body).replaceAll(id, "{id}");
  return { call, seen: { status: call.status, headers, body } };
}

/** All that the owner has, as it sees it. */
const holdings = async () =>
  JSON.stringify(
    await Promise.all(
      [
        "charges",
        "refunds",
        "disputes",
        "customers",
        "payment_intents",
        "setup_intents",
        "events",
        "balance_transactions",
        "balance",
        "webhook_endpoints",
      ].map(async (name) => (await system.call(`/v1/${name}`, { key: owner.secret })).body),
    ),
  );

describe("the id of another merchant's thing", () => {
  test.for(WAYS)("%s %s (%s) answers as one that does not exist", async (way) => {
    const before = await holdings();
    const [foreign, missing] = [
      await attempt(way, theirs[way[2]]),
      await attempt(way, nobodys(way[2])),
    ];
    expect(foreign.seen).toEqual(missing.seen);
    if (foreign.call.status === 200) {
      expect(foreign.call.body).toMatchObject({ object: "list", data: [], has_more: false });
    } else {
      expect(verdictOf(foreign.call)).toMatch(/^404 resource_missing /);
    }
    expect(await holdings()).toBe(before);
  });

  test("is tried at every route of the API that takes an id", async () => {
    const { body } = await system.call("/openapi.json");
    const { paths } = body as { paths: Record<string, Record<string, unknown>> };
    const PLATFORM_PATHS = /^\/v1\/(?:card_keys|accounts)\//;
    const tried = new Set(
      WAYS.map(([method, path]) => `${method} ${path.replace(/\{own\w*\}|\{hook\}/, "{id}")}`),
    );
    for (const [path, methods] of Object.entries(paths)) {
      // With any other key than the platform's its routes are refused before an id is read.
      if (!path.includes("{") || PLATFORM_PATHS.test(path)) continue;
      for (const method of Object.keys(methods)) {
        expect(tried).toContain(`${method.toUpperCase()} ${path.replace(/\{\w+\}/g, "{id}")}`);
      }
    }
  });

  test.for(WAYS.filter(([method]) => method === "GET"))(
    "%s %s (%s) answers its owner",
    async (way) => {
      expect((await attempt(way, theirs[way[2]], owner)).call.status).toBe(200);
    },
  );

  test("leaves the stranger with nothing", async () => {
    for (const name of ["charges", "refunds", "disputes", "balance_transactions"]) {
      const listed = await system.call(`/v1/${name}`, { key: stranger.secret });
      expect(listed.body).toMatchObject({ data: [] });
    }
    const customers = await stranger.stripe.customers.list();
    expect(customers.data.map(({ id }) => id)).toEqual([own]);
  });
});

describe("an id that is none", () => {
  const odd = [
    "x",
    "ch_",
    "null",
    "..",
    "%00",
    "%ff",
    "%zz",
    "' or 1=1 --",
    "ch_0000000000000000000001;drop table charges",
    "ch_zzzzzzzzzzzzzzzzzzzzzz",
    `ch_${"0".repeat(5000)}`,
    "🏛",
    "<script>alert(1)</script>",
  ];
  test.each(odd)("such as %.40s is not found anywhere", async (id) => {
    for (const name of [
      "charges",
      "refunds",
      "disputes",
      "customers",
      "events",
      "balance_transactions",
      "tokens",
    ]) {
      const path = `/v1/${name}/${id.startsWith("%") ? id : encodeURIComponent(id)}`;
      const call = await system.call(path, { key: owner.secret });
      expect(call.status, path).toBe(404);
      expect(verdictOf(call)).toMatch(/^404 (resource_missing id|- -)$/);
      expect(JSON.stringify(call.body).length).toBeLessThan(500);
    }
  });
});
