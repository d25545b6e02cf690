// What a request about a payment intent hears when its last step has ended: the intent as the step left it, or a
// refusal that shows it. Made of the step's facts, so that a replay has the same bytes.

import type { ChargeFacts, Facts } from "../../protocol/facts.ts";
import { type Failure, isRetryable } from "../../protocol/failure.ts";
import {
  type IntentFacts,
  intentOfCharge,
  intentOfObject,
  paymentIntentObject,
} from "../../protocol/payment-intent.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import type { Reply } from "../../protocol/shard.ts";
import type { VersionedClaim } from "./idempotency.ts";
import { attachTo } from "./method-choice.ts";
import type { Answered, Call, Refused } from "./route.ts";
import { endOf } from "./shard-call.ts";

/** A request about an intent, as far as its steps need to know it. */
export type Confirming = Omit<Call<unknown>, "params" | "request" | "url" | "path">;

/** The answer to a request by how its last step ended. */
export async function concluded(
  call: Confirming,
  claim: VersionedClaim,
  reply: Reply,
): Promise<Result<Answered, Refused>> {
  const ended = endOf(reply);
  if (!ended.ok) {
    const declined = reply.end.ok ? undefined : reply.end.charge;
    const shows = declined === undefined ? {} : { shows: shownOf(declined, call) };
    return refuse({ ...onIntent(ended.failure), ...shows });
  }
  const { facts, ...rest } = ended.value;
  const intent = intentIn(facts);
  const kept = await keepForFuture(call, claim, intent);
  // What can never be attached now has been paid with all the same; else asking again attaches it.
  if (!kept.ok && isRetryable(kept.failure)) return kept;
  const object = paymentIntentObject(intent, call.scope);
  const { error } = intent.document;
  if (error === undefined || facts.kind !== "object") return ok({ object, ...rest });
  const { type, code, decline_code, message } = error;
  return refuse({
    kind: "intent_failed",
    type,
    code,
    message,
    ...(decline_code === undefined ? {} : { declineCode: decline_code }),
    shows: { payment_intent: object, ...triedIn(object) },
    ...(rest.replayed === true && rest.original !== undefined
      ? { replay: { original: rest.original } }
      : {}),
  });
}

/** A method that paid is attached to the customer who is to use it again. */
async function keepForFuture(
  call: Confirming,
  claim: VersionedClaim,
  { document, charge: latest }: IntentFacts,
): Promise<Result<undefined, Refused>> {
  const { payment_method: id, customer, setup_future_usage: usage } = document;
  if (latest === null || latest.state === "failed" || usage === undefined) return ok(undefined);
  if (id === undefined || customer === undefined || !id.startsWith("pm_")) return ok(undefined);
  const proved = usage === "off_session" ? latest.authentication : null;
  return attachTo(call, claim, id, customer, proved ?? undefined);
}

function intentIn(facts: Facts): IntentFacts {
  const intent =
    facts.kind === "charge"
      ? intentOfCharge(facts)
      : facts.kind === "object"
        ? intentOfObject(facts)
        : undefined;
  assert(intent !== undefined, "an intent's key ends in its charge or in itself");
  return intent;
}

function shownOf(declined: ChargeFacts, call: Confirming) {
  const intent = intentOfCharge(declined);
  assert(intent !== undefined, "only an intent's charge is told with its failure");
  const object = paymentIntentObject(intent, call.scope);
  return { payment_intent: object, ...triedIn(object) };
}

/** The method that `last_payment_error` names. */
function triedIn(intent: Answered["object"]) {
  const { payment_method, source } = (intent["last_payment_error"] ?? {}) as {
    payment_method?: Answered["object"];
    source?: Answered["object"];
  };
  return {
    ...(payment_method === undefined ? {} : { payment_method }),
    ...(source === undefined ? {} : { source }),
  };
}

/** A decline for want of authentication has a code of its own on intents. */
const onIntent = <F extends Failure>(failure: F): F =>
  failure.kind === "card_declined" && failure.declineCode === "authentication_required"
    ? { ...failure, code: failure.declineCode }
    : failure;
