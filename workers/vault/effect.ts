// What a processor's answer says of an order: yes, no, or nothing that can be relied on. Pure. Only an
// answer that says for certain that money moved, or that none did, is an effect.

import type { CardSummary, Check, Decline, Outcome } from "../../protocol/facts.ts";
import type { Authentication, Effect, Heard, Order } from "../../protocol/vault.ts";

/** An answer of the processor: HTTP status and the JSON of its body. */
export type Answer = { readonly status: number; readonly body: unknown };

/** An effect that is known. */
export type Known = Exclude<Effect, { readonly kind: "unknown" }>;

/** It may or may not have been done. */
export const UNKNOWN: Effect = { kind: "unknown" };

type AuthorizationBody = {
  id?: string;
  status?: string;
  decline?: { code: string; decline_code?: string; message: string; network_code?: string };
  checks?: { cvc?: Check | null; address_line1?: Check | null; address_zip?: Check | null };
  network_code?: string;
  card?: { funding?: string; country?: string };
  risk?: { level?: Outcome["risk_level"] };
  available_now?: boolean;
};

type FollowUpBody = {
  id?: string;
  status?: string;
  decline?: Decline;
  error?: { code?: string };
};

/** What an answer says; undefined when it says neither yes nor no. */
export function effectOf(verb: Order["verb"], answer: Answer): Known | undefined {
  const { status, body } = answer;
  if (typeof body !== "object" || body === null) return undefined;
  // What processors say to a repeated transaction: an error that carries the first answer.
  if (status === 409 && "original" in body) {
    return effectOf(verb, { status: 200, body: body.original });
  }
  return verb === "authorize"
    ? authorizationEffectOf(status, body as AuthorizationBody)
    : followUpEffectOf(status, body as FollowUpBody);
}

function authorizationEffectOf(status: number, body: AuthorizationBody): Known | undefined {
  const said = status === 200 ? body.status : status === 400 ? "declined" : undefined;
  if (said === "approved" && body.id !== undefined) {
    const now = body.available_now === true ? ({ available_now: true } as const) : {};
    return { kind: "approved", ref: body.id, outcome: outcomeOf(body), card: cardOf(body), ...now };
  }
  if (said !== "declined") return undefined;
  const { code, decline_code, message } = body.decline ?? NO_REASON;
  const decline = { code, message, ...(decline_code === undefined ? {} : { decline_code }) };
  return {
    kind: "declined",
    ref: body.id ?? null,
    outcome: { ...outcomeOf(body), decline },
    card: cardOf(body),
  };
}

const NO_REASON = {
  code: "processing_error",
  decline_code: undefined,
  message: "An error occurred while processing your card. Try again shortly.",
};

const outcomeOf = (body: AuthorizationBody): Outcome => ({
  checks: {
    cvc: body.checks?.cvc ?? null,
    address_line1: body.checks?.address_line1 ?? null,
    address_zip: body.checks?.address_zip ?? null,
  },
  network_code: body.decline?.network_code ?? body.network_code ?? "00",
  risk_level: body.risk?.level ?? "normal",
});

const cardOf = (body: AuthorizationBody): Partial<Pick<CardSummary, "funding" | "country">> => ({
  ...(body.card?.funding === undefined ? {} : { funding: body.card.funding }),
  ...(body.card?.country === undefined ? {} : { country: body.card.country }),
});

// What says for certain that a response comes too late, or is of nothing.
const TOO_LATE = new Set([
  "dispute_decided",
  "refund_settled",
  "unknown_dispute",
  "unknown_refund",
]);

/** Whether a response was heard. */
export function heardIn({ status, body }: Answer): Heard {
  if (typeof body !== "object" || body === null) return "unknown";
  if (status === 409 && "original" in body) {
    const { original } = body;
    const isRefusal = typeof original === "object" && original !== null && "error" in original;
    return heardIn({ status: isRefusal ? 409 : 200, body: original });
  }
  if (status === 200) return "heard";
  return TOO_LATE.has((body as FollowUpBody).error?.code ?? "") ? "too_late" : "unknown";
}

// Refusals that say for certain that nothing was moved. Anything else, such as a key in progress or a
// wrong password, says nothing of what an earlier question with this key did.
const REFUSED = new Set([
  "already_captured",
  "already_voided",
  "authorization_declined",
  "not_captured",
  "amount_exceeds_authorized",
  "amount_exceeds_refundable",
  "authorization_disputed",
  "unknown_authorization",
  "invalid_request",
]);

function followUpEffectOf(status: number, body: FollowUpBody): Known | undefined {
  const { id, error, decline } = body;
  if (status === 200) {
    if (body.status === "approved" && id !== undefined) return { kind: "approved", ref: id };
    if (body.status === "pending" && id !== undefined) {
      return { kind: "approved", ref: id, pending: true };
    }
    return body.status === "declined"
      ? { kind: "declined", ref: id ?? null, ...(decline === undefined ? {} : { decline }) }
      : undefined;
  }
  return REFUSED.has(error?.code ?? "") ? { kind: "declined", ref: null } : undefined;
}

type AuthenticationBody = {
  id?: string;
  status?: string;
  decline?: NonNullable<Outcome["decline"]>;
};

/** What a processor says of a cardholder; undefined when it says nothing that can be relied on. */
export function authenticationOf({ status, body }: Answer): Authentication | undefined {
  if (status !== 200 || typeof body !== "object" || body === null) return undefined;
  const { status: said, id, decline } = body as AuthenticationBody;
  if (said === "not_required") return { kind: "not_required" };
  if (said === "challenge" && id !== undefined) return { kind: "challenge", id };
  if (said !== "declined" || decline === undefined) return undefined;
  const { code, decline_code, message } = decline;
  return {
    kind: "declined",
    decline: { code, message, ...(decline_code === undefined ? {} : { decline_code }) },
  };
}
