// What is told when an intent cannot be what is asked of it.

import type { WireError } from "./failure.ts";

export type IntentFailure =
  /** An intent stands where the action, or a change of this field, is not possible. */
  | {
      readonly kind: "intent_unexpected_state";
      readonly object: "payment_intent" | "setup_intent";
      readonly action: "update" | "confirm" | "capture" | "increment" | "cancel";
      readonly status: string;
      readonly permitted: readonly string[];
      readonly field?: string;
    }
  | { readonly kind: "intent_without_method"; readonly object: "payment_intent" | "setup_intent" }
  | { readonly kind: "intent_without_charge"; readonly id: string }
  /** An intent failed, and no charge was made of the try. */
  | {
      readonly kind: "intent_failed";
      readonly type: "card_error" | "invalid_request_error";
      readonly code: string;
      readonly declineCode?: string;
      readonly message: string;
    };

const NAMES = { payment_intent: "PaymentIntent", setup_intent: "SetupIntent" };
const DONE = {
  update: "changed",
  confirm: "confirmed",
  capture: "captured",
  increment: "raised",
  cancel: "canceled",
};

const unexpected = (object: keyof typeof NAMES, message: string): WireError => ({
  status: 400,
  type: "invalid_request_error",
  code: `${object}_unexpected_state`,
  message,
});

/** The public face of such a failure. */
export function intentErrorOf(f: IntentFailure): WireError {
  switch (f.kind) {
    case "intent_unexpected_state":
      return unexpected(f.object, stateMessageOf(f));
    case "intent_without_method":
      return unexpected(
        f.object,
        `This ${NAMES[f.object]} has no payment method, so it cannot be confirmed. Confirm it with a payment_method, or give it one first.`,
      );
    case "intent_without_charge":
      return {
        status: 400,
        type: "invalid_request_error",
        message: `The PaymentIntent ${f.id} has no charge that could be refunded. Cancel it if it holds money that was not captured.`,
        param: "payment_intent",
      };
    case "intent_failed":
      return {
        status: f.type === "card_error" ? 402 : 400,
        type: f.type,
        code: f.code,
        message: f.message,
        ...(f.declineCode === undefined ? {} : { decline_code: f.declineCode }),
      };
  }
}

function stateMessageOf({
  object,
  action,
  status,
  permitted,
  field,
}: Extract<IntentFailure, { kind: "intent_unexpected_state" }>): string {
  const what = `${field === undefined ? "This" : `The ${field} of this`} ${NAMES[object]}`;
  return `${what} cannot be ${DONE[action]}, because its status is ${status}. The status must be one of: ${permitted.join(", ")}.`;
}
