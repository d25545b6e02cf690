// Every action on every status of a payment intent, and what becomes of its document.

import { describe, expect, test } from "vitest";
import type { ChargeFacts, ChargeState } from "../../protocol/facts.ts";
import { wireOf } from "../../protocol/failure.ts";
import {
  canceled,
  captured,
  confirmed,
  documentNow,
  forbidden,
  INTENT_ACTIONS,
  type IntentAction,
  incremented,
  nextAttempt,
  same,
  updated,
  worded,
} from "../../protocol/intent-moves.ts";
import {
  type IntentDocument,
  type IntentFacts,
  type IntentStatus,
  paymentIntentObject,
  shownToBrowsers,
  statusOf,
} from "../../protocol/payment-intent.ts";

const scope = { account: "acct_AbCdEfGhIjKlMnOp", livemode: false } as const;
const PM = "pm_0000000000000000000001";
const card = {
  brand: "Visa",
  last4: "4242",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "f1ngerpr1ntf1nge",
  funding: "credit",
  country: "US",
};

const document: IntentDocument = {
  amount: 2000,
  currency: "usd",
  capture_method: "automatic",
  confirmation_method: "automatic",
  secret: "s3cr3t",
  attempts: 0,
};

const chargeOf = (state: ChargeState, attempt = 1): ChargeFacts => ({
  kind: "charge",
  id: "ch_0000000000000000000001",
  created: 1_800_000_000,
  state,
  amount: 2000,
  currency: "usd",
  capture: state === "captured",
  request: "req_AbCdEfGhIjKlMnOp",
  token: "tok_0000000000000000000001",
  card_id: PM,
  customer: null,
  intent: { id: "pi_0000000000000000000001", seq: 3, attempt, document },
  authentication: null,
  card,
  description: null,
  receipt_email: null,
  statement_descriptor: null,
  statement_descriptor_suffix: null,
  transfer_group: null,
  shipping: null,
  metadata: {},
  processor_ref: "auth_1",
  outcome: {
    checks: { cvc: "pass", address_line1: null, address_zip: null },
    network_code: state === "failed" ? "51" : "00",
    risk_level: "normal",
    ...(state === "failed"
      ? {
          decline: {
            code: "card_declined",
            decline_code: "insufficient_funds",
            message: "Your card has insufficient funds.",
          },
        }
      : {}),
  },
  amount_captured: state === "captured" ? 2000 : 0,
  amount_refunded: 0,
  balance_seq: state === "captured" ? 7 : null,
  changes: null,
  dispute: null,
});

const action = { authentication: "authn_1", url: "https://tessera.example/challenge" };

const intentOf = (
  over: Partial<IntentDocument> = {},
  charge: ChargeFacts | null = null,
): IntentFacts => ({
  id: "pi_0000000000000000000001",
  created: 1_800_000_000,
  document: { ...document, ...over } as IntentDocument,
  charge,
});

const standing: Record<IntentStatus, IntentFacts> = {
  requires_payment_method: intentOf(),
  requires_confirmation: intentOf({ payment_method: PM }),
  requires_action: intentOf({ payment_method: PM, action }),
  processing: intentOf({ payment_method: PM }, chargeOf("opened")),
  requires_capture: intentOf({ payment_method: PM }, chargeOf("authorized")),
  succeeded: intentOf({ payment_method: PM }, chargeOf("captured")),
  canceled: intentOf({ canceled_at: 1 }),
};

describe("an intent's status", () => {
  test.each(Object.entries(standing))("is %s by what it holds", (status, intent) => {
    expect(statusOf(intent)).toBe(status);
  });

  test.each([
    ["opened", "processing"],
    ["authorized", "requires_capture"],
    ["incrementing", "requires_capture"],
    ["capturing", "requires_capture"],
    ["releasing", "requires_capture"],
    ["captured", "succeeded"],
    ["released", "canceled"],
    ["failed", "requires_payment_method"],
  ] as const)("follows a charge that is %s: %s", (state, status) => {
    expect(statusOf(intentOf({ payment_method: PM }, chargeOf(state)))).toBe(status);
  });

  test("of one whose card was declined is its method's again, once another is chosen", () => {
    const failed = chargeOf("failed");
    expect(statusOf(intentOf({ payment_method: PM, attempts: 1 }, failed))).toBe(
      "requires_confirmation",
    );
    expect(statusOf(intentOf({ attempts: 1 }, failed))).toBe("requires_payment_method");
  });

  test("is not canceled before what it holds is let go of", () => {
    const intent = intentOf({ payment_method: PM, canceled_at: 5 }, chargeOf("authorized"));
    expect(paymentIntentObject(intent, scope)).toMatchObject({
      status: "requires_capture",
      canceled_at: null,
    });
    const released = { ...intent, charge: chargeOf("released") };
    expect(paymentIntentObject(released, scope)).toMatchObject({
      status: "canceled",
      canceled_at: 5,
      amount_capturable: 0,
    });
  });
});

