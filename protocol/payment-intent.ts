// A payment intent: what it holds, where it stands, and how it looks on the wire. It has no state of its own
// beside its document and its latest charge: a charge that ends moves its intent in the same commit, and
// nothing can say otherwise.

import {
  type CardholderAction,
  declineCodeOf,
  type IntentError,
  intentErrorObject,
  nextActionObject,
  shippingObject,
  triedObject,
} from "./cardholder.ts";
import type { Scope } from "./command.ts";
import { adviceOf } from "./decline.ts";
import type { ChargeFacts, Document, ObjectFacts } from "./facts.ts";
import { type CustomerId, createdOf, uuidOf } from "./ids.ts";
import { cardIdOfToken, metadataOf, type StripeObject } from "./object.ts";
import type { BillingDetails } from "./payment-method.ts";

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
  /** Whose it is, so that what was said of it once can be said again. */
  readonly customer?: CustomerId;
  /** `pm_…`, or `card_…` of the customer. */
  readonly payment_method?: string;
  /** Those of the payment method when it was chosen. */
  readonly billing_details?: BillingDetails;
  /** What the cardholder is to do before it can be charged. */
  readonly action?: CardholderAction;
  /** What the cardholder has proved, where the merchant's server is to confirm once more. */
  readonly authentication?: string;
  /** Why the last try failed, if no charge was made of it. */
  readonly error?: IntentError;
  /** When it was canceled, or was to be: while a charge holds money, its release decides. */
  readonly canceled_at?: number;
  readonly cancellation_reason?: string;
};

/** An intent as facts, whether they were read as its own or came with a charge of it. */
export type IntentFacts = {
  readonly id: string;
  readonly created: number;
  readonly document: IntentDocument;
  /** The latest charge, if there was one. */
  readonly charge: ChargeFacts | null;
};

export const intentOfObject = ({
  id,
  created,
  document,
  charge,
}: ObjectFacts): IntentFacts | undefined =>
  document === null ? undefined : { id, created, document: document as IntentDocument, charge };

/** The intent of a charge, as it stood when these facts were true. */
export function intentOfCharge(charge: ChargeFacts): IntentFacts | undefined {
  if (charge.intent === null) return undefined;
  const { id, document } = charge.intent;
  const created = createdOf(uuidOf("pi", id) ?? "");
  return { id, created, document: document as IntentDocument, charge };
}

/** Whether the latest charge is one that the document's last change did not know of. */
export const isNews = ({ document, charge }: IntentFacts): boolean =>
  charge?.intent != null && charge.intent.attempt > document.attempts;

/** How many charges were made for it. */
export const attemptsOf = ({ document, charge }: IntentFacts): number =>
  Math.max(document.attempts, charge?.intent?.attempt ?? 0);

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
  incrementing: "requires_capture",
  capturing: "requires_capture",
  releasing: "requires_capture",
  captured: "succeeded",
  released: "canceled",
} as const satisfies Record<Exclude<ChargeFacts["state"], "failed">, IntentStatus>;

/** What of the intent the processor holds and has not given yet. */
export function capturableOf({ charge }: IntentFacts): number {
  const held = ["authorized", "incrementing", "capturing", "releasing"];
  return charge !== null && held.includes(charge.state) ? charge.amount : 0;
}

/** How much it is of: what its charge holds or has taken was added to that, where it was. */
export const amountOf = ({ document, charge }: IntentFacts): number =>
  charge === null || charge.state === "failed" ? document.amount : charge.amount;

