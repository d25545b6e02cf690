// Confirming a payment intent: its method is chosen and written down, its cardholder is asked to prove himself where
// the issuer wants it, and then it is charged. Each step is a claim of its own, and the last one has the
// request's own key: whoever asks again with that key walks the same steps, finds done what was done, and hears
// the same answer. Another confirmation decided on the same version loses at the ledger.

import { eventCode } from "../../protocol/event.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import type { CardId, CustomerId, PaymentIntentId, PaymentMethodId } from "../../protocol/ids.ts";
import {
  confirmed,
  documentNow,
  failedWith,
  type IntentPatch,
  nextAttempt,
  same,
} from "../../protocol/intent-moves.ts";
import { networkOf } from "../../protocol/network.ts";
import {
  attemptsOf,
  type IntentDocument,
  type IntentFacts,
  intentOfObject,
  paymentIntentObject,
} from "../../protocol/payment-intent.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import type { ChargeAsk } from "../../protocol/shard.ts";
import { actionOf, askCardholder, NOT_HANDLED } from "./cardholder.ts";
import type { VersionedClaim } from "./idempotency.ts";
import { showing } from "./intent-access.ts";
import {
  answeredBefore,
  askToSave,
  type Change,
  orBefore,
  saveObject,
  stepOf,
} from "./kept-objects.ts";
import { type FoundMethod, type MethodChoice, methodChosen } from "./method-choice.ts";
import { type Confirming, concluded } from "./payment-answer.ts";
import type { Answered, Refused } from "./route.ts";
import { replyTo } from "./shard-call.ts";

export type Confirmation = MethodChoice & {
  readonly patch: IntentPatch;
  readonly offSession: boolean;
  readonly errorOnAction: boolean;
  readonly returnUrl: string | undefined;
};

/** An intent that stands, and its facts as they were read or written. */
export type Standing = { readonly facts: ObjectFacts; readonly intent: IntentFacts };

export function standing(facts: ObjectFacts): Standing {
  const intent = intentOfObject(facts);
  assert(intent !== undefined, "an intent is never deleted");
  return { facts, intent };
}

/** Confirms an intent that was read. */
export async function confirmIntent(
  call: Confirming,
  claim: VersionedClaim,
  at: Standing,
  how: Confirmation,
): Promise<Result<Answered, Refused>> {
  const before = mayBeAnswered(at.intent) ? await answerBefore(call, claim) : undefined;
  if (before !== undefined) return before;
  const ready = await prepared(call, claim, at, how);
  if (!ready.ok) return orAnswerBefore(call, claim, ready);
  return proceed(call, claim, ready.value, how);
}

// A first confirmation cannot have been made before, so nobody is asked.
const mayBeAnswered = ({ document, charge: latest }: IntentFacts): boolean =>
  latest !== null || document.attempts > 0 || document.action !== undefined || "error" in document;

/** What a request with this key was answered, if there was one. */
export async function answerBefore(
  call: Confirming,
  claim: VersionedClaim,
): Promise<Result<Answered, Refused> | undefined> {
  const before = await answeredBefore(call, claim);
  return before === undefined ? undefined : concluded(call, claim, before);
}

/** A refusal of what cannot be done now, or what the key was answered when it could. */
export const orAnswerBefore = (
  call: Confirming,
  claim: VersionedClaim,
  refused: Parameters<typeof orBefore>[0],
) => orBefore(refused, () => answerBefore(call, claim));

/** An intent that is decided on, and with what it is charged. */
export type Ready = { readonly at: Standing; readonly method: FoundMethod };

async function prepared(
  call: Confirming,
  claim: VersionedClaim,
  at: Standing,
  how: Confirmation,
): Promise<Result<Ready, Refused>> {
  const method = await methodChosen(call, claim, how, documentNow(at.intent));
  if (!method.ok) return method;
  const next = confirmed(at.intent, how.patch, method.value);
  if (!next.ok) {
    return showing(next.failure, "payment_intent", paymentIntentObject(at.intent, call.scope));
  }
  const decided = await decide(call, claim, at, next.value);
  if (!decided.ok) return decided;
  assert(method.value !== undefined, "an intent without a method is not confirmed");
  return ok({ at: decided.value, method: method.value });
}

/** Writes down what was decided, if it differs from what stands. */
async function decide(
  call: Confirming,
  claim: VersionedClaim,
  at: Standing,
  document: IntentDocument,
): Promise<Result<Standing, Refused>> {
  if (same(document, at.intent.document)) return ok(at);
  // Named by the version, so that a retry that finds another decides anew.
  const saved = await saveIntent(call, stepOf(claim, `at-${at.facts.seq}`), at, document);
  return saved.ok ? ok(standing(saved.value.facts)) : saved;
}

