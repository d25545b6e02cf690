// Many orders through the vault: caller, vault, card box, a wire that can be torn, and the test bank.

import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Scope } from "../../protocol/command.ts";
import type { AccountId, TokenId } from "../../protocol/ids.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { Effect, Order, Performed } from "../../protocol/vault.ts";
import { startRig } from "./rig/start.ts";

const rig = startRig();
const scope: Scope = { account: "acct_AbCdEfGhIjKlMnOp", livemode: false };

let token: TokenId;

beforeAll(() => rig.start(), 60_000);
beforeEach(async () => {
  token = await rig.token(scope);
  await rig.crossed(scope);
});
afterEach(() => rig.clearFaults());
afterAll(() => rig.stop());

const charge = (order: Partial<Extract<Order, { verb: "authorize" }>> = {}): Order => ({
  ...scope,
  key: `ch_${randomUUID()}.1`,
  verb: "authorize",
  token,
  amount: 2000,
  currency: "usd",
  capture: true,
  ...order,
});

const follow = (
  verb: "capture" | "refund" | "void" | "increment",
  authorization: string,
  amount = 2000,
): Order => ({
  ...scope,
  key: `op_${randomUUID()}.1`,
  verb,
  authorization,
  amount,
});

const charges = (count: number): Order[] => Array.from({ length: count }, () => charge());
const keysOf = (lines: readonly { readonly key: string }[]) => lines.map(({ key }) => key);
const kindsOf = (lines: readonly Performed[]) => new Set(lines.map(({ effect }) => effect.kind));

function effectOf(lines: readonly Performed[], order: Order): Exclude<Effect, { kind: "unknown" }> {
  const effect = lines.find(({ key }) => key === order.key)?.effect;
  if (effect === undefined || effect.kind === "unknown") throw new Error("its effect is not known");
  return effect;
}

describe("300 orders", () => {
  test("take one call to the card box, one request to the processor, and have a line each", async () => {
    const orders = charges(300);
    const [before, { takes }] = [await rig.book(), await rig.crossed(scope)];
    const lines = await rig.perform(orders);
    expect(keysOf(lines).sort()).toEqual(keysOf(orders).sort());
    expect(kindsOf(lines)).toEqual(new Set(["approved"]));
    expect(await rig.crossed(scope)).toEqual({ crossed: ["POST /batches"], takes: takes + 1 });
    expect((await rig.book()).authorizations).toBe(before.authorizations + 300);
  });

  test("are booked once when they are performed twice at the same time", async () => {
    const orders = charges(300);
    const before = await rig.book();
    const [one, two] = await Promise.all([rig.perform(orders), rig.perform(orders)]);
    const refOf = (lines: Performed[]) => orders.map((order) => effectOf(lines, order).ref);
    expect(refOf(one)).toEqual(refOf(two));
    expect((await rig.book()).authorizations).toBe(before.authorizations + 300);
  });
});

describe("orders of every kind", () => {
  test("go in one request and each has its own end", async () => {
    const poor = await rig.token(scope, { number: "4000000000005902" });
    const [held, released, taken, raised, no] = [
      charge({ capture: false }),
      charge({ capture: false }),
      charge({ amount: 900 }),
      charge({ capture: false }),
      charge({ capture: false, token: poor }),
    ];
    const first = await rig.perform([held, released, taken, raised, no]);
    const ref = (order: Order) => effectOf(first, order).ref ?? "";
    await rig.crossed(scope);
    const declining = await rig.token(scope, { number: "4000000000009995" });
    const orders = [
      follow("capture", ref(held), 1500),
      follow("void", ref(released)),
      follow("refund", ref(taken), 901),
      follow("refund", ref(taken), 900),
      charge({ token: declining }),
      charge(),
      follow("increment", ref(raised), 500),
      follow("increment", ref(no), 500),
    ] as const;
    const lines = await rig.perform(orders);
    expect(orders.map((order) => effectOf(lines, order).kind)).toEqual([
      "approved",
      "approved",
      "declined",
      "approved",
      "declined",
      "approved",
      "approved",
      "declined",
    ]);
    expect(effectOf(lines, orders[4]).outcome?.decline?.decline_code).toBe("insufficient_funds");
    expect(effectOf(lines, orders[7]).decline).toMatchObject({
      code: "card_declined",
      decline_code: "insufficient_funds",
      network_code: "51",
    });
    expect((await rig.crossed(scope)).crossed).toEqual(["POST /batches"]);
  });

  test("of two slots are taken from two boxes and asked in one request", async () => {
    const other: Scope = { account: "acct_AbCdEfGhIjKlMnOq", livemode: false };
    expect(slotOf(other.account)).not.toBe(slotOf(scope.account));
    const orders = [charge(), charge({ ...other, token: await rig.token(other) })];
    expect(kindsOf(await rig.perform(orders))).toEqual(new Set(["approved"]));
    expect((await rig.crossed(scope)).crossed).toEqual(["POST /batches"]);
  });

  test("none at all end at once", async () => {
    expect(await rig.perform([])).toEqual([]);
    expect((await rig.crossed(scope)).crossed).toEqual([]);
  });
});

