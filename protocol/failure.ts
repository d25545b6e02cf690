// Everything that can be refused, and what a caller is told of it: status, Stripe's `type`, `code` and
// `param`, and a sentence that says what to do. Rich inside, plain outside; no card data ever.
// Failures are plain data, so they cross RPC and are stored for replays as they are.

import { CARD_FIELD, type CardFieldCode } from "./card-field.ts";
import { amountText } from "./currency.ts";
import { adviceOf } from "./decline.ts";
import type { DisputeFailure } from "./dispute-failure.ts";
import type { AccountId, ChargeId } from "./ids.ts";
import type { IntentFailure } from "./intent-failure.ts";
import { type Permission, shownPermission } from "./permission.ts";
import type { LimitReason } from "./shard.ts";
import { stateErrorOf } from "./state-failure.ts";
import { invalid, type WireError } from "./wire-error.ts";

export type { CardFieldCode } from "./card-field.ts";
export type { WireError } from "./wire-error.ts";

export type Failure =
  | { readonly kind: "parameter_missing"; readonly param: string }
  | { readonly kind: "parameter_unknown"; readonly param: string }
  | { readonly kind: "parameter_invalid_integer"; readonly param: string; readonly why: string }
  | { readonly kind: "parameter_invalid"; readonly param: string; readonly why: string }
  | { readonly kind: "amount_too_large"; readonly param: string; readonly max: number }
  | {
      readonly kind: "amount_too_small";
      readonly param: string;
      readonly min: number;
      readonly currency: string;
    }
  /** Less than the smallest part of the currency that cards can be charged. */
  | {
      readonly kind: "amount_fractional";
      readonly param: string;
      readonly step: number;
      readonly currency: string;
    }
  | { readonly kind: "pan_detected"; readonly param: string }
  | { readonly kind: "body_malformed"; readonly why: string }
  | { readonly kind: "body_too_large"; readonly maxBytes: number }
  | { readonly kind: "host_invalid" }
  | { readonly kind: "tls_too_old" }
  | { readonly kind: "key_missing" }
  | { readonly kind: "key_invalid"; readonly shown: string }
  | { readonly kind: "key_publishable" }
  | { readonly kind: "key_expired"; readonly shown: string }
  /** An ephemeral key where it may do nothing, or for another customer than its own. */
  | { readonly kind: "key_ephemeral" }
  | { readonly kind: "key_secret_in_browser" }
  | { readonly kind: "key_not_platform" }
  | {
      readonly kind: "permission_missing";
      readonly shown: string;
      readonly account: AccountId;
      readonly permission: Permission;
    }
  | { readonly kind: "livemode_closed" }
  | { readonly kind: "version_invalid"; readonly version: string }
  | { readonly kind: "account_unknown" }
  | { readonly kind: "route_unknown"; readonly method: string; readonly path: string }
  | {
      readonly kind: "resource_missing";
      readonly object: string;
      readonly id: string;
      readonly param: string;
    }
  | { readonly kind: "idempotency_key_invalid"; readonly why: string }
  | { readonly kind: "idempotency_mismatch"; readonly first: string; readonly second: string }
  | { readonly kind: "idempotency_in_use" }
  | { readonly kind: "card_field"; readonly code: CardFieldCode }
  /** One for all causes, so that nobody can ask the vault which part of a forgery was right. */
  | { readonly kind: "sealed_card_invalid" }
  | { readonly kind: "sealed_card_required"; readonly param: string }
  | {
      readonly kind: "card_declined";
      readonly code: string;
      readonly declineCode?: string;
      readonly message: string;
      readonly charge: ChargeId;
      /** As the network said it, e.g. `51`. */
      readonly networkDeclineCode?: string;
    }
  /** Card testing is suspected. Why, and which limit, is told to nobody. */
  | { readonly kind: "card_blocked" }
  /** Everybody knows the published test cards, so nothing is told by it. */
  | { readonly kind: "card_of_test_mode" }
  | { readonly kind: "token_already_used"; readonly token: string; readonly param?: string }
  | { readonly kind: "customer_without_card" }
  | { readonly kind: "order_attempt_taken" }
  | { readonly kind: "payment_method_unexpected_state"; readonly why: string }
  | { readonly kind: "object_locked" }
  | { readonly kind: "charge_failed" }
  | DisputeFailure
  /** One for all causes, so that nobody can ask which part of a forgery was right. */
  | { readonly kind: "notice_refused" }
  | { readonly kind: "charge_already_captured" }
  | { readonly kind: "charge_already_refunded" }
  | { readonly kind: "capture_too_large"; readonly max: number; readonly param?: string }
  | { readonly kind: "increment_unavailable"; readonly asked: boolean }
  | { readonly kind: "increment_too_small"; readonly authorized: number }
  | { readonly kind: "increments_used_up"; readonly max: number }
  | IntentFailure
  | { readonly kind: "refund_too_large"; readonly max: number }
  | { readonly kind: "release_in_part" }
  | { readonly kind: "balance_insufficient"; readonly available: number; readonly currency: string }
  | { readonly kind: "payout_not_pending"; readonly status: string }
  | { readonly kind: "processor_refused"; readonly operation: string }
  | { readonly kind: "rate_limited"; readonly reason: LimitReason }
  | { readonly kind: "unavailable"; readonly what: string }
  | { readonly kind: "internal" };

