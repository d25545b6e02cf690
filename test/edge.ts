// The ways in to an edge, wherever it listens: plain HTTP, the official Stripe SDK, and merchants to be had.
// Every answer is held to the edge's OpenAPI document.

import Stripe from "stripe";
import { mintApiKey, PLATFORM_ACCOUNT } from "../protocol/api-key.ts";
import type { AccountId } from "../protocol/ids.ts";
import { homeOf, slotOf } from "../protocol/slot.ts";
import { checkAnswer, checkingClient } from "./contract.ts";
import { isOurs } from "./slots.ts";

export type Merchant = {
  readonly account: AccountId;
  readonly secret: string;
  readonly publishable: string;
  readonly stripe: Stripe;
};

export type Call = { readonly status: number; readonly headers: Headers; readonly body: never };

export type Edge = Awaited<ReturnType<typeof edgeAt>>;

/** The edge that listens there, and whose keys are made with this secret. */
export async function edgeAt(url: URL, apiKeySecret: string) {
  const platform = await mintApiKey(
    { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT },
    apiKeySecret,
  );

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

  return {
    url,
    platform,
    call,
    /** A fresh merchant of this file; `region` asks for one whose home that is, `terms` are further parameters. */
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
        if (!isOurs(id)) continue;
        if (region !== undefined && homeOf(slotOf(id)) !== region) continue;
        return { account: id, ...keys, stripe: stripeAt(url, keys.secret) };
      }
    },
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
