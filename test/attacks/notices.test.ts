// Who is not the processor tells us nothing: forged, stale, repeated and re-aimed notices change no ledger.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { NOTICE_SIGNATURE_HEADER, NOTICES_PATH, signNotice } from "../../protocol/notice.ts";
import { type Merchant, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;
let other: Merchant;
let charge: string;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  other = await system.merchant();
  const made = await m.stripe.charges.create({ amount: 900, currency: "usd", source: "tok_visa" });
  charge = made.id;
});
afterAll(() => system?.close());

const secret = () => inject("bindings")["NOTICE_KEY"] ?? "";
const nowS = () => Math.floor(Date.now() / 1000);

let notices = 0;
const notice = (over: object = {}) => ({
  id: `ntc_${++notices}`,
  kind: "dispute.opened",
  created: nowS(),
  merchant: `${m.account}/test`,
  reference: `${charge}.authorize.1`,
  dispute: `dsp_${notices}`,
  amount: 900,
  reason: "fraudulent",
  network_reason_code: "10.4",
  inquiry: false,
  due_by: nowS() + 86_400,
  ...over,
});

async function send(body: string, header?: string) {
  const headers = header === undefined ? {} : { [NOTICE_SIGNATURE_HEADER]: header };
  return system.call(NOTICES_PATH, { method: "POST", body, headers });
}

const sendSigned = async (said: object) => {
  const body = JSON.stringify(said);
  return send(body, await signNotice(secret(), body, nowS()));
};

const disputes = async (of = m) => (await of.stripe.disputes.list()).data.length;
const sequence = async () => (await m.stripe.events.list({ limit: 1 })).data[0]?.id;

describe("a notice that the processor did not sign", () => {
  test.each([
    ["unsigned", async () => undefined],
    ["signed with another key", (body: string) => signNotice("guess", body, nowS())],
    ["signed for another body", () => signNotice(secret(), "{}", nowS())],
    ["an hour old", (body: string) => signNotice(secret(), body, nowS() - 3_600)],
    ["from tomorrow", (body: string) => signNotice(secret(), body, nowS() + 86_400)],
  ] as const)("%s, is refused in the same words and changes nothing", async (_, sign) => {
    const before = await sequence();
    const body = JSON.stringify(notice());
    const answer = await send(body, await sign(body));
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual((await send("no JSON")).body);
    expect(await sequence()).toBe(before);
    expect(await disputes()).toBe(0);
  });

  test("is not even parsed, however long it is or whatever it holds", async () => {
    for (const body of ["{", "x".repeat(1_000_000), JSON.stringify({ card: "4242424242424242" })]) {
      expect((await send(body, `t=${nowS()},v1=${"0".repeat(64)}`)).status).toBe(401);
    }
  });

  test("re-aimed at another merchant, does not carry its signature there", async () => {
    const body = JSON.stringify(notice());
    const header = await signNotice(secret(), body, nowS());
    const aimed = body.replace(m.account, other.account);
    expect((await send(aimed, header)).status).toBe(401);
    expect(await disputes(other)).toBe(0);
  });
});

describe("a notice of the processor", () => {
  test("about a charge of somebody else finds nothing there", async () => {
    const answer = await sendSigned(notice({ merchant: `${other.account}/test` }));
    expect(answer.status).toBe(404);
    const live = await sendSigned(notice({ merchant: `${m.account}/live` }));
    expect(live.status).toBe(404);
    expect(await disputes()).toBe(0);
    expect(await disputes(other)).toBe(0);
  });

  test.each([
    ["no JSON", "nonsense"],
    ["a name twice", () => JSON.stringify(notice()).replace("{", '{"amount":1,')],
    ["an unknown kind", { kind: "payment.made" }],
    ["a float", { amount: 1.5 }],
    ["a card number in its words", { network_reason_code: "card 4242424242424242" }],
    ["a negative amount", { amount: -900 }],
    ["a field too many", { note: "hello" }],
  ])("with %s is refused", async (_, over) => {
    const whole = typeof over === "function" ? over() : over;
    const body = typeof whole === "string" ? whole : JSON.stringify(notice(whole));
    expect((await send(body, await signNotice(secret(), body, nowS()))).status).toBe(400);
    expect(await disputes()).toBe(0);
  });

  test("that comes ten times at once and once more is one change", async () => {
    const said = notice();
    const answers = await Promise.all(Array.from({ length: 10 }, () => sendSigned(said)));
    // Those that meet each other are told to come again.
    for (const { status } of answers) expect([200, 409]).toContain(status);
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    expect((await sendSigned(said)).status).toBe(200);
    expect(await disputes()).toBe(1);
    const { available, pending } = await m.stripe.balance.retrieve();
    expect((available[0]?.amount ?? 0) + (pending[0]?.amount ?? 0)).toBe(0);
  });

  test("under a number that was used with other words is refused", async () => {
    const first = notice();
    expect((await sendSigned(first)).status).toBe(200);
    const told = (await m.stripe.disputes.list()).data;
    const answer = await sendSigned({ ...notice(), id: first.id, amount: 1 });
    expect(answer.status).toBe(400);
    expect((await m.stripe.disputes.list()).data).toEqual(told);
  });

  test("that a dispute was won gives the money back, though the merchant has just accepted it", async () => {
    const charged = { amount: 900, currency: "usd", source: "tok_visa" } as const;
    const { id } = await m.stripe.charges.create(charged);
    const opened = notice({ reference: `${id}.authorize.1` });
    expect((await sendSigned(opened)).status).toBe(200);
    const [dispute] = (await m.stripe.disputes.list({ charge: id })).data;
    const of = dispute?.id ?? "";
    // The bank does not know this dispute: it hears of the acceptance too late.
    expect((await m.stripe.disputes.close(of)).status).toBe("lost");
    const { merchant, reference, created } = opened;
    const decided = { merchant, reference, created, dispute: opened.dispute, outcome: "won" };
    const said = { ...decided, id: `ntc_${++notices}`, kind: "dispute.decided" };
    expect((await sendSigned(said)).status).toBe(200);
    const won = await m.stripe.disputes.retrieve(of);
    expect(won.status).toBe("won");
    expect(won.balance_transactions.map(({ amount }) => amount)).toEqual([-900, 900]);
  });
});
