// A payment method of the kind card: what its document holds, what may become of it, and how it looks on
// the wire. The sealed card itself is named by the object's token and stands in no document.

import { brandCode, displayBrand } from "./card-brand.ts";
import type { Scope } from "./command.ts";
import type { CardSummary, Check, Document, ObjectFacts } from "./facts.ts";
import type { Failure } from "./failure.ts";
import type { CustomerId } from "./ids.ts";
import { metadataOf, type StripeObject } from "./object.ts";
import type { CardRow } from "./query.ts";
import { ok, type Result, refuse } from "./result.ts";

/** Fields of a postal address, in the order of the wire. */
export const ADDRESS_FIELDS = [
  "city",
  "country",
  "line1",
  "line2",
  "postal_code",
  "state",
] as const;
export type AddressField = (typeof ADDRESS_FIELDS)[number];
/** Null unsets a field. */
export type AddressPatch = { readonly [field in AddressField]?: string | null | undefined };

/** Fields of a person's billing details besides the address. */
export const BILLING_FIELDS = ["email", "name", "phone", "tax_id"] as const;
/** Null unsets a field, or the whole address. */
export type BillingPatch = {
  readonly [field in (typeof BILLING_FIELDS)[number]]?: string | null | undefined;
} & { readonly address?: AddressPatch | null | undefined };

/** What is not set is left out. */
export type BillingDetails = { readonly [field in (typeof BILLING_FIELDS)[number]]?: string } & {
  readonly address?: { readonly [field in AddressField]?: string };
};

export const REDISPLAYS = ["always", "limited", "unspecified"] as const;
export type Redisplay = (typeof REDISPLAYS)[number];

/** Made by the edge; a person's words stand in `billing_details` and nowhere else. */
export type MethodDocument = Document & {
  /** Without the words of its holder. */
  readonly card: CardSummary;
  readonly billing_details: BillingDetails;
  readonly metadata: Readonly<Record<string, string>>;
  readonly allow_redisplay: Redisplay;
  /** Whom it is attached to, so that what was said of it once can be said again. */
  readonly customer?: CustomerId;
  /** It was attached once, so it is attached to nobody any more. */
  readonly detached?: true;
  /** Whom it was attached to then. */
  readonly former_customer?: CustomerId;
  /** The processor's name for what its holder proved when it was set up. */
  readonly authentication?: string;
  /** What the processor last said of it. */
  readonly checks?: Checks;
};

type Checks = {
  readonly cvc: Check | null;
  readonly address_line1: Check | null;
  readonly address_zip: Check | null;
};

export const methodOf = (facts: ObjectFacts): MethodDocument | undefined =>
  facts.document === null ? undefined : (facts.document as MethodDocument);

/** The document of a method that is made of a card; what its holder typed with the card bills him. */
export function newMethod(
  { name, address_line1, address_zip, ...card }: CardSummary,
  given: {
    readonly billing_details?: BillingPatch | undefined;
    readonly metadata?: Readonly<Record<string, string>> | undefined;
    readonly allow_redisplay?: Redisplay | undefined;
  },
): MethodDocument {
  const typed: BillingPatch = {
    name,
    address: { line1: address_line1, postal_code: address_zip },
  };
  return {
    card,
    billing_details: billed(billed({}, typed), given.billing_details ?? {}),
    metadata: given.metadata ?? {},
    allow_redisplay: given.allow_redisplay ?? "unspecified",
  };
}

/** Billing details after a change: what is not named stays, null unsets. */
export function billed(before: BillingDetails, patch: BillingPatch): BillingDetails {
  const { address: given, ...fields } = patch;
  const { address: kept, ...others } = before;
  const address = given === null ? {} : changed(kept ?? {}, given ?? {});
  return {
    ...changed(others, fields),
    ...(Object.keys(address).length === 0 ? {} : { address }),
  };
}

/** Text fields after a change: undefined leaves one as it was, null unsets it. */
export function changed(
  before: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, string | null | undefined>>,
): Record<string, string> {
  const after = { ...before };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete after[name];
    else if (value !== undefined) after[name] = value;
  }
  return after;
}

