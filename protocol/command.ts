// What a shard asks of a region's origin and what it hears back. A batch is any number of commands of
// any accounts of one slot, answered one by one, in one transaction.

import type {
  CardSummary,
  Decline,
  Document,
  Facts,
  IntentOfCharge,
  Json,
  KeptCard,
  ObjectType,
  OperationFacts,
  Outcome,
} from "./facts.ts";
import type { Failure } from "./failure.ts";
import type {
  AccountId,
  CaptureId,
  CardId,
  ChargeId,
  CustomerId,
  PaymentMethodId,
  RefundId,
  RequestId,
  TokenId,
} from "./ids.ts";
import type { LedgerAccount } from "./ledger-account.ts";
import type { KeptTerms } from "./terms.ts";

/** Whose, in which mode. Ledgers, keys and limits of the two modes never meet. */
export type Scope = { readonly account: AccountId; readonly livemode: boolean };

/** What makes a request the same request: its key, its route and a keyed MAC of its parameters. */
export type Claim = {
  readonly key: string;
  /** Method and path, e.g. `POST /v1/charges`. */
  readonly operation: string;
  /** Of a step of a request, the request's own key: where that is another's, no step is taken. */
  readonly under?: string;
  /** Hex, 128 bits of HMAC-SHA-256 over the parsed parameters without card data. */
  readonly mac: string;
  readonly request: RequestId;
};

