// What may be asked of the vault, and what it says. The only words that carry a card number are the
// fields of `tokenize`; nothing that comes back does.

import type { Scope } from "./command.ts";
import type { CardSummary, Outcome } from "./facts.ts";
import type { Failure } from "./failure.ts";
import type { TokenId } from "./ids.ts";
import type { KeyCommand, KeyReport } from "./keys.ts";
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

/**
 * Something asked of the processor under a key derived from the charge or operation that asks, so that
 * asking twice books once.
 */
export type Order = Scope & { readonly key: string } & (
    | {
        readonly verb: "authorize";
        readonly token: TokenId;
        readonly amount: number;
        readonly currency: string;
        readonly capture: boolean;
      }
    | {
        readonly verb: "capture" | "refund" | "void";
        /** The processor's name for the authorization. */
        readonly authorization: string;
        readonly amount: number;
      }
  );

/** What the processor said; `unknown` means it may or may not have been done: ask again by key. */
export type Effect =
  | {
      readonly kind: "approved" | "declined";
      readonly ref: string | null;
      /** Present for an `authorize`. */
      readonly outcome?: Outcome;
      readonly card?: Partial<Pick<CardSummary, "funding" | "country">>;
    }
  | { readonly kind: "unknown" };

/** One line of what `perform` streams. */
export type Performed = { readonly key: string; readonly effect: Effect };

/** The vault's RPC interface. */
export interface VaultVerbs {
  /** Checks and seals a card; answers a fresh token. */
  tokenize(scope: Scope, card: TypedCard): Promise<Result<TokenizedCard, Failure>>;
  /** What may be shown of a token. A test-mode alias such as `tok_visa` makes a fresh token. */
  describe(scope: Scope, token: string): Promise<Result<TokenizedCard, Failure>>;
  /**
   * Performs many orders at the processor, in any order. Streams one line of JSON (`Performed`) for each
   * as soon as it is known, so that a slow card keeps nobody else waiting. Safe to repeat.
   */
  perform(orders: readonly Order[]): Promise<ReadableStream<Uint8Array>>;
  /** Destroys the sealed cards of these tokens. */
  forget(scope: Scope, tokens: readonly TokenId[]): Promise<void>;
  /** Takes one step with the keys of a slot's cards, or destroys those of an account. */
  keys(command: KeyCommand): Promise<Result<KeyReport, Failure>>;
}
