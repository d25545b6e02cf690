// The only caller of a processor. Each question carries a key derived from the charge, so asking twice
// books once. Many questions go out in one request, whose answer has a line for each as soon as it is
// known; a single one goes out as what it is. Where an answer is missing or unclear, the processor is asked by
// that key what happened, and only then the same question again under the same key, alone.

import { readLines } from "../../protocol/lines.ts";
import type {
  Authentication,
  AuthenticationQuestion,
  Effect,
  Heard,
  Order,
  Performed,
  Response as Said,
} from "../../protocol/vault.ts";
import type { CardInHand } from "./card.ts";
import { type Answer, authenticationOf, effectOf, heardIn, type Known, UNKNOWN } from "./effect.ts";
import { ownerOf } from "./owner.ts";

/** How long one answer is awaited; a processor that has not answered by then is asked by key. */
const ANSWER_MS_MAX = 8_000;
/** Questions in all before the outcome is left `unknown` to the caller, who keeps the charge open. */
const TRIES_MAX = 3;
const RETRY_PAUSE_MS = 200;
/** Questions in one request: what the test bank takes, some 0.4 MiB. */
const BATCH_QUESTIONS_MAX = 1_000;

export type Authorization = Extract<Order, { readonly verb: "authorize" }>;
type FollowUp = Exclude<Order, Authorization>;

/** An order and what it takes to ask it. */
export type Question =
  | { readonly order: Authorization; readonly card: CardInHand }
  | { readonly order: FollowUp };

export type Tell = (performed: Performed) => void;

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

  /** Asks every question, no two with one key, and tells the effect of each as soon as it is known. */
  async perform(questions: readonly Question[], tell: Tell): Promise<void> {
    const [question, ...others] = questions;
    if (question !== undefined && others.length === 0) return this.#performAlone(question, tell);
    const batches: Promise<void>[] = [];
    for (let from = 0; from < questions.length; from += BATCH_QUESTIONS_MAX) {
      batches.push(this.#performBatch(questions.slice(from, from + BATCH_QUESTIONS_MAX), tell));
    }
    await Promise.all(batches);
  }

  /** What the processor answered to an authorization under this key; undefined if it never heard of it. */
  async recall(key: string): Promise<Effect | undefined> {
    const known = await this.#askOfKey(key);
    if (known?.status === 200) return effectOf("authorize", known.body as Answer) ?? UNKNOWN;
    return known?.status === 404 ? undefined : UNKNOWN;
  }

  /** Tells what a merchant says, under its key. */
  async respond(said: Said): Promise<Heard> {
    const body = said.verb === "contest" ? { evidence: said.evidence } : {};
    const answer = await this.#ask(responsePathOf(said), said.key, body);
    return answer === undefined ? "unknown" : heardIn(answer);
  }

  /** Asks whether the cardholder must prove himself; undefined when no definite answer could be had. */
  async authenticate(
    question: AuthenticationQuestion,
    card: CardInHand,
  ): Promise<Authentication | undefined> {
    const { key, expiry: _, ...asked } = question;
    const answer = await this.#untilClear("/authentications", key, {
      ...asked,
      card: { number: card.pan.expose(), exp_month: card.expMonth, exp_year: card.expYear },
    });
    return answer && authenticationOf(answer);
  }

  /** Hands on a cardholder's answer; true when he passed, undefined when that is not known. */
  async answerChallenge(id: string, passed: boolean): Promise<boolean | undefined> {
    const key = `${id}.answer.${passed ? "passed" : "failed"}`;
    const path = `/authentications/${encodeURIComponent(id)}/answers`;
    const answer = await this.#untilClear(path, key, { passed });
    const { status } = (answer?.body ?? {}) as { status?: unknown };
    return answer?.status !== 200 || typeof status !== "string"
      ? undefined
      : status === "succeeded";
  }

  // Money does not move by it, so the same question is simply asked again.
  async #untilClear(path: string, key: string, body: object): Promise<Answer | undefined> {
    for (let tried = 1; tried <= TRIES_MAX; tried++) {
      if (tried > 1) await this.#pause(RETRY_PAUSE_MS * tried);
      const answer = await this.#ask(path, key, body);
      if (answer !== undefined && answer.status < 500) return answer;
    }
    return undefined;
  }

  async #performAlone(question: Question, tell: Tell): Promise<void> {
    const effect = (await this.#askOnce(question)) ?? (await this.#askAgain(question)) ?? UNKNOWN;
    tell({ key: question.order.key, effect });
  }

  async #performBatch(questions: readonly Question[], tell: Tell): Promise<void> {
    const unheard = new Map(questions.map((question) => [question.order.key, question]));
    const unclear: Promise<void>[] = [];
    const askAgain = async (question: Question) => {
      const effect = (await this.#askAgain(question)) ?? UNKNOWN;
      tell({ key: question.order.key, effect });
    };
    await this.#askTogether(questions, (key, answer) => {
      const question = unheard.get(key);
      if (question === undefined) return;
      unheard.delete(key);
      const effect = effectOf(question.order.verb, answer);
      if (effect === undefined) unclear.push(askAgain(question));
      else tell({ key, effect });
    });
    await Promise.all([...unclear, ...[...unheard.values()].map(askAgain)]);
  }

  /** Asks in one request and hears what is answered, until the answer ends, breaks or takes too long. */
  async #askTogether(
    questions: readonly Question[],
    hear: (key: string, answer: Answer) => void,
  ): Promise<void> {
    const asked = questions.map((question) => {
      const { key, verb } = question.order;
      const body = bodyOf(question);
      return "card" in question
        ? { key, verb, body }
        : { key, verb, authorization: question.order.authorization, body };
    });
    await this.#fetch("/batches", undefined, asked, async ({ status, body }) => {
      if (status !== 200 || body === null) return;
      await readLines(body, (lines) => {
        for (const line of lines) {
          const answer = answerIn(line);
          if (answer !== undefined) hear(answer.key, answer);
        }
      });
    });
  }

  /** Undefined when no definite answer could be had. */
  async #askOnce(question: Question): Promise<Known | undefined> {
    const { key, verb } = question.order;
    const answer = await this.#ask(pathOf(question.order), key, bodyOf(question));
    return answer === undefined ? undefined : effectOf(verb, answer);
  }

  /** Every try but the first. Undefined when no definite answer could be had. */
  async #askAgain(question: Question): Promise<Known | undefined> {
    const { key, verb } = question.order;
    for (let tried = 2; tried <= TRIES_MAX; tried++) {
      await this.#pause(RETRY_PAUSE_MS * tried);
      const known = await this.#askOfKey(key);
      const recalled = known?.status === 200 ? effectOf(verb, known.body as Answer) : undefined;
      if (recalled !== undefined) return recalled;
      const effect = await this.#askOnce(question);
      if (effect !== undefined) return effect;
    }
    return undefined;
  }

  #askOfKey(key: string): Promise<Answer | undefined> {
    return this.#ask(`/keys/${encodeURIComponent(key)}`, undefined, undefined);
  }

  #ask(path: string, key: string | undefined, body: unknown): Promise<Answer | undefined> {
    return this.#fetch(path, key, body, async (response) => {
      const said: unknown = await response.json();
      return typeof said === "object" && said !== null
        ? { status: response.status, body: said }
        : undefined;
    });
  }

  async #fetch<T>(
    path: string,
    key: string | undefined,
    body: unknown,
    read: (response: Response) => Promise<T>,
  ): Promise<T | undefined> {
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
      return await read(response);
    } catch {
      // Cut, timed out or garbled: the question may have been executed, so the outcome is unknown.
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}