export type OpenCharge = Scope &
  Claim & {
    readonly kind: "open_charge";
    readonly id: ChargeId;
    readonly amount: number;
    readonly currency: string;
    readonly capture: boolean;
    readonly token?: TokenId;
    readonly card?: CardSummary;
    readonly customer?: CustomerId;
    /** A customer's card, whose token the ledger knows; or a payment method, which comes with its token. */
    readonly card_id?: CardId | PaymentMethodId;
    /** The intent it is an attempt of; refused when that has changed or has another attempt since. */
    readonly intent?: IntentOfCharge;
    readonly authentication?: string;
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

export type CloseCharge = Scope & {
  readonly kind: "close_charge";
  readonly id: ChargeId;
  readonly approved: boolean;
  readonly processor_ref: string | null;
  readonly outcome: Outcome;
  /** What the processor told of the card, to be shown from now on. */
  readonly card?: Partial<Pick<CardSummary, "funding" | "country">>;
  /** The processor pays at once what others settle in days. */
  readonly available_now?: true;
};

export type OpenOperation = Scope &
  Claim & {
    readonly kind: "open_operation";
    readonly id: RefundId | CaptureId;
    readonly charge: ChargeId;
    readonly capture: boolean;
    /** Refused once the charge is captured: money that was taken is not given back in passing. */
    readonly releases?: true;
    /** More is to be held: `amount` in all. */
    readonly increments?: true;
    readonly amount?: number;
    readonly reason?: string;
    readonly metadata?: Readonly<Record<string, string>>;
  };

export type CloseOperation = Scope & {
  readonly kind: "close_operation";
  readonly id: RefundId | CaptureId;
  readonly charge: ChargeId;
  readonly approved: boolean;
  readonly processor_ref: string | null;
  /** The processor has taken it and says later that it is done. */
  readonly pending?: true;
  /** Why the cardholder's bank refused an increment. */
  readonly decline?: Decline;
};

export type SaveCustomer = Scope &
  Claim & {
    readonly kind: "save_customer";
    readonly id: CustomerId;
    readonly made: boolean;
    readonly removed: boolean;
    /** Fields to set; null unsets. */
    readonly patch?: { readonly [name: string]: Json };
    /** The card that comes with `token`, or that `card_patch` changes. */
    readonly card_id?: CardId;
    readonly token?: TokenId;
    readonly card?: KeptCard;
    /** Fields of a card to set; null unsets. */
    readonly card_patch?: { readonly [name: string]: Json };
    /** A card that comes is charged by default only when there is no other. */
    readonly keeps_default?: boolean;
    readonly default_source?: CardId;
  };

/** Money that an object's change moves, in the same entry; in minor units. */
export type ObjectPosting = {
  readonly debit: LedgerAccount;
  readonly credit: LedgerAccount;
  readonly amount: number;
  readonly currency: string;
};

export type SaveObject = Scope &
  Claim & {
    readonly kind: "save_object";
    readonly type: ObjectType;
    readonly id: string;
    readonly made: boolean;
    /** The version that was decided on; refused as locked when there is a newer one. */
    readonly expects?: number;
    /** Of an intent: how many charges were known; refused as locked when there is another. */
    readonly attempts?: number;
    /** All of it as it is to be; null deletes the object. */
    readonly document: Document | null;
    /** A code of `EVENT_TYPES`. */
    readonly event: number;
    readonly customer?: CustomerId;
    readonly parent?: string;
    /** The sealed card of a payment method, when it is made. */
    readonly token?: TokenId;
    readonly posting?: ObjectPosting;
    /** Words about a person stood in what was decided on; refused as locked where they were erased since. */
    readonly worded?: true;
    /** Decided where it was asked: nothing is changed, and the key says so from now on. */
    readonly refusal?: Failure;
  };

export type CreateAccount = Scope & {
  readonly kind: "create_account";
  readonly id: AccountId;
  readonly slot: number;
  readonly name?: string;
  readonly email?: string;
  readonly terms?: KeptTerms;
};

export type Command =
  | OpenCharge
  | CloseCharge
  | OpenOperation
  | CloseOperation
  | SaveCustomer
  | SaveObject
  | CreateAccount;

/** How the first request with a key stands: ended with facts or a failure, or unfinished. */
export type Answer = {
  readonly request: RequestId;
  readonly end:
    | { readonly kind: "facts"; readonly facts: Facts }
    | { readonly kind: "failure"; readonly failure: Failure }
    | { readonly kind: "unfinished"; readonly facts: Facts };
};

/** What a customer pays with when a charge names no token: found by the ledger when it opens. */
export type PaidWith = {
  readonly token: TokenId;
  readonly card_id: CardId;
  readonly card: CardSummary;
};

/**
 * The origin's word on one command; `seq` is the number of its last event, or where the account's
 * sequence stands when there is none. The two hot outcomes carry no facts: `openedCharge` and
 * `closedCharge` make them of what the shard already holds.
 */
export type Verdict =
  | { readonly outcome: "charge_opened"; readonly seq: number; readonly paid_with?: PaidWith }
  | { readonly outcome: "charge_closed"; readonly seq: number }
  | { readonly outcome: "operation_opened"; readonly seq: number; readonly facts: OperationFacts }
  | {
      readonly outcome: "done";
      readonly seq: number;
      readonly facts: Facts;
      /** Tokens whose cards nobody may use any more. */
      readonly forgotten: readonly TokenId[];
    }
  | { readonly outcome: "known"; readonly seq: number; readonly answer: Answer }
  | { readonly outcome: "refused"; readonly seq: number; readonly failure: Failure };

/** Something a crash left between its two phases. */
export type Unfinished = Scope & { readonly facts: Facts };

/**
 * Names that may appear once in a batch: the functions of the ledger judge all commands of a batch
 * on what was before it, so two that touch one charge, token or key must come one after the other.
 */
export function exclusions(c: Command): string[] {
  const whose = c.kind === "create_account" ? c.id : `${c.account}/${c.livemode}`;
  switch (c.kind) {
    case "open_charge":
      return [
        `${whose}/${c.key}`,
        ...(c.token === undefined ? [] : [c.token]),
        ...(c.intent === undefined ? [] : [c.intent.id]),
        ...(c.attempt_number === undefined
          ? []
          : [`${whose}/order/${c.order_id}/${c.attempt_number}`]),
      ];
    case "close_charge":
      return [c.id];
    case "open_operation":
      return [`${whose}/${c.key}`, c.charge];
    case "close_operation":
      return [c.charge];
    case "save_customer":
      return [`${whose}/${c.key}`, c.id, ...(c.token === undefined ? [] : [c.token])];
    case "save_object":
      return [
        `${whose}/${c.key}`,
        c.id,
        ...(c.token === undefined ? [] : [c.token]),
        // Two payouts that were judged on one balance could take more than there is.
        ...(c.type === "payout" && c.posting !== undefined ? [`${whose}/payout`] : []),
        // What is taken back of a charge changes the charge.
        ...(c.parent === undefined ? [] : [c.parent]),
      ];
    case "create_account":
      return [c.id];
  }
}
