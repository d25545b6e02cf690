// Many orders in one request to the bank: each is answered as it would be alone, in its own time.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readLines } from "../../protocol/lines.ts";
import type { Body } from "./bank.ts";
import { authorization, freshKey, ORDINARY_CARD, startBank } from "./bank.ts";

const bank = startBank();

beforeAll(() => bank.start(), 60_000);
afterEach(() => bank.clearFaults());
afterAll(() => bank.stop());

type Line = { readonly key: string; readonly status: number; readonly body: Body };
type Asked = { key: string; verb: string; authorization?: string; body: object };

const charge = (request: object = {}, key = freshKey()): Asked => ({
  key,
  verb: "authorize",
  body: authorization(request),
});

const charges = (count: number) => Array.from({ length: count }, () => charge());

/** The lines in the order in which they came. */
async function batch(orders: readonly Asked[]): Promise<Line[]> {
  const response = await bank.batch(orders);
  expect(response.status).toBe(200);
  const lines: Line[] = [];
  await readLines(response.body as unknown as ReadableStream<Uint8Array>, (some) => {
    for (const line of some) lines.push(JSON.parse(line));
  });
  return lines;
}

const keysOf = (lines: readonly { readonly key: string }[]) => lines.map(({ key }) => key);
const statusesOf = (lines: readonly Line[]) => lines.map(({ status }) => status);

describe("a batch", () => {
  test("books every order and answers each as it is answered alone", async () => {
    const held = (await bank.authorize({ capture: false })).body.id;
    const released = (await bank.authorize({ capture: false })).body.id;
    const taken = (await bank.authorize()).body.id;
    const orders: Asked[] = [
      charge(),
      charge({ card: { ...ORDINARY_CARD, number: "4000000000000002" } }),
      { key: freshKey(), verb: "capture", authorization: held, body: { amount: 700 } },
      { key: freshKey(), verb: "void", authorization: released, body: {} },
      { key: freshKey(), verb: "refund", authorization: taken, body: { amount: 5_000 } },
      { key: freshKey(), verb: "refund", authorization: taken, body: { amount: 500 } },
      { key: freshKey(), verb: "capture", authorization: "auth_none", body: { amount: 1 } },
    ];
    const lines = await batch(orders);
    expect(keysOf(lines)).toEqual(keysOf(orders));
    expect(statusesOf(lines)).toEqual([200, 200, 200, 200, 409, 200, 404]);
    expect(lines.map(({ body }) => body.status ?? body.error?.code)).toEqual([
      "approved",
      "declined",
      "approved",
      "approved",
      "amount_exceeds_refundable",
      "approved",
      "unknown_authorization",
    ]);
    for (const { key, status, body } of lines.slice(0, 6)) {
      expect((await bank.get(`/keys/${key}`)).body).toEqual({ status, body });
    }
    expect(await bank.row(held)).toMatchObject({ captured: 700 });
    expect(await bank.row(released)).toMatchObject({ voided: true });
    expect(await bank.row(taken)).toMatchObject({ refunded: 500 });
  });

  test("and a single request share their keys and fingerprints", async () => {
    const [order, other] = [charge(), charge()];
    const alone = await bank.post("/authorizations", order.body, order.key);
    const [replayed] = await batch([order]);
    expect(replayed?.body).toEqual(alone.body);
    const [line] = await batch([other]);
    const again = await bank.post("/authorizations", other.body, other.key);
    expect([again.replayed, again.body]).toEqual([true, line?.body]);
  });

  test("with one key twice books it once, and refuses it with other parameters", async () => {
    const order = charge();
    const before = await bank.totals();
    const lines = await batch([order, order, { ...order, body: authorization({ amount: 1 }) }]);
    expect(statusesOf(lines)).toEqual([200, 200, 422]);
    expect(lines[1]).toEqual(lines[0]);
    const { authorizations, requests, replays } = await bank.totals();
    expect({ authorizations, requests, replays }).toEqual({
      authorizations: before.authorizations + 1,
      requests: before.requests + 3,
      replays: before.replays + 1,
    });
  });

  test("of 1,000 orders is booked, and one of 1,001 is not", async () => {
    const before = await bank.totals();
    expect((await bank.batch(charges(1_001))).status).toBe(400);
    expect(await bank.totals()).toEqual(before);
    expect(new Set(statusesOf(await batch(charges(1_000))))).toEqual(new Set([200]));
    expect((await bank.totals()).authorizations).toBe(before.authorizations + 1_000);
  });

  test("needs the processor key", async () => {
    const before = await bank.totals();
    expect((await bank.batch(charges(1), "another")).status).toBe(401);
    expect(await bank.totals()).toEqual(before);
  });
});

