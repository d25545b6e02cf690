// Token bucket arithmetic: pure, the clock is an argument.

export type Bucket = { readonly tokens: number; readonly atMs: number };

export type BucketLimit = { readonly perSecond: number; readonly burst: number };

/** A bucket as time has filled it; a clock that steps back fills nothing. */
export function filled(bucket: Bucket | undefined, limit: BucketLimit, nowMs: number): Bucket {
  const before = bucket ?? { tokens: limit.burst, atMs: nowMs };
  const passedMs = Math.max(0, nowMs - before.atMs);
  const tokens = Math.min(limit.burst, before.tokens + (passedMs / 1000) * limit.perSecond);
  return { tokens, atMs: Math.max(nowMs, before.atMs) };
}

/** Takes one token, or says that there is none. */
export function takeToken(
  bucket: Bucket | undefined,
  limit: BucketLimit,
  nowMs: number,
): { readonly admitted: boolean; readonly bucket: Bucket } {
  const { tokens, atMs } = filled(bucket, limit, nowMs);
  return tokens >= 1
    ? { admitted: true, bucket: { tokens: tokens - 1, atMs } }
    : { admitted: false, bucket: { tokens, atMs } };
}
