// The one hop before every decision: the shard of the caller's account. It admits, locks and remembers.

import type { Scope } from "../../protocol/command.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { ForgetAsk } from "../../protocol/forgetting.ts";
import { effectiveAt } from "../../protocol/forgetting.ts";
import { objectOf, type StripeObject } from "../../protocol/object.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { Ask, CardSource } from "../../protocol/shard.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { TypedCard } from "../../protocol/vault.ts";
import type { EdgeEnv } from "./environment.ts";
import type { Answered, Refused } from "./route.ts";

/** The shard object of a slot. */
export function shardOf(env: EdgeEnv, scope: Scope) {
  return env.SHARD.getByName(`slot-${slotOf(scope.account)}`);
}

/** Has a request executed once, and renders how it ended. */
export async function execute(
  env: EdgeEnv,
  ask: Ask,
  render: (facts: Parameters<typeof objectOf>[0]) => StripeObject = (facts) => objectOf(facts, ask),
): Promise<Result<Answered, Refused>> {
  const { end, replayed, request } = await shardOf(env, ask).execute(ask);
  const original = { replayed, original: request };
  if (end.ok) return ok({ object: render(end.facts), ...original });
  return refuse(replayed ? { ...end.failure, replay: { original: request } } : end.failure);
}

/** A deleted thing on the wire, and from when on no copy of a store can bring it back. */
export const deletedObject = (object: string, id: string): StripeObject => ({
  id,
  object,
  deleted: true,
  effective_at: effectiveAt(Math.ceil(Date.now() / 1000)),
});

/** Has a token forgotten for ever; `object` and `id` are what the caller knows it by. */
export async function forget(
  env: EdgeEnv,
  ask: ForgetAsk,
  object: string,
  id: string,
): Promise<Result<Answered, Refused>> {
  const forgotten = await shardOf(env, ask).forget(ask);
  return forgotten.ok ? ok({ object: deletedObject(object, id) }) : refuse(forgotten.failure);
}

/** A `source` as the shard takes it: typed fields become a token here and go no further. */
export async function cardSource(
  env: EdgeEnv,
  scope: Scope,
  source: string | TypedCard,
): Promise<Result<CardSource, Failure>> {
  if (typeof source === "string") return ok({ kind: "token", text: source });
  // A card is only sealed for somebody who may ask now: sealing is storage, and no key guards it.
  const admission = await shardOf(env, scope).admit(scope);
  if (!admission.ok) return refuse(admission.failure);
  const tokenized = await env.VAULT.tokenize(scope, source);
  if (!tokenized.ok) return tokenized;
  return ok({ kind: "tokenized", token: tokenized.value.token, card: tokenized.value.card });
}
