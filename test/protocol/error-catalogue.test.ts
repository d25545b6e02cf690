import { describe, expect, test } from "vitest";
import { DECLINES, ERROR_STATUSES, ERRORS } from "../../protocol/error-catalogue.ts";
import { type CardFieldCode, type Failure, wireOf } from "../../protocol/failure.ts";

type Kind = Failure["kind"];

/** One failure of each kind; the compiler asks for new ones. */
const FAILURES: { [K in Kind]: Extract<Failure, { kind: K }> } = {
  parameter_missing: { kind: "parameter_missing", param: "amount" },
  parameter_unknown: { kind: "parameter_unknown", param: "amonut" },
  parameter_invalid_integer: { kind: "parameter_invalid_integer", param: "amount", why: "No." },
  parameter_invalid: { kind: "parameter_invalid", param: "currency", why: "No." },
  amount_too_large: { kind: "amount_too_large", param: "amount", max: 1 },
  pan_detected: { kind: "pan_detected", param: "description" },
  body_malformed: { kind: "body_malformed", why: "No." },
  body_too_large: { kind: "body_too_large", maxBytes: 1 },
  tls_too_old: { kind: "tls_too_old" },
  key_missing: { kind: "key_missing" },
  key_invalid: { kind: "key_invalid", shown: "sk_test_****" },
  key_publishable: { kind: "key_publishable" },
  key_secret_in_browser: { kind: "key_secret_in_browser" },
  key_not_platform: { kind: "key_not_platform" },
  livemode_closed: { kind: "livemode_closed" },
  account_unknown: { kind: "account_unknown" },
  route_unknown: { kind: "route_unknown", method: "GET", path: "/v1" },
  resource_missing: { kind: "resource_missing", object: "charge", id: "ch_1", param: "id" },
  idempotency_key_invalid: { kind: "idempotency_key_invalid", why: "No." },
  idempotency_mismatch: { kind: "idempotency_mismatch", first: "a", second: "b" },
  idempotency_in_use: { kind: "idempotency_in_use" },
  card_field: { kind: "card_field", code: "invalid_cvc" },
  sealed_card_invalid: { kind: "sealed_card_invalid" },
  sealed_card_required: { kind: "sealed_card_required", param: "card" },
  card_declined: { kind: "card_declined", code: "card_declined", message: "No.", charge: "ch_1" },
  card_blocked: { kind: "card_blocked" },
  token_already_used: { kind: "token_already_used", token: "tok_1" },
  customer_without_card: { kind: "customer_without_card" },
  order_attempt_taken: { kind: "order_attempt_taken" },
  object_locked: { kind: "object_locked" },
  charge_failed: { kind: "charge_failed" },
  charge_already_captured: { kind: "charge_already_captured" },
  charge_already_refunded: { kind: "charge_already_refunded" },
  capture_too_large: { kind: "capture_too_large", max: 1 },
  refund_too_large: { kind: "refund_too_large", max: 1 },
  release_in_part: { kind: "release_in_part" },
  processor_refused: { kind: "processor_refused", operation: "refund" },
  rate_limited: { kind: "rate_limited" },
  unavailable: { kind: "unavailable", what: "No." },
  internal: { kind: "internal" },
};

const CARD_FIELDS: Record<CardFieldCode, true> = {
  invalid_number: true,
  incorrect_number: true,
  invalid_expiry_month: true,
  invalid_expiry_year: true,
  invalid_cvc: true,
};

const every: readonly Failure[] = [
  ...Object.values(FAILURES),
  ...Object.keys(CARD_FIELDS).map((code): Failure => ({ kind: "card_field", code: code as never })),
];

describe("the error catalogue", () => {
  test.each(every.map((failure) => [wireOf(failure).code ?? failure.kind, failure] as const))(
    "tells of %s as it is sent",
    (_, failure) => {
      const { status, type, code } = wireOf(failure);
      expect(ERROR_STATUSES.map((row) => row.status)).toContain(status);
      if (code === undefined) return;
      const row = ERRORS.find((known) => known.code === code);
      expect(row).toMatchObject({ code, type });
      expect(row?.statuses).toContain(status);
    },
  );

  test("has each code and each decline once, and says what to do about it", () => {
    const codes = ERRORS.map(({ code }) => code);
    const declines = DECLINES.map(([code]) => code);
    for (const names of [codes, declines]) expect(new Set(names).size).toBe(names.length);
    for (const name of [...codes, ...declines]) expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    for (const { meaning, remedy } of [...ERRORS, ...ERROR_STATUSES]) {
      expect(meaning).toMatch(/^[A-Z].*\.$/);
      expect(remedy).toMatch(/^[A-Z].*\.$/);
    }
    for (const [, meaning, remedy] of DECLINES) {
      expect(meaning).toMatch(/^[A-Z].*\.$/);
      expect(remedy).toMatch(/^[A-Z].*\.$/);
    }
  });
});