export function paymentIntentObject(intent: IntentFacts, scope: Scope): StripeObject {
  const { document: d, charge } = intent;
  const status = statusOf(intent);
  const field = (name: string) => d[name] ?? null;
  const declined = charge?.state === "failed" && isNews(intent);
  const canceled = status === "canceled";
  return {
    id: intent.id,
    object: "payment_intent",
    allowed_payment_method_types: null,
    amount: amountOf(intent),
    amount_capturable: capturableOf(intent),
    amount_details: { tip: {} },
    amount_received: charge?.amount_captured ?? 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: automaticOf(d["automatic_payment_methods"]),
    canceled_at: canceled ? (d.canceled_at ?? null) : null,
    cancellation_reason: canceled ? field("cancellation_reason") : null,
    capture_method: d.capture_method,
    client_secret: clientSecretOf(intent),
    confirmation_method: d.confirmation_method,
    created: intent.created,
    currency: d.currency,
    customer: d.customer ?? null,
    customer_account: null,
    description: field("description"),
    excluded_payment_method_types: null,
    last_payment_error: lastErrorOf(intent, scope),
    latest_charge: charge?.id ?? null,
    livemode: scope.livemode,
    managed_payments: null,
    metadata: metadataOf((field("metadata") ?? {}) as object),
    next_action:
      status === "requires_action" && d.action !== undefined ? nextActionObject(d.action) : null,
    on_behalf_of: null,
    payment_method: declined ? null : (d.payment_method ?? null),
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        installments: null,
        mandate_options: null,
        network: null,
        ...(d["request_incremental_authorization"] === undefined
          ? {}
          : { request_incremental_authorization: d["request_incremental_authorization"] }),
        request_three_d_secure: field("request_three_d_secure") ?? "automatic",
      },
    },
    payment_method_types: ["card"],
    payment_record: null,
    processing: null,
    receipt_email: field("receipt_email"),
    review: null,
    setup_future_usage: field("setup_future_usage"),
    shipping: shippingObject(d["shipping"]),
    source: null,
    statement_descriptor: field("statement_descriptor"),
    statement_descriptor_suffix: field("statement_descriptor_suffix"),
    status,
    transfer_data: null,
    transfer_group: field("transfer_group"),
  };
}

/** What a browser must know to see an intent and to confirm it. */
export const clientSecretOf = ({
  id,
  document,
}: {
  readonly id: string;
  readonly document: { readonly secret: string };
}): string => `${id}_secret_${document.secret}`;

export function automaticOf(said: unknown): StripeObject | null {
  if (typeof said !== "object" || said === null) return null;
  const { enabled, allow_redirects } = said as Readonly<Record<string, unknown>>;
  return { allow_redirects: allow_redirects ?? "always", enabled: enabled ?? true };
}

/** Stripe clears it with the next change of any kind, and so it is: a changed document knows the charge. */
function lastErrorOf(intent: IntentFacts, { livemode }: Scope): StripeObject | null {
  const { document, charge } = intent;
  const of = {
    billing_details: document.billing_details ?? {},
    customer: document.customer ?? null,
  };
  if (charge?.state === "failed" && isNews(intent)) return chargeErrorOf(charge, of, livemode);
  return document.error === undefined ? null : intentErrorObject(document.error, of, livemode);
}

function chargeErrorOf(
  charge: ChargeFacts,
  of: { readonly billing_details: BillingDetails; readonly customer: string | null },
  livemode: boolean,
): StripeObject {
  const { decline, checks } = charge.outcome ?? {};
  const id = charge.card_id ?? cardIdOfToken(charge.token);
  const advice = decline === undefined ? undefined : adviceOf(decline.code, decline.decline_code);
  return {
    ...(advice === undefined ? {} : { advice_code: advice }),
    charge: charge.id,
    code: declineCodeOf(decline?.code ?? "processing_error", decline?.decline_code),
    ...(decline?.decline_code === undefined ? {} : { decline_code: decline.decline_code }),
    message: decline?.message ?? "The payment failed.",
    ...(charge.outcome?.decline === undefined
      ? {}
      : { network_decline_code: charge.outcome.network_code }),
    ...(decline?.code === "incorrect_cvc" ? { param: "cvc" } : {}),
    ...triedObject(
      { id, card: charge.card, ...of, ...(checks === undefined ? {} : { checks }) },
      livemode,
    ),
    type: "card_error",
  };
}

/** What a publishable key is shown of an intent: nothing that is the merchant's alone. */
export const SHOWN_TO_BROWSERS: readonly string[] = [
  "id",
  "object",
  "amount",
  "amount_details",
  "automatic_payment_methods",
  "canceled_at",
  "cancellation_reason",
  "capture_method",
  "client_secret",
  "confirmation_method",
  "created",
  "currency",
  "description",
  "excluded_payment_method_types",
  "last_payment_error",
  "last_setup_error",
  "livemode",
  "next_action",
  "payment_method",
  "payment_method_configuration_details",
  "payment_method_types",
  "processing",
  "receipt_email",
  "setup_future_usage",
  "shipping",
  "source",
  "status",
  "usage",
];

export const shownToBrowsers = (intent: StripeObject): StripeObject =>
  Object.fromEntries(Object.entries(intent).filter(([name]) => SHOWN_TO_BROWSERS.includes(name)));