const changeOf = ({ facts, intent }: Standing, document: IntentDocument, event: string) =>
  ({
    type: "payment_intent",
    from: facts,
    document,
    event: eventCode(event),
    attempts: attemptsOf(intent),
    ...(document.customer === undefined ? {} : { customer: document.customer }),
  }) satisfies Change;

/** Saves an intent as it is to be, decided on what stands. */
export const saveIntent = (
  call: Pick<Confirming, "env" | "scope">,
  claim: VersionedClaim,
  at: Standing,
  document: IntentDocument,
  event = "payment_intent.updated",
) => saveObject(call, claim, changeOf(at, document, event));

/** Takes the last step, whose answer is the request's: a charge, or the cardholder's turn. */
export async function proceed(
  call: Confirming,
  claim: VersionedClaim,
  { at, method }: Ready,
  how: Pick<Confirmation, "offSession" | "errorOnAction" | "returnUrl">,
): Promise<Result<Answered, Refused>> {
  const { document } = at.intent;
  const proved = document.authentication ?? method.authentication;
  // Nobody is there to be asked, or he was.
  if (how.offSession || document.authentication !== undefined) {
    return charge(call, claim, { at, method }, proved);
  }
  const asked = await askCardholder(call, at.facts, method, {
    amount: document.amount,
    currency: document.currency,
    purpose: document["setup_future_usage"] === "off_session" ? "payment_and_setup" : "payment",
    requested: document["request_three_d_secure"],
  });
  if (!asked.ok) return refuse(asked.failure);
  if (asked.value.kind !== "challenge") return charge(call, claim, { at, method }, proved);
  if (how.errorOnAction) {
    const failed = failedWith(document, method, NOT_HANDLED);
    return lastSave(call, claim, at, failed, "payment_intent.payment_failed");
  }
  const action = await actionOf(call, at.intent, asked.value.id, how.returnUrl);
  return lastSave(call, claim, at, { ...document, action }, "payment_intent.requires_action");
}

/** Saves an intent as the last step of a request. */
export async function lastSave(
  call: Confirming,
  claim: VersionedClaim,
  at: Standing,
  document: IntentDocument,
  event: string,
): Promise<Result<Answered, Refused>> {
  const change = changeOf(at, document, event);
  return concluded(call, claim, await askToSave(call, claim, change));
}

/** Charges an intent as the last step of a request. */
export async function charge(
  call: Confirming,
  claim: VersionedClaim,
  { at: { facts, intent }, method }: Ready,
  authentication: string | undefined,
): Promise<Result<Answered, Refused>> {
  const { document } = intent;
  const reply = await replyTo(call.env, {
    kind: "charge",
    ...call.scope,
    ...claim,
    source: sourceOf(method),
    amount: document.amount,
    currency: document.currency,
    capture: document.capture_method !== "manual",
    intent: {
      id: facts.id as PaymentIntentId,
      seq: facts.seq,
      attempt: nextAttempt(intent),
      document,
    },
    ...(authentication === undefined ? {} : { authentication }),
    ...callerOf(call),
    ...wordsOf(document),
  });
  return concluded(call, claim, reply);
}

const sourceOf = ({ id, token, card }: FoundMethod): ChargeAsk["source"] =>
  id.startsWith("card_")
    ? { kind: "customer", card_id: id as CardId }
    : { kind: "payment_method", id: id as PaymentMethodId, token, card };

function callerOf(call: Confirming): Pick<ChargeAsk, "caller"> {
  const caller = networkOf(call.address);
  return caller === undefined ? {} : { caller };
}

/** What an intent hands on to its charge. */
function wordsOf(
  document: IntentDocument,
): Pick<
  ChargeAsk,
  | "customer"
  | "description"
  | "receipt_email"
  | "statement_descriptor"
  | "transfer_group"
  | "metadata"
> {
  const text = (name: string) => {
    const value = document[name];
    return typeof value === "string" ? { [name]: value } : {};
  };
  return {
    ...(document.customer === undefined ? {} : { customer: document.customer as CustomerId }),
    ...text("description"),
    ...text("receipt_email"),
    ...text("statement_descriptor"),
    ...text("transfer_group"),
    metadata: (document["metadata"] ?? {}) as Record<string, string>,
  };
}
