// The composite in real workerd for one test file, and the ways in: the official Stripe SDK, plain HTTP,
// the ledger's database, and the bank's own book. Every answer of the edge is held to its OpenAPI document.

import { fileURLToPath } from "node:url";
import pg from "pg";
import Stripe from "stripe";
import { createTestHarness } from "wrangler";
import { edgeAt, type Merchant, stripeAt } from "./edge.ts";
import { asDeployed } from "./rights.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

process.env["TESSERA_PREFLIGHT"] = "off";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";

export { AT_ONCE, type Call, type Merchant, stripeAt } from "./edge.ts";

export type System = Awaited<ReturnType<typeof startSystem>>;

type Fetcher = { fetch(url: string, init?: RequestInit): Promise<Response> };

/** Starts the composite with these bindings; `vars` override wrangler.toml's. */
export async function startSystem(
  bindings: Record<string, string>,
  vars: Record<string, string> = {},
) {
  const optionsOf = (secrets: Record<string, string>) => ({
    root,
    workers: [{ configPath: "wrangler.toml", secrets: asDeployed(secrets), vars }],
  });
  const harness = createTestHarness(optionsOf(bindings));
  const { url } = await harness.listen();
  const edge = await edgeAt(url, bindings["API_KEY_SECRET"] ?? "");
  const worker = harness.getWorker<{ PROCESSOR: Fetcher; [name: string]: unknown }>();

  /** A question to the test bank, as an operator of it would ask. */
  async function bank<T>(path: string, init: { method?: string; body?: unknown } = {}): Promise<T> {
    const { PROCESSOR } = await worker.getEnv();
    const response = await PROCESSOR.fetch(`https://bank${path}`, {
      method: init.method ?? (init.body === undefined ? "GET" : "POST"),
      headers: {
        authorization: `Bearer ${bindings["PROCESSOR_KEY"]}`,
        "content-type": "application/json",
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
    return (await response.json()) as T;
  }

  return {
    ...edge,
    harness,
    worker,
    bank,
    /** Deploys the same code with other bindings; objects keep their storage and lose their memory. */
    deploy: (secrets: Record<string, string>) => harness.update(optionsOf(secrets)),
    close: () => harness.close(),
  };
}

/** Starts the composite with a merchant of its own, whose keys are the demo's. */
export async function startWithDemo(bindings: Record<string, string>) {
  const first = await startSystem(bindings);
  const made = await first.merchant();
  await first.close();
  const keys = { DEMO_SECRET_KEY: made.secret, DEMO_PUBLISHABLE_KEY: made.publishable };
  const system = await startSystem({ ...bindings, ...keys });
  const merchant: Merchant = { ...made, stripe: stripeAt(system.url, made.secret) };
  return { system, merchant };
}

/** A connection to a region's ledger with all rights, to look and to tamper. */
export async function ledger(bindings: Record<string, string>, region: "us" | "eu") {
  const client = new pg.Client({
    connectionString: bindings[region === "us" ? "OWNER_URL_US" : "OWNER_URL_EU"],
  });
  await client.connect();
  return client;
}

/** What the SDK throws for a refused call. */
export async function refused(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error("the call was not refused");
}
