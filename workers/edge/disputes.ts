// Disputes: the processor opens and decides them (notices.ts); a merchant reads them, answers with evidence, or
// accepts one. What he says is saved first and then told to the processor, under a key of the dispute: a retry
// tells it again, so an answer that was acknowledged has been heard.

import * as z from "zod";
import {
  answeredDispute,
  type DisputeStatus,
  disputeOf,
  EVIDENCE_CHARACTERS_MAX,
  EVIDENCE_FILES,
  EVIDENCE_TEXTS,
  movedDispute,
} from "../../protocol/dispute.ts";
import { eventCode } from "../../protocol/event.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import { type Failure, UNHEARD } from "../../protocol/failure.ts";
import { keptObject } from "../../protocol/kept-object.ts";
import { mergedMetadata } from "../../protocol/metadata.ts";
import { listObject } from "../../protocol/object.ts";
import { isObjectId } from "../../protocol/object-type.ts";
import { intentOfObject } from "../../protocol/payment-intent.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { Response as Said } from "../../protocol/vault.ts";
import { chargeId } from "./charges.ts";
import {
  answerOf,
  type Change,
  endedBefore,
  listObjects,
  readObject,
  type Saved,
  saveObject,
} from "./kept-objects.ts";
import { one } from "./lookup.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { created, expand, flag, metadata, page, pageOf, text, unsettable } from "./schema.ts";

const evidence = z.strictObject({
  ...Object.fromEntries(
    EVIDENCE_TEXTS.map((name) => [name, unsettable(EVIDENCE_CHARACTERS_MAX).optional()]),
  ),
  ...Object.fromEntries(EVIDENCE_FILES.map((name) => [name, unsettable(100).optional()])),
} as Record<
  (typeof EVIDENCE_TEXTS)[number] | (typeof EVIDENCE_FILES)[number],
  z.ZodOptional<ReturnType<typeof unsettable>>
>);

const updateParams = z.strictObject({
  evidence: evidence.optional(),
  metadata: metadata.optional(),
  submit: flag.optional(),
  expand: expand.optional(),
});

const listParams = z.strictObject({
  ...page,
  created: created.optional(),
  charge: text(100).optional(),
  payment_intent: text(100).optional(),
});

type Held = {
  readonly facts: ObjectFacts;
  readonly dispute: NonNullable<ReturnType<typeof disputeOf>>;
};

async function readDispute(call: Call<unknown>): Promise<Result<Held, Refused>> {
  const read = await readObject(call, "dispute", call.path["id"] ?? "");
  if (!read.ok) return read;
  const dispute = disputeOf(read.value);
  return dispute === undefined
    ? refuse({ kind: "resource_missing", object: "dispute", id: read.value.id, param: "id" })
    : ok({ facts: read.value, dispute });
}

/** What may be given as evidence: texts; a file cannot be named, since none can be uploaded. */
function evidenceOf(
  given: z.output<typeof evidence>,
): Result<Record<string, string | null>, Failure> {
  const texts: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(given)) {
    const file = EVIDENCE_FILES.some((one) => one === name);
    if (file && value != null) {
      const param = `evidence[${name}]`;
      return refuse({ kind: "resource_missing", object: "file upload", id: value, param });
    }
    if (!file && value !== undefined) texts[name] = value;
  }
  return ok(texts);
}

async function update(
  call: Call<z.output<typeof updateParams>>,
): Promise<Result<Answered, Refused>> {
  const read = await readDispute(call);
  if (!read.ok) return read;
  const { facts, dispute } = read.value;
  const { evidence: given, metadata: pairs, submit = given !== undefined } = call.params;
  const texts = evidenceOf(given ?? {});
  if (!texts.ok) return texts;
  const answered = answeredDispute(
    dispute,
    { evidence: texts.value, metadata: mergedMetadata(dispute.metadata, pairs), submit },
    Math.floor(Date.now() / 1000),
  );
  const saved = await save(call, facts, "charge.dispute.updated", answered);
  if (!saved.ok) return refusedUnlessUnheard(call, read.value, saved, ANSWERED, contestOf);
  if (!submit) return ok(answerOf(saved.value, call));
  return tell(
    call,
    saved.value,
    contestOf({ facts, dispute: disputeOf(saved.value.facts) ?? dispute }),
  );
}

async function close(call: Call<unknown>): Promise<Result<Answered, Refused>> {
  const read = await readDispute(call);
  if (!read.ok) return read;
  const { facts, dispute } = read.value;
  const saved = await save(call, facts, "charge.dispute.closed", movedDispute(dispute, "accept"));
  if (!saved.ok) return refusedUnlessUnheard(call, read.value, saved, ACCEPTED, acceptOf);
  return tell(call, saved.value, acceptOf(read.value));
}