/** `locked`: try again shortly. `never`: payment_intent_unexpected_state. */
const TABLE: Record<IntentStatus, Record<IntentAction, "may" | "locked" | "never">> = {
  requires_payment_method: {
    update: "may",
    confirm: "may",
    capture: "never",
    increment: "never",
    cancel: "may",
  },
  requires_confirmation: {
    update: "may",
    confirm: "may",
    capture: "never",
    increment: "never",
    cancel: "may",
  },
  requires_action: {
    update: "may",
    confirm: "may",
    capture: "never",
    increment: "never",
    cancel: "may",
  },
  processing: {
    update: "locked",
    confirm: "locked",
    capture: "locked",
    increment: "locked",
    cancel: "locked",
  },
  requires_capture: {
    update: "may",
    confirm: "never",
    capture: "may",
    increment: "may",
    cancel: "may",
  },
  succeeded: {
    update: "may",
    confirm: "never",
    capture: "never",
    increment: "never",
    cancel: "never",
  },
  canceled: {
    update: "may",
    confirm: "never",
    capture: "never",
    increment: "never",
    cancel: "never",
  },
};

describe("an action", () => {
  const cases = Object.entries(TABLE).flatMap(([status, row]) =>
    INTENT_ACTIONS.map((name) => [name, status as IntentStatus, row[name]] as const),
  );
  test.each(cases)("%s of one that is %s: %s", (name, status, word) => {
    const failure = forbidden(standing[status], name);
    if (word === "may") expect(failure).toBeUndefined();
    else if (word === "locked") expect(failure).toEqual({ kind: "object_locked" });
    else {
      expect(failure).toMatchObject({ kind: "intent_unexpected_state", action: name, status });
      const wire = wireOf(failure ?? { kind: "internal" });
      expect(wire).toMatchObject({ status: 400, code: "payment_intent_unexpected_state" });
      expect(wire.message).toContain(status);
    }
  });
});

describe("an increment", () => {
  const asking: IntentDocument = { ...document, request_incremental_authorization: "if_available" };
  const holding = (over: Partial<ChargeFacts> = {}, said = asking): IntentFacts => {
    const charge = chargeOf("authorized");
    const intent = charge.intent && { ...charge.intent, document: said };
    return { ...intentOf(), document: said, charge: { ...charge, intent, ...over } };
  };

  test("is of a total that is more than what is held", () => {
    expect(incremented(holding(), 2001)).toEqual({
      ok: true,
      value: { charge: "ch_0000000000000000000001", amount: 2001 },
    });
    for (const amount of [2000, 1999]) {
      expect(incremented(holding(), amount)).toMatchObject({
        failure: { kind: "increment_too_small", authorized: 2000 },
      });
    }
    expect(incremented(holding({ amount: 3000 }), 3000)).toMatchObject({
      failure: { kind: "increment_too_small", authorized: 3000 },
    });
  });

  test.each([
    ["was not asked for", holding({}, document), false],
    [
      "was refused by the merchant himself",
      holding({}, { ...asking, request_incremental_authorization: "never" }),
      false,
    ],
    ["is nothing the network takes", holding({ card: { ...card, brand: "JCB" } }), true],
    ["is of what is taken at once", holding({ capture: true }), true],
  ])("that %s is not available", (_, intent, asked) => {
    expect(incremented(intent, 3000)).toMatchObject({
      failure: { kind: "increment_unavailable", asked },
    });
  });

  test.each(["Visa", "MasterCard", "American Express", "Discover"])(
    "of %s is available",
    (brand) => {
      expect(incremented(holding({ card: { ...card, brand } }), 3000)).toMatchObject({ ok: true });
    },
  );

  test("shows in the intent, and stays when words are changed", () => {
    const raised = holding({ amount: 3000 });
    expect(paymentIntentObject(raised, scope)).toMatchObject({
      amount: 3000,
      amount_capturable: 3000,
    });
    const later = nextOf(raised, { description: "x" });
    expect(later).toMatchObject({ amount: 3000, description: "x" });
    const words = { description: "x", statement_descriptor: "TESSERA", metadata: { a: "1" } };
    expect(worded(holding({ amount: 3000, state: "captured" }), words)).toMatchObject({
      amount: 3000,
      ...words,
    });
    expect(updated(raised, { amount: 2000 })).toMatchObject({
      failure: { kind: "intent_unexpected_state", field: "amount" },
    });
  });
});

const nextOf = (intent: IntentFacts, patch: Parameters<typeof updated>[1]) => {
  const next = updated(intent, patch);
  if (!next.ok) throw new Error(next.failure.kind);
  return next.value;
};

