import { describe, expect, test } from "vitest";
import { adviceOf, DECLINES } from "../../protocol/decline.ts";
import { ERROR_CATALOGUE, entryOf } from "../../protocol/error-catalogue.ts";
import { type CardFieldCode, type Failure, wireOf } from "../../protocol/failure.ts";
import { errorOf } from "../../workers/edge/error-body.ts";

const param = "a";
const why = "It is not right.";
const CARD_FIELDS: CardFieldCode[] = [
  "invalid_number",
  "incorrect_number",
  "invalid_expiry_month",
  "invalid_expiry_year",
  "invalid_cvc",
];
const DECLINE_CODES = [
  "card_declined",
  "expired_card",
  "incorrect_cvc",
  "incorrect_number",
  "processing_error",
];

/** Some of each kind; the type holds that none is left out. */
const FAILURES: { [K in Failure["kind"]]: readonly Extract<Failure, { kind: K }>[] } = {
  parameter_missing: [{ kind: "parameter_missing", param }],
  parameter_unknown: [{ kind: "parameter_unknown", param }],
  parameter_invalid_integer: [{ kind: "parameter_invalid_integer", param, why }],
  parameter_invalid: [{ kind: "parameter_invalid", param, why }],
  amount_too_large: [{ kind: "amount_too_large", param, max: 9 }],
  amount_too_small: [{ kind: "amount_too_small", param, min: 50, currency: "usd" }],
  amount_fractional: [
    { kind: "amount_fractional", param, step: 10, currency: "kwd" },
    { kind: "amount_fractional", param, step: 100, currency: "isk" },
  ],
  balance_insufficient: [{ kind: "balance_insufficient", available: 9, currency: "usd" }],
  payout_not_pending: [{ kind: "payout_not_pending", status: "paid" }],
  pan_detected: [{ kind: "pan_detected", param }],
  body_malformed: [{ kind: "body_malformed", why }],
  body_too_large: [{ kind: "body_too_large", maxBytes: 9 }],
  host_invalid: [{ kind: "host_invalid" }],
  tls_too_old: [{ kind: "tls_too_old" }],
  key_missing: [{ kind: "key_missing" }],
  key_expired: [{ kind: "key_expired", shown: "ek_test_****" }],
  key_ephemeral: [{ kind: "key_ephemeral" }],
  key_invalid: [{ kind: "key_invalid", shown: "sk_test_****" }],
  key_publishable: [{ kind: "key_publishable" }],
  key_secret_in_browser: [{ kind: "key_secret_in_browser" }],
  key_not_platform: [{ kind: "key_not_platform" }],
  permission_missing: [
    {
      kind: "permission_missing",
      shown: "rk_test_****",
      account: "acct_0000000000000001",
      permission: "charge_write",
    },
  ],
  livemode_closed: [{ kind: "livemode_closed" }],
  version_invalid: [{ kind: "version_invalid", version: "latest" }],
  account_unknown: [{ kind: "account_unknown" }],
  route_unknown: [{ kind: "route_unknown", method: "GET", path: "/v1" }],
  resource_missing: [{ kind: "resource_missing", object: "charge", id: "ch_1", param }],
  idempotency_key_invalid: [{ kind: "idempotency_key_invalid", why }],
  idempotency_mismatch: [
    { kind: "idempotency_mismatch", first: "POST /a", second: "POST /a" },
    { kind: "idempotency_mismatch", first: "POST /a", second: "POST /b" },
  ],
  idempotency_in_use: [{ kind: "idempotency_in_use" }],
  card_field: CARD_FIELDS.map((code) => ({ kind: "card_field", code })),
  sealed_card_invalid: [{ kind: "sealed_card_invalid" }],
  sealed_card_required: [{ kind: "sealed_card_required", param }],
  card_declined: DECLINE_CODES.map((code) => ({
    kind: "card_declined",
    code,
    message: why,
    charge: "ch_1",
  })),
  card_blocked: [{ kind: "card_blocked" }],
  card_of_test_mode: [{ kind: "card_of_test_mode" }],
  token_already_used: [{ kind: "token_already_used", token: "tok_1" }],
  customer_without_card: [{ kind: "customer_without_card" }],
  order_attempt_taken: [{ kind: "order_attempt_taken" }],
  payment_method_unexpected_state: [{ kind: "payment_method_unexpected_state", why: "It is." }],
  object_locked: [{ kind: "object_locked" }],
  charge_failed: [{ kind: "charge_failed" }],
  charge_disputed: [{ kind: "charge_disputed" }],
  dispute_closed: [{ kind: "dispute_closed", status: "lost" }],
  refund_final: [{ kind: "refund_final", status: "succeeded" }],
  notice_refused: [{ kind: "notice_refused" }],
  charge_already_captured: [{ kind: "charge_already_captured" }],
  charge_already_refunded: [{ kind: "charge_already_refunded" }],
  intent_unexpected_state: (["confirm", "capture"] as const).map((action) => ({
    kind: "intent_unexpected_state",
    object: "payment_intent",
    action,
    status: "canceled",
    permitted: ["requires_capture"],
  })),
  intent_without_method: (["payment_intent", "setup_intent"] as const).map((object) => ({
    kind: "intent_without_method",
    object,
  })),
  intent_without_charge: [{ kind: "intent_without_charge", id: "pi_1" }],
  intent_failed: [
    {
      kind: "intent_failed",
      type: "card_error",
      code: "authentication_required",
      declineCode: "authentication_not_handled",
      message: why,
    },
    {
      kind: "intent_failed",
      type: "invalid_request_error",
      code: "payment_intent_authentication_failure",
      message: why,
    },
    {
      kind: "intent_failed",
      type: "invalid_request_error",
      code: "setup_intent_authentication_failure",
      message: why,
    },
  ],
  capture_too_large: [{ kind: "capture_too_large", max: 9 }],
  increment_unavailable: [
    { kind: "increment_unavailable", asked: true },
    { kind: "increment_unavailable", asked: false },
  ],
  increment_too_small: [{ kind: "increment_too_small", authorized: 9 }],
  increments_used_up: [{ kind: "increments_used_up", max: 10 }],
  refund_too_large: [{ kind: "refund_too_large", max: 9 }],
  release_in_part: [{ kind: "release_in_part" }],
  processor_refused: [{ kind: "processor_refused", operation: "capture" }],
  rate_limited: (["global-rate", "endpoint-rate", "global-concurrency"] as const).map((reason) => ({
    kind: "rate_limited",
    reason,
  })),
  unavailable: [{ kind: "unavailable", what: "It is away." }],
  internal: [{ kind: "internal" }],
};
const all: readonly Failure[] = Object.values(FAILURES).flat();

