// Where a read is answered, and that it never misses what its merchant wrote before; and who may ask an
// origin at all.

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { parametersOf } from "../../protocol/batch.ts";

import { importSigner, type SignedRequest, sign } from "../../protocol/signature.ts";
import type { Region } from "../../protocol/slot.ts";
import { EPOCH } from "../ledger/region.ts";
import { type Merchant, type System, startSystem } from "../system.ts";

const WRITES = 200;
const SUBSCRIPTION = "tessera_eu_to_us";
const CATCH_UP_MS_MAX = 10_000;

let system: System;
let bindings: Record<string, string>;

beforeAll(async () => {
  bindings = inject("bindings");
  system = await startSystem(bindings);
});
afterAll(() => system?.close());

const pay = async (by: Merchant) =>
  by.stripe.charges.create({ amount: 500, currency: "usd", source: "tok_visa" });

type List = { data: { id: string }[] };

/** The newest charges of a merchant, and which database told. */
async function newest(by: Merchant): Promise<{ ids: string[]; servedBy: string | null }> {
  const { headers, body, status } = await system.call("/v1/charges?limit=3", { key: by.secret });
  expect(status).toBe(200);
  const { data } = body as List;
  return { ids: data.map(({ id }) => id), servedBy: headers.get("tessera-served-by") };
}

/** Reads until this database answers. */
async function untilServedBy(by: Merchant, server: string): Promise<void> {
  const deadline = performance.now() + CATCH_UP_MS_MAX;
  let last: string | null = null;
  while (performance.now() < deadline) {
    last = (await newest(by)).servedBy;
    if (last === server) return;
    await sleep(20);
  }
  throw new Error(`${server} never answered, ${last} did`);
}

/** The copy of the EU's ledger in the US, as its owner: what the Workers connect with only reads. */
async function withCopy(work: (copy: pg.Client) => Promise<void>): Promise<void> {
  const url = new URL(bindings["REPLICA_URL_US_EU"] ?? "");
  const { username, password } = new URL(bindings["DATABASE_URL_US"] ?? "");
  Object.assign(url, { username, password });
  const copy = new pg.Client({ connectionString: url.href });
  await copy.connect();
  try {
    await work(copy);
  } finally {
    await copy.end();
  }
}

describe("a merchant whose home is far from the caller", () => {
  let far: Merchant;
  beforeAll(async () => {
    far = await system.merchant("eu");
  });

  test(`reads each of ${WRITES} writes at once, wherever the answer comes from`, async () => {
    const servers = new Set<string | null>();
    for (let i = 0; i < WRITES; i++) {
      const { id } = await pay(far);
      const { ids, servedBy } = await newest(far);
      expect(ids[0]).toBe(id);
      servers.add(servedBy);
    }
    for (const server of servers) expect(["us/replica", "eu/primary"]).toContain(server);
  });

  test("reads from the copy beside the caller once that has caught up", async () => {
    const { id } = await pay(far);
    await untilServedBy(far, "us/replica");
    expect((await newest(far)).ids[0]).toBe(id);
    const { headers } = await system.call(`/v1/charges/${id}`, { key: far.secret });
    expect(headers.get("tessera-served-by")).toBe("us/replica");
  });

  test("reads from home what a copy that stands still does not have", async () => {
    await pay(far);
    await untilServedBy(far, "us/replica");
    await withCopy(async (copy) => {
      await copy.query(`alter subscription ${SUBSCRIPTION} disable`);
      try {
        for (let i = 0; i < 5; i++) {
          const { id } = await pay(far);
          expect(await newest(far)).toMatchObject({
            servedBy: "eu/primary",
            ids: expect.arrayContaining([id]),
          });
          expect((await far.stripe.charges.retrieve(id)).paid).toBe(true);
          const refund = await far.stripe.refunds.create({ charge: id, amount: 100 });
          expect((await far.stripe.refunds.list({ charge: id })).data[0]?.id).toBe(refund.id);
        }
      } finally {
        await copy.query(`alter subscription ${SUBSCRIPTION} enable`);
      }
    });
    await untilServedBy(far, "us/replica");
  });

  test("gets the same answer from either", async () => {
    const { id } = await pay(far);
    const path = `/v1/charges/${id}`;
    const first = await system.call(path, { key: far.secret });
    await untilServedBy(far, "us/replica");
    const second = await system.call(path, { key: far.secret });
    expect(second.body).toEqual(first.body);
  });
});

test("a merchant whose home is near never reads from a copy", async () => {
  const near = await system.merchant("us");
  for (let i = 0; i < 20; i++) {
    const { id } = await pay(near);
    expect(await newest(near)).toMatchObject({
      servedBy: "us/primary",
      ids: expect.arrayContaining([id]),
    });
  }
});

test("the connection to a copy cannot write", async () => {
  const client = new pg.Client({ connectionString: bindings["REPLICA_URL_US_EU"] });
  await client.connect();
  await expect(client.query("update balances set amount = 0")).rejects.toMatchObject({
    code: "25006",
  });
  await client.query("set default_transaction_read_only = off");
  await expect(client.query("update balances set amount = 0")).rejects.toMatchObject({
    code: "42501",
  });
  await client.end();
});

