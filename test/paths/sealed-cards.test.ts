// A card sealed in a browser, through the edge that cannot read it, to a token that pays.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createToken } from "../../checkout/public/checkout.js";
import { type KeySet, sealCard } from "../../checkout/public/seal.js";
import { slotOf } from "../../protocol/slot.ts";
import { errorOf, verdictOf } from "../limits/refusal.ts";
import { type Call, type Merchant, type System, startSystem } from "../system.ts";
import { badSeals, freshJwk, headerFor, type PublicJwk, sealBy, VISA } from "../vault/sealer.ts";

let system: System;
let m: Merchant;
let keySet: KeySet;

const fresh = async (of = system): Promise<KeySet> => (await of.call("/v1/vault/keys")).body;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  keySet = await fresh();
});
afterAll(() => system?.close());

const base = () => system.url.href.replace(/\/$/, "");
const post = (sealed: string, key = m.publishable) =>
  system.call("/v1/tokens", { key, form: { sealed_card: sealed } });
const seal = (card: object = VISA, publishableKey = m.publishable) =>
  sealCard({ publishableKey, card: { ...VISA, ...card }, keySet });

describe("the vault's keys", () => {
  test("are told to anybody, may be kept for five minutes and hold nothing private", async () => {
    const call = await system.call("/v1/vault/keys", {
      headers: { origin: "https://shop.example" },
    });
    expect(call.status).toBe(200);
    expect(call.headers.get("content-type")).toMatch(/^application\/json/);
    expect(call.headers.get("access-control-allow-origin")).toBe("*");
    expect(call.headers.get("cache-control")).toBe("public, max-age=300");
    const coordinate = expect.stringMatching(/^[0-9A-Za-z_-]{43}$/);
    expect(call.body).toEqual({
      keys: [
        {
          kty: "EC",
          crv: "P-256",
          x: coordinate,
          y: coordinate,
          kid: coordinate,
          use: "enc",
          alg: "ECDH-ES",
        },
      ],
      time: expect.any(Number),
    });
    expect(Math.abs((call.body as KeySet).time - Date.now() / 1000)).toBeLessThan(300);
  });
});

describe("a sealed card", () => {
  test("becomes a token that pays, with its CVC", async () => {
    const made = await createToken({
      publishableKey: m.publishable,
      card: { ...VISA, name: "Ada", address_zip: "94107" },
      base: base(),
    });
    if ("error" in made) throw new Error(made.error.message);
    expect(made.token).toMatchObject({
      id: expect.stringMatching(/^tok_/),
      card: { brand: "Visa", last4: "4242", name: "Ada", address_zip: "94107" },
    });
    const charge = await m.stripe.charges.create({
      amount: 100,
      currency: "usd",
      source: made.token.id,
    });
    expect(charge.paid).toBe(true);
    expect(charge.payment_method_details?.card?.checks?.cvc_check).toBe("pass");
  });

  test("is taken from a server too, and has the fingerprint of the same card unsealed", async () => {
    const sealed = await post(await seal(), m.secret);
    const typed = await m.stripe.tokens.create({ card: VISA });
    expect((sealed.body as { card: object }).card).toMatchObject({
      fingerprint: typed.card?.fingerprint,
    });
  });

  test.each([
    [{ number: "4242424242424241" }, "402 incorrect_number number"],
    [{ number: "hello" }, "402 invalid_number number"],
    [{ exp_year: "1999" }, "402 invalid_expiry_year exp_year"],
    [{ exp_month: "13" }, "402 invalid_expiry_month exp_month"],
    [{ cvc: "12" }, "402 invalid_cvc cvc"],
    [{ name: "4242424242424242" }, "400 pan_detected card[name]"],
  ])("of a card that cannot be used has the ordinary error: %j", async (wrong, verdict) => {
    expect(verdictOf(await post(await seal(wrong)))).toBe(verdict);
  });

  test("of a card that cannot be used is told to the page as ever", async () => {
    const card = { ...VISA, number: "4242424242424241" };
    const made = await createToken({ publishableKey: m.publishable, card, base: base() });
    expect(made).toMatchObject({ error: { code: "incorrect_number", param: "number" } });
  });

  test("comes alone", async () => {
    const form = { sealed_card: await seal(), "card[number]": VISA.number };
    const rest = { "card[exp_month]": "12", "card[exp_year]": "2034" };
    const both = await system.call("/v1/tokens", {
      key: m.publishable,
      form: { ...form, ...rest },
    });
    expect(verdictOf(both)).toBe("400 parameter_invalid sealed_card");
    expect(verdictOf(await post(""))).toBe("400 parameter_invalid sealed_card");
    expect(verdictOf(await post("4242424242424242"))).toBe("400 pan_detected sealed_card");
  });
});

