// Objects that are kept as documents, as routes use them: read to decide, saved on the version that was
// read, listed. A request of several steps takes each under a key made of its own, so that a retry finds
// done what was done (docs/decisions/0021).

import type { SaveObject } from "../../protocol/command.ts";
import { eventCode } from "../../protocol/event.ts";
import type { ObjectFacts, ObjectType } from "../../protocol/facts.ts";
import { type Failure, isRetryable } from "../../protocol/failure.ts";
import { hasWords } from "../../protocol/forgetting.ts";
import { type CustomerId, firstUuidAt, idOf } from "../../protocol/ids.ts";
import { keptObject } from "../../protocol/kept-object.ts";
import { METADATA_KEYS_MAX, TOO_MUCH_METADATA } from "../../protocol/metadata.ts";
import { isObjectId } from "../../protocol/object-type.ts";
import type { Page, Span } from "../../protocol/query.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import type { Reply } from "../../protocol/shard.ts";
import type { VersionedClaim } from "./idempotency.ts";
import { list } from "./lookup.ts";
import { find } from "./reading.ts";
import type { Answered, Call, Refused } from "./route.ts";
import { endOf, execute, replyTo } from "./shard-call.ts";

/** What is refused is told by no entry. */
const NO_EVENT = 0;

type Caller = Pick<Call<unknown>, "env" | "scope" | "continent">;

/** The claim of one step of a request; `name` tells the steps apart. */
export const stepOf = (claim: VersionedClaim, name: string): VersionedClaim => ({
  ...claim,
  key: `tessera-${name}/${claim.key}`,
  under: claim.under ?? claim.key,
});

/**
 * How the first request with this key ended; undefined when there was none. Asked by a change that is never
 * made, since no object has a version before its first.
 */
export async function answeredBefore(
  call: Pick<Caller, "env" | "scope">,
  claim: VersionedClaim,
): Promise<Reply | undefined> {
  const reply = await replyTo(call.env, {
    kind: "object",
    ...call.scope,
    ...claim,
    type: "payment_intent",
    id: idOf("pi", firstUuidAt(0)),
    made: false,
    expects: 0,
    document: {},
    event: eventCode("payment_intent.updated"),
  });
  return !reply.end.ok && reply.end.failure.kind === "object_locked" ? undefined : reply;
}

/** A refusal of what cannot be done now, or what the request's key was answered when it could. */
export async function orBefore(
  refused: { readonly ok: false; readonly failure: Refused },
  answerBefore: () => Promise<Result<Answered, Refused> | undefined>,
): Promise<Result<Answered, Refused>> {
  // Who is to come back is no second one yet, and asking would only be in the way of the first.
  if (isRetryable(refused.failure) || refused.failure.replay !== undefined) return refused;
  return (await answerBefore()) ?? refused;
}

/**
 * An object as it stands. Good to decide on also when it came from a copy: what is decided is saved on
 * this version or not at all.
 */
export async function readObject(
  call: Caller,
  type: ObjectType,
  id: string,
  param = "id",
): Promise<Result<ObjectFacts, Failure>> {
  const missing = refuse<Failure>({
    kind: "resource_missing",
    object: type,
    id: id.slice(0, 100),
    param,
  });
  if (!isObjectId(type, id)) return missing;
  const found = await find(call.env, call.scope, call.continent, { kind: "object", type, id });
  if (!found.ok) return found;
  const [row] = found.value.rows;
  return row?.kind === "object" ? ok(row) : missing;
}

/** What is to become of an object. */
export type Change = Pick<
  SaveObject,
  | "type"
  | "document"
  | "event"
  | "customer"
  | "parent"
  | "token"
  | "posting"
  | "attempts"
  | "worded"
> & {
  /** What was read of it; absent when it is to be made. */
  readonly from?: Pick<ObjectFacts, "id" | "seq" | "document">;
  /** Its id, where it is to be made and goes by that of something else. */
  readonly id?: string;
};

export type Saved = Omit<Answered, "object"> & { readonly facts: ObjectFacts };

