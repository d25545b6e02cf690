// What is refused for who asks says nothing about why: whole answers are compared, without the hint that
// echoes what was sent, the ids that differ from one answer to the next, and the date.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { FIRST_SERIAL, mintApiKey, PLATFORM_ACCOUNT } from "../../protocol/api-key.ts";
import {
  importSigner,
  SIGNATURE_HEADER,
  type SignedRequest,
  sign,
} from "../../protocol/signature.ts";
import { type Merchant, type System, startSystem } from "../system.ts";

type Fetcher = { fetch(url: string, init: RequestInit): Promise<Response> };

const bindings = inject("bindings");
let system: System;
let m: Merchant;
let other: Merchant;

beforeAll(async () => {
  system = await startSystem(bindings);
  [m, other] = [await system.merchant("us"), await system.merchant("us")];
});
afterAll(() => system?.close());

/** Status, headers and bytes of an answer, with what is its own taken out. */
async function shapeOf(response: Response) {
  const text = (await response.text())
    .replace(/req_[0-9A-Za-z]{16}/g, "req_")
    .replace(/(Invalid API Key provided: )[^"]*/, "$1…");
  const headers = [...response.headers].filter(
    ([name]) => !["date", "request-id", "ratelimit"].includes(name),
  );
  return { status: response.status, headers: new Map(headers.sort()), text };
}

const otherDigit = (key: string, at: number) =>
  key.slice(0, at) + (key[at] === "0" ? "1" : "0") + key.slice(at + 1);

describe("a key that opens nothing", () => {
  const minted = (account: string, over: object = {}, secret = bindings["API_KEY_SECRET"] ?? "") =>
    mintApiKey({ kind: "secret", livemode: false, account, ...over }, secret);
  const KEYS: readonly (readonly [string, () => string | Promise<string>])[] = [
    ["whose account was never made", () => minted("Tessera000000001", { serial: FIRST_SERIAL })],
    ["of the platform's own account", () => minted(PLATFORM_ACCOUNT)],
    ["with a wrong first digit of its MAC", () => otherDigit(m.secret, m.secret.length - 22)],
    ["with a wrong last digit of its MAC", () => otherDigit(m.secret, m.secret.length - 1)],
    ["with another's MAC", () => m.secret.slice(0, -22) + other.secret.slice(-22)],
    ["with another serial", () => otherDigit(m.secret, m.secret.length - 23)],
    ["made live", () => m.secret.replace("test", "live")],
    ["made secret of a publishable one", () => m.publishable.replace("pk_", "sk_")],
    [
      "under a secret that is not accepted",
      () => minted(m.account.slice(5), {}, Buffer.alloc(32, 7).toString("base64url")),
    ],
    ["of the platform at a merchant's route", () => system.platform],
    ["that is none", () => "sk_test_hunter2"],
  ];
  const ASKS: readonly (readonly [string, string, string | undefined])[] = [
    ["GET", "/v1/balance", undefined],
    ["GET", "/v1/charges/ch_0000000000000000000001", undefined],
    ["POST", "/v1/charges", "amount=100&currency=usd&source=tok_visa"],
    ["POST", "/v1/customers", "name=x"],
    ["POST", "/v1/refunds", "charge=ch_0000000000000000000001"],
  ];

  test.each(ASKS)(
    "hears the same at %s %s, whatever is wrong with it",
    async (method, path, body) => {
      const answers = await Promise.all(
        KEYS.map(async ([name, key]) => {
          const response = await fetch(new URL(path, system.url), {
            method,
            headers: {
              authorization: `Bearer ${await key()}`,
              "content-type": "application/x-www-form-urlencoded",
            },
            ...(body === undefined ? {} : { body }),
          });
          return [name, await shapeOf(response)] as const;
        }),
      );
      const [, first] = answers[0] ?? [];
      expect(first?.status).toBe(401);
      for (const [name, answer] of answers) expect(answer, name).toEqual(first);
    },
  );
});

test("an object of another merchant is answered as one that never was", async () => {
  const theirs = await other.stripe.charges.create({
    amount: 500,
    currency: "usd",
    source: "tok_visa",
  });
  const customer = await other.stripe.customers.create({ name: "Nobody" });
  const token = await other.stripe.tokens.create({
    card: { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" },
  });
  const asks: readonly (readonly [string, string, string | undefined])[] = [
    ["/v1/charges/", theirs.id, undefined],
    ["/v1/customers/", customer.id, undefined],
    ["/v1/tokens/", token.id, undefined],
    ["/v1/refunds", theirs.id, "charge="],
    ["/v1/charges", token.id, "amount=100&currency=usd&source="],
    ["/v1/charges", customer.id, "amount=100&currency=usd&customer="],
  ];
  for (const [path, id, form] of asks) {
    const answers = [];
    for (const named of [id, `${id.slice(0, id.indexOf("_") + 1)}01AbCdEfGhIjKlMnOpQrSt`]) {
      const response = await fetch(
        new URL(form === undefined ? path + named : path, system.url),
        form === undefined
          ? { headers: { authorization: `Bearer ${m.secret}` } }
          : {
              method: "POST",
              body: form + named,
              headers: {
                authorization: `Bearer ${m.secret}`,
                "content-type": "application/x-www-form-urlencoded",
              },
            },
      );
      const { text, ...rest } = await shapeOf(response);
      answers.push({ ...rest, text: text.replaceAll(named, "…") });
    }
    expect(answers[0]?.status, path).toBeGreaterThanOrEqual(400);
    expect(answers[0], `${path} ${form}`).toEqual(answers[1]);
  }
});

test("an origin's 401 says nothing of why", async () => {
  const body = JSON.stringify({ slot: 1, since: "00000000-0000-0000-0000-000000000000" });
  const signer = await importSigner(bindings["EDGE_SIGNING_KEY"] ?? "");
  const now = Math.floor(Date.now() / 1000);
  const honest: SignedRequest = { method: "POST", path: "/unfinished", body, audience: "us" };
  const { privateKey } = (await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  let nonces = 0;
  const signed = (over: Partial<SignedRequest>, by = signer, at = now) =>
    sign({ ...honest, ...over }, by, at, `oracle-${now}-${++nonces}`);
  const seen = await signed({});
  const [head, payload] = seen.split(".");
  const ORIGIN = (await system.worker.getEnv())["ORIGIN_US"] as Fetcher;
  const ask = async (signature: string | undefined, sent = body) =>
    ORIGIN.fetch("https://origin-us/unfinished", {
      method: "POST",
      body: sent,
      headers: signature === undefined ? {} : { [SIGNATURE_HEADER]: signature },
    });
  expect((await ask(seen)).status).toBe(200);
  const refusals = [
    await ask(undefined),
    await ask("nonsense"),
    await ask(`${head}.${payload}.`),
    await ask(await signed({}, { key: privateKey, kid: signer.kid })),
    await ask(await signed({}, { key: signer.key, kid: "retired" })),
    await ask(await signed({ audience: "eu" })),
    await ask(await signed({ path: "/read" })),
    await ask(await signed({ method: "GET" })),
    await ask(await signed({}), `${body} `),
    await ask(await signed({}, signer, now - 300)),
    await ask(await signed({}, signer, now + 300)),
    await ask(seen),
    await ask(undefined, "{not json"),
  ];
  const shapes = await Promise.all(refusals.map(shapeOf));
  expect(shapes[0]?.status).toBe(401);
  for (const shape of shapes) expect(shape).toEqual(shapes[0]);
});
