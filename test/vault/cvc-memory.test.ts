import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CVC_HELD_MAX, CVC_KEPT_MS_MAX, CvcMemory } from "../../durable-objects/cvc-memory.ts";

const OWNER = "acct_1/test";

let memory: CvcMemory;
beforeEach(() => {
  vi.useFakeTimers();
  memory = new CvcMemory();
});
afterEach(() => vi.useRealTimers());

describe("a CVC that is held", () => {
  test("is given out once, to its owner, for its token", () => {
    memory.hold(OWNER, "tok_1", "123");
    expect(memory.take("acct_2/test", "tok_1")).toBeUndefined();
    expect(memory.take(OWNER, "tok_2")).toBeUndefined();
    expect(memory.take(OWNER, "tok_1")).toBe("123");
    expect(memory.take(OWNER, "tok_1")).toBeUndefined();
  });

  test.each([
    [CVC_KEPT_MS_MAX - 1, "123"],
    [CVC_KEPT_MS_MAX, undefined],
  ])("after %i ms is %s", (ms, cvc) => {
    memory.hold(OWNER, "tok_1", "123");
    vi.advanceTimersByTime(ms);
    // Also when others come meanwhile.
    memory.hold(OWNER, "tok_2", "456");
    expect(memory.take(OWNER, "tok_1")).toBe(cvc);
    expect(memory.take(OWNER, "tok_2")).toBe("456");
  });

  test("is one of so many at most: the oldest go, and the newest stay", () => {
    const count = 3 * CVC_HELD_MAX;
    for (let i = 0; i < count; i++) memory.hold(OWNER, `tok_${i}`, String(i));
    const held = Array.from({ length: count }, (_, i) => memory.take(OWNER, `tok_${i}`));
    const first = held.findIndex((cvc) => cvc !== undefined);
    expect(held.slice(first)).toEqual(held.slice(first).map((_, i) => String(first + i)));
    expect(held.length - first).toBeGreaterThan(0.8 * CVC_HELD_MAX);
    expect(held.length - first).toBeLessThanOrEqual(CVC_HELD_MAX);
  });
});
