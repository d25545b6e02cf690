// How the vault speaks to a transit engine: tokens that end, faults as values, and no question per card.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FAILURES_MAX, OPEN_MS } from "../../workers/vault/circuit-breaker.ts";
import { KEY_CACHED_MS_MAX, KeyCache } from "../../workers/vault/key-cache.ts";
import { parseKeyConfiguration } from "../../workers/vault/key-configuration.ts";
import {
  type TransitAuthentication,
  TransitClient,
  TransitSession,
} from "../../workers/vault/transit-client.ts";
import { granted } from "./granted.ts";
import { ROLE, ROOT_TOKEN, startTransit, type TransitFake } from "./transit-fake.ts";

const clock = { ms: 1_800_000_000_000 };
const LEASE_S = 3600;
const APPROLE: TransitAuthentication = { kind: "approle", ...ROLE };
const LOGIN = "POST auth/approle/login";
const RENEW = "POST auth/token/renew-self";

let fake: TransitFake;
let client: TransitClient;

const clientOf = (authentication: TransitAuthentication, mount = "transit") =>
  new TransitClient(
    { address: fake.address, mount, namespace: undefined, authentication },
    new TransitSession(),
    () => clock.ms,
  );

beforeAll(async () => {
  fake = await startTransit(() => clock.ms);
});
beforeEach(async () => {
  fake.heal();
  fake.closeRole(false);
  fake.lease(LEASE_S);
  client = clientOf(APPROLE);
  granted(await client.createKey("k"));
  fake.seen();
});
afterAll(() => fake?.stop());

describe("an AppRole's token", () => {
  test("is used until two thirds of its life, then renewed", async () => {
    granted(await client.dataKey("k", "c"));
    clock.ms += (LEASE_S * 1000 * 2) / 3 - 1;
    granted(await client.dataKey("k", "c"));
    expect(fake.seen()).toEqual([
      "POST transit/datakey/plaintext/k",
      "POST transit/datakey/plaintext/k",
    ]);
    clock.ms += 1;
    granted(await client.dataKey("k", "c"));
    expect(fake.seen()).toEqual([RENEW, "POST transit/datakey/plaintext/k"]);
  });

  test("that has ended is replaced by a login", async () => {
    clock.ms += LEASE_S * 1000;
    granted(await client.dataKey("k", "c"));
    expect(fake.seen()).toEqual([LOGIN, "POST transit/datakey/plaintext/k"]);
  });

  test("that was revoked is replaced once", async () => {
    fake.revoke();
    granted(await client.dataKey("k", "c"));
    expect(fake.seen()).toEqual([
      "POST transit/datakey/plaintext/k",
      LOGIN,
      "POST transit/datakey/plaintext/k",
    ]);
  });

  test("serves to its end while no new one can be had", async () => {
    clock.ms += (LEASE_S * 1000 * 2) / 3;
    fake.fail(500, 2);
    granted(await client.dataKey("k", "c"));
    expect(fake.seen()).toEqual([RENEW, LOGIN, "POST transit/datakey/plaintext/k"]);
  });

  test("that no login gives is forbidden", async () => {
    fake.revoke();
    fake.closeRole(true);
    expect(await client.dataKey("k", "c")).toEqual({ ok: false, failure: { kind: "forbidden" } });
  });
});

describe("a token that was given", () => {
  test("of the root needs no renewal", async () => {
    const root = clientOf({ kind: "token", token: ROOT_TOKEN });
    granted(await root.dataKey("k", "c"));
    clock.ms += 10 * 365 * 24 * 3600 * 1000;
    granted(await root.dataKey("k", "c"));
    expect(fake.seen().filter((line) => line.includes("auth/"))).toEqual([
      "GET auth/token/lookup-self",
    ]);
  });
});