describe("a sealed card that does not open", () => {
  /** All that is to be seen of an answer, but what no two answers share. */
  const seen = ({ status, headers, body }: Call) => {
    const shown = new Headers(headers);
    for (const name of ["request-id", "date"]) shown.delete(name);
    return JSON.stringify({ status, headers: [...shown], body });
  };

  test("has one and the same answer, whatever is wrong with it", async () => {
    const [to] = keySet.keys as unknown as [PublicJwk];
    const scope = { account: m.account, livemode: false };
    const bad = badSeals(to, scope, Math.floor(Date.now() / 1000));
    const used = await seal();
    expect((await post(used)).status).toBe(200);
    const other = await system.merchant();
    const all = [
      ...bad,
      ["of another merchant's key", await seal({}, other.publishable)] as const,
      ["that was used", used] as const,
    ];
    const answers = new Map<string, string[]>();
    for (const [name, sealed] of all) {
      const call = await post(sealed);
      expect(verdictOf(call), name).toBe("400 sealed_card_invalid sealed_card");
      answers.set(seen(call), [...(answers.get(seen(call)) ?? []), name]);
    }
    expect([...answers.values()]).toEqual([all.map(([name]) => name)]);
    const [first = ""] = answers.keys();
    expect(first).toContain("Fetch the keys of /v1/vault/keys again, seal the card anew");
  });

  test("is stored nowhere: the same seal for its own account is opened after it", async () => {
    const other = await system.merchant();
    const sealed = await seal({}, other.publishable);
    expect((await post(sealed)).status).toBe(400);
    expect((await post(sealed, other.publishable)).status).toBe(200);
  });
});

describe("a seal", () => {
  test("makes one token, also when it is sent ten times at once", async () => {
    const sealed = await seal();
    const calls = await Promise.all(Array.from({ length: 10 }, () => post(sealed)));
    const statuses = calls.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array(9).fill(400)]);
    expect((await post(sealed)).status).toBe(400);
  });

  test("makes one payment method, which its request hears of again", async () => {
    const form = { type: "card", sealed_card: await seal() };
    const ask = (key: string) =>
      system.call("/v1/payment_methods", {
        key: m.secret,
        form,
        headers: { "idempotency-key": key },
      });
    const [first, again, other] = [
      await ask("sealed-1"),
      await ask("sealed-1"),
      await ask("sealed-2"),
    ];
    expect(first.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(verdictOf(other)).toBe("400 sealed_card_invalid sealed_card");
  });

  test("is remembered when the card box has lost its memory", async () => {
    const sealed = await seal();
    expect((await post(sealed)).status).toBe(200);
    const name = `slot-${slotOf(m.account)}`;
    await system.worker.evictDurableObject("CARD_BOX", { name });
    expect(verdictOf(await post(sealed))).toBe("400 sealed_card_invalid sealed_card");
  });

  test("of a name that was used is used, whatever it holds", async () => {
    const [to] = keySet.keys as unknown as [PublicJwk];
    const scope = { account: m.account, livemode: false };
    const header = headerFor(to.kid, scope, Math.floor(Date.now() / 1000));
    expect((await post(sealBy({ to, header }))).status).toBe(200);
    const again = sealBy({ to, header: { ...header, iat: header.iat - 1 } });
    expect(verdictOf(await post(again))).toBe("400 sealed_card_invalid sealed_card");
    const other = await system.merchant();
    const theirs = sealBy({ to, header: { ...header, account: other.account } });
    expect((await post(theirs, other.publishable)).status).toBe(200);
  });

  test("of a card that was refused may be sent again", async () => {
    const sealed = await seal({ exp_year: "1999" });
    for (const _ of [1, 2]) {
      expect(verdictOf(await post(sealed))).toBe("402 invalid_expiry_year exp_year");
    }
  });
});

