// A request about a payment intent has several steps. Each statement of each is lost once, before it is done and
// after, and the same request asked again ends as if nothing had been lost: one charge, one answer.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { type Call, type Merchant, type System, startSystem } from "../system.ts";
import { type Doorway, type Fate, startDoorway } from "./doorway.ts";

const TRIES_MAX = 100;
/** More statements than any of these requests makes. */
const STATEMENTS_MAX = 12;

let doorway: Doorway;
let system: System;
let m: Merchant;

beforeAll(async () => {
  const bindings = inject("bindings");
  doorway = await startDoorway(bindings["SQL_ENDPOINT"] ?? "");
  system = await startSystem({ ...bindings, SQL_ENDPOINT: doorway.url });
  m = await system.merchant("us");
});
afterEach(() => doorway?.decide(() => "pass"));
afterAll(async () => {
  await system?.close();
  await doorway?.close();
});

type Intent = { id: string; status: string; latest_charge: string | null; client_secret: string };
type Waiting = Intent & { next_action: { use_stripe_sdk: { stripe_js: string } } };
type Booked = { reference: string; status: string; captured: number; voided: boolean };

let requests = 0;
const post = (path: string, form: Record<string, string>, key: string) =>
  system.call(path, { key: m.secret, form, headers: { "idempotency-key": key } });

/** Asks until it is no longer told to come back. */
async function untilDone(ask: () => Promise<Call>): Promise<Call> {
  for (let tried = 0; ; tried++) {
    const call = await ask();
    if (call.status < 429 || tried > TRIES_MAX) return call;
    await sleep(50);
  }
}

async function made(form: Record<string, string>): Promise<Intent> {
  const call = await post("/v1/payment_intents", form, `made-${++requests}`);
  expect(call.status).toBe(200);
  return call.body;
}

const CARD = { payment_method: "pm_card_visa" };
const NEW = { amount: "1999", currency: "usd" };

/** A request, on an intent made for it. */
type Flow = {
  readonly what: string;
  readonly before: Record<string, string> | undefined;
  readonly path: string;
  readonly form: Record<string, string>;
  readonly ends: Record<string, unknown>;
};

const FLOWS: readonly Flow[] = [
  {
    what: "made and confirmed at once",
    before: undefined,
    path: "",
    form: { ...NEW, ...CARD, confirm: "true" },
    ends: { status: "succeeded", amount_received: 1999 },
  },
  {
    what: "confirmed with a method",
    before: NEW,
    path: "/confirm",
    form: { ...CARD, receipt_email: "livia@example.com" },
    ends: { status: "succeeded", amount_received: 1999, receipt_email: "livia@example.com" },
  },
  {
    what: "put to its cardholder",
    before: NEW,
    path: "/confirm",
    form: { payment_method: "pm_card_authenticationRequired" },
    ends: { status: "requires_action", latest_charge: null },
  },
  {
    what: "captured",
    before: { ...NEW, ...CARD, confirm: "true", capture_method: "manual" },
    path: "/capture",
    form: { amount_to_capture: "1500", "metadata[a]": "1" },
    ends: { status: "succeeded", amount_received: 1500, metadata: { a: "1" } },
  },
  {
    what: "canceled while it holds money",
    before: { ...NEW, ...CARD, confirm: "true", capture_method: "manual" },
    path: "/cancel",
    form: { cancellation_reason: "duplicate" },
    ends: { status: "canceled", cancellation_reason: "duplicate" },
  },
];

const FATES: readonly Fate[] = ["lose_question", "lose_answer"];

describe.each(FLOWS)("an intent that is $what", ({ before, path, form, ends }) => {
  test.each(FATES)("ends once, whichever statement meets %s", async (fate) => {
    let statements = 0;
    for (let cut = 1; cut <= STATEMENTS_MAX; cut++) {
      const intent = before === undefined ? undefined : await made(before);
      const url = `/v1/payment_intents${intent === undefined ? "" : `/${intent.id}${path}`}`;
      const key = `cut-${++requests}`;
      let seen = 0;
      doorway.decide((body) => (body.includes("apply_batch") && ++seen === cut ? fate : "pass"));
      const first = await post(url, form, key);
      doorway.decide(() => "pass");
      const done = await untilDone(() => post(url, form, key));
      expect(done.status, `statement ${cut}: ${JSON.stringify(done.body)}`).toBe(200);
      const ended = done.body as Intent;
      expect(ended).toMatchObject(ends);
      if (first.status === 200) expect(ended).toEqual(first.body);
      await expectOneCharge(ended);
      // Also after it changed, and as if for the first time.
      await post(`/v1/payment_intents/${ended.id}`, { description: "later" }, `later-${requests}`);
      expect((await post(url, form, key)).body).toEqual(ended);
      if (seen < cut) break;
      statements++;
    }
    expect(statements).toBeGreaterThan(path === "/capture" ? 2 : 1);
    expect(statements).toBeLessThan(STATEMENTS_MAX);
  });
});

describe("a cardholder's answer", () => {
  test.each(FATES)("ends once, whichever statement meets %s", async (fate) => {
    let statements = 0;
    for (let cut = 1; cut <= STATEMENTS_MAX; cut++) {
      const form = { ...NEW, payment_method: "pm_card_authenticationRequired", confirm: "true" };
      const intent = (await made(form)) as Waiting;
      const page = new URL(intent.next_action.use_stripe_sdk.stripe_js);
      const answer = () =>
        system.call(`/v1/challenges/${intent.id}`, {
          key: page.searchParams.get("key") ?? "",
          form: { client_secret: intent.client_secret, outcome: "complete" },
        });
      let seen = 0;
      doorway.decide((body) => (body.includes("apply_batch") && ++seen === cut ? fate : "pass"));
      await answer();
      doorway.decide(() => "pass");
      const done = await untilDone(answer);
      expect(done.body).toMatchObject({ id: intent.id, status: "succeeded" });
      const after = await system.call(`/v1/payment_intents/${intent.id}`, { key: m.secret });
      await expectOneCharge(after.body as Intent);
      if (seen < cut) break;
      statements++;
    }
    expect(statements).toBeGreaterThan(1);
    expect(statements).toBeLessThan(STATEMENTS_MAX);
  });
});

async function expectOneCharge(intent: Intent): Promise<void> {
  const found = await system.call(`/v1/charges?payment_intent=${intent.id}`, { key: m.secret });
  const { data } = found.body as { data: { id: string; status: string }[] };
  if (intent.latest_charge === null) {
    expect(data).toEqual([]);
    return;
  }
  expect(data.map(({ id }) => id)).toEqual([intent.latest_charge]);
  const booked = (await bookOf()).filter(
    ({ reference }) => reference.split(".")[0] === intent.latest_charge,
  );
  expect(booked).toHaveLength(1);
}

async function bookOf(): Promise<Booked[]> {
  const rows: (Booked & { id: string })[] = [];
  for (;;) {
    const after = rows.at(-1)?.id;
    const page = await system.bank<{ data: (Booked & { id: string })[]; has_more: boolean }>(
      `/book/authorizations?limit=1000${after === undefined ? "" : `&after=${after}`}`,
    );
    rows.push(...page.data);
    if (!page.has_more) return rows;
  }
}
