// What a test asks of the rig, and what it hears of the ways behind the vault.

import type { Scope } from "../../../protocol/command.ts";
import type { TokenId } from "../../../protocol/ids.ts";
import type { KeyCommand } from "../../../protocol/keys.ts";
import type { Order, TypedCard } from "../../../protocol/vault.ts";

/** How the answer of the next batch is torn: after so many lines it breaks, breaks within a line, or ends. */
export type Tear = { readonly after: number; readonly how: "break" | "within" | "end" };

/** The vault by each caller's binding; the last two are no caller's. */
export type VaultBinding =
  | "VAULT"
  | "SHARD_VAULT"
  | "OPS_VAULT"
  | "STRANGER_VAULT"
  | "NAMELESS_VAULT";

export type Call =
  /** Any verb with any arguments, as only somebody without types would call it. */
  | {
      readonly kind: "attempt";
      readonly binding: VaultBinding;
      readonly verb: string;
      readonly given: readonly unknown[];
    }
  | { readonly kind: "tokenize"; readonly scope: Scope; readonly card: TypedCard }
  | { readonly kind: "forget"; readonly scope: Scope; readonly tokens: readonly TokenId[] }
  | { readonly kind: "authenticate"; readonly scope: Scope; readonly token: TokenId }
  | { readonly kind: "perform"; readonly orders: readonly Order[] }
  /** As `perform`, but the caller goes away before the first line. */
  | { readonly kind: "leave"; readonly orders: readonly Order[] }
  | { readonly kind: "tear"; readonly tear: Tear }
  /** From now on the vault finds these in its environment, as after a deployment. */
  | { readonly kind: "deploy"; readonly environment: Readonly<Record<string, string>> }
  | { readonly kind: "crash"; readonly scope: Scope; readonly afterPages: number }
  | { readonly kind: "keys"; readonly command: KeyCommand }
  /** Makes so many tokens of one card, in the order in which they were made. */
  | {
      readonly kind: "fill";
      readonly scope: Scope;
      readonly card: TypedCard;
      readonly count: number;
    }
  | { readonly kind: "crossed"; readonly scope: Scope };

/** HTTP requests to the bank since the last question, and how often the box was asked for cards so far. */
export type Counted = { readonly crossed: readonly string[]; readonly takes: number };
