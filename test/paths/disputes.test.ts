// Disputes as a merchant with the official SDK sees them: a test card opens one, money goes, evidence decides.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { type Merchant, refused, type System, startSystem } from "../system.ts";
import { disputeOf, dollarsOf, SOON, toldOf } from "./merchants-view.ts";

let system: System;
let m: Merchant;

const AMOUNT = 4200;

beforeAll(async () => {
  system = await startSystem(inject("bindings"), { TESTBANK_NOTICE_DELAY_MS: "0" });
  m = await system.merchant();
});
afterAll(() => system?.close());

const charge = (source: string, amount = AMOUNT): Promise<Stripe.Charge> =>
  m.stripe.charges.create({ amount, currency: "usd", source });

const disputed = (of: Stripe.Charge) => disputeOf(m.stripe, of.id);

const until = (id: string, status: Stripe.Dispute.Status): Promise<Stripe.Dispute> =>
  vi.waitFor(async () => {
    const dispute = await m.stripe.disputes.retrieve(id);
    expect(dispute.status).toBe(status);
    return dispute;
  }, SOON);

const told = (id: string) => toldOf(m.stripe, id);
const balance = () => dollarsOf(m.stripe);

describe("a card that is disputed", () => {
  test.each([
    ["tok_createDispute", "fraudulent", "needs_response"],
    ["tok_createDisputeProductNotReceived", "product_not_received", "needs_response"],
    ["tok_createDisputeInquiry", "fraudulent", "warning_needs_response"],
  ] as const)("%s is disputed as %s and %s", async (source, reason, status) => {
    const of = await charge(source);
    expect(of).toMatchObject({ paid: true, captured: true, disputed: false });
    const dispute = await disputed(of);
    const withdrawn = status === "needs_response";
    expect(dispute).toMatchObject({
      object: "dispute",
      amount: AMOUNT,
      currency: "usd",
      charge: of.id,
      reason,
      status,
      livemode: false,
      metadata: {},
      is_charge_refundable: !withdrawn,
      evidence_details: { has_evidence: false, past_due: false, submission_count: 0 },
      payment_method_details: { type: "card", card: { brand: "visa" } },
    });
    expect(dispute.evidence.uncategorized_text).toBeNull();
    expect(dispute.balance_transactions).toHaveLength(withdrawn ? 1 : 0);
    for (const posted of dispute.balance_transactions) {
      expect(posted).toMatchObject({
        amount: -AMOUNT,
        type: "adjustment",
        reporting_category: "dispute",
        source: dispute.id,
      });
      expect(await m.stripe.balanceTransactions.retrieve(posted.id)).toEqual(posted);
    }
    expect(await m.stripe.charges.retrieve(of.id)).toMatchObject({
      disputed: true,
      dispute: dispute.id,
      amount_refunded: 0,
    });
    const names = ["charge.dispute.created", "charge.dispute.funds_withdrawn"];
    expect(await told(dispute.id)).toEqual(withdrawn ? names : names.slice(0, 1));
  });

  test("takes the money out of the balance, and cannot be refunded", async () => {
    const before = await balance();
    const of = await charge("tok_createDispute");
    await disputed(of);
    expect(await balance()).toBe(before);
    const refund = await refused(m.stripe.refunds.create({ charge: of.id }));
    expect(refund).toMatchObject({ code: "charge_disputed", statusCode: 400 });
  });

  test("that is only asked about can be refunded", async () => {
    const of = await charge("tok_createDisputeInquiry");
    await disputed(of);
    expect(await m.stripe.refunds.create({ charge: of.id })).toMatchObject({ status: "succeeded" });
  });

  test("and was captured later is disputed then", async () => {
    const of = await m.stripe.charges.create({
      amount: AMOUNT,
      currency: "usd",
      source: "tok_createDispute",
      capture: false,
    });
    await m.stripe.charges.capture(of.id, { amount: 1000 });
    expect(await disputed(of)).toMatchObject({ amount: 1000 });
  });

  test("tells its events as they were: the charge was not disputed when it succeeded", async () => {
    const key = `replayed-${Date.now()}`;
    const params = { amount: AMOUNT, currency: "usd", source: "tok_createDispute" };
    const of = await m.stripe.charges.create(params, { idempotencyKey: key });
    await disputed(of);
    const again = await m.stripe.charges.create(params, { idempotencyKey: key });
    expect(again).toEqual(of);
    const events = await m.stripe.events.list({ type: "charge.succeeded" });
    const event = events.data.find(({ data }) => (data.object as Stripe.Charge).id === of.id);
    expect(event?.data.object).toMatchObject({ disputed: false });
  });
});

