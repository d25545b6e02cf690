// The composite in real workerd for one test file, and the ways in: the official Stripe SDK, plain HTTP,
// the ledger's database, and the bank's own book. Every answer of the edge is held to its OpenAPI document.

import { fileURLToPath } from "node:url";
import pg from "pg";
import Stripe from "stripe";
import { createTestHarness } from "wrangler";
import { mintApiKey, PLATFORM_ACCOUNT } from "../protocol/api-key.ts";
import type { AccountId } from "../protocol/ids.ts";
import { homeOf, slotOf } from "../protocol/slot.ts";
import { checkAnswer, checkingClient } from "./contract.ts";
import { asDeployed } from "./rights.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

process.env["TESSERA_PREFLIGHT"] = "off";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";

export type Merchant = {
  readonly account: AccountId;
  readonly secret: string;
  readonly publishable: string;
  readonly stripe: Stripe;
};

export type Call = { readonly status: number; readonly headers: Headers; readonly body: never };

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
  const platform = await mintApiKey(
    { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT },
    bindings["API_KEY_SECRET"] ?? "",
  );
  const worker = harness.getWorker<{ PROCESSOR: Fetcher; [name: string]: unknown }>();

  /** One HTTP request to the edge, with what it answered. */
  async function call(
    path: string,
    init: RequestInit & { key?: string | undefined; form?: Record<string, string> } = {},
  ): Promise<Call> {
    const { key, form, headers, ...rest } = init;
    const response = await fetch(new URL(path, url), {
      ...rest,
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form).toString() }),
      headers: {
        ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(headers as Record<string, string>),
      },
    });
    const text = await response.text();
    const isJson = text.startsWith("{");
    const body = (isJson ? JSON.parse(text) : text) as never;
    await checkAnswer(url, {
      method: rest.method ?? (form === undefined ? "GET" : "POST"),
      path: new URL(path, url).pathname,
      status: response.status,
      contentType: response.headers.get("content-type"),
      body: text === "" ? undefined : body,
    });
    return { status: response.status, headers: response.headers, body };
  }

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
    url,
    harness,
    worker,
    platform,
    call,
    bank,
    /** A fresh merchant; `region` asks for one whose home that is, `terms` are further parameters. */
    merchant: async (
      region?: "us" | "eu",
      terms: Record<string, string> = {},
    ): Promise<Merchant> => {
      for (;;) {
        const made = await call("/v1/accounts", {
          key: platform,
          form: { email: "m@example.com", ...terms },
        });
        const { id, keys } = made.body as {
          id: AccountId;
          keys: Record<"secret" | "publishable", string>;
        };
        if (region !== undefined && homeOf(slotOf(id)) !== region) continue;
        return { account: id, ...keys, stripe: stripeAt(url, keys.secret) };
      }
    },
    /** Deploys the same code with other bindings; objects keep their storage and lose their memory. */
    deploy: (secrets: Record<string, string>) => harness.update(optionsOf(secrets)),
    close: () => harness.close(),
  };
}

/** Terms of a merchant whose money is there as soon as it is captured. */
export const AT_ONCE = { settlement_days: "0" };

/** The official SDK, told nothing but where Tessera is. */
export function stripeAt(url: URL, key: string, config: Partial<Stripe.StripeConfig> = {}): Stripe {
  return new Stripe(key, {
    host: url.hostname,
    port: Number(url.port),
    protocol: "http",
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: checkingClient(url),
    ...config,
  });
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
