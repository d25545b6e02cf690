// The databases go away and come back, or their answers are lost, while the Workers run on: whoever asks
// meanwhile hears 503 and loses nothing, and the same key later ends in exactly one charge.

import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type Stripe from "stripe";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Child, StopStep } from "../../local/child.ts";
import { type EndpointProcess, startEndpointProcess } from "../../local/endpoint-process.ts";
import { type Platform, startPlatform } from "../../local/platform.ts";
import { STOP_CRASH, STOP_FAST, startCluster } from "../../local/postgres.ts";
import { findBinaries } from "../../local/postgres-binaries.ts";
import { findPlace } from "../../local/postgres-place.ts";
import { loadSecrets } from "../../local/secrets.ts";
import { verifyLedger } from "../../ops/verify.ts";
import { BATCH_KINDS } from "../../protocol/batch.ts";
import type { Command } from "../../protocol/command.ts";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { generator, seedOf } from "../ledger/region.ts";
import { makeHome } from "../local/scratch.ts";
import { type Call, ledger, type Merchant, type System, startSystem } from "../system.ts";
import { type Doorway, type Fate, startDoorway } from "./doorway.ts";

/** A database that is gone is noticed at once; one that is silent costs the origin's whole patience. */
const ANSWER_MS_MAX = 16_000;
const BACK_MS_MAX = 20_000;

type Region = "us" | "eu";

const home = makeHome();
let platform: Platform;
let endpoint: EndpointProcess;
let doorway: Doorway;
let system: System;
const restarted: Pick<Child, "stop">[] = [];
const merchants = {} as Record<Region, Merchant>;

beforeAll(async () => {
  platform = await startPlatform({ home: home.path, databaseUrls: {} });
  if (platform.endpoint === undefined) throw new Error("the endpoint is not local");
  endpoint = platform.endpoint;
  doorway = await startDoorway(endpoint.url);
  system = await startSystem({ ...platform.bindings, SQL_ENDPOINT: doorway.url });
  merchants.us = await system.merchant("us");
  merchants.eu = await system.merchant("eu");
});

afterEach(() => doorway?.decide(() => "pass"));

afterAll(async () => {
  await system?.close();
  await doorway?.close();
  for (const part of restarted.reverse()) await part.stop();
  await platform?.stop();
  rmSync(home.path, { recursive: true, force: true });
});

type Wire = { id?: string; status?: string; error?: Record<string, string> };
type Booked = { authorizations: number };

const form = { amount: "1999", currency: "usd", source: "tok_visa" };
/** Keys have no spaces. */
const keyOf = (text: string): string => text.replaceAll(/[ ,]+/g, "-");
const pay = (by: Merchant, key: string, over: Partial<typeof form> = {}) =>
  system.call("/v1/charges", {
    key: by.secret,
    form: { ...form, ...over },
    headers: { "idempotency-key": keyOf(key) },
  });
const bodyOf = (call: Call): Wire => call.body;
const booked = async () => (await system.bank<Booked>("/book")).authorizations;

function expectUnavailable(call: Call): void {
  expect(call.status).toBe(503);
  expect(call.headers.get("stripe-should-retry")).toBe("true");
  expect(call.headers.get("request-id")).toMatch(/^req_/);
  const { error } = bodyOf(call);
  expect(error).toMatchObject({ type: "api_error" });
  expect(error?.["message"]).toMatch(/cannot be reached.*[Rr]etry/);
}

/** The charges of a merchant as the ledger has them. */
async function chargesOf(by: Merchant): Promise<{ key: string; state: string }[]> {
  const client = await ledger(platform.bindings, homeOf(slotOf(by.account)));
  const { rows } = await client.query<{ key: string; state: string }>(
    `select c.key, c.state from charge_facts c join accounts a on a.no = c.account_no
      where a.id = $1 order by c.id`,
    [by.account],
  );
  await client.end();
  return rows;
}

/** Asks with the same key until it is no longer told to come back. */
async function untilPaid(by: Merchant, key: string): Promise<Call> {
  const deadline = performance.now() + BACK_MS_MAX;
  for (;;) {
    const call = await pay(by, key);
    if (call.status === 200 || performance.now() > deadline) return call;
    await sleep(100);
  }
}

async function restartCluster(region: Region): Promise<void> {
  const cluster = platform.clusters[region];
  if (cluster === undefined) throw new Error(`no cluster ${region}`);
  const { owner, directory } = findPlace(home.path);
  const bin = findBinaries(owner, directory);
  const { POSTGRES_PASSWORD: password } = await loadSecrets(home.path);
  const { port } = cluster;
  const again = await startCluster({ region, directory, bin, owner, password, port });
  platform.clusters[region] = again;
  restarted.push(again);
}

const stopCluster = (region: Region, steps: readonly StopStep[]) =>
  platform.clusters[region]?.stop(steps) ?? Promise.resolve();

