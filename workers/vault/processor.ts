// The only caller of a processor. Each question carries a key derived from the charge, so asking twice
// books once; when an answer is lost the processor is asked by that key what happened, and only then
// the same question again under the same key.

import type { CardSummary, Check, Outcome } from "../../protocol/facts.ts";
import type { Authorization, Effect, FollowUp, FollowUpEffect } from "../../protocol/vault.ts";
import type { Pan } from "./card.ts";

/** How long one answer is awaited; a processor that has not answered by then is asked by key. */
const ANSWER_MS_MAX = 8_000;
/** Questions in all before the outcome is left `unknown` to the caller, who keeps the charge open. */
const TRIES_MAX = 3;
const RETRY_PAUSE_MS = 200;

type Asked = { readonly status: number; readonly body: unknown };

export type CardInHand = {
  readonly pan: Pan;
  readonly expMonth: number;
  readonly expYear: number;
  readonly cvc: string | undefined;
  readonly summary: CardSummary;
};

/** A way to the processor; a service binding is one. */
export type ProcessorHttp = { fetch(url: string, init: RequestInit): Promise<Response> };

const pauseMs = (ms: number): Promise<void> => new Promise((resume) => setTimeout(resume, ms));

export class Processor {
  readonly #http: ProcessorHttp;
  readonly #key: string;
  readonly #pause: (ms: number) => Promise<void>;

  constructor(http: ProcessorHttp, key: string, pause = pauseMs) {
    this.#http = http;
    this.#key = key;
    this.#pause = pause;
  }

  async authorize(ask: Authorization, card: CardInHand): Promise<Effect> {
    const effect = await this.#settle(effectOf, ask.key, "/authorizations", {
      amount: ask.amount,
      currency: ask.currency,
      capture: ask.capture,
      card: {
        number: card.pan.expose(),
        exp_month: card.expMonth,
        exp_year: card.expYear,
        ...(card.cvc === undefined ? {} : { cvc: card.cvc }),
        ...(card.summary.address_line1 === undefined
          ? {}
          : { address_line1: card.summary.address_line1 }),
        ...(card.summary.address_zip === undefined
          ? {}
          : { address_zip: card.summary.address_zip }),
      },
      reference: ask.key,
    });
    return effect ?? { kind: "unknown" };
  }

  /** What the processor answered under this key; undefined when it never heard of it. */
  async recall(key: string): Promise<Effect | undefined> {
    const known = await this.#ask(`/keys/${encodeURIComponent(key)}`, undefined, undefined);
    if (known?.status === 200) return effectOf(known.body as Asked) ?? { kind: "unknown" };
    return known?.status === 404 ? undefined : { kind: "unknown" };
  }

  async follow(ask: FollowUp): Promise<FollowUpEffect> {
    const effect = await this.#settle(
      followUpEffectOf,
      ask.key,
      `/authorizations/${ask.authorization}/${ask.verb}`,
      ask.verb === "voids" ? {} : { amount: ask.amount },
    );
    return effect ?? { kind: "unknown" };
  }

  /** What a keyed question came to, or undefined when no definite answer could be had. */
  async #settle<E>(
    read: (answer: Asked) => E | undefined,
    key: string,
    path: string,
    body: unknown,
  ): Promise<E | undefined> {
    for (let tried = 1; tried <= TRIES_MAX; tried++) {
      if (tried > 1) {
        await this.#pause(RETRY_PAUSE_MS * tried);
        const known = await this.#ask(`/keys/${encodeURIComponent(key)}`, undefined, undefined);
        const recalled = known?.status === 200 ? read(known.body as Asked) : undefined;
        if (recalled !== undefined) return recalled;
      }
      const answer = await this.#ask(path, key, body);
      if (answer === undefined) continue;
      const { original } = answer.body as { original?: unknown };
      const duplicate = answer.status === 409 && original !== undefined;
      const effect = read(duplicate ? { status: 200, body: original } : answer);
      if (effect !== undefined) return effect;
    }
    return undefined;
  }

  async #ask(path: string, key: string | undefined, body: unknown): Promise<Asked | undefined> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), ANSWER_MS_MAX);
    try {
      const response = await this.#http.fetch(`https://processor${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          authorization: `Bearer ${this.#key}`,
          "content-type": "application/json",
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: deadline.signal,
      });
      return { status: response.status, body: await response.json() };
    } catch {
      // Cut, timed out or garbled: the question may have been executed, so the outcome is unknown.
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}

type AuthorizationBody = {
  id?: string;
  status?: string;
  decline?: { code: string; decline_code?: string; message: string; network_code?: string };
  checks?: { cvc?: Check | null; address_line1?: Check | null; address_zip?: Check | null };
  network_code?: string;
  card?: { funding?: string; country?: string };
  risk?: { level?: Outcome["risk_level"] };
};

/** What an answer to an authorization says; undefined when it says neither yes nor no. */
function effectOf(answer: Asked): Effect | undefined {
  const body = answer.body as AuthorizationBody;
  const said = answer.status === 200 ? body.status : answer.status === 400 ? "declined" : undefined;
  if (said === "approved" && body.id !== undefined) {
    return { kind: "approved", ref: body.id, outcome: outcomeOf(body), card: cardOf(body) };
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

const cardOf = (body: AuthorizationBody): Partial<CardSummary> => ({
  ...(body.card?.funding === undefined ? {} : { funding: body.card.funding }),
  ...(body.card?.country === undefined ? {} : { country: body.card.country }),
});

// Refusals that say for certain that nothing was moved. Anything else, such as a key in progress or a
// wrong password, says nothing of what an earlier question with this key did.
const REFUSED = new Set([
  "already_captured",
  "already_voided",
  "authorization_declined",
  "not_captured",
  "amount_exceeds_authorized",
  "amount_exceeds_refundable",
  "unknown_authorization",
  "invalid_request",
]);

function followUpEffectOf(answer: Asked): FollowUpEffect | undefined {
  const { id, status, error } = answer.body as {
    id?: string;
    status?: string;
    error?: { code?: string };
  };
  if (answer.status === 200) {
    if (status === "approved" && id !== undefined) return { kind: "approved", ref: id };
    return status === "declined" ? { kind: "declined" } : undefined;
  }
  return REFUSED.has(error?.code ?? "") ? { kind: "declined" } : undefined;
}
