// What a merchant can see by the SDK of his money, and of what was told about a thing of his.

import type Stripe from "stripe";

/** Names of the events about a thing, oldest first. */
export async function toldOf({ events }: Stripe, id: string): Promise<string[]> {
  const { data } = await events.list({ limit: 100 });
  return data
    .filter(({ data }) => (data.object as { id?: string }).id === id)
    .map(({ type }) => type)
    .reverse();
}

/** What he has in US dollars, also what comes free later. */
export async function dollarsOf({ balance }: Stripe): Promise<number> {
  const { available, pending } = await balance.retrieve();
  return [...available, ...pending]
    .filter(({ currency }) => currency === "usd")
    .reduce((sum, { amount }) => sum + amount, 0);
}
