// The shard as a state machine: everything it decides, and nothing it does. `step` takes one thing that
// happened and says what to do about it; clock and randomness are arguments, so one seed replays one run.
// shard.ts performs the actions on Cloudflare, test/sim/ performs them on a simulated one.

import type { Command, Scope, Unfinished, Verdict } from "../protocol/command.ts";
import type { CardSummary } from "../protocol/facts.ts";
import type { Failure } from "../protocol/failure.ts";
import type { Random, TokenId } from "../protocol/ids.ts";
import type { Result } from "../protocol/result.ts";
import type { Ask, Reply } from "../protocol/shard.ts";
import type { Order, Performed } from "../protocol/vault.ts";

/** Why a batch has no verdicts. */
export type SendFailure = "fenced" | "conflict" | "unreachable";

export type UsableCard = { readonly token: TokenId; readonly card: CardSummary };

/** What can happen to a shard. */
export type Input =
  /** A merchant's request arrived; `call` is where its answer goes. */
  | { readonly kind: "asked"; readonly call: number; readonly ask: Ask }
  /** The vault told of a token, or could not be asked. */
  | { readonly kind: "described"; readonly call: number; readonly card: Result<UsableCard, Failure> }
  /** A batch was answered, or nobody knows whether it was committed. */
  | {
      readonly kind: "committed";
      readonly batch: number;
      readonly answer: Result<readonly Verdict[], SendFailure>;
    }
  /** Some orders of one `perform` came to an end. */
  | { readonly kind: "performed"; readonly effects: readonly Performed[] }
  /** The ledger told what a crash left open. */
  | { readonly kind: "found"; readonly answer: Result<readonly Unfinished[], SendFailure> }
  | { readonly kind: "alarm" }
  | { readonly kind: "timer"; readonly timer: number };

/** What a shard may do. */
export type Action =
  | { readonly kind: "answer"; readonly call: number; readonly reply: Reply }
  | { readonly kind: "describe"; readonly call: number; readonly scope: Scope; readonly token: string }
  | { readonly kind: "send"; readonly batch: number; readonly commands: readonly Command[] }
  | { readonly kind: "perform"; readonly orders: readonly Order[] }
  | { readonly kind: "find"; readonly sinceMs: number }
  | { readonly kind: "forget"; readonly scope: Scope; readonly tokens: readonly TokenId[] }
  /** Wake me then, also after a crash; durable before any `send` that follows leaves. */
  | { readonly kind: "arm"; readonly atMs: number }
  /** Write down that everything opened before then has ended. */
  | { readonly kind: "remember"; readonly cleanSinceMs: number }
  /** Tell me `timer` after so long, unless I am gone by then. */
  | { readonly kind: "wait"; readonly timer: number; readonly ms: number };

export type Clock = { readonly nowMs: number; readonly random: Random };