describe("an update", () => {
  test("sets, unsets and merges, and says the same when nothing is to change", () => {
    const before = intentOf({ description: "a", metadata: { a: "1", b: "2" } });
    expect(
      nextOf(before, { amount: 900, description: null, metadata: { a: null, c: "3" } }),
    ).toEqual({ ...document, amount: 900, metadata: { b: "2", c: "3" } });
    const unchanged = nextOf(before, { amount: 2000, description: "a", metadata: { a: "1" } });
    expect(same(unchanged, before.document)).toBe(true);
    expect(nextOf(before, { metadata: null })).not.toHaveProperty("metadata");
  });

  test.each(["amount", "currency", "payment_method"] as const)(
    "of the %s makes what the cardholder is to prove void, of words does not",
    (field) => {
      const waiting = standing.requires_action;
      const value = field === "amount" ? 1 : field === "currency" ? "eur" : `${PM.slice(0, -1)}2`;
      expect(nextOf(waiting, { [field]: value })).not.toHaveProperty("action");
      expect(nextOf(waiting, { description: "x" })).toMatchObject({ action });
    },
  );

  test.each(["requires_capture", "succeeded", "canceled"] as const)(
    "of one that is %s changes words and nothing else",
    (status) => {
      expect(nextOf(standing[status], { description: "x" })).toMatchObject({ description: "x" });
      expect(updated(standing[status], { amount: 1 })).toMatchObject({
        failure: { kind: "intent_unexpected_state", field: "amount", status },
      });
      // The same amount again is no change.
      expect(updated(standing[status], { amount: 2000 })).toMatchObject({ ok: true });
    },
  );

  test("after a decline forgets the card and the error, and knows the charge", () => {
    const declined = intentOf({ payment_method: PM }, chargeOf("failed"));
    expect(paymentIntentObject(declined, scope)).toMatchObject({
      status: "requires_payment_method",
      payment_method: null,
      last_payment_error: {
        code: "card_declined",
        decline_code: "insufficient_funds",
        payment_method: { id: PM, card: { last4: "4242" } },
      },
    });
    const next = { ...declined, document: nextOf(declined, { description: "x" }) };
    expect(next.document).toMatchObject({ attempts: 1 });
    expect(next.document).not.toHaveProperty("payment_method");
    expect(paymentIntentObject(next, scope)).toMatchObject({
      status: "requires_payment_method",
      last_payment_error: null,
      latest_charge: declined.charge?.id,
    });
  });
});

describe("a confirmation", () => {
  const method = { id: PM, billing_details: { name: "Ada" } };

  test("needs a method, of its own or given", () => {
    expect(confirmed(standing.requires_payment_method, {}, undefined)).toMatchObject({
      failure: { kind: "intent_without_method" },
    });
    expect(confirmed(standing.requires_payment_method, {}, method)).toMatchObject({
      value: { payment_method: PM, billing_details: { name: "Ada" } },
    });
  });

  test("decided twice decides the same", () => {
    const first = confirmed(standing.requires_payment_method, { receipt_email: "a@b.c" }, method);
    if (!first.ok) throw new Error("refused");
    const again = confirmed(intentOf(first.value), { receipt_email: "a@b.c" }, method);
    expect(again).toEqual(first);
  });

  test("after a decline needs another method and counts the next attempt", () => {
    const declined = intentOf({ payment_method: PM }, chargeOf("failed"));
    expect(confirmed(declined, {}, undefined)).toMatchObject({
      failure: { kind: "intent_without_method" },
    });
    expect(confirmed(declined, {}, method)).toMatchObject({ value: { attempts: 1 } });
    expect(nextAttempt(declined)).toBe(2);
    expect(documentNow(declined).attempts).toBe(1);
  });
});

describe("the end", () => {
  test("captures at most what is held", () => {
    expect(captured(standing.requires_capture, undefined)).toMatchObject({
      value: { amount: 2000 },
    });
    expect(captured(standing.requires_capture, 2001)).toMatchObject({
      failure: { kind: "capture_too_large", param: "amount_to_capture" },
    });
  });

  test("lets go of what is held, and of nothing where nothing is", () => {
    expect(canceled(standing.requires_capture, "duplicate", 9)).toMatchObject({
      value: { release: "ch_0000000000000000000001", document: { attempts: 1 } },
    });
    expect(canceled(standing.requires_action, undefined, 9)).toMatchObject({
      value: { release: undefined, document: { canceled_at: 9 } },
    });
  });
});

test("a browser is shown nothing that is the merchant's alone", () => {
  const shown = shownToBrowsers(
    paymentIntentObject(intentOf({ metadata: { a: "1" } }, chargeOf("captured")), scope),
  );
  expect(shown).toHaveProperty("client_secret");
  for (const field of ["metadata", "customer", "latest_charge", "amount_received"]) {
    expect(shown).not.toHaveProperty(field);
  }
});
