// Requests generated from the system's own /openapi.json, right and wrong, against objects that there are.
// Whatever comes, the edge answers for itself: no 5xx, JSON, Stripe's shape, and as the document says.
// TESSERA_SEED replays the same requests, TESSERA_GENERATED says how many.

import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { seedOf } from "../ledger/region.ts";
import { AT_ONCE, type Merchant, type System, startSystem } from "../system.ts";
import { type Described, type GeneratedRequest, RequestGenerator } from "./generated-request.ts";

const COUNT = Number(process.env["TESSERA_GENERATED"] ?? 1500);
const AT_A_TIME = 50;
/** Sets of objects: some are deleted on the way. */
const SETS = 4;
const SHOWN_MAX = 1500;
const MINUTES_MAX = 10 * 60_000;
const BEHIND_MAX = { timeout: 30_000, interval: 250 };

let system: System;
let m: Merchant;
let ids: readonly string[];

beforeAll(async () => {
  const unlimited = { RATE_PER_SECOND: "1000000", CONCURRENT_MAX: "100000" };
  system = await startSystem(inject("bindings"), unlimited);
  m = await system.merchant(undefined, AT_ONCE);
  const made: string[] = [];
  for (let set = 0; set < SETS; set++) made.push(...(await objectsOf(m)));
  ids = made;
});
afterAll(() => system?.close());

/** One of each kind of object, in different states. */
async function objectsOf({ stripe, account }: Merchant): Promise<string[]> {
  const visa = { amount: 5000, currency: "usd" };
  const customer = await stripe.customers.create({ email: "m@example.com" });
  const card = await stripe.customers.createSource(customer.id, { source: "tok_visa" });
  const paid = await stripe.charges.create({ ...visa, source: "tok_visa" });
  const held = await stripe.charges.create({ ...visa, source: "tok_visa", capture: false });
  const disputed = await stripe.charges.create({ ...visa, source: "tok_createDispute" });
  const refund = await stripe.refunds.create({ charge: paid.id, amount: 100 });
  const method = await stripe.paymentMethods.create({ type: "card", card: { token: "tok_visa" } });
  const open = await stripe.paymentIntents.create({ ...visa, payment_method: "pm_card_visa" });
  const authorized = await stripe.paymentIntents.create({
    ...visa,
    payment_method: "pm_card_visa",
    capture_method: "manual",
    confirm: true,
  });
  const setup = await stripe.setupIntents.create({ customer: customer.id });
  const endpoint = await stripe.webhookEndpoints.create({
    url: "https://hooks.example.com/in",
    enabled_events: ["charge.succeeded"],
  });
  const payout = await stripe.payouts.create({ amount: 100, currency: "usd" });
  const found = await Promise.all([
    stripe.events.list({ limit: 3 }),
    stripe.balanceTransactions.list({ limit: 3 }),
    stripe.disputes.list({ limit: 1 }),
  ]);
  const made = [customer, card, paid, held, disputed, refund, method, open, authorized, setup];
  const all = [...made, endpoint, payout, ...found.flatMap<{ id: string }>(({ data }) => data)];
  return [account, ...all.map(({ id }) => id)];
}

/** What is wrong with the answer to a request; undefined when nothing is. */
async function fault(request: GeneratedRequest): Promise<string | undefined> {
  const { method, path, key, body, contentType } = request;
  const keys = { secret: m.secret, publishable: m.publishable, platform: system.platform };
  const answer = await system.call(path, {
    method,
    key: key === "none" ? undefined : keys[key],
    ...(body === undefined ? {} : { body, headers: { "content-type": contentType } }),
  });
  const said = answer.body as string | { error?: { type?: unknown; message?: unknown } };
  const told = () =>
    `${answer.status} to ${JSON.stringify(request)}: ${JSON.stringify(said)}`.slice(0, SHOWN_MAX);
  counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
  if (answer.status >= 500 || typeof said === "string") return told();
  const { error } = said;
  const shaped = typeof error?.type === "string" && typeof error.message === "string";
  return shaped === answer.status >= 400 ? undefined : told();
}

const counts = new Map<number, number>();

describe("a request made from the OpenAPI document", () => {
  test(
    "gets an answer of the edge's own, whatever is wrong with it",
    async () => {
      const seed = seedOf();
      console.log(`seed ${seed}: ${COUNT} generated requests`);
      const document = (await system.call("/openapi.json")).body as Described;
      const requests = new RequestGenerator(document, ids).sample(COUNT, seed);
      const faults: string[] = [];
      for (let at = 0; at < requests.length; at += AT_A_TIME) {
        const answered = await Promise.all(requests.slice(at, at + AT_A_TIME).map(fault));
        faults.push(...answered.filter((one) => one !== undefined));
      }
      console.log(`answers by status: ${JSON.stringify(Object.fromEntries(counts))}`);
      expect(faults, `TESSERA_SEED=${seed}`).toEqual([]);
      // Requests that nothing is let through of would try little.
      expect(counts.get(200) ?? 0).toBeGreaterThan(COUNT / 10);
    },
    MINUTES_MAX,
  );

  test("for deliveries of before any time is answered as the document says", async () => {
    const { id } = await m.stripe.webhookEndpoints.create({
      url: "https://hooks.example.com/in",
      enabled_events: ["*"],
    });
    const form = { "created[gte]": "1", "created[lt]": "0" };
    const redeliver = `/v1/webhook_endpoints/${id}/redeliver`;
    // A stream that is behind answers 429 until it has read of the endpoint.
    await vi.waitFor(async () => {
      const answer = await system.call(redeliver, { key: m.secret, form });
      expect(answer).toMatchObject({ status: 200, body: { created: { lte: -1 } } });
    }, BEHIND_MAX);
  });
});