const pathOf = (order: Order): string =>
  order.verb === "authorize"
    ? "/authorizations"
    : `/authorizations/${encodeURIComponent(order.authorization)}/${order.verb}s`;

function responsePathOf(said: Said): string {
  switch (said.verb) {
    case "contest":
      return `/disputes/${encodeURIComponent(said.dispute)}/evidence`;
    case "accept":
      return `/disputes/${encodeURIComponent(said.dispute)}/acceptances`;
    case "cancel":
      return `/refunds/${encodeURIComponent(said.refund)}/cancellations`;
  }
}

function bodyOf(question: Question): object {
  if (!("card" in question)) {
    const { verb, amount } = question.order;
    return verb === "void" ? {} : { amount };
  }
  const { order, card } = question;
  const { address_line1, address_zip } = card.summary;
  return {
    amount: order.amount,
    currency: order.currency,
    capture: order.capture,
    ...(order.authentication === undefined ? {} : { authentication: order.authentication }),
    card: {
      number: card.pan.expose(),
      exp_month: card.expMonth,
      exp_year: card.expYear,
      ...(card.cvc === undefined ? {} : { cvc: card.cvc }),
      ...(address_line1 === undefined ? {} : { address_line1 }),
      ...(address_zip === undefined ? {} : { address_zip }),
    },
    reference: order.key,
    merchant: ownerOf(order),
  };
}

/** One line of a batch's answer; undefined when it is not one. */
function answerIn(line: string): (Answer & { readonly key: string }) | undefined {
  try {
    const { key, status, body } = JSON.parse(line) as Record<string, unknown>;
    if (typeof key !== "string" || typeof status !== "number") return undefined;
    return { key, status, body };
  } catch {
    return undefined;
  }
}