describe("the error catalogue", () => {
  test.each(all.map((failure) => [failure.kind, failure] as const))(
    "has what is told of %s",
    (kind, failure) => {
      const { status, type, code, message } = wireOf(failure);
      const entry = entryOf(kind, code);
      expect(entry).toMatchObject({ status, type, coded: code !== undefined });
      if (code !== undefined) expect(entry?.name).toBe(code);
      expect(message).toMatch(/[.!)']$|[a-z0-9*]$/);
    },
  );

  test("has nothing that is never told, and nothing twice", () => {
    const told = new Set(all.map((f) => entryOf(f.kind, wireOf(f).code)?.name));
    const names = ERROR_CATALOGUE.map(({ name }) => name);
    expect([...told].sort()).toEqual(names.toSorted());
    expect(new Set(names).size).toBe(names.length);
  });

  test("says of each what it means and what to do, in a sentence, and names it as an anchor", () => {
    for (const { name, meaning, remedy } of ERROR_CATALOGUE) {
      expect(name).toMatch(/^[a-z_]+$/);
      for (const sentence of [meaning, remedy]) expect(sentence).toMatch(/^[A-Z`].{8,}\.$/);
    }
  });

  test("knows no code that only a processor would know", () => {
    expect(entryOf("card_declined", "unheard_of")).toBeUndefined();
  });
});

describe("an error on the wire", () => {
  test("points to its entry, and shows the objects it is about", () => {
    const intent = { id: "pi_1", object: "payment_intent", metadata: { order: "123456789012" } };
    const failure = { kind: "charge_failed", shows: { payment_intent: intent } } as const;
    expect(errorOf(failure, "https://api.example")).toMatchObject({
      status: 400,
      error: {
        code: "charge_failed",
        doc_url: "https://api.example/docs/errors#charge_failed",
        payment_intent: intent,
      },
    });
  });

  test("points nowhere when only a processor knows its code", () => {
    const [decline] = FAILURES.card_declined;
    expect(decline).toBeDefined();
    if (decline === undefined) return;
    const { error } = errorOf({ ...decline, code: "unheard_of" }, "https://api.example");
    expect(error).not.toHaveProperty("doc_url");
  });
});

describe("a decline", () => {
  const decline = (code: string, declineCode?: string) =>
    wireOf({
      kind: "card_declined",
      code,
      message: "Declined.",
      charge: "ch_1",
      networkDeclineCode: "51",
      ...(declineCode === undefined ? {} : { declineCode }),
    });

  test.each([
    ["card_declined", "insufficient_funds", "try_again_later"],
    ["card_declined", "generic_decline", "try_again_later"],
    ["card_declined", "stolen_card", "do_not_try_again"],
    ["card_declined", "fraudulent", "do_not_try_again"],
    ["expired_card", undefined, "confirm_card_data"],
    ["incorrect_cvc", undefined, "confirm_card_data"],
    ["processing_error", undefined, "try_again_later"],
    ["card_declined", "of_a_strange_bank", undefined],
    ["card_declined", undefined, undefined],
  ])("of %s, %s advises %s and tells what the network said", (code, declineCode, advice) => {
    expect(decline(code, declineCode).advice_code).toBe(advice);
    expect(decline(code, declineCode).network_decline_code).toBe("51");
  });

  test("by us advises what a generic decline does", () => {
    expect(wireOf({ kind: "card_blocked" }).advice_code).toBe(
      adviceOf("card_declined", "generic_decline"),
    );
  });

  test("has one advice for each code", () => {
    const codes = DECLINES.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});
