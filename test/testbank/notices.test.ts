// The bank's notices as an outside receiver hears them: signed, in its own time, again until acknowledged.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { NOTICE_SIGNATURE_HEADER, NOTICES_PATH, verifyNotice } from "../../protocol/notice.ts";
import { delayOf, pauseAfter, TRIES_MAX } from "../../workers/testbank/notice-times.ts";
import { freshKey, NOTICE_KEY, ORDINARY_CARD, startBank } from "./bank.ts";

type Heard = { readonly path: string; readonly header: string; readonly body: string };
type Filed = {
  readonly id: string;
  readonly subject: string;
  readonly state: string;
  readonly tries: number;
};
type Notice = { readonly id: string; readonly kind: string; readonly reference: string };

const SOON = { timeout: 20_000, interval: 20 };
const MERCHANT = "acct_AbCdEfGhIjKlMnOp/test";

let receiver: Server;
let bank: ReturnType<typeof startBank>;
let heard: Heard[] = [];
/** Statuses of the next answers; 200 when there are no more. */
let answers: number[] = [];

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const header = String(request.headers[NOTICE_SIGNATURE_HEADER]);
    heard.push({ path: request.url ?? "", header, body });
    response.writeHead(answers.shift() ?? 200).end("{}");
  });
  await new Promise<void>((up) => receiver.listen(0, "127.0.0.1", up));
  const { port } = receiver.address() as AddressInfo;
  bank = startBank({
    NOTICE_URL: `http://127.0.0.1:${port}`,
    TESTBANK_NOTICE_DELAY_MS: "0",
  });
  await bank.start();
}, 60_000);
afterAll(async () => {
  await bank?.stop();
  receiver?.close();
});
beforeEach(() => {
  heard = [];
  answers = [];
});

async function authorized(number: string, over: object = {}): Promise<[id: string, key: string]> {
  const key = freshKey();
  const card = { ...ORDINARY_CARD, number };
  const { body } = await bank.authorize({ card, merchant: MERCHANT, reference: key, ...over }, key);
  return [body.id, key];
}

/** A payment that is captured, and given back so far, in the one turn in which its dispute is filed. */
async function captured(
  number: string,
  { refunded }: { readonly refunded: number },
): Promise<[id: string, key: string]> {
  const [authorization, key] = await authorized(number, { capture: false });
  const order = { authorization, key: freshKey() };
  const answer = await bank.batch([
    { ...order, verb: "capture", body: { amount: 2000 } },
    { ...order, key: freshKey(), verb: "refund", body: { amount: refunded } },
  ]);
  const lines = (await answer.text()).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).body.status)).toEqual(["approved", "approved"]);
  return [authorization, key];
}

const notices = (): Notice[] => heard.map(({ body }) => JSON.parse(body));

/** The notice about the order of this key, once it has been heard so often. */
const noticeOf = (key: string, times = 1): Promise<Notice> =>
  vi.waitFor(() => {
    const about = notices().filter(({ reference }) => reference === key);
    expect(about.length).toBeGreaterThanOrEqual(times);
    return about[0] as Notice;
  }, SOON);

const states = async () => {
  const { text } = await bank.get("/notices");
  return (JSON.parse(text) as { data: Filed[] }).data;
};

describe("a notice", () => {
  test("names the merchant and the order, and is signed over its bytes", async () => {
    const [, key] = await authorized("4000000000000259");
    await noticeOf(key);
    const { path, header, body } = heard[0] as Heard;
    expect(path).toBe(NOTICES_PATH);
    expect(JSON.parse(body)).toEqual({
      id: expect.stringMatching(/^ntc_/),
      kind: "dispute.opened",
      created: expect.any(Number),
      merchant: MERCHANT,
      reference: key,
      dispute: expect.stringMatching(/^dsp_/),
      amount: 2000,
      reason: "fraudulent",
      network_reason_code: "10.4",
      inquiry: false,
      due_by: expect.any(Number),
    });
    const nowS = Math.floor(Date.now() / 1000);
    const bytes = new TextEncoder().encode(body);
    expect(await verifyNotice(NOTICE_KEY, header, bytes, nowS)).toMatchObject({ ok: true });
    await vi.waitFor(async () => {
      expect((await states())[0]).toMatchObject({ state: "acknowledged", tries: 1 });
    }, SOON);
  });

  test("is told again, the same and signed anew, until it is acknowledged", async () => {
    answers = [503, 500];
    const [, key] = await authorized("4000000000002685");
    const first = await noticeOf(key, 3);
    expect(notices()).toEqual([first, first, first]);
    await vi.waitFor(async () => {
      expect((await states())[0]).toMatchObject({
        id: first.id,
        state: "acknowledged",
        tries: 3,
      });
    }, SOON);
  });

  test("tells of a refund that settles, and of one that comes back and is free again", async () => {
    const [slow] = await authorized("4000000000007726");
    const later = freshKey();
    await bank.post(`/authorizations/${slow}/refunds`, { amount: 100 }, later);
    expect(await noticeOf(later)).toMatchObject({ kind: "refund.settled" });
    const [failing] = await authorized("4000000000005126");
    const back = freshKey();
    await bank.post(`/authorizations/${failing}/refunds`, { amount: 100 }, back);
    expect(await noticeOf(back)).toMatchObject({ kind: "refund.failed" });
    expect(await bank.row(failing)).toMatchObject({ refunded: 0 });
  });

  test("is not made of a payment that is given back before its time has come", async () => {
    const [id, key] = await captured("4000000000000259", { refunded: 2000 });
    await vi.waitFor(async () => {
      const [made] = await states();
      expect(made).toMatchObject({ subject: id, state: "void", tries: 0 });
    }, SOON);
    expect(notices().map(({ reference }) => reference)).not.toContain(key);
  });

  test("is of what is left of a payment that is given back in part", async () => {
    const [, key] = await captured("4000000000000259", { refunded: 500 });
    expect(await noticeOf(key)).toMatchObject({ kind: "dispute.opened", amount: 1500 });
  });
});

