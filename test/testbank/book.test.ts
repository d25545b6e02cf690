import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Answer } from "./bank.ts";
import { freshKey, ORDINARY_CARD, startBank } from "./bank.ts";

const bank = startBank();

beforeAll(() => bank.start(), 60_000);
afterAll(() => bank.stop());

async function authorized(request: object = {}): Promise<string> {
  return (await bank.authorize({ capture: false, ...request })).body.id;
}

const capture = (id: string, amount: number) =>
  bank.post(`/authorizations/${id}/captures`, { amount });
const refund = (id: string, amount: number, key: string = freshKey()) =>
  bank.post(`/authorizations/${id}/refunds`, { amount }, key);
const increment = (id: string, amount: number, key: string = freshKey()) =>
  bank.post(`/authorizations/${id}/increments`, { amount }, key);
const release = (id: string) => bank.post(`/authorizations/${id}/voids`, {});
const codeOf = (answer: Answer) => answer.body.error?.code;

describe("a capture", () => {
  test("takes part of the amount and releases the rest", async () => {
    const id = await authorized();
    const answer = await capture(id, 1500);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^cap_/),
      object: "capture",
      authorization: id,
      amount: 1500,
      status: "approved",
    });
    const again = await capture(id, 500);
    expect([again.status, codeOf(again)]).toEqual([409, "already_captured"]);
    expect(await bank.row(id)).toMatchObject({ captured: 1500 });
  });

  test("never takes more than was authorized", async () => {
    const id = await authorized();
    const answer = await capture(id, 2001);
    expect([answer.status, codeOf(answer)]).toEqual([409, "amount_exceeds_authorized"]);
    expect((await capture(id, 2000)).status).toBe(200);
  });

  test("is refused when voided, declined, captured at once or unknown", async () => {
    const voided = await authorized();
    await release(voided);
    expect(codeOf(await capture(voided, 1))).toBe("already_voided");
    const declined = await authorized({ card: { ...ORDINARY_CARD, number: "4000000000000002" } });
    expect(codeOf(await capture(declined, 1))).toBe("authorization_declined");
    expect(codeOf(await capture(await authorized({ capture: true }), 1))).toBe("already_captured");
    const unknown = await capture("auth_none", 1);
    expect([unknown.status, codeOf(unknown)]).toEqual([404, "unknown_authorization"]);
  });

  test("happens once under 50 captures and voids at once", async () => {
    const id = await authorized();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? capture(id, 10) : release(id))),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    const row = await bank.row(id);
    expect(row).toMatchObject({ captured: row?.voided ? 0 : 10 });
  });

  test("needs an amount above zero", async () => {
    const id = await authorized();
    expect((await capture(id, 0)).status).toBe(400);
    expect((await bank.post(`/authorizations/${id}/captures`, {})).status).toBe(400);
  });
});

describe("an increment", () => {
  test("adds to what is held, so that more can be captured, once per key", async () => {
    const id = await authorized();
    const before = await bank.totals();
    const key = freshKey();
    const answer = await increment(id, 500, key);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^incr_/),
      object: "increment",
      authorization: id,
      amount: 500,
      status: "approved",
    });
    const again = await Promise.all(Array.from({ length: 10 }, () => increment(id, 500, key)));
    for (const { text, replayed } of again) expect([text, replayed]).toEqual([answer.text, true]);
    expect((await increment(id, 501, key)).status).toBe(422);
    expect(await bank.row(id)).toMatchObject({ amount: 2500, captured: 0 });
    expect((await bank.totals()).incremented_count).toBe(before.incremented_count + 1);
    expect(codeOf(await capture(id, 2501))).toBe("amount_exceeds_authorized");
    expect((await capture(id, 2500)).status).toBe(200);
  });

  test("is declined for the card that has no more, and changes nothing", async () => {
    const id = await authorized({ card: { ...ORDINARY_CARD, number: "4000000000005902" } });
    const before = await bank.totals();
    const answer = await increment(id, 1);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      status: "declined",
      decline: { code: "card_declined", decline_code: "insufficient_funds", network_code: "51" },
    });
    expect(await bank.row(id)).toMatchObject({ amount: 2000 });
    expect((await bank.totals()).incremented_count).toBe(before.incremented_count);
    expect((await capture(id, 2000)).status).toBe(200);
  });

  test("is refused when captured, voided, declined or unknown, and needs an amount", async () => {
    const voided = await authorized();
    await release(voided);
    expect(codeOf(await increment(voided, 1))).toBe("already_voided");
    expect(codeOf(await increment(await authorized({ capture: true }), 1))).toBe(
      "already_captured",
    );
    const declined = await authorized({ card: { ...ORDINARY_CARD, number: "4000000000000002" } });
    expect(codeOf(await increment(declined, 1))).toBe("authorization_declined");
    expect((await increment("auth_none", 1)).status).toBe(404);
    expect((await increment(await authorized(), 0)).status).toBe(400);
  });
});

