// Who may see and confirm an intent: the merchant's server, or a browser that was given its client secret.
// A browser that has the wrong one, or none, is told what it would be told of an intent that does not exist.

import { digestOfSecret, equalBytes } from "../../protocol/constant-time.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import { clientSecretOf, shownToBrowsers } from "../../protocol/payment-intent.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { readObject } from "./kept-objects.ts";
import type { Answered, Call, Refused } from "./route.ts";

export type IntentType = "payment_intent" | "setup_intent";
type Caller = Pick<Call<unknown>, "env" | "scope" | "continent" | "fromBrowser" | "path">;

/** The intent that a request is about, if the caller may know of it. */
export async function readIntent(
  call: Caller,
  type: IntentType,
  secret: string | undefined,
): Promise<Result<ObjectFacts, Failure>> {
  const id = call.path["id"] ?? "";
  if (call.fromBrowser && secret === undefined) {
    return refuse({ kind: "parameter_missing", param: "client_secret" });
  }
  const read = await readObject(call, type, id);
  if (!read.ok || secret === undefined) return read;
  const { document } = read.value;
  const known =
    document !== null &&
    (await isSecret(secret, { id, document: document as unknown as { secret: string } }));
  return known ? read : refuse({ kind: "resource_missing", object: type, id, param: "id" });
}

/** Whether this is the client secret of an intent. */
export async function isSecret(
  given: string,
  intent: { readonly id: string; readonly document: { readonly secret: string } },
): Promise<boolean> {
  const own = clientSecretOf(intent);
  return equalBytes(await digestOfSecret(given), await digestOfSecret(own));
}

/** An outcome without what is the merchant's alone, where a browser is told. */
export function seenBy(
  { fromBrowser }: Pick<Call<unknown>, "fromBrowser">,
  outcome: Result<Answered, Refused>,
): Result<Answered, Refused> {
  if (!fromBrowser) return outcome;
  if (outcome.ok) return ok({ ...outcome.value, object: shownToBrowsers(outcome.value.object) });
  const { shows } = outcome.failure;
  if (shows === undefined) return outcome;
  const { payment_intent, setup_intent, ...others } = shows;
  return refuse({
    ...outcome.failure,
    shows: {
      ...others,
      ...(payment_intent === undefined ? {} : { payment_intent: shownToBrowsers(payment_intent) }),
      ...(setup_intent === undefined ? {} : { setup_intent: shownToBrowsers(setup_intent) }),
    },
  });
}

/** A refusal that shows the intent it speaks of. */
export const showing = (
  failure: Failure,
  type: IntentType,
  object: Answered["object"],
): { readonly ok: false; readonly failure: Refused } =>
  refuse({ ...failure, shows: { [type]: object } });
