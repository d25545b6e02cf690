// The one hop before every decision: the shard of the caller's account. It admits, locks and remembers.

import type { Scope } from "../../protocol/command.ts";
import type { Facts } from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { ForgetAsk } from "../../protocol/forgetting.ts";
import { effectiveAt } from "../../protocol/forgetting.ts";
import { fromJson, toJson } from "../../protocol/json-of.ts";
import { objectOf, type StripeObject } from "../../protocol/object.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { Ask, CardSource, Quota, Reply } from "../../protocol/shard.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { TypedCard } from "../../protocol/vault.ts";
import type { EdgeEnv } from "./environment.ts";
import type { VersionedClaim } from "./idempotency.ts";
import type { Answered, Refused } from "./route.ts";

/** The shard object of a slot. */
export function shardOf(env: EdgeEnv, scope: Scope) {
  return env.SHARD.getByName(`slot-${slotOf(scope.account)}`);
}

/** An ask as routes make it: with the MACs its first request may have been remembered under. */
export type VersionedAsk = Ask & Partial<Pick<VersionedClaim, "otherMacs">>;

/** A shard's refusal, with what is left of the limits it counts. */
export const withQuotas = ({
  failure,
  quotas,
}: {
  readonly failure: Failure;
  readonly quotas?: readonly Quota[];
}): Refused => (quotas === undefined ? failure : { ...failure, quotas });

/** A reply as what a route answers with: facts still to be shown, or the failure of who asked. */
export function endOf({
  end,
  replayed,
  request,
  word,
}: Reply): Result<Omit<Answered, "object"> & { readonly facts: Facts }, Refused> {
  if (end.ok) {
    const said = word === undefined ? {} : { word };
    return ok({ facts: end.facts, replayed, original: request, ...said });
  }
  const failure = withQuotas({ failure: end.failure, ...word });
  return refuse(replayed ? { ...failure, replay: { original: request } } : failure);
}

/** Has a request executed once, and renders how it ended. */
export async function execute(
  env: EdgeEnv,
  ask: VersionedAsk,
  render: (facts: Parameters<typeof objectOf>[0]) => StripeObject = (facts) => objectOf(facts, ask),
): Promise<Result<Answered, Refused>> {
  const ended = endOf(await replyTo(env, ask));
  if (!ended.ok) return ended;
  const { facts, ...rest } = ended.value;
  return ok({ object: render(facts), ...rest });
}

/**
 * How a request ended, as facts. Where the first request with the key was remembered under another version of
 * the secret, what looks like other parameters may be the same: asked again under that version. A mismatch has
 * changed nothing.
 */
export async function replyTo(
  env: EdgeEnv,
  { otherMacs = [], ...ask }: VersionedAsk,
): Promise<Reply> {
  const shard = shardOf(env, ask);
  const first = fromJson(await shard.execute(toJson<Ask>(ask)));
  for (const mac of otherMacs) {
    if (ask.kind === "account" || !isMismatch(first)) break;
    const again = fromJson(await shard.execute(toJson<Ask>({ ...ask, mac })));
    if (!isMismatch(again)) return again;
  }
  return first;
}

const isMismatch = ({ end }: Reply): boolean =>
  !end.ok &&
  end.failure.kind === "idempotency_mismatch" &&
  end.failure.first === end.failure.second;

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
): Promise<Result<CardSource, Refused>> {
  if (typeof source === "string") return ok({ kind: "token", text: source });
  // A card is only sealed for somebody who may ask now: sealing is storage, and no key guards it.
  const admission = await shardOf(env, scope).admit(scope, "write");
  if (!admission.ok) return refuse(withQuotas(admission));
  const tokenized = await env.VAULT.tokenize(scope, source);
  if (!tokenized.ok) return tokenized;
  return ok({ kind: "tokenized", token: tokenized.value.token, card: tokenized.value.card });
}
