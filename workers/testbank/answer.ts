// The answers of the book: a status and the exact bytes of a body. The bytes are made once and
// stored, so that a replay is identical to the first answer; this file knows no transport.

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly isReplay: boolean;
}

export function answered(body: object): Answer {
  return { status: 200, body: JSON.stringify(body), isReplay: false };
}

export function refused(status: number, code: string, message: string): Answer {
  return { status, body: JSON.stringify({ error: { code, message } }), isReplay: false };
}

// What processors say to a repeated transaction: an error that carries the first answer.
export function refusedAsDuplicate(first: Answer): Answer {
  const error = {
    code: "duplicate_transaction",
    message: "This transaction was already made; its first answer is in `original`.",
  };
  return {
    status: 409,
    body: `{"error":${JSON.stringify(error)},"original":${first.body}}`,
    isReplay: true,
  };
}

export const BANK_FAILED = refused(500, "bank_failed", "The bank failed; the outcome is unknown.");

export const KEY_REUSED = refused(
  422,
  "idempotency_key_reused",
  "This Idempotency-Key was used for a request with other parameters.",
);

export const UNKNOWN_AUTHORIZATION = refused(
  404,
  "unknown_authorization",
  "There is no such authorization.",
);

export const UNKNOWN_AUTHENTICATION = refused(
  404,
  "unknown_authentication",
  "There is no such authentication.",
);

export const DECLINED = refused(409, "authorization_declined", "The authorization was declined.");

export const VOIDED = refused(409, "already_voided", "The authorization was voided.");

export const CAPTURED = refused(409, "already_captured", "The authorization was captured.");

export const NOT_CAPTURED = refused(
  409,
  "not_captured",
  "The authorization was not captured; void it instead.",
);

export const DISPUTED = refused(
  409,
  "authorization_disputed",
  "The cardholder has taken the payment back.",
);

export const OVER_AUTHORIZED = refused(
  409,
  "amount_exceeds_authorized",
  "The amount is over the authorized amount.",
);

export const OVER_CAPTURED = refused(
  409,
  "amount_exceeds_refundable",
  "The amount is over what was captured and not yet refunded.",
);
