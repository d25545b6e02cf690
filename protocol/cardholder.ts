// What an intent may wait for or has failed by, apart from a charge: the cardholder who is to prove himself,
// and the last error. Payment intents and setup intents show both alike.

import type { CardSummary, Check } from "./facts.ts";
import { createdOf, uuidOf } from "./ids.ts";
import { cardObject, type StripeObject } from "./object.ts";
import { type BillingDetails, paymentMethodObject } from "./payment-method.ts";

/** What the cardholder is to do. */
export type CardholderAction = {
  /** The processor's name of the challenge. */
  readonly authentication: string;
  /** Where it is put to him. */
  readonly url: string;
  /** Where he goes from there; absent when the page stays and waits for him. */
  readonly return_url?: string;
};

/** Why an intent failed without a charge. */
export type IntentError = {
  readonly type: "card_error" | "invalid_request_error";
  readonly code: string;
  readonly decline_code?: string;
  readonly message: string;
  /** With what it was tried, without the words of its holder. */
  readonly method: { readonly id: string; readonly card: CardSummary };
};

export function nextActionObject({ authentication, url, return_url }: CardholderAction) {
  return return_url === undefined
    ? {
        type: "use_stripe_sdk",
        use_stripe_sdk: {
          source: authentication,
          stripe_js: url,
          type: "three_d_secure_redirect",
        },
      }
    : { redirect_to_url: { return_url, url }, type: "redirect_to_url" };
}

/** With what something was tried that failed. */
export type TriedMethod = {
  readonly id: string;
  readonly card: CardSummary;
  readonly billing_details: BillingDetails;
  readonly customer: string | null;
  readonly checks?: {
    readonly cvc: Check | null;
    readonly address_line1: Check | null;
    readonly address_zip: Check | null;
  };
};

/** It as the error shows it: a payment method, or the card of a customer. */
export function triedObject(
  { id, card, billing_details, customer, checks }: TriedMethod,
  livemode: boolean,
): { readonly payment_method: StripeObject } | { readonly source: StripeObject } {
  const { name: _, address_line1: __, address_zip: ___, ...plain } = card;
  const owner = customer === null ? {} : { customer: customer as `cus_${string}` };
  const uuid = uuidOf("pm", id);
  if (uuid === undefined) return { source: cardObject(id, card, owner.customer ?? null) };
  return {
    payment_method: paymentMethodObject(
      id,
      {
        card: plain,
        billing_details,
        metadata: {},
        allow_redisplay: "unspecified",
        ...owner,
        ...(checks === undefined ? {} : { checks }),
      },
      { created: createdOf(uuid), livemode },
    ),
  };
}

/** `last_payment_error` and `last_setup_error`, of what failed without a charge. */
export function intentErrorObject(
  { method, ...error }: IntentError,
  of: { readonly billing_details: BillingDetails; readonly customer: string | null },
  livemode: boolean,
): StripeObject {
  return {
    code: error.code,
    ...(error.decline_code === undefined ? {} : { decline_code: error.decline_code }),
    message: error.message,
    ...triedObject({ ...method, ...of }, livemode),
    type: error.type,
  };
}

/** The processor's refusal to take an unproven cardholder has a code of its own on intents. */
export const declineCodeOf = (code: string, declineCode: string | undefined): string =>
  declineCode === "authentication_required" ? declineCode : code;

const SHIPPING_FIELDS = ["carrier", "name", "phone", "tracking_number"] as const;
const ADDRESS_FIELDS = ["city", "country", "line1", "line2", "postal_code", "state"] as const;

/** Where something is sent, always in the order of the wire. */
export function shippingObject(shipping: unknown): StripeObject | null {
  if (typeof shipping !== "object" || shipping === null) return null;
  const said = shipping as Readonly<Record<string, unknown>>;
  const address = (said["address"] ?? {}) as Readonly<Record<string, unknown>>;
  return {
    address: Object.fromEntries(ADDRESS_FIELDS.map((name) => [name, address[name] ?? null])),
    ...Object.fromEntries(SHIPPING_FIELDS.map((name) => [name, said[name] ?? null])),
  };
}