/** Nobody knows whether the processor has heard, or done, what it was asked. */
export const UNHEARD = {
  kind: "unavailable",
  what: "The card processor has not answered yet.",
} as const satisfies Failure;

const unauthorized = (message: string, code?: string): WireError => ({
  ...invalid(code, message),
  status: 401,
});

function advised(code: string, declineCode?: string): Pick<WireError, "advice_code"> {
  const advice = adviceOf(code, declineCode);
  return advice === undefined ? {} : { advice_code: advice };
}

/** A decline of our own. */
const declined = (code: string, why = ""): WireError => ({
  status: 402,
  type: "card_error",
  code: "card_declined",
  decline_code: code,
  message: `Your card was declined.${why}`,
  ...advised("card_declined", code),
});

/** The public face of a failure. */
export function wireOf(f: Failure): WireError {
  switch (f.kind) {
    case "parameter_missing":
      return invalid(f.kind, `Missing required param: ${f.param}.`, f.param);
    case "parameter_unknown":
      return invalid(f.kind, `Received unknown parameter: ${f.param}`, f.param);
    case "parameter_invalid_integer":
      return invalid(f.kind, f.why, f.param);
    case "parameter_invalid":
      return invalid(f.kind, f.why, f.param);
    case "amount_too_large":
      return invalid(f.kind, `Amount must be no more than ${f.max}.`, f.param);
    case "amount_too_small": {
      const least = `Amount must be at least ${amountText(f.min, f.currency)}: send ${f.min} or more.`;
      return invalid(f.kind, least, f.param);
    }
    case "amount_fractional":
      return invalid(
        f.step === 100 ? "invalid_charge_amount_no_decimal_compatible" : "invalid_charge_amount",
        `Amounts in ${f.currency} are multiples of ${f.step}: cards are not charged less than ${amountText(f.step, f.currency)}.`,
        f.param,
      );
    case "pan_detected":
      return invalid(
        f.kind,
        "This field looks like it holds a card number. Card numbers belong in a card or a token only.",
        f.param,
      );
    case "body_malformed":
      return invalid(f.kind, f.why);
    case "body_too_large":
      return { ...invalid(f.kind, `The request body may have ${f.maxBytes} bytes.`), status: 413 };
    case "host_invalid":
      return invalid(f.kind, "The Host header is no host name. Send the name of this API's host.");
    case "tls_too_old":
      return { ...invalid(f.kind, "Connect with TLS 1.3."), status: 426 };
    case "key_missing":
      return unauthorized(
        "You did not provide an API key. Send it as `Authorization: Bearer YOUR_SECRET_KEY`.",
      );
    case "notice_refused":
      return unauthorized("This is not a notice of our processor. Sign it, and send it at once.");
    case "key_invalid":
      return unauthorized(`Invalid API Key provided: ${f.shown}`);
    case "key_expired":
      return unauthorized(
        `Expired API Key provided: ${f.shown}. Have your server make another one.`,
        "api_key_expired",
      );
    case "key_ephemeral":
      return {
        ...invalid(
          f.kind,
          "An ephemeral key reads its own customer, and lists, attaches and detaches that customer's payment methods. Use a secret key on your server for everything else.",
        ),
        status: 403,
      };
    case "key_publishable":
      return unauthorized(
        "This API call cannot be made with a publishable API key. Please use a secret API key.",
        "secret_key_required",
      );
    case "key_secret_in_browser":
      return {
        ...invalid(f.kind, "A secret key was sent from a browser. Use the publishable key there."),
        status: 403,
      };
    case "key_not_platform":
      return { ...invalid(f.kind, "Only the platform key may do this."), status: 403 };
    case "permission_missing":
      return {
        ...invalid(
          undefined,
          `The key ${f.shown} of ${f.account} may not do this. It could with the permission '${shownPermission(f.permission)}'.`,
        ),
        status: 403,
      };
    case "livemode_closed":
      return {
        ...invalid(f.kind, "Live mode has no processor here. Use the test mode keys."),
        status: 403,
      };
    case "version_invalid":
      return invalid(
        undefined,
        `Invalid Stripe API version: ${f.version}. Name a published one, as in 2026-10-28.endive, or leave the header out.`,
      );
    case "account_unknown":
      return unauthorized("The account of this API key does not exist here.", "account_invalid");
    case "route_unknown":
      return {
        ...invalid(undefined, `Unrecognized request URL (${f.method}: ${f.path}).`),
        status: 404,
      };
    case "resource_missing":
      return { ...invalid(f.kind, `No such ${f.object}: '${f.id}'`, f.param), status: 404 };
    case "idempotency_key_invalid":
      return invalid(f.kind, f.why);
    case "idempotency_mismatch":
      return {
        status: 400,
        type: "idempotency_error",
        message:
          f.first === f.second
            ? "Keys for idempotent requests can only be used with the same parameters they were first used with. Use another key if you meant another request."
            : `Keys for idempotent requests can only be used for the same endpoint they were first used for (${f.first}, now ${f.second}). Use another key if you meant another request.`,
      };
    case "idempotency_in_use":
      return {
        ...invalid(
          "idempotency_key_in_use",
          "A request with this idempotency key is still being processed. Try again shortly.",
        ),
        type: "idempotency_error",
        status: 409,
      };
    case "card_field": {
      const [param, message] = CARD_FIELD[f.code];
      return { status: 402, type: "card_error", code: f.code, param, message };
    }
    case "card_declined":
      return {
        status: 402,
        type: "card_error",
        code: f.code,
        message: f.message,
        charge: f.charge,
        ...(f.declineCode === undefined ? {} : { decline_code: f.declineCode }),
        ...(f.code === "incorrect_cvc" ? { param: "cvc" } : {}),
        ...advised(f.code, f.declineCode),
        ...(f.networkDeclineCode === undefined
          ? {}
          : { network_decline_code: f.networkDeclineCode }),
      };
    case "card_of_test_mode":
      return declined("live_mode_test_card", " This is a test card, and the key is of live mode.");
    case "card_blocked":
      // Word for word what a generic decline says, so that a good card looks as dead as a bad one.
      return declined("generic_decline");
    default:
      return stateErrorOf(f);
  }
}

/** Whether an answer may be kept for replays: all ends but those that say "try again". */
export function isRetryable(f: Failure): boolean {
  return (
    f.kind === "unavailable" ||
    f.kind === "internal" ||
    f.kind === "rate_limited" ||
    f.kind === "object_locked" ||
    f.kind === "idempotency_in_use"
  );
}
