// Confirming a setup intent: the card is checked at the bank, its holder proves himself where the issuer wants it, and
// the method is attached to the customer. The steps are claims of their own, as with payment-confirmation.ts.

import { eventCode } from "../../protocol/event.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import { same } from "../../protocol/intent-moves.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import {
  confirmedSetup,
  failedSetup,
  type SetupDocument,
  type SetupFacts,
  type SetupPatch,
  setupIntentObject,
  setupOfObject,
  succeededSetup,
} from "../../protocol/setup-intent.ts";
import type { Reply } from "../../protocol/shard.ts";
import { actionOf, askCardholder } from "./cardholder.ts";
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
import { attachTo, type FoundMethod, type MethodChoice, methodChosen } from "./method-choice.ts";
import type { Confirming } from "./payment-answer.ts";
import type { Answered, Refused } from "./route.ts";
import { endOf } from "./shard-call.ts";

/** A setup intent that stands, and its facts as they were read or written. */
export type SetupStanding = { readonly facts: ObjectFacts; readonly setup: SetupFacts };

export function standingSetup(facts: ObjectFacts): SetupStanding {
  const setup = setupOfObject(facts);
  assert(setup !== undefined, "an intent is never deleted");
  return { facts, setup };
}

export type SetupConfirmation = MethodChoice & {
  readonly patch: SetupPatch;
  readonly returnUrl: string | undefined;
};

/** Confirms a setup intent that was read. */
export async function confirmSetup(
  call: Confirming,
  claim: VersionedClaim,
  at: SetupStanding,
  how: SetupConfirmation,
): Promise<Result<Answered, Refused>> {
  const before = mayBeAnswered(at.setup) ? await setupAnswerBefore(call, claim) : undefined;
  if (before !== undefined) return before;
  const ready = await prepared(call, claim, at, how);
  if (!ready.ok) return orSetupAnswerBefore(call, claim, ready);
  return proceedSetup(call, claim, ready.value, how);
}

const mayBeAnswered = ({ document }: SetupFacts): boolean =>
  ["action", "error", "succeeded", "canceled"].some((name) => name in document);

/** What a request with this key was answered, if there was one. */
async function setupAnswerBefore(
  call: Confirming,
  claim: VersionedClaim,
): Promise<Result<Answered, Refused> | undefined> {
  const before = await answeredBefore(call, claim);
  return before === undefined ? undefined : concluded(call, before);
}

/** A refusal of what cannot be done now, or what the key was answered when it could. */
export const orSetupAnswerBefore = (
  call: Confirming,
  claim: VersionedClaim,
  refused: Parameters<typeof orBefore>[0],
) => orBefore(refused, () => setupAnswerBefore(call, claim));

export type SetupReady = { readonly at: SetupStanding; readonly method: FoundMethod };

async function prepared(
  call: Confirming,
  claim: VersionedClaim,
  at: SetupStanding,
  how: SetupConfirmation,
): Promise<Result<SetupReady, Refused>> {
  const method = await methodToKeep(call, claim, how, at.setup.document);
  if (!method.ok) return method;
  const next = confirmedSetup(at.setup, how.patch, method.value);
  if (!next.ok) {
    return showing(next.failure, "setup_intent", setupIntentObject(at.setup, call.scope));
  }
  assert(method.value !== undefined, "a setup without a method is not confirmed");
  if (same(next.value, at.setup.document)) return ok({ at, method: method.value });
  const step = stepOf(claim, `at-${at.facts.seq}`);
  const saved = await saveSetup(call, step, at, next.value);
  return saved.ok ? ok({ at: standingSetup(saved.value.facts), method: method.value }) : saved;
}

/** The method that is to be kept: a customer's card of the older kind is kept already. */
export async function methodToKeep(
  call: Confirming,
  claim: VersionedClaim,
  choice: MethodChoice,
  holder: Pick<SetupDocument, "payment_method" | "customer">,
): Promise<Result<FoundMethod | undefined, Refused>> {
  const method = await methodChosen(call, claim, choice, holder);
  if (!method.ok || method.value === undefined || method.value.id.startsWith("pm_")) return method;
  const why = "A card of a customer is set up already. Send a payment method (pm_…).";
  return refuse({ kind: "parameter_invalid", param: "payment_method", why });
}