describe("a slow card", () => {
  test("is told last, though it was asked first, and holds nobody", async () => {
    const orders = charges(20);
    // The delay meets the first order of the batch and no other.
    await rig.setFaults({ latency_ms: 1_000, count: 1 });
    const lines = await rig.perform(orders);
    const [slow, ...prompt] = keysOf(orders);
    expect(keysOf(lines)).toEqual([...prompt, slow]);
    expect(kindsOf(lines)).toEqual(new Set(["approved"]));
  });
});

describe("an answer that is torn in the middle", () => {
  test.each([
    ["breaks after 7 lines", { after: 7, how: "break" }],
    ["breaks within the 8th line", { after: 7, how: "within" }],
    ["ends after 7 lines", { after: 7, how: "end" }],
    ["breaks before the first line", { after: 0, how: "break" }],
  ] as const)("and %s has each other order asked by key, and booked once", async (_, tear) => {
    const orders = charges(20);
    const before = await rig.book();
    await rig.call({ kind: "tear", tear });
    const lines = await rig.perform(orders);
    expect(keysOf(lines).sort()).toEqual(keysOf(orders).sort());
    expect(kindsOf(lines)).toEqual(new Set(["approved"]));
    const { crossed } = await rig.crossed(scope);
    expect(crossed[0]).toBe("POST /batches");
    const unheard = keysOf(orders).slice(tear.after);
    expect(crossed.slice(1).sort()).toEqual(unheard.map((key) => `GET /keys/${key}`).sort());
    const after = await rig.book();
    expect(after.authorizations).toBe(before.authorizations + 20);
    expect(after.replays).toBe(before.replays);
  });
});

describe("a fault of one order", () => {
  test.each([
    ["fails before it is booked", { error_rate: 1 }, ["GET", "POST"]],
    ["fails after it is booked", { error_after_rate: 1 }, ["GET"]],
    ["is lost after it is booked", { drop_after_rate: 1 }, ["GET"]],
  ])(
    "that %s is cleared up by its key, and its neighbours hear nothing of it",
    async (_, fault, methods) => {
      const orders = charges(10);
      const before = await rig.book();
      await rig.setFaults({ ...fault, count: 1 });
      const lines = await rig.perform(orders);
      const [faulty, ...others] = keysOf(orders);
      expect(keysOf(lines)).toEqual([...others, faulty]);
      expect(kindsOf(lines)).toEqual(new Set(["approved"]));
      const { crossed } = await rig.crossed(scope);
      expect(crossed.slice(1).map((line) => line.split(" ")[0])).toEqual(methods);
      expect((await rig.book()).authorizations).toBe(before.authorizations + 10);
    },
  );
});

describe("one key", () => {
  test("named twice in a batch is one order: one line, one booking", async () => {
    const order = charge();
    const before = await rig.book();
    const lines = await rig.perform([order, charge(), order]);
    expect(keysOf(lines).filter((key) => key === order.key)).toHaveLength(1);
    const after = await rig.book();
    expect(after.authorizations).toBe(before.authorizations + 2);
    expect(after.requests).toBe(before.requests + 2);
  });
});

describe("a CVC", () => {
  const checkOf = (lines: Performed[], order: Order) => effectOf(lines, order).outcome?.checks.cvc;

  test("is used by exactly one of the orders that name its card", async () => {
    const orders = charges(5);
    const lines = await rig.perform(orders);
    expect(orders.map((order) => checkOf(lines, order)).sort()).toEqual([
      "pass",
      ...Array(4).fill("unchecked"),
    ]);
    const later = charge();
    expect(checkOf(await rig.perform([later]), later)).toBe("unchecked");
  });

  test("is lost with the card box's memory, and the cards that were put at once are not", async () => {
    const orders = await Promise.all(
      Array.from({ length: 30 }, async () => charge({ token: await rig.token(scope) })),
    );
    await rig.loseMemory(slotOf(scope.account));
    const lines = await rig.perform(orders);
    expect(new Set(orders.map((order) => checkOf(lines, order)))).toEqual(new Set(["unchecked"]));
  });

  test("is used once, and a repeated order still has the answer that it had", async () => {
    const order = charge();
    expect(checkOf(await rig.perform([order]), order)).toBe("pass");
    expect(checkOf(await rig.perform([order]), order)).toBe("pass");
  });
});

