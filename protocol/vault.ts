// What may be asked of the vault, and what it says. The only words that carry a card number are the
// fields of `tokenize` and, sealed, the text of `tokenizeSealed`; nothing that comes back does.

import type { Scope } from "./command.ts";
import type { CardSummary, Decline, Outcome } from "./facts.ts";
import type { Failure } from "./failure.ts";
import type { TokenId } from "./ids.ts";
import type { JsonOf } from "./json-of.ts";
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

/** Longest sealed card that is looked at; one with every field at its limit has about 2,000. */
export const SEALED_CARD_CHARACTERS_MAX = 4096;

/** A public key to seal cards to: a JWK of RFC 7517, for the agreement of RFC 7518, section 4.6. */
export type SealingKey = {
  readonly kty: "EC";
  readonly crv: "P-256";
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly use: "enc";
  readonly alg: "ECDH-ES";
};

/** A JWKS, the key to seal to first. */
export type SealingKeySet = {
  readonly keys: readonly SealingKey[];
  /** Unix seconds: the `iat` of a card sealed now, for a browser whose clock is wrong. */
  readonly time: number;
};

/** The one use of a sealed card: its name, remembered until the card could not be opened again anyway. */
export type SealUse = { readonly jti: string; readonly untilMs: number };

/** What the shard has said of the buyer before his card was seen. */
export type TokenTicket = {
  /** The name that the token is to have. */
  readonly token: TokenId;
  /** Whether something speaks for the buyer: a passed challenge, or others who paid from his network. */
  readonly proven: boolean;
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
        /** Until when the card is good as its merchant knows it, where it is kept under a name. */
        readonly expiry?: { readonly month: number; readonly year: number };
        /** The processor's name for what the cardholder proved. */
        readonly authentication?: string;
      }
    | {
        /** An increment is of `amount` more. */
        readonly verb: "capture" | "refund" | "void" | "increment";
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
      /** Of an increment that was declined. */
      readonly decline?: Decline;
      /** Of a refund: taken, and to be settled later. */
      readonly pending?: true;
      /** The money of an approved `authorize` is there as soon as it is captured. */
      readonly available_now?: true;
    }
  | { readonly kind: "unknown" };

/**
 * What a merchant says to the processor of something under way, under a key of its own: evidence against a
 * dispute, that he accepts it, that a refund is not to be made.
 */
export type Response = { readonly key: string } & (
  | {
      readonly verb: "contest";
      /** The processor's name for the dispute. */
      readonly dispute: string;
      readonly evidence: Readonly<Record<string, string>>;
    }
  | { readonly verb: "accept"; readonly dispute: string }
  /** The key of the refund's order. */
  | { readonly verb: "cancel"; readonly refund: string }
);

/** `unknown` means that it may or may not have been heard: say it again. */
export type Heard = "heard" | "too_late" | "unknown";
/** What is asked of the processor before a card is charged or kept, under a key of its own. */
export type AuthenticationQuestion = {
  readonly key: string;
  /** Zero when the card is to be kept. */
  readonly amount: number;
  readonly currency: string;
  readonly purpose: "payment" | "setup" | "payment_and_setup";
  /** Whether the merchant wants it where the issuer would not. */
  readonly requested: "automatic" | "any" | "challenge";
  /** What the cardholder proved when the card was set up. */
  readonly authentication?: string;
  /** Of a card that has another than when it was kept. */
  readonly expiry?: { readonly month: number; readonly year: number };
};

/** `challenge`: the cardholder is to prove himself, and how it went is asked by its name. */
export type Authentication =
  | { readonly kind: "not_required" }
  | { readonly kind: "challenge"; readonly id: string }
  | { readonly kind: "declined"; readonly decline: NonNullable<Outcome["decline"]> };

/** What became of one order that was performed. */
export type Performed = { readonly key: string; readonly effect: Effect };

/** Orders in one `perform`: what a shard sends at once is two batches of 400 and a page of 500 at most. */
export const ORDERS_MAX = 4_000;
/** Tokens in one `forget`: a customer with more cards is forgotten in several. */
export const FORGET_TOKENS_MAX = 1_000;

/** The vault's RPC interface. Each caller may call some of it only (workers/vault/gate.ts). */
export interface VaultVerbs {
  /** Checks and seals a card; answers a fresh token, or the one its ticket names. */
  tokenize(
    scope: Scope,
    card: TypedCard,
    ticket?: TokenTicket,
  ): Promise<Result<TokenizedCard, Failure>>;
  /** What cards are sealed to. */
  sealingKeys(): Promise<SealingKeySet>;
  /**
   * As `tokenize`, of a card that was sealed to one of `sealingKeys` for this scope: a compact JWE. It is
   * opened once; whatever keeps it from being opened has the same failure, `sealed_card_invalid`.
   */
  tokenizeSealed(
    scope: Scope,
    sealed: string,
    ticket?: TokenTicket,
  ): Promise<Result<TokenizedCard, Failure>>;
  /** What may be shown of a token. A test-mode alias such as `tok_visa` makes a fresh token. */
  describe(scope: Scope, token: string): Promise<Result<TokenizedCard, Failure>>;
  /**
   * Performs many orders at the processor, in any order. Streams one line of JSON (`Performed`) for each
   * as soon as it is known, so that a slow card keeps nobody else waiting; what became of a single order is
   * the answer itself. Safe to repeat.
   */
  perform(orders: readonly Order[]): Promise<ReadableStream<Uint8Array> | JsonOf<Performed>>;
  /** Tells the processor what a merchant says. Safe to repeat. */
  respond(scope: Scope, response: Response): Promise<Heard>;
  /** Whether the cardholder must prove himself before this card is charged or kept. */
  authenticate(
    scope: Scope,
    token: TokenId,
    question: AuthenticationQuestion,
  ): Promise<Result<Authentication, Failure>>;
  /** Takes the cardholder's answer to a challenge; true when he passed. The first answer counts. */
  answerChallenge(scope: Scope, id: string, passed: boolean): Promise<Result<boolean, Failure>>;
  /** Destroys the sealed cards of these tokens. */
  forget(scope: Scope, tokens: readonly TokenId[]): Promise<void>;
  /** Takes one step with the keys of a slot's cards, or destroys those of an account. */
  keys(command: KeyCommand): Promise<Result<KeyReport, Failure>>;
}
