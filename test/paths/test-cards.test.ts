// Every test card and every alias does what it is published to do when it is charged without its cardholder, from the
// token to the money.

import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { mintApiKey } from "../../protocol/api-key.ts";
import { TEST_CARDS } from "../../workers/testbank/cards.ts";
import { TEST_CARDS as NAMED } from "../../workers/vault/test-tokens.ts";
import { type Merchant, refused, type System, startSystem, stripeAt } from "../system.ts";
import { disputeOf, SOON } from "./merchants-view.ts";

type Outcome = {
  /** Paid, or the code and decline code of the refusal; refused as soon as it is typed in, if `typed`. */
  readonly declined?: readonly [code: string, declineCode?: string | undefined, typed?: "typed"];
  readonly brand?: string;
  readonly funding?: string;
  readonly risk?: string;
  /** Of CVC, street and postal code. */
  readonly checks?: readonly [cvc: string, line1: string, zip: string];
  readonly dispute?: readonly [reason: string, status: Stripe.Dispute.Status];
  /** The statuses of a refund: as made, and in the end. */
  readonly refund?: readonly [first: string, last: string];
  readonly availableNow?: true;
};

type Row = readonly [number: string, outcome: Outcome, ...aliases: string[]];

const decline = (code: string, ...aliases: string[]): [Outcome, ...string[]] => [
  { declined: ["card_declined", code] },
  ...aliases,
];
const asked = (...aliases: string[]) => decline("authentication_required", ...aliases);

const CARDS: readonly Row[] = [
  ["4242424242424242", { brand: "visa", funding: "credit" }, "tok_visa"],
  ["4000056655665556", { brand: "visa", funding: "debit" }, "tok_visa_debit"],
  ["5555555555554444", { brand: "mastercard", funding: "credit" }, "tok_mastercard"],
  ["2223003122003222", { brand: "mastercard" }],
  ["5200828282828210", { brand: "mastercard", funding: "debit" }, "tok_mastercard_debit"],
  ["5105105105105100", { brand: "mastercard", funding: "prepaid" }, "tok_mastercard_prepaid"],
  ["378282246310005", { brand: "amex" }, "tok_amex"],
  ["371449635398431", { brand: "amex" }],
  ["6011111111111117", { brand: "discover" }, "tok_discover"],
  ["6011000990139424", { brand: "discover" }],
  ["3056930009020004", { brand: "diners" }, "tok_diners"],
  ["36227206271667", { brand: "diners" }],
  ["3566002020360505", { brand: "jcb" }, "tok_jcb"],
  ["6200000000000005", { brand: "unionpay" }, "tok_unionpay"],

  ["4000000000000002", ...decline("generic_decline", "tok_chargeDeclined")],
  ["4000000000009995", ...decline("insufficient_funds", "tok_chargeDeclinedInsufficientFunds")],
  ["4000000000009987", ...decline("lost_card", "tok_chargeDeclinedLostCard")],
  ["4000000000009979", ...decline("stolen_card", "tok_chargeDeclinedStolenCard")],
  ["4000000000000069", { declined: ["expired_card"] }, "tok_chargeDeclinedExpiredCard"],
  ["4000000000000127", { declined: ["incorrect_cvc"] }, "tok_chargeDeclinedIncorrectCvc"],
  ["4000000000000119", { declined: ["processing_error"] }, "tok_chargeDeclinedProcessingError"],
  ["4242424242424241", { declined: ["incorrect_number", undefined, "typed"] }],
  [
    "4000000000006975",
    ...decline("card_velocity_exceeded", "tok_chargeDeclinedVelocityLimitExceeded"),
  ],
  ["4000000000000341", ...decline("generic_decline", "tok_chargeCustomerFail")],
  [
    "4100000000000019",
    { declined: ["card_declined", "fraudulent"], risk: "highest" },
    "tok_chargeDeclinedFraudulent",
    "tok_radarBlock",
  ],
  ["4000000000009235", { risk: "elevated" }, "tok_riskLevelElevated"],

  ["4000000000000101", { checks: ["fail", "pass", "pass"] }, "tok_cvcCheckFail"],
  ["4000000000000036", { checks: ["pass", "pass", "fail"] }, "tok_avsZipFail"],
  ["4000000000000028", { checks: ["pass", "fail", "pass"] }, "tok_avsLine1Fail"],
  ["4000000000000010", { checks: ["pass", "fail", "fail"] }, "tok_avsFail"],
  ["4000000000000044", { checks: ["pass", "unavailable", "unavailable"] }, "tok_avsUnchecked"],

  ["4000000000000259", { dispute: ["fraudulent", "needs_response"] }, "tok_createDispute"],
  [
    "4000000000002685",
    { dispute: ["product_not_received", "needs_response"] },
    "tok_createDisputeProductNotReceived",
  ],
  [
    "4000000000001976",
    { dispute: ["fraudulent", "warning_needs_response"] },
    "tok_createDisputeInquiry",
  ],
  ["4000000000007726", { refund: ["pending", "succeeded"] }, "tok_pendingRefund"],
  ["4000000000005126", { refund: ["succeeded", "failed"] }, "tok_refundFail"],
  ["4000000000000077", { availableNow: true }, "tok_bypassPending"],
  // Ours: what it declines is told in increments.test.ts.
  ["4000000000005902", {}, "tok_incrementDeclined"],

  // In cardholder.test.ts the cardholder is there.
  ["4000002500003155", ...asked("tok_authenticationRequiredOnSetup")],
  ["4000002760003184", ...asked("tok_authenticationRequired")],
  ["4000008260003178", ...asked("tok_authenticationRequiredChargeDeclinedInsufficientFunds")],
  ["4000000000003220", ...asked("tok_threeDSecure2Required")],
  ["4000000000003063", ...asked("tok_threeDSecureRequired")],
  ["4000008400001629", ...asked("tok_threeDSecureRequiredChargeDeclined")],
  ["4000000000003055", {}, "tok_threeDSecureOptional"],
  ["4000002500001001", {}],
];

