// A setup intent: a card is made ready to be charged later, with its holder there now. What it holds, where it
// stands, what may become of it, and how it looks on the wire. No money moves, so its document says all.

import {
  type CardholderAction,
  type IntentError,
  intentErrorObject,
  nextActionObject,
} from "./cardholder.ts";
import type { Scope } from "./command.ts";
import type { Document, ObjectFacts } from "./facts.ts";
import type { Failure } from "./failure.ts";
import type { CustomerId } from "./ids.ts";
import {
  type ChosenMethod,
  changedBy,
  type FailedBy,
  failedWith,
  paidWith,
  patched,
  UNPROVED,
  without,
} from "./intent-moves.ts";
import { metadataOf, type StripeObject } from "./object.ts";
import { automaticOf, clientSecretOf } from "./payment-intent.ts";
import type { BillingDetails } from "./payment-method.ts";
import { ok, type Result, refuse } from "./result.ts";

export type SetupStatus =
  | "requires_payment_method"
  | "requires_confirmation"
  | "requires_action"
  | "succeeded"
  | "canceled";

/** What a setup intent's document holds. Made by the edge; fields that are not set are left out. */
export type SetupDocument = Document & {
  readonly secret: string;
  readonly usage: "on_session" | "off_session";
  readonly customer?: CustomerId;
  /** `pm_…`. */
  readonly payment_method?: string;
  readonly billing_details?: BillingDetails;
  readonly action?: CardholderAction;
  readonly error?: IntentError;
  readonly succeeded?: true;
  readonly canceled?: true;
  readonly cancellation_reason?: string;
};

export type SetupFacts = Pick<ObjectFacts, "id" | "created"> & { readonly document: SetupDocument };

export const setupOfObject = ({ id, created, document }: ObjectFacts): SetupFacts | undefined =>
  document === null ? undefined : { id, created, document: document as SetupDocument };

export function setupStatusOf({ document: d }: SetupFacts): SetupStatus {
  if (d.canceled === true) return "canceled";
  if (d.succeeded === true) return "succeeded";
  if (d.action !== undefined) return "requires_action";
  return d.payment_method === undefined ? "requires_payment_method" : "requires_confirmation";
}

export type SetupAction = "update" | "confirm" | "cancel";

const OPEN = [
  "requires_payment_method",
  "requires_confirmation",
  "requires_action",
] as const satisfies SetupStatus[];

/** The statuses in which each action may be taken. */
export const SETUP_PERMITTED: Readonly<Record<SetupAction, readonly SetupStatus[]>> = {
  update: [...OPEN, "succeeded", "canceled"],
  confirm: OPEN,
  cancel: OPEN,
};

const unexpected = (status: SetupStatus, action: SetupAction, field?: string): Failure => ({
  kind: "intent_unexpected_state",
  object: "setup_intent",
  action,
  status,
  permitted: field === undefined ? SETUP_PERMITTED[action] : OPEN,
  ...(field === undefined ? {} : { field }),
});

/** What may still be said of one that has ended. */
const WORDS: readonly string[] = ["description", "metadata"];
/** What the cardholder proves himself for; a change of it makes his proof void. */
const PROVED: readonly string[] = ["payment_method", "customer", "usage"];

/** What is to be different; null unsets. */
export type SetupPatch = { readonly [field: string]: unknown };

export function updatedSetup(
  setup: SetupFacts,
  patch: SetupPatch,
  action: SetupAction = "update",
): Result<SetupDocument, Failure> {
  const status = setupStatusOf(setup);
  if (!SETUP_PERMITTED[action].includes(status)) return refuse(unexpected(status, action));
  const { document } = setup;
  const changed = changedBy(document, patch);
  const isOpen = OPEN.some((open) => open === status);
  const late = isOpen ? undefined : changed.find((name) => !WORDS.includes(name));
  if (late !== undefined) return refuse(unexpected(status, action, late));
  if (changed.length === 0) return ok(document);
  const proof = changed.some((name) => PROVED.includes(name)) ? ["action"] : [];
  return ok(patched(without(document, "error", ...proof), patch, changed));
}

/** The document that is set up: with the method that is given, or the one it has. */
export function confirmedSetup(
  setup: SetupFacts,
  patch: SetupPatch,
  method: ChosenMethod | undefined,
): Result<SetupDocument, Failure> {
  const next = updatedSetup(setup, { ...patch, ...paidWith(method) }, "confirm");
  if (!next.ok) return next;
  return next.value.payment_method === undefined
    ? refuse({ kind: "intent_without_method", object: "setup_intent" })
    : ok(without(next.value, "action", "error"));
}

export function canceledSetup(
  setup: SetupFacts,
  reason: string | undefined,
): Result<SetupDocument, Failure> {
  const status = setupStatusOf(setup);
  if (!SETUP_PERMITTED.cancel.includes(status)) return refuse(unexpected(status, "cancel"));
  return ok({
    ...without(setup.document, "action", "error"),
    canceled: true,
    ...(reason === undefined ? {} : { cancellation_reason: reason }),
  });
}

export const succeededSetup = (document: SetupDocument): SetupDocument => ({
  ...without(document, "action", "error"),
  succeeded: true,
});

/** What a setup failed by when its cardholder did not prove himself. */
export const SETUP_UNPROVED: FailedBy = {
  ...UNPROVED,
  code: "setup_intent_authentication_failure",
};

export const failedSetup: (
  document: SetupDocument,
  method: Parameters<typeof failedWith>[1],
  by: FailedBy,
) => SetupDocument = failedWith;

export function setupIntentObject(setup: SetupFacts, { livemode }: Scope): StripeObject {
  const { document: d } = setup;
  const status = setupStatusOf(setup);
  const field = (name: string) => d[name] ?? null;
  return {
    id: setup.id,
    object: "setup_intent",
    allowed_payment_method_types: null,
    application: null,
    automatic_payment_methods: automaticOf(d["automatic_payment_methods"]),
    cancellation_reason: field("cancellation_reason"),
    client_secret: clientSecretOf(setup),
    created: setup.created,
    customer: d.customer ?? null,
    customer_account: null,
    description: field("description"),
    excluded_payment_method_types: null,
    flow_directions: null,
    last_setup_error: d.error === undefined ? null : errorObject(d, d.error, livemode),
    latest_attempt: null,
    livemode,
    managed_payments: null,
    mandate: null,
    metadata: metadataOf((field("metadata") ?? {}) as object),
    next_action:
      status === "requires_action" && d.action !== undefined ? nextActionObject(d.action) : null,
    on_behalf_of: null,
    payment_method: d.payment_method ?? null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        mandate_options: null,
        network: null,
        request_three_d_secure: field("request_three_d_secure") ?? "automatic",
      },
    },
    payment_method_types: ["card"],
    single_use_mandate: null,
    status,
    usage: d.usage,
  };
}

const errorObject = (d: SetupDocument, error: IntentError, livemode: boolean) =>
  intentErrorObject(
    error,
    { billing_details: d.billing_details ?? {}, customer: d.customer ?? null },
    livemode,
  );