const contestOf = ({ facts, dispute }: Held): Said => ({
  verb: "contest",
  key: `${facts.id}.contest`,
  dispute: dispute.processor_ref,
  evidence: dispute.evidence ?? {},
});

const acceptOf = ({ facts, dispute }: Held): Said => ({
  verb: "accept",
  key: `${facts.id}.accept`,
  dispute: dispute.processor_ref,
});

/** Where a merchant's answer, and where his acceptance, has led. */
const ANSWERED: readonly DisputeStatus[] = ["under_review", "warning_under_review"];
const ACCEPTED: readonly DisputeStatus[] = ["lost", "warning_closed"];

/**
 * A refusal of what was done before. The processor may not have heard of that yet, when the answer of its telling
 * was lost and the merchant asks under another key: then it is told first, under the same key as then.
 */
async function refusedUnlessUnheard(
  call: Call<unknown>,
  held: Held,
  refused: { readonly ok: false; readonly failure: Refused },
  led: readonly DisputeStatus[],
  said: (held: Held) => Said,
): Promise<Result<Answered, Refused>> {
  const { status, evidence } = held.dispute;
  // Evidence that was erased since is not told any more.
  const isErased = led === ANSWERED && evidence === undefined;
  if (refused.failure.kind !== "dispute_closed" || !led.includes(status) || isErased)
    return refused;
  const heard = await call.env.VAULT.respond(call.scope, said(held));
  return heard === "unknown" ? refuse(UNHEARD) : refused;
}

/** Saves what was decided, or gives the key's own answer where it is what stands in the way. */
async function save(
  call: Call<unknown>,
  from: ObjectFacts,
  event: string,
  decided: Result<Change["document"], Failure>,
): Promise<Result<Saved, Refused>> {
  if (!decided.ok) return (await endedBefore(call, call.claim)) ?? decided;
  return saveObject(call, call.claim, {
    type: "dispute",
    event: eventCode(event),
    document: decided.value,
    from,
    ...(from.parent === null ? {} : { parent: from.parent }),
  });
}

/** Tells the processor what was saved. One that has decided by itself has heard all it wants to hear. */
async function tell(
  call: Call<unknown>,
  saved: Saved,
  said: Said,
): Promise<Result<Answered, Refused>> {
  const heard = await call.env.VAULT.respond(call.scope, said);
  return heard === "unknown" ? refuse(UNHEARD) : ok(answerOf(saved, call));
}

async function listDisputes(
  call: Call<z.output<typeof listParams>>,
): Promise<Result<Answered, Refused>> {
  const { charge, payment_intent: intent, created: span } = call.params;
  const of = charge === undefined ? undefined : chargeId(charge, "charge");
  if (of !== undefined && !of.ok) return of;
  let parent: string | undefined = of?.value;
  if (intent !== undefined) {
    const read = await readObject(call, "payment_intent", intent, "payment_intent");
    if (!read.ok) return read;
    const paid = intentOfObject(read.value)?.charge?.id;
    // An intent is paid by one charge, so only that can be disputed.
    if (paid === undefined || (parent !== undefined && parent !== paid)) {
      return ok({ object: listObject(call.url, [], false) });
    }
    parent = paid;
  }
  return listObjects(call, "dispute", { page: pageOf(call.params), created: span, parent });
}

export const disputeRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/disputes",
    summary: "List disputes, newest first",
    access: "secret",
    permission: "dispute_read",
    params: listParams,
    answers: "list of disputes",
    handle: listDisputes,
  }),
  route({
    method: "GET",
    path: "/v1/disputes/:id",
    summary: "Retrieve a dispute",
    access: "secret",
    permission: "dispute_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "dispute",
    handle: (call) => {
      const id = call.path["id"] ?? "";
      return one(
        call,
        "dispute",
        isObjectId("dispute", id) ? { kind: "object", type: "dispute", id } : undefined,
        (row: ObjectFacts) => keptObject(row, call.scope),
      );
    },
  }),
  route({
    method: "POST",
    path: "/v1/disputes/:id",
    summary: "Answer a dispute with evidence, or change its metadata",
    access: "secret",
    permission: "dispute_write",
    params: updateParams,
    answers: "dispute",
    handle: update,
  }),
  route({
    method: "POST",
    path: "/v1/disputes/:id/close",
    summary: "Accept a dispute as lost",
    access: "secret",
    permission: "dispute_write",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "dispute",
    handle: close,
  }),
];
