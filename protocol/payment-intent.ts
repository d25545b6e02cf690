// A payment intent: what it holds, where it stands, and how it looks on the wire. It has no state of its own
// beside its document and its latest charge: a charge that ends moves its intent in the same commit, and
// nothing can say otherwise.

import type { Scope } from "./command.ts";
import type { ChargeFacts, Document, ObjectFacts } from "./facts.ts";
import { metadataOf, type StripeObject } from "./object.ts";

export type IntentStatus =
  | "requires_payment_method"
  | "requires_confirmation"
  | "requires_action"
  | "processing"
  | "requires_capture"
  | "succeeded"
  | "canceled";

/** What an intent's document holds. Made by the edge; fields that are not set are left out. */
export type IntentDocument = Document & {
  readonly amount: number;
  readonly currency: string;
  readonly capture_method: "automatic" | "automatic_async" | "manual";
  readonly confirmation_method: "automatic" | "manual";
  /** The second half of the client secret. */
  readonly secret: string;
  /** How many charges were known when it was last changed. */
  readonly attempts: number;
  /** `pm_…`, or `card_…` of the customer. */
  readonly payment_method?: string;
  /** What the cardholder is to do before it can be charged. */
  readonly action?: { readonly authentication: string; readonly return_url?: string };
  readonly canceled_at?: number;
  readonly cancellation_reason?: string;
};

/** An intent as facts, whether they were read as its own or came with a charge of it. */
export type IntentFacts = {
  readonly id: string;
  readonly created: number;
  readonly document: IntentDocument;
  readonly customer: string | null;
  /** The latest charge, if there was one. */
  readonly charge: ChargeFacts | null;
};

export const intentOfObject = (facts: ObjectFacts): IntentFacts | undefined =>
  facts.document === null ? undefined : { ...facts, document: facts.document as IntentDocument };

/** The intent of a charge, as it stood when these facts were true. */
export function intentOfCharge(charge: ChargeFacts, created: number): IntentFacts | undefined {
  if (charge.intent === null) return undefined;
  const { id, document } = charge.intent;
  const held = document as IntentDocument;
  return { id, created, document: held, customer: charge.customer, charge };
}

/** Whether the latest charge is one that the document's last change did not know of. */
const isNews = ({ document, charge }: IntentFacts): boolean =>
  charge?.intent != null && charge.intent.attempt > document.attempts;

export function statusOf(intent: IntentFacts): IntentStatus {
  const { document, charge } = intent;
  if (charge !== null && charge.state !== "failed") return CHARGE_STATUS[charge.state];
  if (document.canceled_at !== undefined) return "canceled";
  // A declined card is not tried again by itself: the buyer chooses anew.
  if (charge !== null && isNews(intent)) return "requires_payment_method";
  if (document.action !== undefined) return "requires_action";
  return document.payment_method === undefined
    ? "requires_payment_method"
    : "requires_confirmation";
}

const CHARGE_STATUS = {
  opened: "processing",
  authorized: "requires_capture",
  capturing: "requires_capture",
  releasing: "requires_capture",
  captured: "succeeded",
  released: "canceled",
} as const satisfies Record<Exclude<ChargeFacts["state"], "failed">, IntentStatus>;

/** What of the intent the processor holds and has not given yet. */
function capturableOf({ charge }: IntentFacts): number {
  const held = ["authorized", "capturing", "releasing"].includes(charge?.state ?? "");
  return held ? (charge?.amount ?? 0) : 0;
}

export function paymentIntentObject(intent: IntentFacts, scope: Scope): StripeObject {
  const { document: d, charge } = intent;
  const status = statusOf(intent);
  const field = (name: string) => d[name] ?? null;
  const declined = charge?.state === "failed" && isNews(intent);
  const released = charge?.state === "released";
  return {
    id: intent.id,
    object: "payment_intent",
    allowed_payment_method_types: null,
    amount: d.amount,
    amount_capturable: capturableOf(intent),
    amount_details: { tip: {} },
    amount_received: charge?.amount_captured ?? 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: field("automatic_payment_methods"),
    canceled_at: d.canceled_at ?? null,
    cancellation_reason: field("cancellation_reason"),
    capture_method: d.capture_method,
    client_secret: `${intent.id}_secret_${d.secret}`,
    confirmation_method: d.confirmation_method,
    created: intent.created,
    currency: d.currency,
    customer: intent.customer,
    customer_account: null,
    description: field("description"),
    excluded_payment_method_types: null,
    last_payment_error: declined && charge !== null ? paymentErrorOf(charge) : null,
    latest_charge: charge?.id ?? null,
    livemode: scope.livemode,
    managed_payments: null,
    metadata: metadataOf((field("metadata") ?? {}) as object),
    next_action: nextActionOf(intent, status),
    on_behalf_of: null,
    payment_method: declined ? null : (d.payment_method ?? null),
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        installments: null,
        mandate_options: null,
        network: null,
        request_three_d_secure: field("request_three_d_secure") ?? "automatic",
      },
    },
    payment_method_types: ["card"],
    payment_record: null,
    processing: null,
    receipt_email: field("receipt_email"),
    review: null,
    setup_future_usage: field("setup_future_usage"),
    shipping: field("shipping"),
    source: null,
    statement_descriptor: field("statement_descriptor"),
    statement_descriptor_suffix: field("statement_descriptor_suffix"),
    status: released ? "canceled" : status,
    transfer_data: null,
    transfer_group: null,
  };
}

function paymentErrorOf(charge: ChargeFacts): StripeObject {
  const decline = charge.outcome?.decline;
  return {
    charge: charge.id,
    code: decline?.code ?? "processing_error",
    ...(decline?.decline_code === undefined ? {} : { decline_code: decline.decline_code }),
    message: decline?.message ?? "The payment failed.",
    ...(decline?.code === "incorrect_cvc" ? { param: "cvc" } : {}),
    type: "card_error",
  };
}

function nextActionOf({ document }: IntentFacts, status: IntentStatus): StripeObject | null {
  if (status !== "requires_action" || document.action === undefined) return null;
  const { authentication, return_url } = document.action;
  return return_url === undefined
    ? {
        type: "use_stripe_sdk",
        use_stripe_sdk: { type: "three_d_secure_redirect", authentication },
      }
    : { type: "redirect_to_url", redirect_to_url: { return_url, url: authentication } };
}
