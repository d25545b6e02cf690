import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Plan, Switches } from "../../workers/testbank/faults.ts";
import { faultState, isIdle, NO_SWITCHES, planFault } from "../../workers/testbank/faults.ts";
import { freshKey, startBank } from "./bank.ts";

const bank = startBank();
const slow = startBank({ TESTBANK_LATENCY_MS: "150" });

beforeAll(() => Promise.all([bank.start(), slow.start()]), 60_000);
afterEach(() => bank.clearFaults());
afterAll(() => Promise.all([bank.stop(), slow.stop()]));

async function timed<T>(work: Promise<T>): Promise<{ value: T; elapsedMs: number }> {
  const start = performance.now();
  const value = await work;
  return { value, elapsedMs: performance.now() - start };
}

function plans(switches: Switches, requests: number): Plan[] {
  let state = faultState(switches);
  return Array.from({ length: requests }, () => {
    const next = planFault(state, false, Math.random);
    state = next.state;
    return next.plan;
  });
}

describe("a plan", () => {
  test("is the same for the same seed and another for another", () => {
    const switches = { error_rate: 0.5, latency_jitter_ms: 1000, error_after_rate: 0.5 };
    expect(plans({ ...switches, seed: 7 }, 50)).toEqual(plans({ ...switches, seed: 7 }, 50));
    expect(plans({ ...switches, seed: 7 }, 50)).not.toEqual(plans({ ...switches, seed: 8 }, 50));
  });

  test("keeps one switch's draws when another is turned on", () => {
    const failing = (switches: Switches) => plans(switches, 200).map((plan) => plan.failsBefore);
    const alone = failing({ error_rate: 0.3, seed: 11 });
    expect(failing({ error_rate: 0.3, latency_jitter_ms: 9, seed: 11 })).toEqual(alone);
  });

  test("meets its rate over many requests", () => {
    const failed = plans({ error_rate: 0.2, seed: 1 }, 10_000).filter((plan) => plan.failsBefore);
    expect(failed.length).toBeGreaterThan(1_800);
    expect(failed.length).toBeLessThan(2_200);
  });

  test("stays within latency plus jitter", () => {
    const delays = plans({ latency_ms: 10, latency_jitter_ms: 5, seed: 3 }, 500);
    expect(Math.min(...delays.map((plan) => plan.delayMs))).toBe(10);
    expect(Math.max(...delays.map((plan) => plan.delayMs))).toBe(15);
  });

  test("turns everything off after count hits", () => {
    const failed = plans({ error_rate: 1, count: 3 }, 10).map((plan) => plan.failsBefore);
    expect(failed).toEqual([true, true, true, ...Array(7).fill(false)]);
  });

  test("has nothing to do without switches", () => {
    expect(isIdle(NO_SWITCHES)).toBe(true);
    expect(isIdle(faultState({ count: 3, seed: 1, timeout_ms: 5 }))).toBe(true);
    expect(isIdle(faultState({ duplicate_rate: 0.1 }))).toBe(false);
  });
});

describe("the switches", () => {
  test("are set, shown and cleared", async () => {
    const switches = { error_rate: 0.25, count: 4, seed: 9 };
    expect((await bank.setFaults(switches)).body).toEqual({ switches, hits: 0 });
    expect((await bank.get("/faults")).body).toEqual({ switches, hits: 0 });
    expect((await bank.clearFaults()).body).toEqual({ switches: {}, hits: 0 });
    expect((await bank.get("/faults")).body).toEqual({ switches: {}, hits: 0 });
  });

  test("replace the ones before", async () => {
    await bank.setFaults({ latency_ms: 100 });
    await bank.setFaults({ error_rate: 1 });
    expect((await bank.get("/faults")).body.switches).toEqual({ error_rate: 1 });
  });

  test.each([{ error_rate: 2 }, { latency_ms: -1 }, { count: 0 }, { latency: 5 }, { seed: 0.5 }])(
    "refuse %j and keep what was set",
    async (switches) => {
      await bank.setFaults({ latency_ms: 1 });
      expect((await bank.setFaults(switches)).status).toBe(400);
      expect((await bank.get("/faults")).body.switches).toEqual({ latency_ms: 1 });
    },
  );

  test("outlive an eviction, hits included", async () => {
    await bank.setFaults({ error_rate: 1, count: 2 });
    expect((await bank.authorize()).status).toBe(500);
    await bank.harness.getWorker().evictDurableObject("Bank", { name: "book" });
    expect((await bank.get("/faults")).body.hits).toBe(1);
    expect((await bank.authorize()).status).toBe(500);
    expect((await bank.authorize()).status).toBe(200);
    expect((await bank.get("/faults")).body).toEqual({ switches: {}, hits: 2 });
  });

  test("start from the environment and can be cleared", async () => {
    expect((await slow.get("/faults")).body.switches).toEqual({ latency_ms: 150 });
    expect((await timed(slow.authorize())).elapsedMs).toBeGreaterThanOrEqual(145);
    await slow.clearFaults();
    await slow.harness.getWorker().evictDurableObject("Bank", { name: "book" });
    expect((await slow.get("/faults")).body.switches).toEqual({});
  });
});