describe("an engine that", () => {
  test.each([
    ["is sealed", 503, "sealed"],
    ["refuses twice", 403, "forbidden"],
    ["does not know the path", 404, "not_found"],
    ["fails", 500, "unreachable"],
    ["is overloaded", 429, "unreachable"],
    ["points elsewhere", 307, "unreachable"],
    ["says that the question is wrong", 400, "no_such_key"],
  ] as const)("%s is told as a value", async (_, status, kind) => {
    fake.fail(status);
    const asked = clientOf({ kind: "token", token: ROOT_TOKEN });
    const failed = await (status === 400 ? client : asked).decrypt("k", "c", "vault:v1:AAAA");
    expect(failed).toEqual({ ok: false, failure: { kind } });
  });

  test("does not answer at all is unreachable after a bounded wait", async () => {
    fake.fail("silence");
    expect(await client.dataKey("k", "c")).toEqual({ ok: false, failure: { kind: "unreachable" } });
  });

  test("is mounted elsewhere is not found", async () => {
    const lost = clientOf({ kind: "token", token: ROOT_TOKEN }, "elsewhere");
    expect(await lost.dataKey("k", "c")).toEqual({ ok: false, failure: { kind: "not_found" } });
  });

  test(`failed ${FAILURES_MAX} times is not asked for a while, then by one question, then as before`, async () => {
    fake.fail(500);
    for (let i = 0; i < FAILURES_MAX; i++) await client.dataKey("k", "c");
    expect(fake.seen()).toHaveLength(FAILURES_MAX);
    expect(await client.dataKey("k", "c")).toEqual({ ok: false, failure: { kind: "unreachable" } });
    expect(fake.seen()).toEqual([]);
    clock.ms += OPEN_MS;
    await Promise.all([client.dataKey("k", "c"), client.dataKey("k", "c")]);
    expect(fake.seen()).toHaveLength(1);
    fake.heal();
    clock.ms += OPEN_MS;
    granted(await client.dataKey("k", "c"));
    granted(await client.dataKey("k", "c"));
    expect(fake.seen()).toHaveLength(2);
  });
});

describe("what is wrapped", () => {
  const plain = new TextEncoder().encode("sixteen bytes...");

  test("opens under its context and associated data only", async () => {
    const sealed = granted(await client.encrypt("k", "context", plain, "of tok_1"));
    expect(granted(await client.decrypt("k", "context", sealed, "of tok_1"))).toEqual(plain);
    for (const [context, data] of [
      ["another", "of tok_1"],
      ["context", "of tok_2"],
      ["context", undefined],
    ] as const) {
      expect(await client.decrypt("k", context, sealed, data)).toMatchObject({ ok: false });
    }
  });

  test("moves to the newest version, and the older one is refused below the minimum", async () => {
    const { bytes, wrapped } = granted(await client.dataKey("k", "c"));
    const latest = granted(await client.rotate("k"));
    const moved = granted(await client.rewrap("k", "c", wrapped));
    expect(moved).toMatch(new RegExp(`^vault:v${latest}:`));
    granted(await client.raise("k", latest));
    expect(granted(await client.decrypt("k", "c", moved))).toEqual(bytes);
    expect(await client.decrypt("k", "c", wrapped)).toEqual({
      ok: false,
      failure: { kind: "no_such_key" },
    });
  });
});

describe("a cached key", () => {
  test("is held for a bounded time, and dropped with its account", async () => {
    const cache = new KeyCache(() => clock.ms);
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
      "encrypt",
    ]);
    cache.keepKey("a", "card", 1, key);
    cache.keepRing("a", "card", { current: 1, oldest: 1 });
    clock.ms += KEY_CACHED_MS_MAX - 1;
    expect(cache.key("a", "card", 1)).toBe(key);
    expect(cache.ring("a", "card")).toEqual({ current: 1, oldest: 1 });
    clock.ms += 1;
    expect(cache.key("a", "card", 1)).toBeUndefined();
    cache.keepKey("a", "card", 1, key);
    cache.drop("a");
    expect(cache.key("a", "card", 1)).toBeUndefined();
  });
});

describe("a configuration", () => {
  const roots = { CARD_ROOT_KEY: "c", FINGERPRINT_ROOT_KEY: "f" };
  const transit = {
    ...roots,
    KEY_PROVIDER: "transit",
    TRANSIT_ADDRESS: "https://bao.example:8200",
  };

  test("that says nothing is secret", () => {
    expect(parseKeyConfiguration(roots).kind).toBe("secret");
  });

  test("of transit has its place and who it is", () => {
    const role = { TRANSIT_ROLE_ID: "r", TRANSIT_SECRET_ID: "s", TRANSIT_MOUNT: "cards" };
    expect(parseKeyConfiguration({ ...transit, ...role })).toEqual({
      kind: "transit",
      place: {
        address: "https://bao.example:8200",
        mount: "cards",
        namespace: undefined,
        authentication: { kind: "approle", roleId: "r", secretId: "s" },
      },
    });
  });

  test.each([
    ["an unknown provider", { ...roots, KEY_PROVIDER: "kms" }, /KEY_PROVIDER/],
    ["transit without an address", { ...transit, TRANSIT_ADDRESS: "" }, /TRANSIT_ADDRESS/],
    ["transit in the clear", { ...transit, TRANSIT_ADDRESS: "http://bao.example" }, /https/],
    ["transit as nobody", transit, /TRANSIT_TOKEN/],
    ["half an AppRole", { ...transit, TRANSIT_ROLE_ID: "r" }, /TRANSIT_SECRET_ID/],
    ["a minimum that is none", { ...roots, CARD_KEY_MINIMUM: "0" }, /whole number/],
  ])("of %s is refused", (_, env, why) => {
    expect(() => parseKeyConfiguration(env)).toThrow(why);
  });
});
