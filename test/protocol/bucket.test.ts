import { describe, expect, test } from "vitest";
import { type Bucket, takeToken } from "../../durable-objects/bucket.ts";

const LIMIT = { perSecond: 5, burst: 10 };

/** How many of `asks` requests at this moment are admitted, and the bucket then. */
function admitted(asks: number, bucket: Bucket | undefined, nowMs: number) {
  let at = bucket;
  let count = 0;
  for (let i = 0; i < asks; i++) {
    const taken = takeToken(at, LIMIT, nowMs);
    if (taken.admitted) count++;
    at = taken.bucket;
  }
  return { count, bucket: at };
}

describe("a token bucket", () => {
  test("admits a burst at once and nothing more", () => {
    expect(admitted(50, undefined, 1000).count).toBe(10);
  });

  test.each([
    [0, 0],
    [199, 0],
    [200, 1],
    [1000, 5],
    [1999, 9],
    [2000, 10],
    [3_600_000, 10],
  ])("is refilled after %i ms by %i", (afterMs, tokens) => {
    const { bucket } = admitted(50, undefined, 1000);
    expect(admitted(50, bucket, 1000 + afterMs).count).toBe(tokens);
  });

  test("is not refilled by a clock that steps back, nor twice when it comes forward again", () => {
    const { bucket } = admitted(50, undefined, 10_000);
    const back = admitted(50, bucket, 1000);
    expect(back.count).toBe(0);
    expect(admitted(50, back.bucket, 10_000).count).toBe(0);
    expect(admitted(50, back.bucket, 10_200).count).toBe(1);
  });

  test("loses nothing to being asked often", () => {
    let { bucket } = admitted(50, undefined, 0);
    let count = 0;
    for (let ms = 1; ms <= 10_000; ms++) {
      const taken = takeToken(bucket, LIMIT, ms);
      if (taken.admitted) count++;
      bucket = taken.bucket;
    }
    expect(Math.abs(count - 50)).toBeLessThanOrEqual(1);
  });
});