describe("a merchant that takes sealed cards only", () => {
  let sealedOnly: Merchant;
  beforeAll(async () => {
    sealedOnly = await system.merchant(undefined, { sealed_only: "true" });
  });

  const typed = (parent: string) =>
    Object.fromEntries(Object.entries(VISA).map(([name, value]) => [`${parent}[${name}]`, value]));
  const charge = { amount: "100", currency: "usd" };

  test("is told so by its keys", () => {
    expect(sealedOnly.secret).toMatch(/^sk_test_sealed_/);
    expect(sealedOnly.publishable).toMatch(/^pk_test_sealed_/);
  });

  test.each([
    ["publishable", "/v1/tokens", typed("card"), "card"],
    ["secret", "/v1/tokens", typed("card"), "card"],
    ["secret", "/v1/charges", { ...charge, ...typed("source") }, "source"],
    ["secret", "/v1/charges", { ...charge, ...typed("card") }, "card"],
    ["secret", "/v1/customers", typed("source"), "source"],
  ] as const)("is refused a typed card with its %s key at %s", async (kind, path, form, param) => {
    const call = await system.call(path, { key: sealedOnly[kind], form: { ...form } });
    expect(verdictOf(call)).toBe(`400 sealed_card_required ${param}`);
    expect(errorOf(call).message).toMatch(/Seal the card in the browser/);
    expect(JSON.stringify(call.body)).not.toContain(VISA.number);
  });

  test("is paid by a sealed card and by a test token", async () => {
    const { publishable: publishableKey, stripe } = sealedOnly;
    const made = await createToken({ publishableKey, card: VISA, base: base() });
    if ("error" in made) throw new Error(made.error.message);
    for (const source of [made.token.id, "tok_visa"]) {
      expect((await stripe.charges.create({ amount: 100, currency: "usd", source })).paid).toBe(
        true,
      );
    }
  });
});

describe("a change of keys", () => {
  let rotated: System;
  let edge: Server;
  let front: string;
  let asked: { url: string; fresh: boolean }[] = [];
  let isStuck = false;
  const [next, gone] = [freshJwk("next"), freshJwk("gone")];

  // In front of the edge, where a browser has its cache: it goes on with keys that are out of use.
  beforeAll(async () => {
    const bindings = inject("bindings");
    const [before] = JSON.parse(bindings["SEALED_CARD_KEYS"] ?? "") as [object];
    rotated = await startSystem({ ...bindings, SEALED_CARD_KEYS: JSON.stringify([next, before]) });
    edge = createServer((request, response) => {
      const isFresh = request.headers["cache-control"] === "no-cache";
      asked.push({ url: request.url ?? "", fresh: isFresh });
      const keys = [{ kid: gone.kid, kty: "EC", crv: "P-256", x: gone.x, y: gone.y }];
      if (request.url === "/v1/vault/keys" && (isStuck || !isFresh)) {
        response.end(JSON.stringify({ keys, time: Math.floor(Date.now() / 1000) }));
        return;
      }
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", async () => {
        const { authorization = "", "content-type": type = "" } = request.headers;
        const answer = await fetch(new URL(request.url ?? "", rotated.url), {
          method: request.method ?? "GET",
          headers: {
            ...(authorization && { authorization }),
            ...(type && { "content-type": type }),
          },
          ...(chunks.length > 0 && { body: Buffer.concat(chunks).toString() }),
        });
        response.writeHead(answer.status).end(await answer.text());
      });
    });
    await new Promise<void>((resume) => edge.listen(0, "127.0.0.1", resume));
    front = `http://127.0.0.1:${(edge.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    edge?.close();
    await rotated?.close();
  });

  test("puts the new key first, and cards sealed to the one before still open", async () => {
    expect((await fresh(rotated)).keys.map(({ kid }) => kid)).toEqual([
      "next",
      keySet.keys[0]?.kid,
    ]);
    for (const set of [keySet, await fresh(rotated)]) {
      const time = Math.floor(Date.now() / 1000);
      const sealed = await sealCard({
        publishableKey: m.publishable,
        card: VISA,
        keySet: { ...set, time },
      });
      const form = { sealed_card: sealed };
      expect((await rotated.call("/v1/tokens", { key: m.publishable, form })).status).toBe(200);
    }
  });

  test("is met by checkout.js with fresh keys, once", async () => {
    asked = [];
    const made = await createToken({ publishableKey: m.publishable, card: VISA, base: front });
    expect(made).toMatchObject({ token: { id: expect.stringMatching(/^tok_/) } });
    const [keys, tokens] = ["/v1/vault/keys", "/v1/tokens"];
    expect(asked.map(({ url }) => url)).toEqual([keys, tokens, keys, tokens]);
    expect(asked.filter(({ url }) => url === keys).map((ask) => ask.fresh)).toEqual([false, true]);
  });

  test("is told to the page when fresh keys are no better", async () => {
    asked = [];
    isStuck = true;
    const made = await createToken({ publishableKey: m.publishable, card: VISA, base: front });
    isStuck = false;
    expect(made).toMatchObject({ error: { code: "sealed_card_invalid" } });
    expect(asked).toHaveLength(4);
  });

  test("is not suspected by checkout.js when the answer is another", async () => {
    asked = [];
    const card = { ...VISA, exp_year: "1999" };
    const unknown = { publishableKey: "pk_test_hunter2", card, base: front };
    expect(await createToken(unknown)).toMatchObject({ error: { type: "invalid_request_error" } });
    expect(asked).toHaveLength(2);
  });
});