describe("a merchant", () => {
  test("wins with winning evidence, and has his money back", async () => {
    const before = await balance();
    const dispute = await disputed(await charge("tok_createDispute"));
    const answered = await m.stripe.disputes.update(dispute.id, {
      evidence: { uncategorized_text: "winning_evidence", customer_name: "Ada Lovelace" },
      metadata: { case: "7" },
    });
    expect(answered).toMatchObject({
      status: "under_review",
      evidence: { uncategorized_text: "winning_evidence", customer_name: "Ada Lovelace" },
      evidence_details: {
        has_evidence: true,
        submission_count: 1,
        submission_method: "manual",
      },
      metadata: { case: "7" },
    });
    const won = await until(dispute.id, "won");
    expect(
      won.balance_transactions.map(({ amount, reporting_category }) => [
        amount,
        reporting_category,
      ]),
    ).toEqual([
      [-AMOUNT, "dispute"],
      [AMOUNT, "dispute_reversal"],
    ]);
    expect(await balance()).toBe(before + AMOUNT);
    expect(await told(dispute.id)).toEqual([
      "charge.dispute.created",
      "charge.dispute.funds_withdrawn",
      "charge.dispute.updated",
      "charge.dispute.closed",
      "charge.dispute.funds_reinstated",
    ]);
    const adjustments = await m.stripe.balanceTransactions.list({
      source: dispute.id,
      type: "adjustment",
    });
    expect(adjustments.data).toEqual(won.balance_transactions.toReversed());
    // What was won is the merchant's to give back.
    const refund = await m.stripe.refunds.create({ charge: String(dispute.charge), amount: 100 });
    expect(refund.status).toBe("succeeded");
  });

  test("loses with losing evidence, and the money stays where it is", async () => {
    const dispute = await disputed(await charge("tok_createDispute"));
    await m.stripe.disputes.update(dispute.id, {
      evidence: { uncategorized_text: "losing_evidence" },
    });
    const lost = await until(dispute.id, "lost");
    expect(lost.balance_transactions).toHaveLength(1);
  });

  test("ends an inquiry by answering it", async () => {
    const dispute = await disputed(await charge("tok_createDisputeInquiry"));
    const answered = await m.stripe.disputes.update(dispute.id, {
      evidence: { uncategorized_text: "winning_evidence" },
    });
    expect(answered.status).toBe("warning_under_review");
    expect((await until(dispute.id, "warning_closed")).balance_transactions).toEqual([]);
  });

  test("stages evidence until he submits it, and has one try", async () => {
    const dispute = await disputed(await charge("tok_createDispute"));
    const staged = await m.stripe.disputes.update(dispute.id, {
      evidence: { product_description: "Tiles", shipping_carrier: "Post" },
      submit: false,
    });
    expect(staged).toMatchObject({
      status: "needs_response",
      evidence: { product_description: "Tiles", shipping_carrier: "Post" },
      evidence_details: { has_evidence: true, submission_count: 0 },
    });
    const unset = { shipping_carrier: "" };
    await m.stripe.disputes.update(dispute.id, { evidence: unset, submit: false });
    const submitted = await m.stripe.disputes.update(dispute.id, { submit: true });
    expect(submitted).toMatchObject({
      status: "under_review",
      evidence: { product_description: "Tiles", shipping_carrier: null },
    });
    const late = m.stripe.disputes.update(dispute.id, { evidence: { customer_name: "Ada" } });
    expect(await refused(late)).toMatchObject({ statusCode: 400, param: "id" });
    const metadata = { later: "yes" };
    expect(await m.stripe.disputes.update(dispute.id, { metadata })).toMatchObject({ metadata });
  });

  test("accepts a dispute, once, and hears the same again under the same key", async () => {
    const dispute = await disputed(await charge("tok_createDispute"));
    const idempotencyKey = `close-${dispute.id}`;
    const closed = await m.stripe.disputes.close(dispute.id, {}, { idempotencyKey });
    expect(closed.status).toBe("lost");
    const again = await m.stripe.disputes.close(dispute.id, {}, { idempotencyKey });
    expect(again).toEqual(closed);
    expect(again.lastResponse.headers["idempotent-replayed"]).toBe("true");
    expect(await refused(m.stripe.disputes.close(dispute.id))).toMatchObject({ statusCode: 400 });
    expect((await told(dispute.id)).at(-1)).toBe("charge.dispute.closed");
  });

  test.each([
    [
      "evidence",
      (id: string) =>
        m.stripe.disputes.update(id, { evidence: { uncategorized_text: "winning_evidence" } }),
      "won",
    ],
    ["that he accepts", (id: string) => m.stripe.disputes.close(id), "lost"],
  ] as const)(
    "is heard with %s, though the bank was down and he asks under another key",
    async (_, say, end) => {
      const dispute = await disputed(await charge("tok_createDispute"));
      await system.bank("/faults", { body: { error_rate: 1 } });
      try {
        expect(await refused(say(dispute.id))).toMatchObject({ statusCode: 503 });
        // It was saved, and still nobody has heard it.
        expect(await refused(say(dispute.id))).toMatchObject({ statusCode: 503 });
      } finally {
        await system.bank("/faults", { method: "DELETE" });
      }
      expect(await refused(say(dispute.id))).toMatchObject({ statusCode: 400 });
      await until(dispute.id, end);
      expect(await refused(say(dispute.id))).toMatchObject({ statusCode: 400 });
    },
  );

  test("gives no more evidence than 150,000 characters in all", async () => {
    const dispute = await disputed(await charge("tok_createDispute"));
    const give = (names: readonly string[]) =>
      m.stripe.disputes.update(dispute.id, {
        evidence: Object.fromEntries(names.map((name) => [name, "x".repeat(18_750)])),
        submit: false,
      });
    await give(["access_activity_log", "customer_name", "product_description"]);
    await give(["shipping_address", "service_date", "uncategorized_text"]);
    await give(["billing_address", "shipping_carrier"]);
    expect(await refused(give(["shipping_date"]))).toMatchObject({
      statusCode: 400,
      param: "evidence",
    });
  });

  test("can name no file as evidence, and no dispute of somebody else", async () => {
    const dispute = await disputed(await charge("tok_createDispute"));
    const receipt = m.stripe.disputes.update(dispute.id, { evidence: { receipt: "file_1" } });
    expect(await refused(receipt)).toMatchObject({ statusCode: 404, param: "evidence[receipt]" });
    const stranger = await system.merchant();
    const { disputes } = stranger.stripe;
    for (const ask of [
      () => disputes.retrieve(dispute.id),
      () => disputes.update(dispute.id, { metadata: { a: "b" } }),
      () => disputes.close(dispute.id),
    ]) {
      expect(await refused(ask())).toMatchObject({ statusCode: 404, code: "resource_missing" });
    }
  });
});