describe("latency", () => {
  test("delays every operation, and many at once in parallel", async () => {
    await bank.setFaults({ latency_ms: 200 });
    const { value, elapsedMs } = await timed(
      Promise.all(Array.from({ length: 20 }, () => bank.authorize())),
    );
    expect(value.every((answer) => answer.status === 200)).toBe(true);
    expect(elapsedMs).toBeGreaterThanOrEqual(195);
    expect(elapsedMs).toBeLessThan(1_500);
  });

  test("says in progress, not unknown, for a key that waits", async () => {
    await bank.setFaults({ latency_ms: 600 });
    const key = freshKey();
    const pending = bank.authorize({}, key);
    await expect
      .poll(async () => (await bank.get(`/keys/${key}`)).body.error?.code)
      .toBe("key_in_progress");
    const answer = await pending;
    expect((await bank.get(`/keys/${key}`)).body).toEqual({ status: 200, body: answer.body });
  });

  test("does not let one key be booked twice", async () => {
    await bank.setFaults({ latency_ms: 50, latency_jitter_ms: 100 });
    const key = freshKey();
    const answers = await Promise.all(Array.from({ length: 50 }, () => bank.authorize({}, key)));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers.filter((answer) => !answer.replayed)).toHaveLength(1);
  });
});

describe("an error before booking", () => {
  test("answers 500, books nothing, and the retry books once", async () => {
    const before = await bank.totals();
    await bank.setFaults({ error_rate: 1, count: 1 });
    const key = freshKey();
    const failed = await bank.authorize({}, key);
    expect([failed.status, failed.body.error?.code]).toEqual([500, "bank_failed"]);
    expect((await bank.get(`/keys/${key}`)).status).toBe(404);
    expect(await bank.totals()).toEqual({ ...before, requests: before.requests + 1 });
    expect(await bank.authorize({}, key)).toMatchObject({ status: 200, replayed: false });
    expect((await bank.totals()).authorizations).toBe(before.authorizations + 1);
  });
});

describe("an error after booking", () => {
  test("answers 500 and the key tells that the money moved", async () => {
    const before = await bank.totals();
    await bank.setFaults({ error_after_rate: 1, count: 1 });
    const key = freshKey();
    expect((await bank.authorize({}, key)).status).toBe(500);
    expect((await bank.totals()).authorizations).toBe(before.authorizations + 1);
    const found = await bank.get(`/keys/${key}`);
    expect(found.body).toMatchObject({ status: 200, body: { status: "approved" } });
    const retried = await bank.authorize({}, key);
    expect(retried).toMatchObject({ status: 200, replayed: true });
    expect(retried.body).toEqual(found.body.body);
    expect((await bank.totals()).authorizations).toBe(before.authorizations + 1);
  });

  test("meets captures, voids and refunds too", async () => {
    const { body } = await bank.authorize({ capture: false });
    await bank.setFaults({ error_after_rate: 1 });
    const path = `/authorizations/${body.id}`;
    expect((await bank.post(`${path}/captures`, { amount: 900 })).status).toBe(500);
    expect((await bank.post(`${path}/refunds`, { amount: 400 })).status).toBe(500);
    expect(await bank.row(body.id)).toMatchObject({ captured: 900, refunded: 400 });
  });
});

describe("a timeout after booking", () => {
  test("holds the answer while the key already tells it", async () => {
    await bank.setFaults({ timeout_after_rate: 1, timeout_ms: 700, count: 1 });
    const key = freshKey();
    const held = timed(bank.authorize({}, key));
    await expect.poll(async () => (await bank.get(`/keys/${key}`)).status).toBe(200);
    const retried = await timed(bank.authorize({}, key));
    expect(retried.value).toMatchObject({ status: 200, replayed: true });
    const { value, elapsedMs } = await held;
    expect(elapsedMs).toBeGreaterThanOrEqual(695);
    expect(retried.elapsedMs).toBeLessThan(elapsedMs);
    expect(value.text).toBe(retried.value.text);
  });

  test("leaves the booking in place when the caller gives up", async () => {
    await bank.setFaults({ timeout_after_rate: 1, timeout_ms: 60_000, count: 1 });
    const key = freshKey();
    await expect(bank.authorize({}, key, AbortSignal.timeout(300))).rejects.toThrow();
    expect((await bank.get(`/keys/${key}`)).body).toMatchObject({ status: 200 });
    expect(await bank.authorize({}, key)).toMatchObject({ status: 200, replayed: true });
  });
});

describe("an answer that is dropped", () => {
  test("breaks off after booking, and the key tells that the money moved", async () => {
    await bank.setFaults({ drop_after_rate: 1, count: 1 });
    const key = freshKey();
    await expect(bank.authorize({}, key)).rejects.toThrow();
    expect((await bank.get(`/keys/${key}`)).body).toMatchObject({ status: 200 });
    expect(await bank.authorize({}, key)).toMatchObject({ status: 200, replayed: true });
  });
});

describe("a duplicate answer", () => {
  test("is an error with the first answer inside, for replays only", async () => {
    await bank.setFaults({ duplicate_rate: 1 });
    const key = freshKey();
    const first = await bank.authorize({}, key);
    expect(first.status).toBe(200);
    const before = await bank.totals();
    const second = await bank.authorize({}, key);
    expect(second.status).toBe(409);
    expect(second.body.error?.code).toBe("duplicate_transaction");
    expect(second.body.original).toEqual(first.body);
    expect((await bank.authorize({ amount: 1 }, key)).status).toBe(422);
    expect((await bank.totals()).authorizations).toBe(before.authorizations);
    await bank.clearFaults();
    expect((await bank.authorize({}, key)).text).toBe(first.text);
  });
});
