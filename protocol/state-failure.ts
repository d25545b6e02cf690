// What is told when something is refused because of how things stand, and not because of how it was asked.

import { amountText } from "./currency.ts";
import { disputeErrorOf } from "./dispute-failure.ts";
import type { Failure } from "./failure.ts";
import { intentErrorOf } from "./intent-failure.ts";
import type { LimitReason } from "./shard.ts";
import { invalid, type WireError } from "./wire-error.ts";

const LIMITED: Record<LimitReason, string> = {
  "global-rate": "Too many requests. Slow down and retry.",
  "endpoint-rate": "Too many requests of this kind. Slow down with them and retry.",
  "global-concurrency": "Too many requests at once. Wait for answers before you ask more.",
};

/** The public face of such a failure; of one that is told elsewhere, that something broke. */
export function stateErrorOf(f: Failure): WireError {
  switch (f.kind) {
    case "sealed_card_invalid":
      return invalid(
        f.kind,
        "The sealed card could not be opened. Fetch the keys of /v1/vault/keys again, seal the card anew for this API key, and send it once.",
        "sealed_card",
      );
    case "sealed_card_required":
      return invalid(
        f.kind,
        "This account takes sealed cards only. Seal the card in the browser, as checkout.js does, send it to POST /v1/tokens as `sealed_card`, and use the token.",
        f.param,
      );
    case "token_already_used":
      return invalid(
        f.kind,
        `You cannot use a token more than once: ${f.token}.`,
        f.param ?? "source",
      );
    case "customer_without_card":
      return {
        ...invalid("missing", "The customer has no card to charge. Attach one, or send a source."),
        type: "card_error",
        status: 402,
      };
    case "order_attempt_taken":
      return invalid(
        f.kind,
        "Another charge already has this order_id and attempt_number. Count the attempt up to charge again.",
        "metadata[attempt_number]",
      );
    case "payment_method_unexpected_state":
      return invalid(f.kind, f.why, "payment_method");
    case "object_locked":
      return {
        ...invalid("lock_timeout", "Another request is changing this object. Try again shortly."),
        status: 429,
      };
    case "charge_failed":
      return invalid(f.kind, "This charge failed, so it cannot be captured or refunded.", "charge");
    case "charge_disputed":
    case "dispute_closed":
    case "refund_final":
      return disputeErrorOf(f);
    case "charge_already_captured":
      return invalid(f.kind, "This charge has already been captured.");
    case "charge_already_refunded":
      return invalid(f.kind, "This charge has already been refunded.");
    case "capture_too_large":
      return invalid(
        "amount_too_large",
        `The amount to capture is greater than the authorized amount (${f.max}).`,
        f.param ?? "amount",
      );
    case "increment_unavailable":
      return invalid(
        f.kind,
        f.asked
          ? "The network of this card does not take incremental authorizations. Make another PaymentIntent for the rest."
          : "This PaymentIntent was not confirmed for incremental authorizations. Send payment_method_options[card][request_incremental_authorization]=if_available when you create or confirm the next one, and make another PaymentIntent for the rest of this.",
      );
    case "increment_too_small":
      return invalid(
        "parameter_invalid_integer",
        `The amount is what is to be held in all, so it must be greater than what is held now (${f.authorized}).`,
        "amount",
      );
    case "increments_used_up":
      return invalid(
        f.kind,
        `An authorization can be incremented ${f.max} times, declined increments included. Make another PaymentIntent for the rest.`,
      );
    case "intent_unexpected_state":
    case "intent_without_method":
    case "intent_without_charge":
    case "intent_failed":
      return intentErrorOf(f);
    case "refund_too_large":
      return invalid(
        "amount_too_large",
        `The refund is greater than what is left of the charge (${f.max}).`,
        "amount",
      );
    case "release_in_part":
      return invalid(
        f.kind,
        "An uncaptured charge can only be refunded in full. Capture less of it instead.",
        "amount",
      );
    case "balance_insufficient":
      return invalid(
        f.kind,
        `The available balance (${amountText(f.available, f.currency)}) is less than the payout. What is pending comes free on its day.`,
        "amount",
      );
    case "payout_not_pending":
      return invalid(
        f.kind,
        `A payout can be canceled while it is pending; this one is ${f.status}.`,
      );
    case "processor_refused":
      return {
        ...invalid("processing_error", `The processor refused the ${f.operation}.`),
        type: "card_error",
        status: 402,
      };
    case "rate_limited":
      return { ...invalid("rate_limit", LIMITED[f.reason]), status: 429 };
    case "unavailable":
      return {
        status: 503,
        type: "api_error",
        message: `${f.what} Retry with the same idempotency key: nothing is done twice.`,
      };
    default:
      return {
        status: 500,
        type: "api_error",
        message: "Something went wrong on our side. Retry with the same idempotency key.",
      };
  }
}
