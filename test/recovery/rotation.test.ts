// Every secret that can be rotated is, by the steps that `npm run secrets -- --rotate` prints, while merchants
// charge, retry, refund and read. A step is a deployment of the running system. workerd ends connections then,
// which a deployment on Cloudflare does not: clients ask again under the same key, as SDKs do, when a connection
// broke or the answer was 409 or 503; every other answer that is no success is a failure, and there is none.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { KEYS, stepsOf } from "../../ops/key-registry.ts";
import { rotate, type Step } from "../../ops/rotation.ts";
import { mintApiKey, PLATFORM_ACCOUNT } from "../../protocol/api-key.ts";
import { versionsOf } from "../../protocol/secret.ts";
import { importSigner, SIGNATURE_HEADER, sign } from "../../protocol/signature.ts";
import { AT_ONCE, type Merchant, type System, startSystem } from "../system.ts";

type Fetcher = { fetch(url: string, init: RequestInit): Promise<Response> };
type Bindings = Record<string, string>;

/** Before the rotation, and after each of its steps. */
const generations: Bindings[] = [];
const ROTATED = KEYS.filter(
  ({ rotation, name }) =>
    (rotation.kind === "versions" || rotation.kind === "pair") && name in inject("bindings"),
);
const STEPS = 3;

beforeAll(async () => {
  let bindings = inject("bindings");
  generations.push(bindings);
  const rotations = await Promise.all(ROTATED.map((key) => rotate(key, bindings)));
  for (let step = 0; step < STEPS; step++) {
    const set: Step[] = rotations.map((steps) => steps?.[step] ?? {});
    bindings = Object.assign({}, bindings, ...set);
    generations.push(bindings);
  }
});

test("the rotated are those that are made here, each in three steps", () => {
  expect(ROTATED.map(({ name }) => name)).toEqual([
    "API_KEY_SECRET",
    "REQUEST_MAC_SECRET",
    "WEBHOOK_ROOT_SECRET",
    "EDGE_SIGNING_KEY",
    "VAULT_SIGNING_KEY",
    "LEDGER_SIGNING_KEY",
    "PROCESSOR_KEY",
    "NOTICE_KEY",
  ]);
  for (const key of ROTATED) expect(stepsOf(key)).toHaveLength(STEPS);
});

type Sent = { readonly key: string; readonly form: string; readonly by: Merchant; answer: string };

/** All charges that merchants sent so far, with what they were told. */
const sent: Sent[] = [];
const failed: string[] = [];
let system: System;
let merchants: Merchant[] = [];
let count = 0;

const TRIES_MAX = 100;
const PAUSE_MS = 200;

/** The key that a merchant uses now. */
const keyOf = (by: Merchant): string =>
  merchants.find(({ account }) => account === by.account)?.secret ?? "";

/** One request of a merchant, until it has an answer for good. */
async function ask(by: Merchant, path: string, key?: string, form?: string): Promise<string> {
  let heard = "";
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    try {
      const response = await fetch(new URL(path, system.url), {
        method: form === undefined ? "GET" : "POST",
        headers: {
          authorization: `Bearer ${keyOf(by)}`,
          "content-type": "application/x-www-form-urlencoded",
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        ...(form === undefined ? {} : { body: form }),
      });
      heard = await response.text();
      if (response.status === 200) return heard;
      if (response.status !== 409 && response.status !== 503) break;
    } catch {
      // The connection broke: nothing is known but the key.
    }
    await sleep(PAUSE_MS);
  }
  failed.push(`${path}: ${heard}`);
  return heard;
}

/** A charge, told again, with a refund and reads. */
async function sell(by: Merchant): Promise<void> {
  const form = `amount=${1000 + ++count}&currency=usd&source=tok_visa`;
  const key = `rotation-${count}`;
  const answer = await ask(by, "/v1/charges", key, form);
  sent.push({ key, form, by, answer });
  const retold = await ask(by, "/v1/charges", key, form);
  if (retold !== answer) failed.push(`${key} was answered twice: ${answer} ${retold}`);
  const { id } = JSON.parse(answer) as { id?: string };
  await ask(by, "/v1/refunds", `${key}-refund`, `charge=${id}&amount=10`);
  await ask(by, `/v1/charges/${id}`);
  await ask(by, "/v1/balance");
}

