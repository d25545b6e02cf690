// What the driver orders from the floor Worker: many calls, made inside workerd in one HTTP request.

import type { AccountId, CustomerId } from "../../protocol/ids.ts";

export const FAN_OUT_TARGETS = [
  /** An object whose one method returns at once. */
  "empty",
  /** The cryptography of one card, and nothing else. */
  "crypto",
  /** The same, asked for over RPC. */
  "crypto-call",
  /** The vault's `tokenize`. */
  "tokenize",
  /** A shard's `execute` of a charge, with the real vault or the instant one. */
  "shard",
  "instant-shard",
  /** A charge as an HTTP request to the edge. */
  "edge",
] as const;
export type FanOutTarget = (typeof FAN_OUT_TARGETS)[number];

export type Payer = {
  readonly account: AccountId;
  readonly customer: CustomerId;
  readonly secret: string;
};

export type FanOut = {
  readonly target: FanOutTarget;
  readonly inFlight: number;
  /** Stop after this long, or after so many calls. */
  readonly durationMs?: number;
  readonly callsMax?: number;
  /** Begins every key of this order; no two orders may share it. */
  readonly keys: string;
  /** One key for all calls, so that all but the first are replays. */
  readonly sameKey: boolean;
  /** Taken in turn; test mode. */
  readonly merchants: readonly Payer[];
};

/** How many calls ended as they must, and what the first that did not said. */
export type FanOutAnswer = {
  readonly good: number;
  readonly bad?: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** Many callers with one request at once, each asking until it has its answer. */
export type Storm = {
  readonly callers: number;
  readonly key: string;
  readonly merchant: Payer;
};

export type StormAnswer = {
  /** Different texts among the callers' answers: one, if all heard the same. */
  readonly texts: number;
  readonly charge: string;
  /** Calls answered as the first execution, as a replay, and as in use. */
  readonly executed: number;
  readonly replayed: number;
  readonly inUse: number;
  readonly bad?: string;
};

/** In minor units; the bank approves any amount on the card of the benchmark. */
export const AMOUNT_MINOR = 2000;
export const CURRENCY = "usd";
export const CARD_TYPED = {
  number: "4242424242424242",
  exp_month: "12",
  exp_year: "2034",
  cvc: "123",
};
