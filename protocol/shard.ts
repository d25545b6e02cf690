// What the edge asks of a shard for one merchant request, and how it ends.

import type { Claim, SaveObject, Scope } from "./command.ts";
import type { CardSummary, ChargeFacts, Document, Facts, IntentOfCharge, Json } from "./facts.ts";
import type { Failure } from "./failure.ts";
import type {
  AccountId,
  CardId,
  ChargeId,
  CustomerId,
  PaymentMethodId,
  RequestId,
  TokenId,
} from "./ids.ts";
import type { KeptTerms } from "./terms.ts";
import type { TokenTicket } from "./vault.ts";

/** A card to use: a token still to be looked up, or one just made from typed fields. */
export type CardSource =
  | { readonly kind: "token"; readonly text: string }
  | { readonly kind: "tokenized"; readonly token: TokenId; readonly card: CardSummary };

export type ChargeAsk = Scope &
  Claim & {
    readonly kind: "charge";
    /** Network of the server that asks, as far as it shows; goes no further than the shard. */
    readonly caller?: string;
    readonly source:
      | CardSource
      | { readonly kind: "customer"; readonly card_id?: CardId }
      | {
          readonly kind: "payment_method";
          readonly id: PaymentMethodId;
          readonly token: TokenId;
          readonly card: CardSummary;
        };
    readonly customer?: CustomerId;
    /** The payment intent that it is an attempt of. */
    readonly intent?: IntentOfCharge;
    readonly authentication?: string;
    readonly amount: number;
    readonly currency: string;
    readonly capture: boolean;
    readonly order_id?: string;
    readonly attempt_number?: number;
    readonly description?: string;
    readonly receipt_email?: string;
    readonly statement_descriptor?: string;
    readonly statement_descriptor_suffix?: string;
    readonly transfer_group?: string;
    readonly shipping?: Document;
    readonly metadata?: Readonly<Record<string, string>>;
  };

export type OperationAsk = Scope &
  Claim & {
    /** An increment is of `amount` in all. */
    readonly kind: "capture" | "refund" | "increment";
    readonly charge: ChargeId;
    /** A refund that is to let go of a hold, and to give nothing back. */
    readonly releases?: true;
    readonly amount?: number;
    readonly reason?: string;
    readonly metadata?: Readonly<Record<string, string>>;
  };

export type CustomerAsk = Scope &
  Claim & {
    readonly kind: "customer";
    readonly change: "create" | "update" | "delete";
    /** Absent when the customer is to be made. */
    readonly id?: CustomerId;
    readonly patch?: { readonly [name: string]: Json };
    readonly source?: CardSource;
    /** What is written to the card that comes. */
    readonly source_metadata?: Readonly<Record<string, string>>;
    readonly keeps_default?: boolean;
    /** The card that `card_patch` changes. */
    readonly card_id?: CardId;
    readonly card_patch?: { readonly [name: string]: Json };
    readonly default_source?: CardId;
  };

/** An object to make or to change, as it was decided on what was read of it. */
export type ObjectAsk = Omit<SaveObject, "kind" | "id"> & {
  readonly kind: "object";
  /** Absent when it is to be made and has no id yet. */
  readonly id?: string;
};

export type AccountAsk = Scope & {
  readonly kind: "account";
  readonly id: AccountId;
  readonly slot: number;
  readonly name?: string;
  readonly email?: string;
  readonly terms?: KeptTerms;
};

export type Ask = ChargeAsk | OperationAsk | CustomerAsk | ObjectAsk | AccountAsk;

/** How a request ended. */
export type End =
  | { readonly ok: true; readonly facts: Facts }
  | {
      readonly ok: false;
      readonly failure: Failure;
      /** The charge of an intent that was declined: what the failure shows of the intent is made of it. */
      readonly charge?: ChargeFacts;
    };

/** Kinds of requests that are limited apart. */
export type EndpointClass = "read" | "write" | "search";

/** Why a request is refused for now, in Stripe's words. */
export type LimitReason = "global-rate" | "endpoint-rate" | "global-concurrency";

/** One limit of an account, and what is left of it. */
export type Quota = {
  readonly policy: "account" | "read" | "search";
  /** Requests at once after a rest. */
  readonly limit: number;
  /** Seconds in which as many come back. */
  readonly windowSeconds: number;
  readonly remaining: number;
  /** Seconds until all of them are back. */
  readonly resetSeconds: number;
};

/** What a shard says beside its answer, at the moment it answers. */
export type Word = {
  /** How fresh a read that follows must be; null when only home is. */
  readonly minSeq: number | null;
  /** None where nobody counts. */
  readonly quotas?: readonly Quota[];
};

export type Reply = {
  readonly end: End;
  /** True when a request before this one was executed and this is its answer. */
  readonly replayed: boolean;
  /** The request that was executed. */
  readonly request: RequestId;
  /** Given as it leaves the shard. */
  readonly word?: Word;
};

/** Who asks for a token with a publishable key, as far as it shows. */
export type Visit = {
  /** See network.ts; undefined when the address is not known or says nothing. */
  readonly network: string | undefined;
  /** Whether a challenge was passed. */
  readonly proven: boolean;
};

/** The shard's word on a token: its name, so that a charge with it tells who it was made for. */
export type TokenAdmission = (
  | { readonly ok: true; readonly ticket: TokenTicket }
  | { readonly ok: false; readonly failure: Failure }
) & { readonly quotas?: readonly Quota[] };

/** The shard's word on a read: may it be made, and how fresh must its answer be? */
export type Admission =
  | ({ readonly ok: true } & Word)
  | { readonly ok: false; readonly failure: Failure; readonly quotas?: readonly Quota[] };
