// Facts as objects of Stripe's v1 API. Pure, and written so that equal facts give equal bytes for
// ever: a stored answer is its facts, so a field is never reordered, only added under a new shape.

import { brandCode } from "./card-brand.ts";
import { shippingObject } from "./cardholder.ts";
import type { Scope } from "./command.ts";
import type {
  AccountFacts,
  CardSummary,
  ChargeFacts,
  CustomerFacts,
  Document,
  Facts,
  KeptCard,
  Outcome,
} from "./facts.ts";
import { type CardId, type CustomerId, sequenceId, type TokenId } from "./ids.ts";
import { isIncrementable } from "./increment.ts";
import { keptObject } from "./kept-object.ts";
import { type BillingDetails, billingObject } from "./payment-method.ts";
import { refundObject } from "./refund.ts";

/** The Stripe API version whose shapes these are. */
export const API_VERSION = "2026-10-28.endive";

export type StripeObject = { readonly [field: string]: unknown };

/** A card as `source` of a charge or customer. */
export function cardObject(
  id: CardId | string,
  card: KeptCard,
  customer: CustomerId | null,
  checks: Outcome["checks"] | undefined = undefined,
): StripeObject {
  return {
    id,
    object: "card",
    address_city: card.address_city ?? null,
    address_country: card.address_country ?? null,
    address_line1: card.address_line1 ?? null,
    address_line1_check: checks?.address_line1 ?? null,
    address_line2: card.address_line2 ?? null,
    address_state: card.address_state ?? null,
    address_zip: card.address_zip ?? null,
    address_zip_check: checks?.address_zip ?? null,
    brand: card.brand,
    country: card.country,
    customer,
    cvc_check: checks?.cvc ?? null,
    dynamic_last4: null,
    exp_month: card.exp_month,
    exp_year: card.exp_year,
    fingerprint: card.fingerprint,
    funding: card.funding,
    last4: card.last4,
    metadata: metadataOf(card.metadata ?? {}),
    name: card.name ?? null,
    regulated_status: null,
    tokenization_method: null,
    wallet: null,
  };
}

/** The card that a change of a customer was of. */
export function cardOfChange({ id: customer, card }: CustomerFacts): StripeObject {
  const shown = card?.change === "deleted" ? null : (card?.card ?? null);
  return shown === null
    ? { id: card?.id ?? null, object: "card", customer, deleted: true }
    : cardObject(card?.id ?? "", shown, customer);
}

/** The id of the card behind a token: the same 128 bits under another prefix. */
export const cardIdOfToken = (token: TokenId): CardId => `card_${token.slice(4)}`;

/** And the token behind such a card. */
export const tokenOfCard = (card: CardId): TokenId => `tok_${card.slice(5)}`;

export function tokenObject(
  token: TokenId,
  card: CardSummary,
  at: { readonly created: number; readonly livemode: boolean; readonly used: boolean },
): StripeObject {
  return {
    id: token,
    object: "token",
    card: cardObject(cardIdOfToken(token), card, null),
    client_ip: null,
    created: at.created,
    livemode: at.livemode,
    type: "card",
    used: at.used,
  };
}

/** What its object's document holds: fields that were changed since it was made; null unsets. */
export type ChargeDocument = Document & {
  readonly customer?: CustomerId;
  readonly description?: string | null;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly receipt_email?: string | null;
  readonly shipping?: Document | null;
  readonly transfer_group?: string;
  readonly fraud_details?: { readonly user_report?: string };
};

export const changesOf = (c: ChargeFacts): ChargeDocument => (c.changes ?? {}) as ChargeDocument;

const changed = <T>(change: T | undefined, made: T): T => (change === undefined ? made : change);

export function chargeObject(c: ChargeFacts, scope: Scope): StripeObject {
  const failed = c.state === "failed";
  const captured = c.state === "captured";
  const left = captured ? c.amount - c.amount_captured : 0;
  const refunded = c.amount_refunded + left;
  const changes = changesOf(c);
  const customer = changes.customer ?? c.customer;
  const card = cardObject(
    c.card_id ?? cardIdOfToken(c.token),
    c.card,
    c.customer,
    c.outcome?.checks,
  );
  return {
    id: c.id,
    object: "charge",
    amount: c.amount,
    amount_captured: c.amount_captured,
    amount_refunded: refunded,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction:
      c.balance_seq === null
        ? null
        : sequenceId("txn", scope.account, scope.livemode, c.balance_seq),
    billing_details: billingOf(c),
    calculated_statement_descriptor: c.statement_descriptor,
    captured,
    created: c.created,
    currency: c.currency,
    customer,
    description: changed(changes.description, c.description),
    // Newer versions of the API have the second only.
    ...(c.dispute === null ? {} : { dispute: c.dispute }),
    disputed: c.dispute !== null,
    failure_balance_transaction: null,
    failure_code: failed ? (c.outcome?.decline?.code ?? null) : null,
    failure_message: failed ? (c.outcome?.decline?.message ?? null) : null,
    fraud_details: changes.fraud_details ?? {},
    invoice: null,
    livemode: scope.livemode,
    metadata: metadataOf(changes.metadata ?? c.metadata),
    on_behalf_of: null,
    order: null,
    outcome: outcomeOf(c),
    paid: !failed && c.state !== "opened",
    payment_intent: c.intent?.id ?? null,
    payment_method: card["id"],
    payment_method_details: paymentMethodDetails(c),
    receipt_email: changed(changes.receipt_email, c.receipt_email),
    receipt_number: null,
    receipt_url: null,
    refunded: c.state === "released" || (captured && refunded === c.amount),
    review: null,
    shipping: shippingObject(
      changed(changes.shipping, c.shipping ?? c.intent?.document["shipping"] ?? null),
    ),
    source: c.card_id?.startsWith("pm_") === true ? null : card,
    source_transfer: null,
    statement_descriptor: c.statement_descriptor,
    statement_descriptor_suffix:
      c.statement_descriptor_suffix ?? c.intent?.document["statement_descriptor_suffix"] ?? null,
    status: failed ? "failed" : c.state === "opened" ? "pending" : "succeeded",
    transfer_data: null,
    transfer_group: changes.transfer_group ?? c.transfer_group,
  };
}