describe("a void", () => {
  test("releases what was not captured, once", async () => {
    const id = await authorized();
    const answer = await release(id);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^void_/),
      object: "void",
      authorization: id,
      status: "approved",
    });
    expect(codeOf(await release(id))).toBe("already_voided");
    expect(await bank.row(id)).toMatchObject({ voided: true, captured: 0 });
  });

  test("is refused after a capture and works without a body", async () => {
    expect(codeOf(await release(await authorized({ capture: true })))).toBe("already_captured");
    const path = `/authorizations/${await authorized()}/voids`;
    expect((await bank.post(path, undefined)).status).toBe(200);
  });
});

describe("a refund", () => {
  test("gives back in parts until nothing is left", async () => {
    const id = await authorized({ capture: true });
    const answer = await refund(id, 1200);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^rfnd_/),
      object: "refund",
      authorization: id,
      amount: 1200,
      status: "approved",
    });
    expect(codeOf(await refund(id, 801))).toBe("amount_exceeds_refundable");
    expect((await refund(id, 800)).status).toBe(200);
    expect(codeOf(await refund(id, 1))).toBe("amount_exceeds_refundable");
  });

  test("is limited by the captured amount, not the authorized one", async () => {
    const id = await authorized();
    expect(codeOf(await refund(id, 1))).toBe("not_captured");
    await capture(id, 500);
    expect(codeOf(await refund(id, 501))).toBe("amount_exceeds_refundable");
    expect((await refund(id, 500)).status).toBe(200);
  });

  test("never exceeds the capture under 50 refunds at once", async () => {
    const id = await authorized({ capture: true });
    const answers = await Promise.all(Array.from({ length: 50 }, () => refund(id, 300)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(6);
    expect(await bank.row(id)).toMatchObject({ captured: 2000, refunded: 1800 });
  });

  test("moves money once under 50 requests with one key", async () => {
    const id = await authorized({ capture: true });
    const key = freshKey();
    const answers = await Promise.all(Array.from({ length: 50 }, () => refund(id, 100, key)));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(await bank.row(id)).toMatchObject({ refunded: 100 });
  });

  test("of the slow card is under way, and its amount is taken", async () => {
    const card = { ...ORDINARY_CARD, number: "4000000000007726" };
    const id = await authorized({ capture: true, card });
    expect((await refund(id, 100)).body).toMatchObject({ status: "pending" });
    expect(await bank.row(id)).toMatchObject({ refunded: 100 });
  });

  test("of the failing card is made, until it comes back", async () => {
    const card = { ...ORDINARY_CARD, number: "4000000000005126" };
    const id = await authorized({ capture: true, card });
    expect((await refund(id, 2000)).body).toMatchObject({ status: "approved" });
    expect(await bank.row(id)).toMatchObject({ captured: 2000, refunded: 2000 });
  });
});

