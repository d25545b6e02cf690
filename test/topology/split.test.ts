// The system as it is deployed: five Workers of their own, which know of each other by binding names
// only. What must be apart is proved here, since the composite shares one environment.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createTestHarness, type TestHarness } from "wrangler";
import { createToken } from "../../checkout/public/checkout.js";
import { BINDINGS_OF_WORKER } from "../../local/bindings.ts";
import { AT_ONCE, edgeAt } from "../edge.ts";
import { asDeployed } from "../rights.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

let harness: TestHarness;
let url: URL;
let stripe: Stripe;
let publishableKey: string;

const secretsOf = (worker: keyof typeof BINDINGS_OF_WORKER): Record<string, string> => {
  const all = asDeployed(inject("bindings"));
  return Object.fromEntries(BINDINGS_OF_WORKER[worker].map((name) => [name, all[name] ?? ""]));
};

beforeAll(async () => {
  const part = (folder: keyof typeof BINDINGS_OF_WORKER, env?: string) => ({
    configPath: `${folder}/wrangler.toml`,
    secrets: secretsOf(folder),
    ...(env === undefined ? {} : { env }),
  });
  harness = createTestHarness({
    root,
    workers: [
      part("workers/edge"),
      part("workers/vault"),
      part("origin", "us"),
      part("origin", "eu"),
      part("workers/testbank"),
    ],
  });
  ({ url } = await harness.listen());
  const edge = await edgeAt(url, inject("bindings")["API_KEY_SECRET"] ?? "");
  ({ stripe, publishable: publishableKey } = await edge.merchant(undefined, AT_ONCE));
});

afterAll(() => harness?.close());

describe("the split system", () => {
  test("takes a card and a charge, refunds it, and tells the events", async () => {
    const token = await stripe.tokens.create({
      card: { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" },
    });
    const charge = await stripe.charges.create(
      { amount: 2000, currency: "usd", source: token.id },
      { idempotencyKey: "split-1" },
    );
    expect(charge).toMatchObject({ paid: true, captured: true, source: { last4: "4242" } });
    const again = await stripe.charges.create(
      { amount: 2000, currency: "usd", source: token.id },
      { idempotencyKey: "split-1" },
    );
    expect(again.id).toBe(charge.id);
    expect(again.lastResponse.headers["idempotent-replayed"]).toBe("true");
    await stripe.refunds.create({ charge: charge.id, amount: 500 });
    expect((await stripe.balance.retrieve()).available[0]?.amount).toBe(1500);
    const events = await stripe.events.list();
    expect(events.data.map((e) => e.type)).toEqual([
      "charge.refunded",
      "refund.created",
      "charge.succeeded",
    ]);
  });

  test("takes a sealed card, which only the vault's environment can open", async () => {
    const card = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };
    const base = url.href.replace(/\/$/, "");
    const made = await createToken({ publishableKey, card, base });
    expect(made).toMatchObject({ token: { card: { last4: "4242" } } });
  });

  test("authorizes, captures and declines", async () => {
    const held = await stripe.charges.create({
      amount: 900,
      currency: "usd",
      source: "tok_visa",
      capture: false,
    });
    expect((await stripe.charges.capture(held.id)).captured).toBe(true);
    await expect(
      stripe.charges.create({ amount: 900, currency: "usd", source: "tok_chargeDeclined" }),
    ).rejects.toBeInstanceOf(Stripe.errors.StripeCardError);
  });

  test("is ready when both regions are", async () => {
    const ready = await fetch(new URL("/readyz", url));
    expect(await ready.json()).toEqual({ status: "ok", regions: { us: "ok", eu: "ok" } });
  });
});

describe("the walls", () => {
  test("the edge's environment holds none of the vault's or the origins' secrets", async () => {
    const env = await harness.getWorker("tessera-edge").getEnv();
    const foreign = [
      ...BINDINGS_OF_WORKER["workers/vault"],
      ...BINDINGS_OF_WORKER.origin,
      "CARD_BOX",
      "CARD_LIMITER",
      "PROCESSOR",
      "BANK",
    ];
    expect(Object.keys(env).filter((name) => foreign.includes(name))).toEqual([]);
    expect(Object.keys(env)).toEqual(
      expect.arrayContaining(["SHARD", "STREAM", "VAULT", "SHARD_VAULT", "ORIGIN_US", "ORIGIN_EU"]),
    );
  });

  test("the vault has no URL: an HTTP request to it is refused", async () => {
    const answer = await harness
      .getWorker("tessera-vault")
      .fetch("http://vault/anything")
      .then(
        (r) => r.status,
        () => "refused",
      );
    expect([500, 501, "refused"]).toContain(answer);
  });

  test("an origin refuses what is not signed, before it reads it", async () => {
    const origin = harness.getWorker("tessera-origin-us");
    for (const path of [
      "/batch",
      "/read",
      "/unfinished",
      "/forget",
      "/destroyed",
      "/audit/vault",
      "/audit/edge",
    ]) {
      const answer = await origin.fetch(`http://origin${path}`, {
        method: "POST",
        body: "{not json",
      });
      expect(answer.status).toBe(401);
    }
  });
});

describe("the bundles", () => {
  const bundle = (room: string, ...flags: string[]): string => {
    const out = mkdtempSync(join(tmpdir(), "tessera-bundle-"));
    execFileSync(
      process.execPath,
      [
        join(root, "node_modules/wrangler/bin/wrangler.js"),
        "deploy",
        "--dry-run",
        "--outdir",
        out,
        ...flags,
      ],
      {
        cwd: join(root, room),
        stdio: "pipe",
        env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG_PATH: out },
      },
    );
    const text = readdirSync(out)
      .filter((file) => file.endsWith(".js"))
      .map((file) => readFileSync(join(out, file), "utf8"))
      .join("");
    rmSync(out, { recursive: true });
    return text;
  };

  test("the edge's holds none of the vault's names, no bank and no database driver", () => {
    const edge = bundle("workers/edge");
    expect(edge).toContain("Shard");
    for (const name of [
      "CARD_ROOT_KEY",
      "FINGERPRINT_ROOT_KEY",
      "CARD_BOX",
      "CARD_LIMITER",
      "PROCESSOR",
      "CardBox",
      "CardLimiter",
      "unseal",
      "SEALED_CARD_KEYS",
      "openSealedCard",
      "concatKdf",
      "subtle.deriveBits(",
      "subtle.decrypt(",
      "drizzle",
      "neon",
      "4242424242424242",
    ]) {
      expect(edge.includes(name), name).toBe(false);
    }
  });

  test("the vault's holds no router, no ledger and no key of the edge", () => {
    const vault = bundle("workers/vault");
    expect(vault).toContain("CARD_ROOT_KEY");
    // What the edge's is searched for is called so.
    for (const name of [
      "SEALED_CARD_KEYS",
      "openSealedCard",
      "concatKdf",
      "subtle.deriveBits(",
      "subtle.decrypt(",
    ]) {
      expect(vault, name).toContain(name);
    }
    for (const name of ["Hono", "drizzle", "API_KEY_SECRET", "EDGE_SIGNING_KEY", "DATABASE_URL"]) {
      expect(vault.includes(name), name).toBe(false);
    }
  });

  test("the origin's holds no card and no processor", () => {
    const origin = bundle("origin", "--env", "us");
    expect(origin).toContain("apply_batch");
    for (const name of ["CARD_ROOT_KEY", "PROCESSOR", "API_KEY_SECRET", "EDGE_SIGNING_KEY"]) {
      expect(origin.includes(name), name).toBe(false);
    }
  });
});
