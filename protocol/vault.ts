// What may be asked of the vault, and what it says. The only words that carry a card number are the
// fields of `tokenize`; nothing that comes back does.

import type { Scope } from "./command.ts";
import type { CardSummary, Outcome } from "./facts.ts";
import type { Failure } from "./failure.ts";
import type { TokenId } from "./ids.ts";
import type { Result } from "./result.ts";

/** Card fields as they were typed; checked by the vault and by nobody before it. */
export type TypedCard = {
  readonly number: string;
  readonly exp_month: string;
  readonly exp_year: string;
  readonly cvc?: string;
  readonly name?: string;
  readonly address_line1?: string;
  readonly address_zip?: string;
};

export type TokenizedCard = {
  readonly token: TokenId;
  readonly card: CardSummary;
  /** Unix seconds. */
  readonly created: number;
};

export type Authorization = {
  readonly token: TokenId;
  readonly amount: number;
  readonly currency: string;
  readonly capture: boolean;
  /** The processor's idempotency key, derived from the charge and its attempt. */
  readonly key: string;
};

export type FollowUp = {
  /** The processor's name for the authorization. */
  readonly authorization: string;
  readonly verb: "captures" | "refunds" | "voids";
  readonly amount: number;
  readonly key: string;
};

/** What the processor said; `unknown` means it may or may not have been done: ask again by key. */
export type Effect =
  | {
      readonly kind: "approved" | "declined";
      readonly ref: string | null;
      readonly outcome: Outcome;
      readonly card: Partial<CardSummary>;
    }
  | { readonly kind: "unknown" };

export type FollowUpEffect =
  | { readonly kind: "approved"; readonly ref: string }
  | { readonly kind: "declined" }
  | { readonly kind: "unknown" };

/** The vault's RPC interface. */
export interface VaultVerbs {
  /** Checks and seals a card; answers a fresh token. */
  tokenize(scope: Scope, card: TypedCard): Promise<Result<TokenizedCard, Failure>>;
  /** What may be shown of a token. A test-mode alias such as `tok_visa` makes a fresh token. */
  describe(scope: Scope, token: string): Promise<Result<TokenizedCard, Failure>>;
  /** Asks the processor for the money of a sealed card. Safe to repeat under one key. */
  authorize(scope: Scope, ask: Authorization): Promise<Effect>;
  /** Captures, refunds or voids an authorization. Safe to repeat under one key. */
  follow(scope: Scope, ask: FollowUp): Promise<FollowUpEffect>;
  /** Destroys the sealed cards of these tokens. */
  forget(scope: Scope, tokens: readonly TokenId[]): Promise<void>;
}