describe("the book", () => {
  beforeEach(() => bank.harness.reset(), 60_000);

  test("starts empty and adds up what happened, per currency", async () => {
    expect(await bank.totals()).toEqual({
      authorizations: 0,
      approved: 0,
      declined: 0,
      incremented_count: 0,
      captured_count: 0,
      captured_amount: {},
      refunded_count: 0,
      refunded_amount: {},
      voided: 0,
      requests: 0,
      replays: 0,
    });
    const paid = await authorized({ capture: true });
    await authorized({ capture: true, amount: 700, currency: "eur" });
    await authorized({ card: { ...ORDINARY_CARD, number: "4000000000000002" } });
    await release(await authorized());
    await capture(await authorized(), 50);
    await refund(paid, 20);
    await refund(paid, 30);
    await refund(paid, 5000);
    expect(await bank.totals()).toEqual({
      authorizations: 5,
      approved: 4,
      declined: 1,
      incremented_count: 0,
      captured_count: 3,
      captured_amount: { usd: 2050, eur: 700 },
      refunded_count: 2,
      refunded_amount: { usd: 50, eur: 0 },
      voided: 1,
      requests: 10,
      replays: 0,
    });
  });

  test("is read page by page in the order of booking", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.push(await authorized());
    const seen: string[] = [];
    let path = "/book/authorizations?limit=2";
    for (let hasMore = true; hasMore; ) {
      const { body } = await bank.get(path);
      seen.push(...body.data.map((row) => row.id));
      hasMore = body.has_more;
      path = `/book/authorizations?limit=2&after=${seen.at(-1)}`;
    }
    expect(seen).toEqual(ids);
  });

  test("has one row per key with what a reconciliation needs", async () => {
    const key = freshKey();
    const { body } = await bank.authorize({ reference: "ch_1" }, key);
    await bank.authorize({ reference: "ch_1" }, key);
    const page = (await bank.get("/book/authorizations")).body;
    expect(page).toEqual({
      data: [
        {
          id: body.id,
          key,
          reference: "ch_1",
          amount: 2000,
          currency: "usd",
          status: "approved",
          captured: 2000,
          refunded: 0,
          voided: false,
          created: expect.any(Number),
        },
      ],
      has_more: false,
    });
    expect(Math.abs((page.data[0]?.created ?? 0) - Date.now() / 1000)).toBeLessThan(60);
  });

  test("survives leaving memory", async () => {
    const key = freshKey();
    const first = await bank.authorize({}, key);
    await bank.harness.getWorker().evictDurableObject("Bank", { name: "book" });
    expect(await bank.authorize({}, key)).toEqual({ ...first, replayed: true });
    expect((await bank.totals()).authorizations).toBe(1);
  });

  test("has no card number and no CVC in any row, and none in the logs", async () => {
    const cards = ["4242424242424242", "378282246310005", "4000000000000002", "4242424242424241"];
    const cvc = "9153";
    for (const number of cards) {
      const id = await authorized({ card: { ...ORDINARY_CARD, number, cvc } });
      await capture(id, 100);
      await refund(id, 100);
      await bank.authorize({ amount: -1, card: { ...ORDINARY_CARD, number, cvc } });
    }
    const asking = { ...ORDINARY_CARD, number: "4000002760003184", cvc };
    const question = { amount: 1, currency: "usd", purpose: "payment", requested: "automatic" };
    await bank.post("/authentications", { ...question, card: asking });
    cards.push(asking.number);
    const storage = await bank.harness
      .getWorker()
      .getDurableObjectStorage("Bank", { name: "book" });
    const tables = [
      "answers",
      "authorizations",
      "movements",
      "counters",
      "faults",
      "authentications",
      "disputes",
      "notices",
    ];
    const known = await storage.exec("SELECT name FROM sqlite_master WHERE type = 'table'");
    expect(known.map((row) => String(row.name)).filter((name) => !name.startsWith("_"))).toEqual(
      tables,
    );
    const rows: unknown[] = [];
    for (const table of tables) rows.push(...(await storage.exec(`SELECT * FROM ${table}`)));
    expect(rows.length).toBeGreaterThan(cards.length * 3);
    const logs = JSON.stringify(bank.harness.getLogs());
    for (const number of cards) {
      expect(JSON.stringify(rows)).not.toContain(number);
      expect(logs).not.toContain(number);
    }
    // Fingerprints, ids and times are random digits and may hold any four of them by chance.
    const columns = JSON.stringify(rows, (name, value) =>
      ["fingerprint", "id", "key", "authorization", "created_at"].includes(name) ? "" : value,
    );
    expect(columns.replaceAll(/(auth|cap|rfnd)_\w+/g, "")).not.toContain(cvc);
    expect(logs).not.toContain(cvc);
  });
});