/** Those of the payment method, where an intent chose it; else what was typed with the card. */
function billingOf({ card, card_id, intent }: ChargeFacts): StripeObject {
  const { payment_method, billing_details } = intent?.document ?? {};
  return card_id !== null && payment_method === card_id && typeof billing_details === "object"
    ? billingObject((billing_details ?? {}) as BillingDetails)
    : billingDetails(card);
}

function billingDetails(card: CardSummary): StripeObject {
  return {
    address: {
      city: null,
      country: null,
      line1: card.address_line1 ?? null,
      line2: null,
      postal_code: card.address_zip ?? null,
      state: null,
    },
    email: null,
    name: card.name ?? null,
    phone: null,
  };
}

function outcomeOf(c: ChargeFacts): StripeObject | null {
  if (c.outcome === null) return null;
  const { decline, network_code, risk_level } = c.outcome;
  const blocked = decline !== undefined && risk_level === "highest";
  return {
    advice_code: null,
    network_advice_code: null,
    network_decline_code: decline === undefined ? null : network_code,
    network_status:
      decline === undefined
        ? "approved_by_network"
        : blocked
          ? "not_sent_to_network"
          : "declined_by_network",
    reason: decline === undefined ? null : (decline.decline_code ?? decline.code),
    risk_level,
    seller_message:
      decline === undefined
        ? "Payment complete."
        : blocked
          ? "The payment was blocked as too risky."
          : "The bank did not approve the payment.",
    type: decline === undefined ? "authorized" : blocked ? "blocked" : "issuer_declined",
  };
}

function paymentMethodDetails(c: ChargeFacts): StripeObject {
  return {
    card: {
      amount_authorized: c.state === "failed" || c.state === "opened" ? null : c.amount,
      brand: brandCode(c.card.brand),
      checks: {
        address_line1_check: c.outcome?.checks.address_line1 ?? null,
        address_postal_code_check: c.outcome?.checks.address_zip ?? null,
        cvc_check: c.outcome?.checks.cvc ?? null,
      },
      country: c.card.country,
      exp_month: c.card.exp_month,
      exp_year: c.card.exp_year,
      fingerprint: c.card.fingerprint,
      funding: c.card.funding,
      incremental_authorization: { status: isIncrementable(c) ? "available" : "unavailable" },
      installments: null,
      last4: c.card.last4,
      mandate: null,
      network: brandCode(c.card.brand),
      three_d_secure: c.authentication === null ? null : AUTHENTICATED,
      wallet: null,
    },
    type: "card",
  };
}

/** What is known of a cardholder who has proved himself to his issuer. */
const AUTHENTICATED: StripeObject = {
  authentication_flow: "challenge",
  electronic_commerce_indicator: "05",
  exemption_indicator: null,
  result: "authenticated",
  result_reason: null,
  transaction_id: null,
  version: "2.2.0",
};

/** Metadata by key: the ledger does not keep the order in which the pairs came, and a replay must not differ. */
export function metadataOf(pairs: object): object {
  return Object.fromEntries(Object.entries(pairs).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function customerObject(c: CustomerFacts, scope: Scope): StripeObject {
  if (c.deleted) return { id: c.id, object: "customer", deleted: true };
  const field = (name: string): unknown => c.document[name] ?? null;
  return {
    id: c.id,
    object: "customer",
    address: field("address"),
    balance: 0,
    created: c.created,
    currency: null,
    default_source: c.default_source,
    delinquent: false,
    description: field("description"),
    discount: null,
    email: field("email"),
    invoice_prefix: c.id.slice(-8).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: field("default_payment_method"),
      footer: null,
      rendering_options: null,
    },
    livemode: scope.livemode,
    metadata: metadataOf((field("metadata") ?? {}) as object),
    name: field("name"),
    next_invoice_sequence: 1,
    phone: field("phone"),
    preferred_locales: [],
    shipping: field("shipping"),
    tax_exempt: "none",
    test_clock: null,
  };
}

export function accountObject(a: AccountFacts): StripeObject {
  return {
    id: a.id,
    object: "account",
    business_profile: { name: a.name },
    charges_enabled: true,
    created: a.created,
    email: a.email,
    fees: {
      basis_points: a.terms.fee_bps,
      dispute: metadataOf(a.terms.dispute_fee),
      fixed: metadataOf(a.terms.fee_fixed),
    },
    settings: { payouts: { schedule: { interval: a.terms.payouts } } },
    settlement_days: a.terms.settlement_days,
  };
}

/** What an API call answers with for these facts. */
export function objectOf(facts: Facts, scope: Scope): StripeObject {
  switch (facts.kind) {
    case "charge":
      return chargeObject(facts, scope);
    case "operation":
      return refundObject(facts, scope);
    case "customer":
      return customerObject(facts, scope);
    case "account":
      return accountObject(facts);
    case "object":
      return keptObject(facts, scope);
  }
}

export function listObject(
  url: string,
  data: readonly StripeObject[],
  more: boolean,
): StripeObject {
  return { object: "list", data, has_more: more, url };
}
