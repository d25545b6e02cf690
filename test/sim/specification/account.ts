// What the ledger keeps of a merchant, as maps: the rows of its tables, and the unique indexes over them.

import type {
  Claim,
  OpenCharge,
  OpenOperation,
  PaidWith,
  Scope,
} from "../../../protocol/command.ts";
import type {
  AccountFacts,
  CardChange,
  KeptCard as CardOfCustomer,
  ChargeFacts,
  ChargeState,
  Json,
  ObjectFacts,
  OperationFacts,
} from "../../../protocol/facts.ts";
import type { Failure } from "../../../protocol/failure.ts";
import type { CardId, ChargeId, CustomerId, TokenId } from "../../../protocol/ids.ts";
import type { JournalEntry } from "../../../protocol/projection.ts";

export type Document = { readonly [name: string]: Json };

/**
 * An object and its versions. Payment intents, which charges count on, and payouts, which a balance must allow, have
 * rules of their own here; the others have none.
 */
export type KeptObject = {
  readonly type: ObjectFacts["type"];
  readonly seq: number;
  readonly deleted: boolean;
  readonly versions: ReadonlyMap<number, Document>;
};

/** What a charge was opened with; of it, only a person's words are erased when the customer is deleted. */
export type ChargeIntent = {
  readonly command: OpenCharge;
  readonly paidWith: PaidWith | undefined;
  readonly opened: ChargeFacts;
};

/** How a charge stands since the processor spoke; a charge that has none is `opened`. */
export type Authorization = {
  readonly state: ChargeState;
  /** What increments have added. */
  readonly raised: number;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly amount_refunding: number;
  readonly balance_seq: number | null;
  /** The event of the processor's word, and the charge as it left it: the answer of its key for ever. */
  readonly seq: number;
  readonly closed: ChargeFacts;
  /** Its money is there as soon as it is captured. */
  readonly availableNow: boolean;
};

export type Operation = {
  readonly command: OpenOperation;
  readonly kind: OperationFacts["operation"];
  readonly amount: number;
  readonly currency: string;
  /** Of the charge. */
  readonly intent: OperationFacts["intent"];
  readonly state: OperationFacts["state"];
  /** The event of its end. */
  readonly seq: number | null;
  readonly balance_seq: number | null;
  /** The charge as this capture or increment left it. */
  readonly left: ChargeFacts | null;
  /** What is told of a capture, release or increment that was refused. */
  readonly refusal: Failure | null;
};

/** A key that made no charge and no operation: a customer's, or a refusal's. */
export type KeptKey = {
  readonly claim: Claim;
  readonly day: number;
  readonly end:
    | { readonly customer: CustomerId; readonly seq: number }
    | { readonly object: string; readonly seq: number }
    | { readonly failure: Failure };
};

export type Version = {
  readonly document: Document;
  readonly source: CardId | null;
  readonly card: CardChange | null;
};
export type Customer = {
  readonly seq: number;
  readonly deleted: boolean;
  readonly versions: ReadonlyMap<number, Version>;
};

export type KeptCard = {
  readonly customer: CustomerId;
  readonly token: TokenId;
  readonly card: CardOfCustomer;
};

/** One row of the journal: an event and, when money moved, its posting. */
export type Entry = JournalEntry & {
  /** Null where it is the subject's own. */
  readonly request: string | null;
  readonly createdMs: number;
};

export type Account = {
  readonly scope: Scope;
  readonly slot: number;
  readonly facts: AccountFacts;
  seq: number;
  readonly journal: Entry[];
  readonly charges: Map<ChargeId, ChargeIntent>;
  readonly authorizations: Map<ChargeId, Authorization>;
  readonly operations: Map<string, Operation>;
  readonly keys: Map<string, KeptKey>;
  readonly customers: Map<CustomerId, Customer>;
  readonly cards: Map<CardId, KeptCard>;
  readonly objects: Map<string, KeptObject>;
  /** Credits less debits, by `ledger account/currency`. */
  readonly balances: Map<string, number>;
  /** What of the merchant's balances comes free on a day, by `currency/day`; days that are over stay. */
  readonly pending: Map<string, number>;
  // The unique indexes.
  readonly chargeOfKey: Map<string, ChargeId>;
  readonly chargeOfToken: Map<TokenId, ChargeId>;
  readonly chargeOfAttempt: Map<string, ChargeId>;
  /** By `intent/attempt`. */
  readonly chargeOfIntent: Map<string, ChargeId>;
  readonly operationOfKey: Map<string, string>;
  readonly cardOfToken: Map<TokenId, CardId>;
  /** Tokens of cards that are gone, and the entry that they went with. */
  readonly forgotten: Map<TokenId, number>;
};

export type Ledger = {
  epoch: number;
  /** By account and mode. */
  readonly accounts: Map<string, Account>;
};

export const newLedger = (): Ledger => ({ epoch: 1, accounts: new Map() });

export const nameOf = ({ account, livemode }: Scope): string =>
  `${account}/${livemode ? "live" : "test"}`;

export const accountOf = (ledger: Ledger, scope: Scope): Account | undefined =>
  ledger.accounts.get(nameOf(scope));

export const newAccount = (scope: Scope, slot: number, facts: AccountFacts): Account => ({
  scope,
  slot,
  facts,
  seq: 0,
  journal: [],
  charges: new Map(),
  authorizations: new Map(),
  operations: new Map(),
  keys: new Map(),
  customers: new Map(),
  cards: new Map(),
  objects: new Map(),
  balances: new Map(),
  pending: new Map(),
  chargeOfKey: new Map(),
  chargeOfToken: new Map(),
  chargeOfAttempt: new Map(),
  chargeOfIntent: new Map(),
  operationOfKey: new Map(),
  cardOfToken: new Map(),
  forgotten: new Map(),
});
