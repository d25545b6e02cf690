// How often an account may ask: one bucket for all it does, and one more for reads and for searches, so that
// neither shuts out payments. Pure, the clock is an argument.

import type { EndpointClass, LimitReason, Quota } from "../protocol/shard.ts";
import { type Bucket, type BucketLimit, filled } from "./bucket.ts";

/** Stripe allows 100 requests a second; one hot merchant must be able to fill a conveyor. */
const PER_SECOND = 1000;
const BURST_SECONDS = 2;
/** A tenth is kept for writes: however much is polled, payments pass. */
const READ_SHARE = 0.9;
/** Stripe's limit: a search walks many rows where another read reaches one by its key. */
const SEARCHES_PER_SECOND = 20;

type Policy = Quota["policy"];
export type Rates = Readonly<Record<Policy, BucketLimit>>;
export type Buckets = Partial<Record<Policy, Bucket>>;

/** The limits of an account that may make so many requests a second. */
export function ratesOf(perSecond = PER_SECOND): Rates {
  const burst = perSecond * BURST_SECONDS;
  const searches = Math.min(SEARCHES_PER_SECOND, perSecond);
  return {
    account: { perSecond, burst },
    read: { perSecond: perSecond * READ_SHARE, burst },
    search: { perSecond: searches, burst: searches * BURST_SECONDS },
  };
}

const POLICIES: Readonly<Record<EndpointClass, readonly Policy[]>> = {
  read: ["account", "read"],
  write: ["account"],
  search: ["account", "search"],
};

/** Takes one request of a class out of every bucket it is counted in, or out of none and says why. */
export function takeRequest(
  buckets: Buckets,
  rates: Rates,
  of: EndpointClass,
  nowMs: number,
): LimitReason | undefined {
  const policies = POLICIES[of];
  for (const policy of policies) buckets[policy] = filled(buckets[policy], rates[policy], nowMs);
  const empty = policies.find((policy) => (buckets[policy]?.tokens ?? 0) < 1);
  if (empty !== undefined) return empty === "account" ? "global-rate" : "endpoint-rate";
  for (const policy of policies) {
    const { tokens, atMs } = filled(buckets[policy], rates[policy], nowMs);
    buckets[policy] = { tokens: tokens - 1, atMs };
  }
  return undefined;
}

/** What is left to a class. */
export function quotasOf(
  buckets: Buckets,
  rates: Rates,
  of: EndpointClass,
  nowMs: number,
): readonly Quota[] {
  return POLICIES[of].map((policy) => {
    const { perSecond, burst } = rates[policy];
    const { tokens } = filled(buckets[policy], rates[policy], nowMs);
    return {
      policy,
      limit: Math.floor(burst),
      windowSeconds: Math.ceil(burst / perSecond),
      remaining: Math.floor(tokens),
      resetSeconds: Math.ceil((burst - tokens) / perSecond),
    };
  });
}
