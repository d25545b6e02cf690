// Metadata as Stripe has it: key-value pairs of the merchant's own, changed pair by pair.

import type { Failure } from "./failure.ts";

/** Stripe's limits; that of keys holds for what an object has after a change. */
export const METADATA_KEYS_MAX = 50;
export const METADATA_KEY_MAX = 40;
export const METADATA_VALUE_MAX = 500;

/** Pairs as they are sent: null unsets a key, and instead of all pairs it unsets all. */
export type MetadataChange = Readonly<Record<string, string | null>> | null | undefined;

/** Whether there are any pairs. */
export const hasPairs = (pairs: Readonly<Record<string, string>>): boolean =>
  Object.keys(pairs).length > 0;

/** What an object's pairs are after a change. */
export function mergedMetadata(
  kept: Readonly<Record<string, string>> | undefined,
  change: MetadataChange,
): Record<string, string> {
  if (change === null) return {};
  const merged = Object.entries({ ...kept, ...change });
  return Object.fromEntries(merged.filter((pair): pair is [string, string] => pair[1] !== null));
}

/** What is told of pairs that would be too many. */
export const TOO_MUCH_METADATA: Extract<Failure, { kind: "parameter_invalid" }> = {
  kind: "parameter_invalid",
  param: "metadata",
  why: `Invalid metadata: an object has at most ${METADATA_KEYS_MAX} keys, those it had before counted. Unset some.`,
};