/** Asks for an object to be made or changed, once for its key. */
export async function askToSave(
  call: Pick<Caller, "env" | "scope">,
  claim: VersionedClaim,
  { from, id, ...change }: Change,
): Promise<Reply> {
  const pairs = change.document?.["metadata"] ?? {};
  if (Object.keys(pairs).length > METADATA_KEYS_MAX) {
    const tooMany = { end: refuse(TOO_MUCH_METADATA), replayed: false, request: claim.request };
    return (await answeredBefore(call, claim)) ?? tooMany;
  }
  return replyTo(call.env, {
    kind: "object",
    ...call.scope,
    ...claim,
    ...change,
    made: from === undefined,
    ...(id === undefined ? {} : { id }),
    ...(from === undefined ? {} : { id: from.id, expects: from.seq }),
    ...(from?.document != null && hasWords(from.document) ? { worded: true } : {}),
  });
}

/** Makes or changes an object, once for its key. Of what it belongs to, all that is to stay must be said. */
export async function saveObject(
  call: Pick<Caller, "env" | "scope">,
  claim: VersionedClaim,
  change: Change,
): Promise<Result<Saved, Refused>> {
  const ended = endOf(await askToSave(call, claim, change));
  if (!ended.ok) return ended;
  const { facts, ...rest } = ended.value;
  assert(facts.kind === "object", "an object's key made an object");
  return ok({ facts, ...rest });
}

/**
 * How a request that was decided on anew had ended before: it is asked for where it would now be refused, since
 * what it did may be what keeps it from being done again. Undefined when this is the first.
 */
export async function endedBefore(
  call: Pick<Caller, "env" | "scope">,
  claim: VersionedClaim,
): Promise<Result<Saved, Refused> | undefined> {
  const before = await answeredBefore(call, claim);
  if (before === undefined) return undefined;
  const ended = endOf(before);
  if (!ended.ok) return ended;
  const { facts, ...rest } = ended.value;
  assert(facts.kind === "object", "an object's key made an object");
  return ok({ facts, ...rest });
}

/**
 * Refuses what was decided against, and has the key say so from now on. A key that was used before says what
 * it said then, so a request that is sent again hears its success also when what it did would now be refused.
 */
export async function refuseKept(
  call: Pick<Caller, "env" | "scope">,
  claim: VersionedClaim,
  of: Pick<ObjectFacts, "type"> & Partial<Pick<ObjectFacts, "id">>,
  failure: Failure,
): Promise<Result<Answered, Refused>> {
  const { type, id } = of;
  return execute(call.env, {
    kind: "object",
    ...call.scope,
    ...claim,
    type,
    ...(id === undefined ? {} : { id }),
    made: false,
    document: null,
    event: NO_EVENT,
    refusal: failure,
  });
}

/** A saved object as the answer to its request. */
export const answerOf = ({ facts, ...rest }: Saved, call: Pick<Caller, "scope">) =>
  ({ object: keptObject(facts, call.scope), ...rest }) satisfies Answered;

/** The same, where saving it may have been refused. */
export const answered = (
  saved: Result<Saved, Refused>,
  call: Pick<Caller, "scope">,
): Result<Answered, Refused> => (saved.ok ? ok(answerOf(saved.value, call)) : saved);

/** A page of the objects of a kind, newest first. */
export function listObjects(
  call: Pick<Call<unknown>, "env" | "scope" | "continent" | "path" | "url">,
  type: ObjectType,
  of: {
    readonly page: Page;
    readonly created?: Span | undefined;
    readonly customer?: CustomerId | undefined;
    readonly parent?: string | undefined;
  },
): Promise<Result<Answered, Refused>> {
  const { page, created, customer, parent } = of;
  return list(
    call,
    {
      kind: "objects",
      type,
      page,
      ...(created === undefined ? {} : { created }),
      ...(customer === undefined ? {} : { customer }),
      ...(parent === undefined ? {} : { parent }),
    },
    (row: ObjectFacts) => keptObject(row, call.scope),
  );
}