type Outage = {
  readonly what: string;
  readonly regions: readonly Region[];
  readonly begin: () => Promise<void> | undefined;
  readonly end: () => Promise<void>;
};

/** Whether a connection string, under whatever name the driver gives itself, is of this primary. */
const isPrimary = (region: Region, connectionString: string): boolean =>
  connectionString.startsWith(platform.bindings[`DATABASE_URL_${region.toUpperCase()}`] ?? "");

const OUTAGES: readonly Outage[] = [
  {
    what: "the SQL endpoint killed",
    regions: ["us", "eu"],
    begin: () => endpoint.stop([["SIGKILL", 1_000]]),
    end: async () => {
      const { us, eu, originUs, originEu, usOfEu, euOfUs } = platform.urls;
      const urls = [us, eu, originUs ?? us, originEu ?? eu, usOfEu ?? us, euOfUs ?? eu];
      endpoint = await startEndpointProcess(home.path, urls, Number(new URL(endpoint.url).port));
      restarted.push(endpoint);
    },
  },
  {
    what: "the database of one region silent",
    regions: ["us"],
    begin: async () => doorway.decide((_, to) => (isPrimary("us", to) ? "hold" : "pass")),
    end: async () => doorway.decide(() => "pass"),
  },
  {
    what: "PostgreSQL of one region killed",
    regions: ["us"],
    begin: () => stopCluster("us", STOP_CRASH),
    end: () => restartCluster("us"),
  },
  {
    what: "PostgreSQL of one region shut down",
    regions: ["eu"],
    begin: () => stopCluster("eu", STOP_FAST),
    end: () => restartCluster("eu"),
  },
];

describe.each(OUTAGES)("with $what", ({ what, regions, begin, end }) => {
  test("charges and reads are 503, nothing is half-done, and the same key then pays once", async () => {
    const before = await booked();
    const stricken = regions.map((region) => merchants[region]);
    const spared = (["us", "eu"] as const).filter((region) => !regions.includes(region));
    const earlier = await Promise.all(stricken.map((m) => m.stripe.charges.list()));
    const others = await Promise.all(spared.map((region) => system.merchant(region)));
    await begin();
    try {
      const from = performance.now();
      const [charges, reads, ready] = await Promise.all([
        Promise.all(stricken.map((m) => pay(m, what))),
        Promise.all(stricken.map((m) => system.call("/v1/charges", { key: m.secret }))),
        system.call("/readyz"),
      ]);
      expect(performance.now() - from).toBeLessThan(ANSWER_MS_MAX);
      for (const call of charges) expectUnavailable(call);
      for (const [i, region] of regions.entries()) {
        const read = reads[i] as Call;
        // The copy beside the caller still has everything this merchant wrote.
        const isCopied = region === "eu" && regions.length === 1;
        if (!isCopied) expectUnavailable(read);
        else expect(read.headers.get("tessera-served-by")).toBe("us/replica");
        if (isCopied) expect(read.body).toMatchObject({ data: earlier[i]?.data });
      }
      expect(ready.status).toBe(503);
      const states = Object.fromEntries(regions.map((region) => [region, "unreachable"]));
      expect(ready.body).toMatchObject({ status: "unavailable", regions: states });
      expect((ready.body as { remedy: string }).remedy).toContain("npm run database");
      expect((await system.call("/healthz")).status).toBe(200);
      // The merchants of the other region notice nothing.
      for (const region of spared)
        expect(ready.body).toMatchObject({ regions: { [region]: "ok" } });
      for (const one of others) {
        expect((await pay(one, what)).status).toBe(200);
        expect((await one.stripe.charges.list()).data).toHaveLength(1);
      }
      expect(await booked()).toBe(before + spared.length);
    } finally {
      await end();
    }
    const paid = await Promise.all(stricken.map((m) => untilPaid(m, what)));
    for (const [i, m] of stricken.entries()) {
      expect(paid[i]?.status).toBe(200);
      const again = await pay(m, what);
      expect(bodyOf(again)).toEqual(paid[i]?.body);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      const mine = (await chargesOf(m)).filter(({ key }) => key === keyOf(what));
      expect(mine).toEqual([{ key: keyOf(what), state: "captured" }]);
    }
    expect(await booked()).toBe(before + spared.length + stricken.length);
    expect((await system.call("/readyz")).status).toBe(200);
  });
});

