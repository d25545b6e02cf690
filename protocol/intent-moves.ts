// What may become of a payment intent: each action on what stands gives the next document or says why not.
// Pure, so the edge decides with it and the ledger compares (docs/decisions/0021).

import type { IntentError } from "./cardholder.ts";
import type { CardSummary, Document } from "./facts.ts";
import type { Failure } from "./failure.ts";
import type { ChargeId } from "./ids.ts";
import { asksToIncrement, isIncrementable } from "./increment.ts";
import { type MetadataChange, mergedMetadata } from "./metadata.ts";
import {
  amountOf,
  attemptsOf,
  capturableOf,
  type IntentDocument,
  type IntentFacts,
  type IntentStatus,
  isNews,
  statusOf,
} from "./payment-intent.ts";
import type { BillingDetails } from "./payment-method.ts";
import { assert, ok, type Result, refuse } from "./result.ts";

export const INTENT_ACTIONS = ["update", "confirm", "capture", "increment", "cancel"] as const;
export type IntentAction = (typeof INTENT_ACTIONS)[number];

const BEFORE_CHARGE = [
  "requires_payment_method",
  "requires_confirmation",
  "requires_action",
] as const satisfies IntentStatus[];

/** The statuses in which each action may be taken. Words about a payment may change for ever. */
export const PERMITTED: Readonly<Record<IntentAction, readonly IntentStatus[]>> = {
  update: [...BEFORE_CHARGE, "requires_capture", "succeeded", "canceled"],
  confirm: BEFORE_CHARGE,
  capture: ["requires_capture"],
  increment: ["requires_capture"],
  cancel: [...BEFORE_CHARGE, "requires_capture"],
};

/** Why an action may not be taken now; undefined when it may. */
export function forbidden(intent: IntentFacts, action: IntentAction): Failure | undefined {
  const status = statusOf(intent);
  // A charge is under way, and how it ends is known in a moment.
  if (status === "processing") return { kind: "object_locked" };
  return PERMITTED[action].includes(status)
    ? undefined
    : unexpected(status, action, PERMITTED[action]);
}

const unexpected = (
  status: IntentStatus,
  action: IntentAction,
  permitted: readonly IntentStatus[],
): Failure => ({
  kind: "intent_unexpected_state",
  object: "payment_intent",
  action,
  status,
  permitted,
});

/** What is to be different; null unsets. */
export type IntentPatch = {
  readonly [F in keyof IntentDocument]?: IntentDocument[F] | null | undefined;
} & { readonly metadata?: Readonly<Record<string, string | null>> | null | undefined };

/** What may still be said of an intent whose money has been moved, or never will be. */
const WORDS: readonly string[] = ["description", "metadata", "receipt_email", "transfer_group"];
/** What the cardholder proves himself for; a change of it makes his proof void. */
const PROVED: readonly string[] = ["amount", "currency", "payment_method", "customer"];

/**
 * The document as it is now that its latest charge is known: a card that was declined is let go, and what was added to
 * the amount is in it.
 */
export function documentNow(intent: IntentFacts): IntentDocument {
  const { charge } = intent;
  const attempts = attemptsOf(intent);
  const amount = amountOf(intent);
  const document =
    amount === intent.document.amount ? intent.document : { ...intent.document, amount };
  if (!isNews(intent)) return document;
  if (charge?.state !== "failed") return { ...document, attempts };
  return { ...without(document, "payment_method", "action", "authentication", "error"), attempts };
}

/** The intent with some of its fields changed; the same document when nothing is to change. */
export function updated(
  intent: IntentFacts,
  patch: IntentPatch,
  action: IntentAction = "update",
): Result<IntentDocument, Failure> {
  const refused = forbidden(intent, action);
  if (refused !== undefined) return refuse(refused);
  const before = documentNow(intent);
  const changed = changedBy(before, patch);
  const status = statusOf(intent);
  const late = !BEFORE_CHARGE.some((early) => early === status);
  const field = late ? changed.find((name) => !WORDS.includes(name)) : undefined;
  if (field !== undefined) {
    return refuse({ ...unexpected(status, action, BEFORE_CHARGE), field } as Failure);
  }
  if (changed.length === 0) return ok(before);
  const proof = changed.some((name) => PROVED.includes(name)) ? ["action", "authentication"] : [];
  return ok(patched(without(before, "error", ...proof), patch, changed));
}

