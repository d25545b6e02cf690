// What is done once for its key and leaves nothing in the ledger: making a key, or a merchant's id. The shard
// remembers the request, and a note that its answer is made of; a secret is derived from it and stored nowhere.

import type { Scope } from "../../protocol/command.ts";
import type { KeyedRequest, Recalled } from "../../protocol/remembered.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { Answered, Call, Refused } from "./route.ts";
import { shardOf } from "./shard-call.ts";

/** A note, and whose it is when an earlier request with the key was given it. */
type Noted = Pick<Answered, "replayed" | "original"> & { readonly note: string };

export const askedOf = ({ claim }: Pick<Call<unknown>, "claim">): KeyedRequest => ({
  key: claim.key,
  operation: claim.operation,
  macs: [claim.mac, ...claim.otherMacs],
  request: claim.request,
});

/** What the first request with a key came to, for one that is sent again, or is another one with that key. */
export function heard(recalled: Recalled, { claim }: Pick<Call<unknown>, "claim">) {
  const { kind } = recalled;
  if (kind === "known") {
    return ok({ note: recalled.note, replayed: true, original: recalled.request } satisfies Noted);
  }
  const { first } = recalled;
  return refuse<Refused>({ kind: "idempotency_mismatch", first, second: claim.operation });
}

/** Decides on a note once for the request's key. What is refused is remembered nowhere and may be asked again. */
export async function notedOnce(
  call: Pick<Call<unknown>, "env" | "claim" | "isKeyed">,
  scope: Scope,
  decide: () => Promise<Result<string, Refused>>,
): Promise<Result<Noted, Refused>> {
  const shard = shardOf(call.env, scope);
  const asked = askedOf(call);
  const before = call.isKeyed ? await shard.recall(scope, asked) : undefined;
  if (before !== undefined) return heard(before, call);
  const note = await decide();
  if (!note.ok) return note;
  // Two at once with one key have both decided; the one that comes first is right.
  const first = call.isKeyed ? await shard.remember(scope, asked, note.value) : undefined;
  return first === undefined ? ok({ note: note.value }) : heard(first, call);
}
