// Turns what was asked into an order the book can execute: the body is checked, a card is decided
// on, and the parameters become a fingerprint. What leaves here holds no card number and no CVC.

import type { CardPrint } from "./authentication.ts";
import { decide, mustProve, refuseToKeep } from "./authorization.ts";
import type { BankOrder } from "./operations.ts";
import { type ProcessorKey, withoutCvc } from "./processor-key.ts";
import {
  type Asked,
  type AskedResponse,
  amountBody,
  answerBody,
  authenticationBody,
  authorizationBody,
  emptyBody,
  evidenceBody,
  parse,
  type Result,
} from "./request.ts";
import { outcomeOf } from "./responses.ts";

export async function orderOf(
  asked: Asked | AskedResponse,
  by: ProcessorKey,
  now: Date,
): Promise<Result<BankOrder>> {
  if ("subject" in asked) return responseOf(asked, by);
  const { key, verb } = asked;
  if (verb === "authorize") {
    const body = parse(authorizationBody, asked.body);
    if (!body.ok) return body;
    const { amount, currency, capture, reference = null, merchant = null } = body.value;
    const fingerprints = await by.fingerprints(verb, withoutCvc(body.value));
    const decision = decide(body.value, now);
    const said = { amount, currency, capture, reference, merchant };
    const order = { verb, key, ...fingerprints, ...said, decision };
    const { authentication, card } = body.value;
    if (authentication === undefined) return ok(order);
    const decisions = {
      payment: decide(body.value, now, "payment"),
      setup: decide(body.value, now, "setup"),
    };
    const print = await printOf(card.number, by);
    return ok({ ...order, proof: { authentication, card: print, decisions } });
  }
  const { authorization } = asked;
  if (verb === "void") {
    const body = parse(emptyBody, asked.body);
    if (!body.ok) return body;
    return ok({
      verb,
      key,
      ...(await by.fingerprints(verb, { authorization })),
      authorization,
    });
  }
  const body = parse(amountBody, asked.body);
  if (!body.ok) return body;
  const order = { authorization, amount: body.value.amount };
  return ok({ verb, key, ...(await by.fingerprints(verb, order)), ...order });
}

async function responseOf(
  { key, verb, subject, body }: AskedResponse,
  by: ProcessorKey,
): Promise<Result<BankOrder>> {
  if (verb === "contest") {
    const read = parse(evidenceBody, body);
    if (!read.ok) return read;
    const outcome = outcomeOf(read.value.evidence["uncategorized_text"]);
    const order = { dispute: subject, outcome };
    return ok({
      verb,
      key,
      ...(await by.fingerprints(verb, { ...order, ...read.value })),
      ...order,
    });
  }
  const read = parse(emptyBody, body);
  if (!read.ok) return read;
  const prints = await by.fingerprints(verb, { subject });
  return ok(
    verb === "accept"
      ? { verb, key, ...prints, dispute: subject }
      : { verb, key, ...prints, refund: subject },
  );
}

/** The question whether a cardholder must prove himself. */
export async function questionOf(
  { key, body: given }: { readonly key: string; readonly body: unknown },
  by: ProcessorKey,
  now: Date,
): Promise<Result<BankOrder>> {
  const body = parse(authenticationBody, given);
  if (!body.ok) return body;
  const { card, purpose, requested, authentication, amount, currency } = body.value;
  const { cvc: _, ...shown } = card;
  const declined =
    purpose === "setup" ? refuseToKeep({ amount, currency, capture: false, card }, now) : undefined;
  return ok({
    verb: "authenticate",
    key,
    ...(await by.fingerprints("authenticate", { ...body.value, card: shown })),
    amount,
    currency,
    purpose,
    card: await printOf(card.number, by),
    setUp: authentication ?? null,
    declined: declined ?? null,
    challenge: {
      plain: mustProve(card.number, requested, undefined),
      setUp: mustProve(card.number, requested, "setup"),
    },
  });
}

/** A cardholder's answer. */
export async function answerOf(
  asked: { readonly key: string; readonly authentication: string; readonly body: unknown },
  by: ProcessorKey,
): Promise<Result<BankOrder>> {
  const body = parse(answerBody, asked.body);
  if (!body.ok) return body;
  const { key, authentication } = asked;
  const order = { authentication, passed: body.value.passed };
  return ok({ verb: "answer", key, ...(await by.fingerprints("answer", order)), ...order });
}

async function printOf(number: string, by: ProcessorKey): Promise<CardPrint> {
  const { fingerprint, others } = await by.fingerprints("card", { number });
  return { print: fingerprint, others };
}

function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}
