// What a merchant can see by the SDK of his money, of what was told about a thing of his, and of what the bank does.

import type Stripe from "stripe";
import { vi } from "vitest";

/** Long enough for a bank that is told to be quick, on a busy machine. */
export const SOON = { timeout: 20_000, interval: 50 };

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

/** The dispute of a charge, once the bank has told of it. */
export const disputeOf = ({ disputes }: Stripe, charge: string): Promise<Stripe.Dispute> =>
  vi.waitFor(async () => {
    const [dispute] = (await disputes.list({ charge })).data;
    if (dispute === undefined) throw new Error("there is no dispute yet");
    return dispute;
  }, SOON);
