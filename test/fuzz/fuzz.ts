// Sends requests that are made from an edge's own /openapi.json, right and wrong, about objects that there are.
// Whatever comes, the edge answers for itself: no 5xx, JSON, Stripe's shape, and as the document says.

import { setTimeout as sleep } from "node:timers/promises";
import { breaches, Contract, type Document } from "../contract.ts";
import { AT_ONCE, type Edge, type Merchant } from "../edge.ts";
import { faultOf, type Said } from "./fault.ts";
import { type Described, type GeneratedRequest, RequestGenerator } from "./request-generator.ts";

export type Options = {
  readonly requests: number;
  /** Makes the same requests of the same objects again; the ids of the objects differ. */
  readonly seed: number;
  readonly inFlight: number;
};

export type Outcome = {
  readonly answered: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** What was wrong with an answer, with its request. */
  readonly faults: readonly string[];
};

/** Above any rate here: limits are not what is tested. */
export const UNLIMITED = { RATE_PER_SECOND: "1000000", CONCURRENT_MAX: "100000" };
/** The bank tells of a dispute in its own time. */
const DISPUTE_LOOKS_MAX = 300;
const LOOK_MS = 200;
/** A merchant with objects of its own takes no more, because most objects end sooner or later. */
const ROUND = 5_000;
/** Sets of objects: some are deleted on the way. */
const SETS = 4;
const SHOWN_MAX = 1500;
/** A run that goes wrong so often has told enough. */
const FAULTS_MAX = 20;

export async function fuzz(
  edge: Edge,
  { requests, seed, inFlight }: Options,
  tell: (so: Outcome) => void,
): Promise<Outcome> {
  const document = (await edge.call("/openapi.json")).body as Described & Document;
  const contract = new Contract(document);
  const statuses: Record<string, number> = {};
  const faults: string[] = [];
  let answered = 0;
  while (answered < requests && faults.length < FAULTS_MAX) {
    const merchant = await edge.merchant(undefined, AT_ONCE);
    const ids: string[] = [];
    for (let set = 0; set < SETS; set++) ids.push(...(await objectsOf(merchant)));
    const some = Math.min(ROUND, requests - answered);
    const generated = new RequestGenerator(document, ids).sample(some, seed + answered);
    const queue = generated.values();
    const work = async () => {
      for (const request of queue) {
        const said = await send(edge, merchant, request);
        statuses[said.status] = (statuses[said.status] ?? 0) + 1;
        const fault = faultOf(contract, request, said);
        if (fault !== undefined) faults.push(inWords(fault, request, said));
      }
    };
    // What came while the objects were made.
    faults.push(...breaches());
    await Promise.all(Array.from({ length: inFlight }, work));
    answered += some;
    tell({ answered, statuses, faults });
  }
  return { answered, statuses, faults };
}

/** One of each kind of object, in different states: as many of each for every merchant, in the same order. */
export async function objectsOf({ stripe, account }: Merchant): Promise<string[]> {
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
  const dispute = await disputeOf(stripe, disputed.id);
  const found = await Promise.all([
    stripe.events.list({ limit: 3 }),
    stripe.balanceTransactions.list({ limit: 3 }),
  ]);
  const made = [customer, card, paid, held, disputed, refund, method, open, authorized, setup];
  const all = [
    ...made,
    endpoint,
    payout,
    dispute,
    ...found.flatMap<{ id: string }>(({ data }) => data),
  ];
  return [account, ...all.map(({ id }) => id)];
}

/** The dispute of a charge, when the bank has told of it: sooner, there would be one object less. */
async function disputeOf(stripe: Merchant["stripe"], charge: string): Promise<{ id: string }> {
  for (let looked = 0; looked < DISPUTE_LOOKS_MAX; looked++) {
    const [dispute] = (await stripe.disputes.list({ charge })).data;
    if (dispute !== undefined) return dispute;
    await sleep(LOOK_MS);
  }
  throw new Error(`Nothing was told of the dispute of ${charge}`);
}

async function send(
  edge: Edge,
  { secret, publishable }: Merchant,
  { method, path, key, body, contentType }: GeneratedRequest,
): Promise<Said> {
  const keys = { secret, publishable, platform: edge.platform, none: undefined };
  const headers = new Headers(body === undefined ? {} : { "content-type": contentType });
  if (keys[key] !== undefined) headers.set("authorization", `Bearer ${keys[key]}`);
  const response = await fetch(new URL(path, edge.url), {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const { status } = response;
  return { status, contentType: response.headers.get("content-type"), text: await response.text() };
}

const inWords = (fault: string, request: GeneratedRequest, { status, text }: Said): string =>
  `${fault}: ${status} to ${JSON.stringify(request)}: ${text}`.slice(0, SHOWN_MAX);
