// The guard over HTTP, in the real runtime. Test mode is guarded here, which it is not by default.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Stripe from "stripe";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { mintApiKey } from "../../protocol/api-key.ts";
import { passesLuhn } from "../../protocol/luhn.ts";
import {
  type Call,
  type Merchant,
  refused,
  type System,
  startSystem,
  stripeAt,
} from "../system.ts";

const SECRET = "challenge-secret";
const PROOF = "proof-of-a-human";

let system: System;
let verifier: Server;
let m: Merchant;

beforeAll(async () => {
  verifier = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const form = new URLSearchParams(body);
      const success = form.get("secret") === SECRET && form.get("response") === PROOF;
      response.end(JSON.stringify({ success }));
    });
  });
  await new Promise<void>((listening) => verifier.listen(0, "127.0.0.1", listening));
  const { port } = verifier.address() as AddressInfo;
  system = await startSystem(inject("bindings"), {
    CARD_GUARD: "all",
    CHALLENGE_SECRET: SECRET,
    CHALLENGE_URL: `http://127.0.0.1:${port}/siteverify`,
  });
});
beforeEach(async () => {
  m = await system.merchant();
});
afterAll(async () => {
  await system?.close();
  verifier?.close();
});

/** The error of every limit: what an issuer's generic decline says. */
const BLOCKED = {
  error: {
    type: "card_error",
    code: "card_declined",
    decline_code: "generic_decline",
    message: "Your card was declined.",
    advice_code: "try_again_later",
    doc_url: expect.stringMatching(/\/docs\/errors#card_declined$/),
  },
};
const VISA = "4242424242424242";

/** A number that nobody else's test has: 4, a BIN, a count, and what makes it pass Luhn. */
function numberOf(bin: string, count: number): string {
  const head = bin + String(count).padStart(15 - bin.length, "0");
  for (let digit = 0; digit < 10; digit++) if (passesLuhn(`${head}${digit}`)) return head + digit;
  throw new Error("one digit of ten passes");
}

const tokenize = (
  by: Merchant,
  number: string,
  over: { address?: string; challenge?: string } = {},
): Promise<Call> =>
  system.call("/v1/tokens", {
    key: by.publishable,
    form: {
      "card[number]": number,
      "card[exp_month]": "12",
      "card[exp_year]": "34",
      ...(over.challenge === undefined ? {} : { challenge: over.challenge }),
    },
    ...(over.address === undefined ? {} : { headers: { "cf-connecting-ip": over.address } }),
  });

const charge = (by: Merchant, source: string, key?: string): Promise<Call> =>
  system.call("/v1/charges", {
    key: by.secret,
    form: { amount: "700", currency: "usd", source },
    ...(key === undefined ? {} : { headers: { "idempotency-key": key } }),
  });

const idIn = (call: Call): string => (call.body as { id: string }).id;

function expectBlocked(call: Call): void {
  expect(call.status).toBe(402);
  expect(call.body).toEqual(BLOCKED);
  expect(call.headers.get("stripe-should-retry")).toBe("false");
}

const isBlocked = ({ status, body }: Call): boolean =>
  status === 402 && !("charge" in (body as typeof BLOCKED).error);

/** Cards that the issuer declines, until the guard has had enough; gives how many were asked of him. */
async function attack(by: Merchant, source: () => Promise<string>): Promise<number> {
  for (let asked = 0; asked < 150; asked += 5) {
    const calls = await Promise.all(
      Array.from({ length: 5 }, async () => charge(by, await source())),
    );
    const blocked = calls.filter(isBlocked).length;
    if (blocked > 0) return asked + 5 - blocked;
  }
  throw new Error("150 declines opened nothing");
}
const declining = () => Promise.resolve("tok_chargeDeclined");

describe("a burst of declines", () => {
  test("opens the breaker: a good card hears what a bad one does, and the processor nothing", async () => {
    expect((await charge(m, "tok_mastercard")).status).toBe(200);
    expect(await attack(m, declining)).toBeLessThanOrEqual(100);
    const before = (await m.stripe.charges.list({ limit: 100 })).data.length;
    const [good, bad] = [await charge(m, "tok_visa"), await charge(m, "tok_chargeDeclined")];
    expectBlocked(good);
    expectBlocked(bad);
    expect(good.body).toEqual(bad.body);
    expect((await m.stripe.charges.list({ limit: 100 })).data.length).toBe(before);
  });

  test("costs nobody who is known, and no other merchant", async () => {
    expect((await charge(m, "tok_mastercard")).status).toBe(200);
    const customer = await m.stripe.customers.create({ source: "tok_amex" });
    await m.stripe.charges.create({ amount: 100, currency: "usd", customer: customer.id });
    await attack(m, declining);
    expect((await charge(m, "tok_mastercard")).status).toBe(200);
    const renewal = { amount: 100, currency: "usd", customer: customer.id };
    expect((await m.stripe.charges.create(renewal)).paid).toBe(true);
    expect((await charge(await system.merchant(), "tok_visa")).status).toBe(200);
  });

  test("does not change what a key was told before it", async () => {
    const first = await charge(m, "tok_chargeDeclined", "early");
    await attack(m, declining);
    const again = await charge(m, "tok_chargeDeclined", "early");
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
  });

  test("also by way of customers", async () => {
    await attack(m, declining);
    const customer = await m.stripe.customers.create({ source: "tok_discover" });
    const error = await refused(
      m.stripe.charges.create({ amount: 100, currency: "usd", customer: customer.id }),
    );
    expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
    expect(error.raw).toMatchObject(BLOCKED.error);
    expect((await m.stripe.charges.list({ customer: customer.id })).data).toEqual([]);
  });

  test("leaves a buyer who passes a challenge alone, and not one who sends a false proof", async () => {
    const address = (host: number) => `198.51.${host}.7`;
    let host = 0;
    const bot = async () =>
      idIn(await tokenize(m, "4000000000000002", { address: address(++host) }));
    await attack(m, bot);
    const made = (challenge?: string) =>
      tokenize(m, VISA, {
        address: "192.0.2.5",
        ...(challenge === undefined ? {} : { challenge }),
      });
    expectBlocked(await charge(m, idIn(await made())));
    expectBlocked(await charge(m, idIn(await made("a guess"))));
    expect((await charge(m, idIn(await made(PROOF)))).status).toBe(200);
  });
});

describe("tokens", () => {
  test("of one network come to an end, as a decline; those of others do not", async () => {
    const from = (address: string) => tokenize(m, VISA, { address });
    const calls: Call[] = [];
    for (let host = 1; host <= 36; host++) calls.push(await from(`203.0.113.${host}`));
    expect(calls.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(30);
    expectBlocked(calls.at(-1) as Call);
    expect((await from("203.0.112.1")).status).toBe(200);
    expectBlocked(await from("203.0.113.200"));
    // IPv6 by /48, and another merchant is another's.
    expect((await from("2001:db8:1::1")).status).toBe(200);
    const other = await system.merchant();
    expect((await tokenize(other, VISA, { address: "203.0.113.1" })).status).toBe(200);
  });

  test("without an address that says anything are counted by key alone", async () => {
    const calls = await Promise.all(Array.from({ length: 40 }, () => tokenize(m, VISA)));
    expect(calls.map(({ status }) => status)).toEqual(calls.map(() => 200));
  });

  test("of one card at many merchants come to an end, in the same words", async () => {
    const number = numberOf("46000001", 1);
    const merchants = await Promise.all(Array.from({ length: 24 }, () => system.merchant()));
    const calls: Call[] = [];
    for (const by of merchants) calls.push(await tokenize(by, number));
    expect(calls.slice(0, 8).map(({ status }) => status)).toEqual(Array(8).fill(200));
    expectBlocked(calls.at(-1) as Call);
    const last = merchants.at(-1) as Merchant;
    expect((await tokenize(last, numberOf("46000001", 2))).status).toBe(200);
  });

  test("of a guessed BIN come to an end, in the same words; those of another BIN do not", async () => {
    const calls: Call[] = [];
    // The allowance refills slowly, and this machine may be slow too.
    while (calls.every(({ status }) => status === 200) && calls.length < 640) {
      const some = Array.from({ length: 32 }, (_, i) =>
        tokenize(m, numberOf("47000001", calls.length + i + 1)),
      );
      calls.push(...(await Promise.all(some)));
    }
    const blocked = calls.filter(({ status }) => status !== 200);
    expect(calls.length - blocked.length).toBeGreaterThanOrEqual(300);
    expect(blocked.length).toBeGreaterThan(0);
    for (const call of blocked) expectBlocked(call);
    expect((await tokenize(m, numberOf("47000002", 1))).status).toBe(200);
  });

  test("that were blocked are not kept", async () => {
    const number = numberOf("48000001", 1);
    for (let i = 0; i < 60; i++) await tokenize(m, number);
    expectBlocked(await tokenize(m, number));
  });
});

describe("modes", () => {
  test("live mode is guarded, test mode only on request", async () => {
    const plain = await startSystem(inject("bindings"), { LIVE_MODE: "open" });
    try {
      const merchant = await plain.merchant();
      const account = merchant.account.slice("acct_".length);
      const secret = inject("bindings")["API_KEY_SECRET"] ?? "";
      const live = stripeAt(
        plain.url,
        await mintApiKey({ kind: "secret", livemode: true, account }, secret),
      );
      const number = "4000000000000002";
      const card = { number, exp_month: "12", exp_year: "2034" };
      const declines = async (by: Stripe) => {
        let blocked = 0;
        for (let i = 0; i < 40; i++) {
          const source = card as unknown as string;
          const declined = by.charges.create({ amount: 100, currency: "usd", source });
          // Only what was opened has a charge.
          if (!("charge" in ((await refused(declined)).raw as object))) blocked++;
        }
        return blocked;
      };
      expect(await declines(merchant.stripe)).toBe(0);
      expect(await declines(live)).toBeGreaterThan(0);
    } finally {
      await plain.close();
    }
  });
});
