// POST /v1/challenges/:id: what a cardholder answered, for the intent that waits for him. The processor keeps the
// first answer; what follows from it is done under a key of the challenge, so pressing twice, or two at once, or
// again after a crash, is one.

import * as z from "zod";
import { failedWith, proved, UNPROVED } from "../../protocol/intent-moves.ts";
import { isObjectId } from "../../protocol/object-type.ts";
import { paymentIntentObject, statusOf } from "../../protocol/payment-intent.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import {
  failedSetup,
  SETUP_UNPROVED,
  setupIntentObject,
  setupStatusOf,
} from "../../protocol/setup-intent.ts";
import type { VersionedClaim } from "./idempotency.ts";
import { readIntent, seenBy } from "./intent-access.ts";
import { clientSecret } from "./intent-fields.ts";
import { methodChosen } from "./method-choice.ts";
import { charge, lastSave, type Standing, standing } from "./payment-confirmation.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { expand, oneOf } from "./schema.ts";
import { keep, lastSave as lastSaveOfSetup, standingSetup } from "./setup-confirmation.ts";

const params = z.strictObject({
  client_secret: clientSecret,
  outcome: oneOf("complete", "fail"),
  expand: expand.optional(),
});

type AnswerCall = Call<z.output<typeof params>>;

/** The same for all that a challenge leads to, whoever asks and whatever he says. */
const claimOf = (call: AnswerCall, authentication: string): VersionedClaim => ({
  key: `tessera-challenge/${authentication}`,
  operation: "POST /v1/challenges",
  mac: "0".repeat(32),
  otherMacs: [],
  request: call.request,
});

/** Also while his answer is being charged: whoever asks again waits for how that ends. */
const WAITING: readonly string[] = ["requires_action", "processing"];

async function answerPayment(call: AnswerCall): Promise<Result<Answered, Refused>> {
  const read = await readIntent(call, "payment_intent", call.params.client_secret);
  if (!read.ok) return read;
  const at = standing(read.value);
  const { action } = at.intent.document;
  if (action === undefined || !WAITING.includes(statusOf(at.intent))) {
    return ok({ object: paymentIntentObject(at.intent, call.scope) });
  }
  const passed = await told(call, action.authentication);
  if (!passed.ok) return refuse(passed.failure);
  return shown(await conclude(call, at, action.authentication, passed.value));
}

async function conclude(
  call: AnswerCall,
  at: Standing,
  authentication: string,
  passed: boolean,
): Promise<Result<Answered, Refused>> {
  const { document } = at.intent;
  const claim = claimOf(call, authentication);
  const chosen = await methodChosen(call, claim, {}, document);
  if (!chosen.ok) return chosen;
  const method = chosen.value;
  assert(method !== undefined, "whoever is challenged has a method");
  if (!passed) {
    const failed = failedWith(document, method, UNPROVED);
    return lastSave(call, claim, at, failed, "payment_intent.payment_failed");
  }
  return document.confirmation_method === "manual"
    ? lastSave(call, claim, at, proved(document, authentication), "payment_intent.updated")
    : charge(call, claim, { at, method }, authentication);
}

async function answerSetup(call: AnswerCall): Promise<Result<Answered, Refused>> {
  const read = await readIntent(call, "setup_intent", call.params.client_secret);
  if (!read.ok) return read;
  const at = standingSetup(read.value);
  const { document } = at.setup;
  const { action } = document;
  if (action === undefined || setupStatusOf(at.setup) !== "requires_action") {
    return ok({ object: setupIntentObject(at.setup, call.scope) });
  }
  const passed = await told(call, action.authentication);
  if (!passed.ok) return refuse(passed.failure);
  const claim = claimOf(call, action.authentication);
  const chosen = await methodChosen(call, claim, {}, document);
  if (!chosen.ok) return chosen;
  const method = chosen.value;
  assert(method !== undefined, "whoever is challenged has a method");
  if (passed.value) return keep(call, claim, { at, method }, action.authentication);
  const failed = failedSetup(document, method, SETUP_UNPROVED);
  return shown(await lastSaveOfSetup(call, claim, at, failed, "setup_failed"));
}

/** Tells the processor what the cardholder answered; true when he has passed. */
const told = (call: AnswerCall, authentication: string) =>
  call.env.VAULT.answerChallenge(call.scope, authentication, call.params.outcome === "complete");

// Who could not prove himself has answered all the same.
function shown(outcome: Result<Answered, Refused>): Result<Answered, Refused> {
  if (outcome.ok || outcome.failure.kind !== "intent_failed") return outcome;
  const { payment_intent, setup_intent: object = payment_intent } = outcome.failure.shows ?? {};
  return object === undefined ? outcome : ok({ object });
}

export const cardholderRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/challenges/:id",
    summary: "Take a cardholder's answer for the intent that waits for it, as the test page does",
    access: "publishable",
    permission: "payment_intent_write",
    params,
    answers: ["public payment_intent", "public setup_intent", "payment_intent", "setup_intent"],
    handle: async (call) => {
      const id = call.path["id"] ?? "";
      if (isObjectId("payment_intent", id)) return seenBy(call, await answerPayment(call));
      if (isObjectId("setup_intent", id)) return seenBy(call, await answerSetup(call));
      return refuse({
        kind: "resource_missing",
        object: "challenge",
        id: id.slice(0, 100),
        param: "id",
      });
    },
  }),
];
