// What is done once for its key and leaves nothing in the ledger: making a key, or a merchant's id. The shard
// remembers the request, and a note that its answer is made of; a secret is derived from it and stored nowhere.

import type { Scope } from "../../protocol/command.ts";
import type { KeyedRequest, Recalled } from "../../protocol/remembered.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { Answered, Call, Refused } from "./route.ts";
import { shardOf, withQuotas } from "./shard-call.ts";

/** A note, and whose it is when an earlier request with the key was given it. */
type Noted = Pick<Answered, "replayed" | "original" | "word"> & { readonly note: string };

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
  if (!call.isKeyed) {
    const note = await decide();
    return note.ok ? ok({ note: note.value }) : note;
  }
  const shard = shardOf(call.env, scope);
  const asked = askedOf(call);
  const before = await shard.recall(scope, asked);
  if (!before.ok) return refuse(withQuotas(before));
  const { recalled, ...word } = before;
  const told = (noted: Result<Noted, Refused>) => (noted.ok ? ok({ ...noted.value, word }) : noted);
  if (recalled !== undefined) return told(heard(recalled, call));
  const note = await decide();
  if (!note.ok) return note;
  // Two at once with one key have both decided; the one that comes first is right.
  const first = await shard.remember(scope, asked, note.value);
  return told(first === undefined ? ok({ note: note.value }) : heard(first, call));
}