describe("with the answer of a commit lost", () => {
  /** Loses the next statements that carry this kind of command, or only their answers. */
  const lose = (kind: Command["kind"], count: number, fate: Fate = "lose_answer") => {
    let left = count;
    doorway.decide((body) => (carries(body, kind) && left-- > 0 ? fate : "pass"));
  };

  /** Whether a statement is a batch with commands of this kind. */
  const carries = (body: string, kind: Command["kind"]): boolean => {
    if (!body.includes("apply_batch")) return false;
    const { params } = JSON.parse(body) as { params: (string | null)[] };
    return params[BATCH_KINDS.indexOf(kind) + params.length - BATCH_KINDS.length] != null;
  };

  test.each<[string, Command["kind"], Fate, number, number]>([
    ["of the opening", "open_charge", "lose_answer", 1, 503],
    ["of the closing, once", "close_charge", "lose_answer", 1, 200],
    ["of the closing, each time", "close_charge", "lose_answer", 3, 503],
    ["and the closing itself, once", "close_charge", "lose_question", 1, 200],
    ["and the closing itself, each time", "close_charge", "lose_question", 3, 503],
  ])("%s: one charge at the bank and in the ledger, told under the same key", async (...row) => {
    const [what, kind, fate, count, status] = row;
    const one = await system.merchant("us");
    const before = await booked();
    const lostBefore = doorway.lost();
    lose(kind, count, fate);
    const first = await pay(one, what);
    expect(doorway.lost() - lostBefore).toBe(count);
    expect(first.status).toBe(status);
    if (status === 503) expectUnavailable(first);
    // The opening was committed, whatever the caller was told.
    expect((await chargesOf(one)).map(({ key }) => key)).toEqual([keyOf(what)]);
    const second = await untilPaid(one, what);
    expect(second.status).toBe(200);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    if (status === 200) expect(second.body).toEqual(first.body);
    expect((await pay(one, what)).body).toEqual(second.body);
    expect(await chargesOf(one)).toEqual([{ key: keyOf(what), state: "captured" }]);
    expect((await one.stripe.charges.list()).data.map(({ id }) => id)).toEqual([bodyOf(second).id]);
    expect(await booked()).toBe(before + 1);
    const changed = await pay(one, what, { amount: "2000" });
    expect(bodyOf(changed).error).toMatchObject({ type: "idempotency_error" });
  });

  test("of a charge nobody asks about again, the shard ends it by itself", async () => {
    const one = await system.merchant("us");
    const before = await booked();
    lose("open_charge", 1);
    expectUnavailable(await pay(one, "never-again"));
    expect(await chargesOf(one)).toEqual([{ key: "never-again", state: "opened" }]);
    const deadline = performance.now() + BACK_MS_MAX;
    while ((await chargesOf(one))[0]?.state === "opened" && performance.now() < deadline) {
      await sleep(200);
    }
    expect(await chargesOf(one)).toEqual([{ key: "never-again", state: "captured" }]);
    expect(await booked()).toBe(before + 1);
  });

  test("of a refund, it is given back once", async () => {
    const one = await system.merchant("us");
    const charge = bodyOf(await pay(one, "to-refund")) as unknown as Stripe.Charge;
    const refund = () =>
      system.call("/v1/refunds", {
        key: one.secret,
        form: { charge: charge.id, amount: "500" },
        headers: { "idempotency-key": "refund" },
      });
    lose("open_operation", 1);
    expectUnavailable(await refund());
    const second = await refund();
    expect(second.status).toBe(200);
    expect(bodyOf(second)).toMatchObject({ amount: 500, status: "succeeded" });
    expect((await one.stripe.charges.retrieve(charge.id)).amount_refunded).toBe(500);
    expect((await one.stripe.refunds.list()).data).toHaveLength(1);
  });

  const seed = seedOf();
  test(`of every third statement, 60 keys end in 60 charges (seed ${seed})`, async () => {
    const random = generator(seed);
    const pair = [await system.merchant("us"), await system.merchant("eu")] as const;
    const before = await booked();
    const lostBefore = doorway.lost();
    doorway.decide((body) =>
      body.includes("apply_batch") && random() < 0.33 ? "lose_answer" : "pass",
    );
    const keys = Array.from({ length: 60 }, (_, i) => `soup-${i}`);
    const lanes = Array.from({ length: 12 }, async (_, lane) => {
      for (let i = lane; i < keys.length; i += 12) {
        expect((await untilPaid(pair[i % 2 === 0 ? 0 : 1], keys[i] ?? "")).status).toBe(200);
      }
    });
    await Promise.all(lanes);
    doorway.decide(() => "pass");
    expect(doorway.lost()).toBeGreaterThan(lostBefore);
    const all = [...(await chargesOf(pair[0])), ...(await chargesOf(pair[1]))];
    expect(new Set(all.map(({ state }) => state))).toEqual(new Set(["captured"]));
    expect(all.map(({ key }) => key).sort()).toEqual(keys.toSorted());
    expect(await booked()).toBe(before + keys.length);
    console.log(`${doorway.lost() - lostBefore} answers lost, seed ${seed}`);
  });
});

test("both ledgers verify after all of this", async () => {
  expect(await verifyLedger(platform.urls.us)).toEqual([]);
  expect(await verifyLedger(platform.urls.eu)).toEqual([]);
});
