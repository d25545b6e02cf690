// What the edge asks of a region when it reads, and what it hears. A read names the sequence it must
// not fall behind; a copy that has not reached it says so and the home region is asked instead.

import type { TransactionFacts } from "./balance.ts";
import type { Scope } from "./command.ts";
import type { EventSource } from "./event.ts";
import type { EventFacts } from "./event-object.ts";
import type {
  AccountFacts,
  ChargeFacts,
  CustomerFacts,
  KeptCard,
  ObjectFacts,
  ObjectType,
  OperationFacts,
} from "./facts.ts";
import type {
  CardId,
  ChargeId,
  CustomerId,
  DisputeId,
  PaymentIntentId,
  PayoutId,
  RefundId,
  TokenId,
} from "./ids.ts";
import type { Search, SearchResource } from "./search-query.ts";
import type { Region } from "./slot.ts";
import type { TransactionType } from "./transaction.ts";

/** A page of a list, newest first. Cursors are ids of the listed things. */
export type Page = {
  readonly limit: number;
  readonly starting_after?: string;
  readonly ending_before?: string;
};

/** A span of unix seconds; both ends within it. */
export type Span = { readonly from?: number; readonly to?: number };

export type Query =
  | { readonly kind: "charge"; readonly id: ChargeId }
  | {
      readonly kind: "charges";
      readonly page: Page;
      readonly created?: Span;
      readonly customer?: CustomerId;
      readonly intent?: PaymentIntentId;
      readonly group?: string;
    }
  | { readonly kind: "refund"; readonly id: RefundId }
  | {
      readonly kind: "refunds";
      readonly page: Page;
      readonly created?: Span;
      readonly charge?: ChargeId;
      readonly intent?: PaymentIntentId;
    }
  | { readonly kind: "customer"; readonly id: CustomerId }
  | { readonly kind: "card"; readonly id: CardId }
  | {
      readonly kind: "customers";
      readonly page: Page;
      readonly created?: Span;
      readonly email?: string;
    }
  | {
      readonly kind: "events";
      readonly page: Page;
      readonly created?: Span;
      /** Entries that tell events of the names asked for. */
      readonly sources?: readonly EventSource[];
      /** The cursor's own entry too: not all of its events were seen. */
      readonly inclusive?: boolean;
    }
  /** An object that stands, with the latest charge of an intent. */
  | { readonly kind: "object"; readonly type: ObjectType; readonly id: string }
  | {
      readonly kind: "objects";
      readonly type: ObjectType;
      readonly page: Page;
      readonly created?: Span;
      readonly customer?: CustomerId;
      readonly parent?: string;
      /** The last page, as if it ended before something that follows all. */
      readonly from_end?: boolean;
    }
  | { readonly kind: "event"; readonly seq: number }
  | { readonly kind: "events_after"; readonly seq: number; readonly limit: number }
  | {
      readonly kind: "transactions";
      readonly page: Page;
      readonly created?: Span;
      readonly type?: TransactionType;
      readonly source?: ChargeId | RefundId | DisputeId | PayoutId;
    }
  | { readonly kind: "transaction"; readonly seq: number }
  | { readonly kind: "balance" }
  | { readonly kind: "account" }
  /** What was made with a token: nothing, a charge, or a card of a customer. */
  | { readonly kind: "token_use"; readonly token: TokenId }
  /** A page of what fits a search, newest first, after the thing that the page before ended with. */
  | {
      readonly kind: "search";
      readonly resource: SearchResource;
      readonly search: Search;
      readonly limit: number;
      readonly after?: string;
    }
  /** Where such a page stopped looking, if it did before the end. */
  | { readonly kind: "search_end"; readonly resource: SearchResource; readonly after?: string };

/** A card kept for a customer; `created` is in unix seconds. */
export type CardRow = {
  readonly kind: "card";
  readonly id: CardId;
  readonly customer: CustomerId;
  readonly card: KeptCard;
  readonly created: number;
};

/** A customer with the cards kept for it, newest first. */
export type CustomerRow = CustomerFacts & { readonly cards: readonly CardRow[] };

export type BalanceRow = {
  readonly kind: "balance";
  readonly currency: string;
  readonly amount: number;
  /** The part of it that comes free on a later day. */
  readonly pending: number;
};

export type TokenUseRow = { readonly kind: "token_use" };

export type SearchEndRow = { readonly kind: "search_end"; readonly id: string };

export type Row =
  | TokenUseRow
  | SearchEndRow
  | ChargeFacts
  | OperationFacts
  | CustomerRow
  | CardRow
  | AccountFacts
  | ObjectFacts
  | ({ readonly kind: "event" } & EventFacts)
  | ({ readonly kind: "transaction" } & TransactionFacts)
  | BalanceRow;

/** The body of `POST /read`. */
export type Read = Scope & {
  readonly home: Region;
  /** The least sequence the answer must include; null when only the primary will do. */
  readonly min_seq: number | null;
  readonly query: Query;
};

/** The body of `POST /read` that asks several things of one moment. */
export type ReadSeveral = Omit<Read, "query"> & { readonly queries: readonly Query[] };

/** What one query found. */
export type FoundRows = { readonly rows: readonly Row[]; readonly more: boolean };

export type ReadSeveralAnswer =
  | {
      readonly kind: "several";
      /** In the order of the queries. */
      readonly found: readonly FoundRows[];
      readonly seq: number;
      readonly from: "primary" | "replica";
    }
  | Exclude<ReadAnswer, { kind: "rows" }>;

export type ReadAnswer =
  | {
      readonly kind: "rows";
      readonly rows: readonly Row[];
      readonly more: boolean;
      readonly seq: number;
      readonly from: "primary" | "replica";
    }
  /** A cursor names nothing of this account. */
  | { readonly kind: "cursor_unknown"; readonly id: string; readonly param: string }
  | { readonly kind: "account_unknown" }
  | { readonly kind: "stale" };
