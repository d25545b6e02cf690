// The seam: turns bytes from outside into values the bank trusts, or into a refusal. A refusal
// names the field and the rule, never what was sent, because what was sent may be a card number.
// Unknown fields are refused: a caller that believes a field has an effect should hear otherwise.

import * as z from "zod";
import { readAtMost } from "../../protocol/body.ts";
import type { Switches } from "./faults.ts";

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

// A full authorization is under 1 KiB; the rest is room for long references and addresses.
const BODY_BYTES_MAX = 16 * 1024;
// An ordinary order is some 400 bytes.
export const BATCH_BYTES_MAX = 1024 * 1024;
const BATCH_ORDERS_MAX = 1_000;
// ISO 8583 field 4 has twelve digits.
const AMOUNT_MINOR_MAX = 999_999_999_999;
const TEXT_CHARACTERS_MAX = 255;
const KEY_CHARACTERS_MAX = 255;
// Of each text, as the wire format allows.
const EVIDENCE_CHARACTERS_MAX = 20_000;
export const EVIDENCE_BYTES_MAX = 1024 * 1024;
// Two minutes outlast every caller; more would only keep sockets open.
const DELAY_MS_MAX = 120_000;
const PAGE_ROWS_DEFAULT = 100;
// About 200 KiB of JSON.
const PAGE_ROWS_MAX = 1_000;

const amount = z.int().min(1).max(AMOUNT_MINOR_MAX);
const text = z.string().max(TEXT_CHARACTERS_MAX);
const delayMs = z.int().min(0).max(DELAY_MS_MAX);
const rate = z.number().min(0).max(1);

export const authorizationBody = z.strictObject({
  amount,
  currency: z.string().regex(/^[a-z]{3}$/),
  capture: z.boolean(),
  card: z.strictObject({
    number: z.string().regex(/^\d{12,19}$/),
    exp_month: z.int().min(1).max(12),
    exp_year: z.int().min(1970).max(9999),
    cvc: z
      .string()
      .regex(/^\d{3,4}$/)
      .exactOptional(),
    address_line1: text.exactOptional(),
    address_zip: text.exactOptional(),
  }),
  reference: text.exactOptional(),
  merchant: text.exactOptional(),
  authentication: text.exactOptional(),
});

/** Texts and names of files by Stripe's names; read for what it leads to, and not kept. */
export const evidenceBody = z.strictObject({
  evidence: z.record(z.string().max(TEXT_CHARACTERS_MAX), z.string().max(EVIDENCE_CHARACTERS_MAX)),
});

/** Asked before a card is charged or kept. */
export const authenticationBody = z.strictObject({
  amount: z.int().min(0).max(AMOUNT_MINOR_MAX),
  currency: z.string().regex(/^[a-z]{3}$/),
  card: authorizationBody.shape.card,
  purpose: z.enum(["payment", "setup", "payment_and_setup"]),
  requested: z.enum(["automatic", "any", "challenge"]),
  authentication: text.exactOptional(),
});

export const answerBody = z.strictObject({ passed: z.boolean() });

export const amountBody = z.strictObject({ amount });

export const emptyBody = z.strictObject({});

const key = z.string().min(1).max(KEY_CHARACTERS_MAX);

// The envelope only: a body that is wrong is its own order's refusal and nobody else's.
export const batchBody = z
  .array(
    z.discriminatedUnion("verb", [
      z.strictObject({ key, verb: z.literal("authorize"), body: z.unknown() }),
      z.strictObject({
        key,
        verb: z.enum(["capture", "refund", "void", "increment"]),
        authorization: text,
        body: z.unknown(),
      }),
    ]),
  )
  .min(1)
  .max(BATCH_ORDERS_MAX);

export type Asked = z.infer<typeof batchBody>[number];

/** What is asked alone, of a dispute or, by its key, of a refund. */
export type AskedResponse = {
  readonly key: string;
  readonly verb: "contest" | "accept" | "cancel";
  readonly subject: string;
  readonly body: unknown;
};

export const switchesBody = z.strictObject({
  latency_ms: delayMs.exactOptional(),
  latency_jitter_ms: delayMs.exactOptional(),
  error_rate: rate.exactOptional(),
  error_after_rate: rate.exactOptional(),
  timeout_after_rate: rate.exactOptional(),
  timeout_ms: delayMs.exactOptional(),
  drop_after_rate: rate.exactOptional(),
  duplicate_rate: rate.exactOptional(),
  count: z.int().min(1).exactOptional(),
  seed: z.int().exactOptional(),
});

/** Of what is listed from the newest on, and not paged through. */
export const newestQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_ROWS_MAX).default(PAGE_ROWS_DEFAULT),
});

export const pageQuery = newestQuery.extend({ after: text.exactOptional() });

// The variables that set a switch from the start: TESTBANK_LATENCY_MS for latency_ms, and so on.
export function switchesFromVariables(env: object): Switches {
  const variables: Record<string, unknown> = { ...env };
  const switches = Object.keys(switchesBody.shape).flatMap((name) => {
    const value = variables[`TESTBANK_${name.toUpperCase()}`];
    return value === undefined || value === "" ? [] : [[name, Number(value)] as const];
  });
  return switchesBody.parse(Object.fromEntries(switches));
}

export function parse<T>(schema: z.ZodType<T>, value: unknown): Result<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? "body" : issue.path.join(".");
  return refuse(400, "invalid_request", `${field}: ${issue?.code ?? "invalid"}`);
}

export async function readBody(
  request: Request,
  bytesMax: number = BODY_BYTES_MAX,
): Promise<Result<unknown>> {
  const bytes = await readAtMost(bytesMax, request);
  if (bytes === undefined) {
    return refuse(413, "body_too_large", `The body has at most ${bytesMax} bytes.`);
  }
  // A request without parameters, such as a void, may come without a body.
  return bytes.length === 0 ? { ok: true, value: {} } : parseJson(bytes);
}

export function readKey(request: Request): Result<string> {
  const key = request.headers.get("idempotency-key") ?? "";
  if (key.length === 0) {
    return refuse(400, "idempotency_key_required", "The Idempotency-Key header is required.");
  }
  if (key.length > KEY_CHARACTERS_MAX) {
    const rule = `The Idempotency-Key has at most ${KEY_CHARACTERS_MAX} characters.`;
    return refuse(400, "idempotency_key_invalid", rule);
  }
  return { ok: true, value: key };
}

function parseJson(bytes: Uint8Array): Result<unknown> {
  try {
    const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
    return { ok: true, value: JSON.parse(decoded) };
  } catch {
    // The parser's own message quotes the body, so it is dropped.
    return refuse(400, "invalid_json", "The body is not JSON.");
  }
}

export function refuse(status: number, code: string, message: string): Result<never> {
  return { ok: false, refusal: { status, code, message } };
}