const AMOUNT = 1300;

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"), { TESTBANK_NOTICE_DELAY_MS: "0" });
  m = await system.merchant();
});
afterAll(() => system?.close());

const tokenOf = (number: string, stripe = m.stripe): Promise<Stripe.Token> =>
  stripe.tokens.create({
    card: {
      number,
      exp_month: "12",
      exp_year: "2034",
      cvc: number.startsWith("3") && number.length === 15 ? "1234" : "123",
      address_line1: "510 Townsend St",
      address_zip: "94103",
    },
  });

async function holds(source: string, outcome: Outcome, checks: boolean): Promise<void> {
  const pay = { amount: AMOUNT, currency: "usd", source };
  const { declined, brand, funding, risk } = outcome;
  if (declined !== undefined) {
    const error = await refused(m.stripe.charges.create(pay));
    const [code, decline_code] = declined;
    expect(error).toMatchObject({ statusCode: 402, type: "StripeCardError", code });
    // The SDK tells of none as of an empty one.
    expect(error.decline_code || undefined).toBe(decline_code);
    const charge = await m.stripe.charges.retrieve(String(error.charge));
    expect(charge).toMatchObject({ status: "failed", paid: false, failure_code: code });
    expect(charge.outcome?.risk_level).toBe(risk ?? "normal");
    return;
  }
  const charge = await m.stripe.charges.create(pay);
  expect(charge).toMatchObject({ status: "succeeded", paid: true, captured: true });
  expect(charge.outcome?.risk_level).toBe(risk ?? "normal");
  const card = charge.payment_method_details?.card;
  if (brand !== undefined) expect(card?.brand).toBe(brand);
  if (funding !== undefined) expect(card?.funding).toBe(funding);
  const [cvc, line1, zip] = outcome.checks ?? ["pass", "pass", "pass"];
  expect(card?.checks).toEqual({
    cvc_check: cvc,
    address_line1_check: checks ? line1 : null,
    address_postal_code_check: checks ? zip : null,
  });
  await holdsLater(charge, outcome);
}