describe("an order that is wrong", () => {
  test("is refused in its own line, without an echo, and its neighbours are booked", async () => {
    const before = await bank.totals();
    const wrong = [
      charge({ amount: 0 }),
      charge({ card: { ...ORDINARY_CARD, number: "4242 4242" } }),
      { key: freshKey(), verb: "capture", authorization: "auth_1", body: {} },
      { key: freshKey(), verb: "void", authorization: "auth_1", body: { amount: 1 } },
    ];
    const good = charges(2);
    const lines = await batch([...wrong.slice(0, 2), ...good, ...wrong.slice(2)]);
    expect(keysOf(lines).sort()).toEqual(keysOf([...wrong, ...good]).sort());
    for (const { key } of good) {
      expect(lines.find((line) => line.key === key)).toMatchObject({ status: 200 });
    }
    for (const { key } of wrong) {
      const line = lines.find((one) => one.key === key);
      expect(line).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
      expect(JSON.stringify(line?.body)).not.toContain("4242");
    }
    expect((await bank.totals()).authorizations).toBe(before.authorizations + 2);
  });

  test("is answered also when all are wrong", async () => {
    expect(statusesOf(await batch([charge({ amount: 0 }), charge({ amount: -1 })]))).toEqual([
      400, 400,
    ]);
  });

  test.each([
    ["no list", {}],
    ["an empty list", []],
    ["no JSON", "[4242424242424242x"],
    ["an order without a key", [{ ...charge(), key: undefined }]],
    ["a key of 256 characters", [charge({}, "k".repeat(256))]],
    ["an unknown verb", [{ ...charge(), verb: "steal" }]],
    ["a capture of nothing", [{ key: "k", verb: "capture", body: { amount: 1 } }]],
    ["an unknown field", [{ ...charge(), colour: "red" }]],
  ])("in its envelope (%s) is refused with its whole batch", async (_, body) => {
    const before = await bank.totals();
    const response = await bank.batch(body);
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain("4242");
    expect(await bank.totals()).toEqual(before);
  });

  test("over 1 MiB is refused with 413", async () => {
    expect((await bank.batch([charge({ reference: "x".repeat(1024 * 1024) })])).status).toBe(413);
  });
});

// Each switch meets the first order of the batch and no other.
describe("a fault", () => {
  test("of latency brings its line last, and says in progress until then", async () => {
    const orders = charges(5);
    const [slow, ...prompt] = keysOf(orders);
    await bank.setFaults({ latency_ms: 1_500, count: 1 });
    const pending = batch(orders);
    await expect
      .poll(async () => (await bank.get(`/keys/${slow}`)).body.error?.code)
      .toBe("key_in_progress");
    const lines = await pending;
    expect(keysOf(lines)).toEqual([...prompt, slow]);
    expect(statusesOf(lines)).toEqual(Array(5).fill(200));
  });

  test("of jitter delays each order by itself", async () => {
    const orders = charges(20);
    await bank.setFaults({ latency_jitter_ms: 600, seed: 5 });
    const lines = await batch(orders);
    expect(keysOf(lines).sort()).toEqual(keysOf(orders).sort());
    expect(keysOf(lines)).not.toEqual(keysOf(orders));
  });

  test("before booking is a 500, and nothing is booked for it", async () => {
    const orders = charges(5);
    const before = await bank.totals();
    await bank.setFaults({ error_rate: 1, count: 1 });
    expect(statusesOf(await batch(orders))).toEqual([500, 200, 200, 200, 200]);
    expect((await bank.get(`/keys/${orders[0]?.key}`)).status).toBe(404);
    const after = await bank.totals();
    expect(after.authorizations).toBe(before.authorizations + 4);
    expect(after.requests).toBe(before.requests + 5);
  });

  test("after booking is a 500, and the book has it", async () => {
    const orders = charges(5);
    await bank.setFaults({ error_after_rate: 1, count: 1 });
    expect(statusesOf(await batch(orders))).toEqual([500, 200, 200, 200, 200]);
    expect((await bank.get(`/keys/${orders[0]?.key}`)).body).toMatchObject({ status: 200 });
  });

  test("that drops the answer leaves its line out, and the book has it", async () => {
    const orders = charges(5);
    const [dropped, ...others] = keysOf(orders);
    await bank.setFaults({ drop_after_rate: 1, count: 1 });
    expect(keysOf(await batch(orders))).toEqual(others);
    expect((await bank.get(`/keys/${dropped}`)).body).toMatchObject({ status: 200 });
  });

  test("of a timeout holds the line while the key already tells it", async () => {
    const orders = charges(5);
    const [held, ...prompt] = keysOf(orders);
    await bank.setFaults({ timeout_after_rate: 1, timeout_ms: 1_500, count: 1 });
    const pending = batch(orders);
    await expect.poll(async () => (await bank.get(`/keys/${held}`)).status).toBe(200);
    const lines = await pending;
    expect(keysOf(lines)).toEqual([...prompt, held]);
    expect(statusesOf(lines)).toEqual(Array(5).fill(200));
  });

  test("of duplicates refuses replays with the first answer inside, also within one batch", async () => {
    const order = charge();
    await bank.setFaults({ duplicate_rate: 1 });
    const [first, second] = await batch([order, order]);
    expect([first?.status, second?.status]).toEqual([200, 409]);
    expect(second?.body.original).toEqual(first?.body);
  });

  test("with a seed meets the orders that it meets alone", async () => {
    const switches = { error_rate: 0.4, seed: 77 };
    await bank.setFaults(switches);
    const together = statusesOf(await batch(charges(12)));
    await bank.setFaults(switches);
    const alone: number[] = [];
    for (let i = 0; i < 12; i++) alone.push((await bank.authorize()).status);
    expect(together).toEqual(alone);
    expect(new Set(together)).toEqual(new Set([200, 500]));
  });
});