describe("what an operator reads of it", () => {
  const lines = (from: typeof bank): string[] =>
    from.harness.getLogs().map(({ message }) => message);

  test("is one line with its id and kind when it is given up", async () => {
    answers = Array.from({ length: TRIES_MAX }, () => 503);
    const [, key] = await authorized("4000000000000259");
    const { id, kind } = await noticeOf(key);
    const book = await bank.harness.getWorker().getDurableObjectStorage("Bank", { name: "book" });
    await vi.waitFor(async () => {
      // Three days of it are over; a try that is under way may still count its own.
      await book.exec(
        "UPDATE notices SET tries = ? WHERE id = ? AND state = 'told'",
        TRIES_MAX - 1,
        id,
      );
      expect((await states())[0]).toMatchObject({ id, state: "given_up", tries: TRIES_MAX });
      expect(lines(bank).filter((line) => line.includes(id))).toEqual([
        `notice was given up ${id} ${kind}`,
      ]);
    }, SOON);
    expect(lines(bank).join()).not.toContain(key);
  });

  test("is one line for each try when nobody said where it goes", async () => {
    const lost = startBank({ TESTBANK_NOTICE_DELAY_MS: "0" });
    try {
      await lost.start();
      const card = { ...ORDINARY_CARD, number: "4000000000000259" };
      const key = freshKey();
      await lost.authorize({ card, merchant: MERCHANT, reference: key }, key);
      await vi.waitFor(() => expect(lines(lost).length).toBeGreaterThan(0), SOON);
      const { text } = await lost.get("/notices");
      const [{ id, kind }] = JSON.parse(text).data;
      expect(lines(lost)[0]).toBe(`notice has nowhere to go, NOTICE_URL is not set ${id} ${kind}`);
      expect(lines(lost).join()).not.toContain(key);
    } finally {
      await lost.stop();
    }
  });
});

test.each([
  ["after=ntc_1", 400],
  ["limit=0", 400],
  ["limit=1", 200],
])("a list of notices with %s is answered %i", async (query, status) => {
  const answer = await bank.get(`/notices?${query}`);
  expect(answer.status).toBe(status);
  if (status === 200) expect(answer.body.data.length).toBeLessThanOrEqual(1);
});

describe("a dispute at the bank", () => {
  async function disputed(): Promise<{ id: string; dispute: string; key: string }> {
    const [id, key] = await authorized("4000000000000259");
    const { dispute } = (await noticeOf(key)) as Notice & { dispute: string };
    return { id, key, dispute };
  }

  test("keeps its payment from being refunded", async () => {
    const { id } = await disputed();
    const refund = await bank.post(`/authorizations/${id}/refunds`, { amount: 1 });
    expect(refund).toMatchObject({
      status: 409,
      body: { error: { code: "authorization_disputed" } },
    });
  });

  test.each([
    ["winning_evidence", "won"],
    ["losing_evidence", "lost"],
  ])("is decided by %s: %s", async (text, outcome) => {
    const { dispute, key } = await disputed();
    const evidence = { uncategorized_text: text };
    const asked = freshKey();
    const first = await bank.post(`/disputes/${dispute}/evidence`, { evidence }, asked);
    expect(first).toMatchObject({ status: 200, body: { status: "reviewed" } });
    expect(await bank.post(`/disputes/${dispute}/evidence`, { evidence }, asked)).toMatchObject({
      replayed: true,
      text: first.text,
    });
    await noticeOf(key, 2);
    expect(notices().at(-1)).toMatchObject({ kind: "dispute.decided", dispute, outcome });
  });

  test("takes one answer", async () => {
    const { dispute } = await disputed();
    await bank.post(`/disputes/${dispute}/acceptances`, {});
    const late = await bank.post(`/disputes/${dispute}/evidence`, { evidence: {} });
    expect(late).toMatchObject({ status: 409, body: { error: { code: "dispute_decided" } } });
    const nowhere = await bank.post("/disputes/dsp_0/acceptances", {});
    expect(nowhere).toMatchObject({ status: 404, body: { error: { code: "unknown_dispute" } } });
  });
});

test("the pauses double up to an hour", () => {
  expect([1, 2, 3, 12, 13, 14, 80].map(pauseAfter)).toEqual([
    500, 1_000, 2_000, 1_024_000, 2_048_000, 3_600_000, 3_600_000,
  ]);
});

test("a delay that is no number of milliseconds is an error, and none is a second", () => {
  expect(delayOf({})).toBe(1_000);
  expect(delayOf({ TESTBANK_NOTICE_DELAY_MS: "20" })).toBe(20);
  for (const given of ["-1", "soon", "1.5"]) {
    expect(() => delayOf({ TESTBANK_NOTICE_DELAY_MS: given })).toThrow("TESTBANK_NOTICE_DELAY_MS");
  }
});
