// A merchant made through the public API, with one customer that keeps a card, so that a charge needs no
// token. Its home is the benchmark's region, so that one PostgreSQL does all the work and its counters
// tell of nothing else.

import { mintApiKey, PLATFORM_ACCOUNT } from "../../protocol/api-key.ts";
import type { AccountId, CustomerId } from "../../protocol/ids.ts";
import { homeOf, type Region, slotOf } from "../../protocol/slot.ts";

export type Merchant = {
  readonly account: AccountId;
  readonly secret: string;
  readonly publishable: string;
  readonly customer: CustomerId;
};

export const HOME: Region = "us";

export const CARD_FIELDS = {
  "card[number]": "4242424242424242",
  "card[exp_month]": "12",
  "card[exp_year]": "2034",
  "card[cvc]": "123",
};

export async function makeMerchant(url: URL, apiKeySecret: string): Promise<Merchant> {
  const platform = await mintApiKey(
    { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT },
    apiKeySecret,
  );
  for (;;) {
    const merchant = await tryMerchant(url, platform);
    if (merchant !== undefined) return merchant;
  }
}

/** A merchant whose home is the benchmark's region, or undefined when chance chose another. */
async function tryMerchant(url: URL, platform: string): Promise<Merchant | undefined> {
  type Account = { id: AccountId; keys: { secret: string; publishable: string } };
  const { id, keys } = await ask<Account>(url, "/v1/accounts", platform, {});
  if (homeOf(slotOf(id)) !== HOME) return undefined;
  const card = await ask<{ id: string }>(url, "/v1/tokens", keys.publishable, CARD_FIELDS);
  const form = { source: card.id };
  const { id: customer } = await ask<{ id: CustomerId }>(url, "/v1/customers", keys.secret, form);
  return { account: id, ...keys, customer };
}

async function ask<T>(
  url: URL,
  path: string,
  key: string,
  form: Readonly<Record<string, string>>,
): Promise<T> {
  const response = await fetch(new URL(path, url), {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams(form).toString(),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`);
  return JSON.parse(text) as T;
}