async function holdsLater(charge: Stripe.Charge, outcome: Outcome): Promise<void> {
  const { dispute, refund, availableNow } = outcome;
  const id = String(charge.balance_transaction);
  const transaction = await m.stripe.balanceTransactions.retrieve(id);
  expect(transaction.status).toBe(availableNow === true ? "available" : "pending");
  if (dispute !== undefined) {
    const [reason, status] = dispute;
    const opened = await disputeOf(m.stripe, charge.id);
    expect(opened).toMatchObject({ reason, status, amount: AMOUNT });
    return;
  }
  const made = await m.stripe.refunds.create({ charge: charge.id });
  const [first, last] = refund ?? ["succeeded", "succeeded"];
  expect(made.status).toBe(first);
  await vi.waitFor(async () => {
    expect((await m.stripe.refunds.retrieve(made.id)).status).toBe(last);
  }, SOON);
}

describe("a test card", () => {
  test.each(CARDS.map(([number, outcome]) => [number, outcome] as const))(
    "%s does what it is published to do",
    async (number, outcome) => {
      if (outcome.declined?.[2] === "typed") {
        expect(await refused(tokenOf(number))).toMatchObject({ code: outcome.declined[0] });
        return;
      }
      const token = await tokenOf(number);
      expect(token.card?.last4).toBe(number.slice(-4));
      await holds(token.id, outcome, true);
    },
  );

  test.each(
    CARDS.flatMap(([, outcome, ...names]) => names.map((name) => [name, outcome] as const)),
  )("named %s does the same", async (name, outcome) => {
    await holds(name, outcome, false);
  });

  test("is in this table if the bank knows it, and the other way about", () => {
    expect(CARDS.map(([number]) => number).toSorted()).toEqual([...TEST_CARDS.keys()].toSorted());
  });

  test("has its names in this table if the vault knows them, and the other way about", () => {
    const names = CARDS.flatMap(([number, , ...aliases]) => aliases.map((name) => [name, number]));
    const known = Object.entries(NAMED).map(([name, number]) => [`tok_${name}`, number]);
    expect(Object.fromEntries(names)).toEqual(Object.fromEntries(known));
  });

  test("that fails when it is charged can still be kept for a customer", async () => {
    const { id: source } = await tokenOf("4000000000000341");
    const customer = await m.stripe.customers.create({ source });
    expect(customer.default_source).toMatch(/^card_/);
    const error = await refused(
      m.stripe.charges.create({ amount: AMOUNT, currency: "usd", customer: customer.id }),
    );
    expect(error).toMatchObject({ code: "card_declined", decline_code: "generic_decline" });
  });
});

describe("live mode", () => {
  const liveKey = async () =>
    mintApiKey(
      { kind: "secret", livemode: true, account: m.account.slice("acct_".length) },
      inject("bindings")["API_KEY_SECRET"] ?? "",
    );

  test("takes no card at all where no live processor is bound", async () => {
    const live = stripeAt(system.url, await liveKey());
    expect(await refused(tokenOf("4242424242424242", live))).toMatchObject({
      statusCode: 403,
      code: "livemode_closed",
    });
  });

  test("takes no test card where one is, and no name of one", async () => {
    const open = await startSystem(inject("bindings"), { LIVE_MODE: "open" });
    try {
      const live = stripeAt(open.url, await liveKey());
      for (const [number, { declined }] of CARDS) {
        if (declined?.[2] === "typed") continue;
        expect(await refused(tokenOf(number, live)), number).toMatchObject({
          statusCode: 402,
          code: "card_declined",
          decline_code: "live_mode_test_card",
        });
      }
      const named = live.charges.create({ amount: 100, currency: "usd", source: "tok_visa" });
      expect(await refused(named)).toMatchObject({ code: "resource_missing", param: "source" });
    } finally {
      await open.close();
    }
  });
});
