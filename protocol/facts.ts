// What the ledger says of a thing: fixed columns and the changeable ones as they stood at one event.
// Objects on the wire are pure functions of these (object.ts), so equal facts give equal bytes.

import type {
  AccountId,
  CaptureId,
  CardId,
  ChargeId,
  CustomerId,
  DisputeId,
  PaymentIntentId,
  PaymentMethodId,
  RefundId,
  RequestId,
  TokenId,
} from "./ids.ts";
import type { Terms } from "./terms.ts";

/** A JSON value. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json };

/** What may be shown of a card (PCI DSS 3.4.1: no more than BIN and last four). */
export type CardSummary = {
  readonly brand: string;
  readonly last4: string;
  readonly exp_month: number;
  readonly exp_year: number;
  readonly fingerprint: string;
  readonly funding: string;
  readonly country: string | null;
  readonly name?: string;
  readonly address_line1?: string;
  readonly address_zip?: string;
};

/** A customer's card, with what its merchant has written to it since. */
export type KeptCard = CardSummary & {
  readonly address_city?: string;
  readonly address_country?: string;
  readonly address_line2?: string;
  readonly address_state?: string;
  readonly metadata?: Readonly<Record<string, string>>;
};

/** What a change of a customer did with one of its cards. */
export type CardChange = {
  readonly id: CardId;
  readonly change: "created" | "updated" | "deleted";
  /** As it was then; null when it is deleted since. */
  readonly card: KeptCard | null;
};

export type Check = "pass" | "fail" | "unavailable" | "unchecked";

/** Why a cardholder's bank refused, where its network's own word comes with it. */
export type Decline = NonNullable<Outcome["decline"]> & {
  /** As the network said it, e.g. `51`. */
  readonly network_code?: string;
};

/** How the processor answered an authorization. */
export type Outcome = {
  readonly checks: {
    readonly cvc: Check | null;
    readonly address_line1: Check | null;
    readonly address_zip: Check | null;
  };
  readonly network_code: string;
  readonly risk_level: "normal" | "elevated" | "highest";
  readonly decline?: {
    readonly code: string;
    readonly decline_code?: string;
    readonly message: string;
  };
};

/** Where a charge stands; charge.ts has the moves between them. */
export type ChargeState =
  | "opened"
  | "failed"
  | "authorized"
  | "incrementing"
  | "capturing"
  | "captured"
  | "releasing"
  | "released";

/** What an object holds: made and replaced as a whole by the edge, which knows its fields. */
export type Document = { readonly [field: string]: Json };

/** The intent that a charge is an attempt of. */
export type IntentOfCharge = {
  readonly id: PaymentIntentId;
  /** The version of the intent that was decided on. */
  readonly seq: number;
  /** Counted from 1; the next is made only when the last is known to have failed. */
  readonly attempt: number;
  /** The intent as it stood when these facts were true. */
  readonly document: Document;
};

export type ChargeFacts = {
  readonly kind: "charge";
  readonly id: ChargeId;
  readonly created: number;
  readonly state: ChargeState;
  /** What was asked for, with what increments have added by then. */
  readonly amount: number;
  readonly currency: string;
  readonly capture: boolean;
  readonly request: RequestId;
  readonly token: TokenId;
  /** What was charged, when it was kept under a name: a customer's card or a payment method. */
  readonly card_id: CardId | PaymentMethodId | null;
  readonly customer: CustomerId | null;
  readonly intent: IntentOfCharge | null;
  /** The processor's name for what the cardholder proved. */
  readonly authentication: string | null;
  readonly card: CardSummary;
  readonly description: string | null;
  readonly receipt_email: string | null;
  readonly statement_descriptor: string | null;
  readonly statement_descriptor_suffix: string | null;
  readonly transfer_group: string | null;
  readonly shipping: Document | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly processor_ref: string | null;
  readonly outcome: Outcome | null;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly balance_seq: number | null;
  /** What was changed of it since: fields that go before those it was made with. */
  readonly changes: Document | null;
  readonly dispute: DisputeId | null;
};

/**
 * A capture, a refund, a release (the refund of a charge that was never captured), or an increment: `amount` more is
 * held.
 */
export type OperationFacts = {
  readonly kind: "operation";
  readonly id: RefundId | CaptureId;
  readonly created: number;
  readonly charge: ChargeId;
  readonly operation: "capture" | "refund" | "release" | "increment";
  readonly state: "opened" | "succeeded" | "failed";
  readonly amount: number;
  readonly currency: string;
  readonly request: RequestId;
  readonly reason: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly balance_seq: number | null;
  /** The intent of its charge. */
  readonly intent: PaymentIntentId | null;
  /** The processor has taken it and says later that it is done. */
  readonly pending: boolean;
  /** The entry that took it back. */
  readonly reversed_seq: number | null;
  /** What was changed of it since. */
  readonly changes: Document | null;
  /** The processor's name for the authorization; present while the operation is unfinished. */
  readonly authorization: string | null;
};

export type CustomerFacts = {
  readonly kind: "customer";
  readonly id: CustomerId;
  readonly created: number;
  readonly deleted: boolean;
  readonly default_source: CardId | null;
  readonly document: { readonly [name: string]: Json };
  /** What the entry that these facts are of did with a card. */
  readonly card: CardChange | null;
};

export type AccountFacts = {
  readonly kind: "account";
  readonly id: AccountId;
  readonly created: number;
  readonly name: string | null;
  readonly email: string | null;
  readonly terms: Terms;
};

/** Kinds of objects that are kept as documents; `object-type.ts` has their prefixes. */
export type ObjectType =
  | "payment_intent"
  | "setup_intent"
  | "payment_method"
  | "dispute"
  | "payout"
  | "webhook_endpoint"
  | "charge"
  | "refund";

/** An object as one entry of the journal left it. */
export type ObjectFacts = {
  readonly kind: "object";
  readonly type: ObjectType;
  readonly id: string;
  readonly created: number;
  /** The version: the number of the entry. */
  readonly seq: number;
  readonly customer: CustomerId | null;
  /** What it belongs to, such as the charge of a dispute. */
  readonly parent: string | null;
  /** The sealed card behind a payment method. */
  readonly token: TokenId | null;
  /** Null when it was deleted, or erased with its customer. */
  readonly document: Document | null;
  /** Of an intent, its latest attempt then; of a charge's changes, the charge. */
  readonly charge: ChargeFacts | null;
  /** Of a refund's changes, the refund. */
  readonly operation: OperationFacts | null;
  /** Of a dispute or refund, what its entries moved until then. */
  readonly postings: readonly PostingFacts[];
};

/** A posting as the merchant's balance saw it. */
export type PostingFacts = {
  readonly seq: number;
  /** The code of its entry. */
  readonly type: number;
  readonly created: number;
  /** Negative where it was taken. */
  readonly amount: number;
  readonly currency: string;
  readonly fee: number;
};

export type Facts = ChargeFacts | OperationFacts | CustomerFacts | AccountFacts | ObjectFacts;