const changeOf = ({ facts }: SetupStanding, document: SetupDocument, event: string) =>
  ({
    type: "setup_intent",
    from: facts,
    document,
    event: eventCode(event),
    ...belongings(document),
  }) satisfies Change;

/** What lists find it by. */
export const belongings = ({ customer, payment_method: method }: SetupDocument) => ({
  ...(customer === undefined ? {} : { customer }),
  ...(method === undefined ? {} : { parent: method }),
});

/** Saves a setup intent as it is to be, decided on what stands. */
export const saveSetup = (
  call: Pick<Confirming, "env" | "scope">,
  claim: VersionedClaim,
  at: SetupStanding,
  document: SetupDocument,
  event = "setup_intent.updated",
) => saveObject(call, claim, changeOf(at, document, event));

/** Checks the card, and ends, fails, or gives the cardholder his turn. */
export async function proceedSetup(
  call: Confirming,
  claim: VersionedClaim,
  { at, method }: SetupReady,
  { returnUrl }: Pick<SetupConfirmation, "returnUrl">,
): Promise<Result<Answered, Refused>> {
  const { document } = at.setup;
  const asked = await askCardholder(call, at.facts, method, {
    amount: 0,
    currency: "usd",
    purpose: "setup",
    requested: document["request_three_d_secure"],
  });
  if (!asked.ok) return refuse(asked.failure);
  switch (asked.value.kind) {
    case "not_required":
      return keep(call, claim, { at, method }, undefined);
    case "declined": {
      const by = { type: "card_error", ...asked.value.decline } as const;
      return lastSave(call, claim, at, failedSetup(document, method, by), "setup_failed");
    }
    case "challenge": {
      const action = await actionOf(call, at.setup, asked.value.id, returnUrl);
      return lastSave(call, claim, at, { ...document, action }, "requires_action");
    }
  }
}

/** Attaches the method to its customer, and ends well. */
export async function keep(
  call: Confirming,
  claim: VersionedClaim,
  { at, method }: SetupReady,
  authentication: string | undefined,
): Promise<Result<Answered, Refused>> {
  const { document } = at.setup;
  if (document.customer !== undefined) {
    const proved = document.usage === "off_session" ? authentication : undefined;
    const kept = await attachTo(call, claim, method.id, document.customer, proved);
    if (!kept.ok) return kept;
  }
  return lastSave(call, claim, at, succeededSetup(document), "succeeded");
}

/** Saves a setup intent as the last step of a request. */
export async function lastSave(
  call: Confirming,
  claim: VersionedClaim,
  at: SetupStanding,
  document: SetupDocument,
  event: string,
): Promise<Result<Answered, Refused>> {
  const change = changeOf(at, document, `setup_intent.${event}`);
  return concluded(call, await askToSave(call, claim, change));
}

/** The answer to a request by how its last step ended. */
function concluded(call: Confirming, reply: Reply): Result<Answered, Refused> {
  const ended = endOf(reply);
  if (!ended.ok) return ended;
  const { facts, ...rest } = ended.value;
  assert(facts.kind === "object", "a setup's key ends in itself");
  const { setup } = standingSetup(facts);
  const object = setupIntentObject(setup, call.scope);
  const { error } = setup.document;
  if (error === undefined) return ok({ object, ...rest });
  const { type, code, decline_code, message } = error;
  const { payment_method } = object["last_setup_error"] as { payment_method: Answered["object"] };
  return refuse({
    kind: "intent_failed",
    type,
    code,
    message,
    ...(decline_code === undefined ? {} : { declineCode: decline_code }),
    shows: { setup_intent: object, payment_method },
    ...(rest.replayed === true && rest.original !== undefined
      ? { replay: { original: rest.original } }
      : {}),
  });
}