/** Whether the running origin and bank take what is signed or said under these bindings. */
async function admitted(of: Bindings): Promise<boolean[]> {
  const env: Record<string, unknown> = await system.worker.getEnv();
  const body = JSON.stringify({ slot: 1, since: "00000000-0000-0000-0000-000000000000" });
  const request = { method: "POST", path: "/unfinished", body, audience: "us" };
  const signer = await importSigner(of["EDGE_SIGNING_KEY"] ?? "");
  const now = Math.floor(Date.now() / 1000);
  const answer = await (env["ORIGIN_US"] as Fetcher).fetch("https://origin-us/unfinished", {
    method: "POST",
    body,
    headers: { [SIGNATURE_HEADER]: await sign(request, signer, now, `rotation-${++count}`) },
  });
  const bank = await (env["PROCESSOR"] as Fetcher).fetch("https://bank/book", {
    headers: { authorization: `Bearer ${versionsOf(of["PROCESSOR_KEY"] ?? "")[0]}` },
  });
  return [answer.status === 200, bank.status === 200];
}

const SELLERS = 3;
/** Sales that must have been made under each generation before the next one is deployed. */
const SALES_BETWEEN = 8;

test("no request fails while every secret is changed, step by step", async () => {
  system = await startSystem(generations[0] ?? {});
  merchants = [await system.merchant("us", AT_ONCE), await system.merchant("eu", AT_ONCE)];
  let over = false;
  const sellers = Array.from({ length: SELLERS }, async (_, seller) => {
    for (let sale = seller; !over; sale++) {
      const by = merchants[sale % merchants.length];
      if (by !== undefined) await sell(by);
    }
  });
  const untilSold = async () => {
    const goal = sent.length + SALES_BETWEEN;
    while (sent.length < goal && failed.length === 0) await sleep(PAUSE_MS);
  };
  await untilSold();
  for (let step = 1; step <= STEPS; step++) {
    const [before = {}, after = {}] = generations.slice(step - 1, step + 1);
    // For a while both are there: each takes what the other makes.
    expect(await admitted(after)).toEqual([true, true]);
    // Before the old secret goes, merchants change their keys.
    if (step === STEPS) merchants = await renewed(before, merchants);
    const old = [...sent];
    await system.deploy(after);
    await untilSold();
    expect(await admitted(before)).toEqual([true, true]);
    if (step === STEPS) continue;
    // What was asked before is still the same request, and new merchants have keys of this step.
    for (const { key, form, by, answer } of old) {
      expect(await ask(by, "/v1/charges", key, form)).toBe(answer);
    }
    merchants.push(await system.merchant(undefined, AT_ONCE));
  }
  over = true;
  await Promise.all(sellers);
  expect(failed).toEqual([]);
  expect(sent.length).toBeGreaterThanOrEqual((STEPS + 1) * SALES_BETWEEN);
  for (const merchant of merchants) {
    const own = sent.filter(({ by }) => by.account === merchant.account);
    const amounts = own.map(({ answer }) => (JSON.parse(answer) as { amount: number }).amount - 10);
    const balance = JSON.parse(await ask(merchant, "/v1/balance"));
    expect(balance.available[0].amount).toBe(amounts.reduce((sum, amount) => sum + amount, 0));
  }
}, 300_000);

afterAll(() => system?.close());

/** The same merchants with keys made under these bindings' current secret. */
const renewed = (bindings: Bindings, all: readonly Merchant[]): Promise<Merchant[]> =>
  Promise.all(
    all.map(async (merchant) => ({
      ...merchant,
      secret: await mintApiKey(
        { kind: "secret", livemode: false, account: merchant.account.slice("acct_".length) },
        bindings["API_KEY_SECRET"] ?? "",
      ),
    })),
  );

describe("after the last step", () => {
  const old = () => generations[0] ?? {};

  test("a key made under the old secret opens nothing", async () => {
    const [merchant] = await renewed(old(), merchants);
    const platform = await mintApiKey(
      { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT },
      old()["API_KEY_SECRET"] ?? "",
    );
    expect((await system.call("/v1/balance", { key: merchant?.secret })).status).toBe(401);
    expect((await system.call("/v1/accounts", { key: platform, form: {} })).status).toBe(401);
  });

  test("an origin takes no signature of the old key, and the bank no old password", async () => {
    expect(await admitted(old())).toEqual([false, false]);
  });

  test("a retry of a request MACed under a version that is gone is refused, never done twice", async () => {
    const [first] = sent;
    if (first === undefined) throw new Error("nothing was sent");
    const [by] = await renewed(generations[STEPS] ?? {}, [first.by]);
    const retried = await system.call("/v1/charges", {
      key: by?.secret,
      form: Object.fromEntries(new URLSearchParams(first.form)),
      headers: { "idempotency-key": first.key },
    });
    expect(retried.status).toBe(400);
    expect(retried.body).toMatchObject({ error: { type: "idempotency_error" } });
  });
});
