// Turns what was asked into an order the book can execute: the body is checked, a card is decided
// on, and the parameters become a fingerprint. What leaves here holds no card number and no CVC.

import { decide } from "./authorization.ts";
import type { BankOrder } from "./operations.ts";
import { type ProcessorKey, withoutCvc } from "./processor-key.ts";
import {
  type Asked,
  amountBody,
  authorizationBody,
  emptyBody,
  parse,
  type Result,
} from "./request.ts";

export async function orderOf(
  asked: Asked,
  by: ProcessorKey,
  now: Date,
): Promise<Result<BankOrder>> {
  const { key, verb } = asked;
  if (verb === "authorize") {
    const body = parse(authorizationBody, asked.body);
    if (!body.ok) return body;
    const { amount, currency, capture, reference = null } = body.value;
    const fingerprints = await by.fingerprints(verb, withoutCvc(body.value));
    const decision = decide(body.value, now);
    return ok({ verb, key, ...fingerprints, amount, currency, capture, reference, decision });
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

function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}