/** The names of fields that a patch makes different; undefined leaves one as it is. */
export const changedBy = (document: Document, patch: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(patch)
    .filter(([name, value]) => value !== undefined && !same(document[name] ?? null, value))
    .map(([name]) => name);

/** A document with some fields set, unset by null, and metadata merged. */
export function patched<D extends Document>(
  document: D,
  patch: Readonly<Record<string, unknown>>,
  names: readonly string[],
): D {
  let next = document;
  for (const name of names) next = set(next, name, patch[name]);
  return next;
}

function set<D extends Document>(document: D, name: string, value: unknown): D {
  if (name === "metadata" && value !== null) {
    const kept = document["metadata"] as Readonly<Record<string, string>> | undefined;
    return { ...document, metadata: mergedMetadata(kept, value as MetadataChange) };
  }
  return value === null ? without(document, name) : { ...document, [name]: value };
}

/** What an intent is confirmed with, when it names one. */
export type ChosenMethod = { readonly id: string; readonly billing_details: BillingDetails };

/** What an intent holds of the method that was chosen, if one was. */
export const paidWith = (method: ChosenMethod | undefined) =>
  method === undefined
    ? {}
    : { payment_method: method.id, billing_details: method.billing_details };

/** The document that is charged: with the method that is given, or the one it has. */
export function confirmed(
  intent: IntentFacts,
  patch: IntentPatch,
  method: ChosenMethod | undefined,
): Result<IntentDocument, Failure> {
  const next = updated(intent, { ...patch, ...paidWith(method) } as IntentPatch, "confirm");
  if (!next.ok) return next;
  return next.value.payment_method === undefined
    ? refuse({ kind: "intent_without_method", object: "payment_intent" })
    : ok(without(next.value, "action", "error"));
}

/** Why a try failed of which no charge was made. */
export type FailedBy = Omit<IntentError, "method">;

/** What an intent failed by when its cardholder did not prove himself. */
export const UNPROVED: FailedBy = {
  type: "invalid_request_error",
  code: "payment_intent_authentication_failure",
  message:
    "The cardholder could not prove that the card is theirs. Confirm again, with this payment method or another.",
};

/** The document after a try that failed before a charge: the method is let go of. */
export function failedWith<D extends Document>(
  document: D,
  { id, card }: { readonly id: string; readonly card: CardSummary },
  by: FailedBy,
): D & { readonly error: IntentError } {
  const { name: _, address_line1: __, address_zip: ___, ...plain } = card;
  const error: IntentError = { ...by, method: { id, card: plain } };
  return { ...without(document, "payment_method", "action", "authentication"), error };
}

/** The document once its cardholder has proved himself, where the merchant's server is to go on. */
export const proved = (document: IntentDocument, authentication: string): IntentDocument => ({
  ...without(document, "action", "error"),
  authentication,
});

/** The next charge's number. */
export const nextAttempt = (intent: IntentFacts): number => attemptsOf(intent) + 1;

export type Cancellation = {
  readonly document: IntentDocument;
  /** What must be let go of first: only then is it canceled. */
  readonly release: ChargeId | undefined;
};

export function canceled(
  intent: IntentFacts,
  reason: string | undefined,
  at: number,
): Result<Cancellation, Failure> {
  const refused = forbidden(intent, "cancel");
  if (refused !== undefined) return refuse(refused);
  const held = statusOf(intent) === "requires_capture";
  const document = {
    ...without(documentNow(intent), "action", "authentication", "error", "cancellation_reason"),
    canceled_at: at,
    ...(reason === undefined ? {} : { cancellation_reason: reason }),
  };
  return ok({ document, release: held ? intent.charge?.id : undefined });
}

/** What is captured of which charge. */
export function captured(
  intent: IntentFacts,
  amount: number | undefined,
): Result<{ readonly charge: ChargeId; readonly amount: number }, Failure> {
  const refused = forbidden(intent, "capture");
  if (refused !== undefined) return refuse(refused);
  const { charge } = intent;
  assert(charge !== null, "what is captured was charged");
  const max = capturableOf(intent);
  return amount !== undefined && amount > max
    ? refuse({ kind: "capture_too_large", max, param: "amount_to_capture" })
    : ok({ charge: charge.id, amount: amount ?? max });
}

/** More is held on which charge: `amount` in all. */
export function incremented(
  intent: IntentFacts,
  amount: number,
): Result<{ readonly charge: ChargeId; readonly amount: number }, Failure> {
  const refused = forbidden(intent, "increment");
  if (refused !== undefined) return refuse(refused);
  const { charge } = intent;
  assert(charge !== null, "what is incremented was charged");
  if (!isIncrementable(charge)) {
    return refuse({ kind: "increment_unavailable", asked: asksToIncrement(intent.document) });
  }
  return amount > charge.amount
    ? ok({ charge: charge.id, amount })
    : refuse({ kind: "increment_too_small", authorized: charge.amount });
}

/** The document with the words that came with an increment that was made, wherever the intent stands by now. */
export function worded(intent: IntentFacts, patch: IntentPatch): IntentDocument {
  const before = documentNow(intent);
  return patched(before, patch, changedBy(before, patch));
}

/** Whether two documents say the same, in whatever order. */
export function same(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) =>
        Object.hasOwn(b, name) &&
        same((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
    )
  );
}

/** A document without some of its fields. */
export const without = <D extends Document>(document: D, ...names: readonly string[]): D =>
  Object.fromEntries(Object.entries(document).filter(([name]) => !names.includes(name))) as D;