/** What is wrong with a new expiry of a card, as far as it is given; `now` tells what has expired. */
export function expiryFault(
  {
    exp_month: month,
    exp_year: year,
  }: {
    readonly exp_month?: number | undefined;
    readonly exp_year?: number | undefined;
  },
  now: Date,
): Failure | undefined {
  const thisYear = now.getUTCFullYear();
  if (year === undefined) return undefined;
  if (year < thisYear) return { kind: "card_field", code: "invalid_expiry_year" };
  const isOver = year === thisYear && month !== undefined && month < now.getUTCMonth() + 1;
  return isOver ? { kind: "card_field", code: "invalid_expiry_month" } : undefined;
}

/** The card as it is charged: with the words that an issuer compares. */
export function chargedCard({ card, billing_details: billing }: MethodDocument): CardSummary {
  const { name, address } = billing;
  const { line1, postal_code } = address ?? {};
  return {
    ...card,
    ...(name === undefined ? {} : { name }),
    ...(line1 === undefined ? {} : { address_line1: line1 }),
    ...(postal_code === undefined ? {} : { address_zip: postal_code }),
  };
}

/** Attaches a method to a customer; undefined when it is attached to that one already. */
export function attached(
  method: MethodDocument,
  customer: CustomerId,
): Result<MethodDocument | undefined, Failure> {
  if (method.customer === customer) return ok(undefined);
  if (method.customer !== undefined) {
    const why = "The payment method is attached to another customer. Detach it there first.";
    return refuse({ kind: "payment_method_unexpected_state", why });
  }
  if (method.detached === true) return refuse(USED_UP);
  return ok({ ...method, customer });
}

export const USED_UP: Failure = {
  kind: "payment_method_unexpected_state",
  why:
    "This payment method was detached from its customer and may not be used again. " +
    "Collect the card anew and attach it before it is used a second time.",
};

/** Detaches it for good. */
export function detached(method: MethodDocument): Result<MethodDocument, Failure> {
  const { customer, ...rest } = method;
  if (customer === undefined) {
    const why = "The payment method is not attached to a customer, so it cannot be detached.";
    return refuse({ kind: "payment_method_unexpected_state", why });
  }
  return ok({ ...(rest as MethodDocument), detached: true, former_customer: customer });
}

export function paymentMethodObject(
  id: string,
  method: MethodDocument,
  at: { readonly created: number; readonly livemode: boolean },
): StripeObject {
  return {
    id,
    object: "payment_method",
    allow_redisplay: method.allow_redisplay,
    billing_details: billingObject(method.billing_details),
    card: methodCard(method.card, method.checks),
    created: at.created,
    customer: method.customer ?? null,
    customer_account: null,
    livemode: at.livemode,
    metadata: metadataOf(method.metadata),
    type: "card",
  };
}

/** A card that is kept for a customer, as the payment method that it is too. */
export function cardAsMethod({ id, card, customer, created }: CardRow, { livemode }: Scope) {
  const { address_city, address_country, address_line2, address_state, metadata, ...summary } =
    card;
  const address = {
    city: address_city,
    country: address_country,
    line2: address_line2,
    state: address_state,
  };
  const method = newMethod(summary, { metadata, billing_details: { address } });
  return paymentMethodObject(id, { ...method, customer }, { created, livemode });
}

/** Billing details on the wire. */
export const billingObject = ({
  address,
  email,
  name,
  phone,
  tax_id,
}: BillingDetails): StripeObject => ({
  address: Object.fromEntries(ADDRESS_FIELDS.map((field) => [field, address?.[field] ?? null])),
  email: email ?? null,
  name: name ?? null,
  phone: phone ?? null,
  tax_id: tax_id ?? null,
});

function methodCard(card: CardSummary, checks: Checks | undefined): StripeObject {
  const brand = brandCode(card.brand);
  return {
    brand,
    checks: {
      address_line1_check: checks?.address_line1 ?? null,
      address_postal_code_check: checks?.address_zip ?? null,
      cvc_check: checks?.cvc ?? null,
    },
    country: card.country,
    display_brand: displayBrand(brand),
    exp_month: card.exp_month,
    exp_year: card.exp_year,
    fingerprint: card.fingerprint,
    funding: card.funding,
    generated_from: null,
    last4: card.last4,
    networks: { available: brand === "unknown" ? [] : [brand], preferred: null },
    regulated_status: null,
    three_d_secure_usage: { supported: true },
    wallet: null,
  };
}
