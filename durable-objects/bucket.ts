// Token bucket arithmetic: pure, the clock is an argument.

export type Bucket = { readonly tokens: number; readonly atMs: number };

export type BucketLimit = { readonly perSecond: number; readonly burst: number };

/** Takes one token, or says that there is none; a clock that steps back refills nothing. */
export function takeToken(
  bucket: Bucket | undefined,
  limit: BucketLimit,
  nowMs: number,
): { readonly admitted: boolean; readonly bucket: Bucket } {
  const before = bucket ?? { tokens: limit.burst, atMs: nowMs };
  const passedMs = Math.max(0, nowMs - before.atMs);
  const filled = Math.min(limit.burst, before.tokens + (passedMs / 1000) * limit.perSecond);
  const atMs = Math.max(nowMs, before.atMs);
  return filled >= 1
    ? { admitted: true, bucket: { tokens: filled - 1, atMs } }
    : { admitted: false, bucket: { tokens: filled, atMs } };
}
