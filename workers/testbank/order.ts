// Turns what was asked into an order the book can execute: the body is checked, a card is decided
// on, and the parameters become a fingerprint. What leaves here holds no card number and no CVC.

import { decide } from "./authorization.ts";
import type { BankOrder } from "./operations.ts";
import { type ProcessorKey, withoutCvc } from "./processor-key.ts";
import {
  type Asked,
  type AskedResponse,
  amountBody,
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
    return ok({ verb, key, ...fingerprints, ...said, decision });
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

function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}