describe("a card that is gone", () => {
  test("is declined, after asking whether the order was performed before, and holds nobody", async () => {
    const lost = charge({ token: "tok_0000000000000000000001" });
    const others = charges(3);
    const before = await rig.book();
    const lines = await rig.perform([lost, ...others]);
    expect(effectOf(lines, lost)).toMatchObject({
      kind: "declined",
      ref: null,
      outcome: { decline: { decline_code: "invalid_account" } },
    });
    expect(others.map((order) => effectOf(lines, order).kind)).toEqual(Array(3).fill("approved"));
    const { crossed } = await rig.crossed(scope);
    expect([...crossed].sort()).toEqual([`GET /keys/${lost.key}`, "POST /batches"]);
    expect((await rig.book()).authorizations).toBe(before.authorizations + 3);
  });

  test("since a moment ago is neither declined nor charged: an earlier order may still be asking", async () => {
    const lost = await rig.token(scope);
    await rig.call({ kind: "forget", scope, tokens: [lost] });
    const order = charge({ token: lost });
    await rig.crossed(scope);
    expect(await rig.perform([order])).toEqual([{ key: order.key, effect: { kind: "unknown" } }]);
    const { crossed } = await rig.crossed(scope);
    expect(crossed).toEqual([`GET /keys/${order.key}`]);
  });

  test("since a moment ago asks no cardholder: who decided to, decides anew", async () => {
    const lost = await rig.token(scope);
    const ask = () => rig.call({ kind: "authenticate", scope, token: lost });
    expect(await (await ask()).json()).toMatchObject({ ok: true, value: { kind: "not_required" } });
    await rig.call({ kind: "forget", scope, tokens: [lost] });
    await rig.crossed(scope);
    expect(await (await ask()).json()).toEqual({ ok: false, failure: { kind: "object_locked" } });
    expect((await rig.crossed(scope)).crossed).toEqual([]);
  });

  test("since its order was performed has the answer that it had", async () => {
    const order = charge();
    const first = await rig.perform([order]);
    await rig.call({ kind: "forget", scope, tokens: [token] });
    const again = await rig.perform([order]);
    expect(effectOf(again, order)).toEqual(effectOf(first, order));
  });

  test("is another account's or another mode's", async () => {
    const stranger: AccountId = "acct_AbCdEfGhIjKlMnOq";
    for (const foreign of [charge({ account: stranger }), charge({ livemode: true })]) {
      const lines = await rig.perform([foreign]);
      expect(effectOf(lines, foreign)).toMatchObject({ kind: "declined", ref: null });
    }
  });
});

describe("a caller that goes away", () => {
  test("leaves no order half asked: what was unclear is still cleared up", async () => {
    const orders = charges(5);
    const before = await rig.book();
    // Each order fails before it is booked, so that only asking again books it.
    await rig.setFaults({ error_rate: 1, count: 5 });
    await rig.call({ kind: "leave", orders });
    await expect
      .poll(async () => (await rig.book()).authorizations, { timeout: 10_000 })
      .toBe(before.authorizations + 5);
    expect(kindsOf(await rig.perform(orders))).toEqual(new Set(["approved"]));
    expect((await rig.book()).authorizations).toBe(before.authorizations + 5);
  });
});

describe("a box that crashes", () => {
  const entriesOf = async ({ key }: Order) =>
    (await (await rig.box(slotOf(scope.account))).auditEntries()).filter((entry) =>
      entry.includes(key),
    );

  test.each([
    { point: "before its entry is written", entriesLeft: 0 },
    { point: "before its entry is confirmed", entriesLeft: 1 },
  ] as const)(
    "$point leaves no outcome that anybody was told, and the order asked again is in the log",
    async ({ point, entriesLeft }) => {
      const [order, before] = [charge(), await rig.book()];
      await (await rig.box(slotOf(scope.account))).crashAtNextTake(point);
      expect(await rig.perform([order])).toEqual([{ key: order.key, effect: { kind: "unknown" } }]);
      // The card had been opened, and the bank asked.
      expect((await rig.book()).authorizations).toBe(before.authorizations + 1);
      expect(await entriesOf(order)).toHaveLength(entriesLeft);
      expect(effectOf(await rig.perform([order]), order).kind).toBe("approved");
      expect((await rig.book()).authorizations).toBe(before.authorizations + 1);
      const entries = await entriesOf(order);
      expect(entries).toHaveLength(entriesLeft + 1);
      const cards = { [`${scope.account}/test`]: [[token, order.key, "1"]] };
      expect(JSON.parse(entries.at(-1) ?? "")).toMatchObject({ action: "card.opened", cards });
    },
  );

  test("does not confirm, in its next life, what its last one had taken", async () => {
    const box = async () => await rig.box(slotOf(scope.account));
    const take = async () =>
      (await (await box()).takeMany([{ owner: `${scope.account}/test`, token }])).entry;
    const { instance, number } = await take();
    expect(await (await box()).written(instance)).toBe(number);
    expect(await take()).toMatchObject({ instance, number: number + 1, written: number });
    await rig.crash(scope);
    await expect((await box()).written(instance)).rejects.toThrow();
    const next = await take();
    expect(next).toMatchObject({ number: 1, written: 0 });
    expect(await (await box()).written(next.instance)).toBe(1);
  });
});