describe("an origin", () => {
  type Fetcher = { fetch(url: string, init: RequestInit): Promise<Response> };
  const BODY = JSON.stringify({ slot: 1, since: "00000000-0000-0000-0000-000000000000" });
  let nonces = 0;

  type Sent = SignedRequest & { readonly ageSeconds?: number; readonly nonce?: string };
  const honest: Sent = { method: "POST", path: "/unfinished", body: BODY, audience: "us" };

  async function signed(request: Sent): Promise<string> {
    const signer = await importSigner(bindings["EDGE_SIGNING_KEY"] ?? "");
    const now = Math.floor(Date.now() / 1000) - (request.ageSeconds ?? 0);
    return sign(request, signer, now, request.nonce ?? `test-${Date.now()}-${++nonces}`);
  }

  async function ask(
    signature: string | undefined,
    path = "/unfinished",
    body = BODY,
    region: Region = "us",
  ): Promise<number> {
    const env = await system.worker.getEnv();
    const origin = env[region === "us" ? "ORIGIN_US" : "ORIGIN_EU"] as Fetcher;
    const headers = signature === undefined ? {} : { "tessera-signature": signature };
    const init = { method: "POST", body, headers };
    return (await origin.fetch(`https://origin-${region}${path}`, init)).status;
  }

  test("answers what the edge signed for it", async () => {
    expect(await ask(await signed(honest))).toBe(200);
    expect(await ask(await signed({ ...honest, ageSeconds: 50 }))).toBe(200);
    expect(await ask(await signed({ ...honest, ageSeconds: -50 }))).toBe(200);
  });

  const OTHER_BODY = BODY.replace('"slot":1', '"slot":2');
  test.each<[string, Sent | undefined, string, string, Region]>([
    ["not signed", undefined, "/unfinished", BODY, "us"],
    ["signed for another region", honest, "/unfinished", BODY, "eu"],
    ["signed for another path", honest, "/read", BODY, "us"],
    ["signed for another method", { ...honest, method: "GET" }, "/unfinished", BODY, "us"],
    ["signed for another body", honest, "/unfinished", OTHER_BODY, "us"],
    ["signed for the body without a space", honest, "/unfinished", `${BODY} `, "us"],
    ["signed two minutes ago", { ...honest, ageSeconds: 120 }, "/unfinished", BODY, "us"],
    ["signed for two minutes from now", { ...honest, ageSeconds: -120 }, "/unfinished", BODY, "us"],
    ["signed for a path that leads nowhere", honest, "/", BODY, "us"],
  ])("refuses a request %s", async (_, sent, path, body, region) => {
    const signature = sent === undefined ? undefined : await signed(sent);
    expect(await ask(signature, path, body, region)).toBe(401);
  });

  test("refuses a request it has seen", async () => {
    const signature = await signed(honest);
    expect(await ask(signature)).toBe(200);
    expect(await ask(signature)).toBe(401);
    const once = await signed({ ...honest, nonce: "the-same" });
    const again = await signed({ ...honest, nonce: "the-same", ageSeconds: 1 });
    expect([await ask(once), await ask(again)]).toEqual([200, 401]);
  });

  test("refuses what others forged", async () => {
    const [head = "", payload = "", mac = ""] = (await signed(honest)).split(".");
    const { publicKey: _, privateKey } = (await crypto.subtle.generateKey("Ed25519", true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    const { kid } = JSON.parse(bindings["EDGE_SIGNING_KEY"] ?? "") as { kid: string };
    const stranger = { key: privateKey, kid };
    const now = Math.floor(Date.now() / 1000);
    const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const verifyKey = (JSON.parse(bindings["EDGE_VERIFY_KEYS"] ?? "") as { keys: { x: string }[] })
      .keys[0];
    const forgeries = [
      "",
      "…",
      `${head}.${payload}.`,
      `${head}.${payload}`,
      `${text({ alg: "none", kid })}.${payload}.`,
      `${text({ alg: "HS256", kid, x: verifyKey?.x })}.${payload}.${mac}`,
      `${head}.${text({ ...honest, iat: now })}.${mac}`,
      await sign(honest, stranger, now, "forged-1"),
      await sign(honest, { ...stranger, kid: "" }, now, "forged-2"),
    ];
    for (const forgery of forgeries) {
      expect(await ask(encodeURI(forgery)), forgery).toBe(401);
    }
  });

  test("does nothing for a batch of another epoch, however well it is signed", async () => {
    const body = JSON.stringify(parametersOf(EPOCH + 1, []));
    expect(await ask(await signed({ ...honest, path: "/batch", body }), "/batch", body)).toBe(409);
  });

  test("says of a value the database cannot hold that the batch conflicts", async () => {
    const merchant = await system.merchant("us");
    const { account } = merchant;
    const command = {
      ...({ kind: "create_account", account, livemode: false, id: account, slot: 1 } as const),
      name: "\u0000",
    };
    const body = JSON.stringify(parametersOf(EPOCH, [command]));
    expect(await ask(await signed({ ...honest, path: "/batch", body }), "/batch", body)).toBe(422);
  });
});
