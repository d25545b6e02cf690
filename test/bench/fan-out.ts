// What the driver orders from the floor Worker: many calls, made inside workerd in one HTTP request.

import type { Scope } from "../../protocol/command.ts";
import type { CustomerId } from "../../protocol/ids.ts";

export const FAN_OUT_TARGETS = ["empty", "execute", "replay", "edge"] as const;

export type FanOut = {
  /** An empty object, the shard's `execute` with a new key or one and the same, or the whole edge. */
  readonly target: (typeof FAN_OUT_TARGETS)[number];
  readonly inFlight: number;
  /** Stop after this long, or after so many calls. */
  readonly durationMs?: number;
  readonly callsMax?: number;
  /** Begins every key of this order; no two orders may share it. */
  readonly keys: string;
  readonly merchant: Scope & { readonly customer: CustomerId; readonly secret: string };
};

/** How many calls ended as they must, and what the first that did not said. */
export type FanOutAnswer = { readonly good: number; readonly bad?: string };

/** In minor units; the bank approves any amount on the card of the benchmark. */
export const AMOUNT_MINOR = 2000;
export const CURRENCY = "usd";
