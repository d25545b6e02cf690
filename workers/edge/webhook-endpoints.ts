// Webhook endpoints: where a merchant wants to hear of events. The secret that deliveries are signed with is
// derived and shown once, when the endpoint is made or its secret is rolled; it is stored nowhere.

import * as z from "zod";
import { parseApiVersion, shapesOf } from "../../protocol/api-version.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import { keptObject } from "../../protocol/kept-object.ts";
import { API_VERSION } from "../../protocol/object.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import {
  changedEndpoint,
  ENDPOINT_CREATED,
  ENDPOINT_DELETED,
  ENDPOINT_UPDATED,
  ENDPOINTS_MAX,
  type EndpointDocument,
  endpointDocumentOf,
  newEndpointDocument,
  OVERLAP_SECONDS_MAX,
  rolledEndpoint,
} from "../../protocol/webhook-endpoint.ts";
import { webhookSecrets } from "../../protocol/webhook-secret.ts";
import { WEBHOOK_URL_MAX, webhookUrl } from "../../protocol/webhook-url.ts";
import { eventNames } from "./event-names.ts";
import {
  answered,
  answerOf,
  listObjects,
  readObject,
  type Saved,
  saveObject,
} from "./kept-objects.ts";
import { find } from "./reading.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import {
  expand,
  flag,
  integer,
  metadata,
  page,
  pageOf,
  required,
  setMetadata,
  text,
  unsettable,
} from "./schema.ts";
import { streamOf } from "./stream-call.ts";

const TYPE = "webhook_endpoint";
const DESCRIPTION_MAX = 5000;

const fields = {
  description: unsettable(DESCRIPTION_MAX).optional(),
  expand: expand.optional(),
  metadata: metadata.optional(),
  ordered: flag.optional(),
};

const createParams = z.strictObject({
  ...fields,
  api_version: text(64).optional(),
  enabled_events: eventNames,
  url: required(WEBHOOK_URL_MAX),
});
const updateParams = z.strictObject({
  ...fields,
  disabled: flag.optional(),
  enabled_events: eventNames.optional(),
  url: required(WEBHOOK_URL_MAX).optional(),
});
const rollParams = z.strictObject({
  expand: expand.optional(),
  expires_in: integer(0, OVERLAP_SECONDS_MAX).optional(),
});

const invalid = (param: string, why: string): Result<never, Failure> =>
  refuse({ kind: "parameter_invalid", param, why });

/** What a schema cannot say: whether a URL may be called from here. */
function callable(
  call: Pick<Call<unknown>, "env" | "scope">,
  url: string,
): Result<string, Failure> {
  const loopback = call.env.WEBHOOK_LOOPBACK === "allow";
  const judged = webhookUrl(url, { livemode: call.scope.livemode, loopback });
  return judged.ok ? judged : invalid("url", judged.failure);
}

/** Whether events look as they do in this version. */
function isTold(text: string): boolean {
  const version = parseApiVersion(text);
  return version !== undefined && shapesOf(version) === undefined;
}

async function create(call: Call<z.output<typeof createParams>>) {
  const { api_version, metadata: pairs, description, ordered, enabled_events } = call.params;
  if (api_version !== undefined && !isTold(api_version)) {
    const why = `Events are told as in ${API_VERSION}. Send that, a version whose objects are alike, or none.`;
    return invalid("api_version", why);
  }
  const url = callable(call, call.params.url);
  if (!url.ok) return url;
  const document = newEndpointDocument({
    ...{ url: url.value, enabled_events, ordered, description, api_version },
    metadata: setMetadata(pairs),
  });
  const room = await roomFor(call, document);
  if (!room.ok) return room;
  if (room.value !== undefined) return withSecret(call, room.value);
  if (!(await streamOf(call.env, call.scope).arm())) {
    const what = "The ledger of this account's region cannot be reached.";
    return refuse({ kind: "unavailable" as const, what });
  }
  const event = ENDPOINT_CREATED;
  const saved = await saveObject(call, call.claim, { type: TYPE, event, document });
  return saved.ok ? withSecret(call, saved.value) : saved;
}

/**
 * Whether there may be one more endpoint; where there may not, a retry of a request that made one hears its answer.
 * A change on a version that never was is refused and changes nothing, unless its key has an answer.
 */
async function roomFor(
  call: Call<unknown>,
  document: EndpointDocument,
): Promise<Result<Saved | undefined, Refused>> {
  const query = { kind: "objects", type: TYPE, page: { limit: ENDPOINTS_MAX } } as const;
  const found = await find(call.env, call.scope, call.continent, query);
  if (!found.ok) return found;
  const [some] = found.value.rows;
  if (found.value.rows.length < ENDPOINTS_MAX || some?.kind !== "object") return ok(undefined);
  const from = { id: some.id, seq: -1, document: null };
  const known = await saveObject(call, call.claim, {
    type: TYPE,
    event: ENDPOINT_CREATED,
    document,
    from,
  });
  if (known.ok || known.failure.kind !== "object_locked") return known;
  const mode = call.scope.livemode ? "live" : "test";
  const why = `You have reached the maximum of ${ENDPOINTS_MAX} ${mode} webhook endpoints. Delete one first.`;
  return refuse({ kind: "parameter_invalid", param: "url", why });
}

async function withSecret(
  call: Pick<Call<unknown>, "env" | "scope">,
  saved: Saved,
): Promise<Result<Answered, Refused>> {
  const answer = answerOf(saved, call);
  const document = endpointDocumentOf(saved.facts);
  if (document === undefined) return ok(answer);
  const [secret] = await webhookSecrets(call.env.WEBHOOK_ROOT_SECRET, {
    ...call.scope,
    endpoint: saved.facts.id,
    version: document.secret_version,
  });
  return ok({ ...answer, object: { ...answer.object, secret } });
}

const idOf = (call: Pick<Call<unknown>, "path">): string => call.path["id"] ?? "";

/** Changes an endpoint as it is read into what `decide` says. */
async function change(
  call: Call<unknown>,
  decide: (document: EndpointDocument) => EndpointDocument,
): Promise<Result<Saved, Refused>> {
  const from = await readObject(call, TYPE, idOf(call));
  if (!from.ok) return from;
  const document = endpointDocumentOf(from.value);
  if (document === undefined) return refuse({ kind: "internal" });
  return saveObject(call, call.claim, {
    type: TYPE,
    event: ENDPOINT_UPDATED,
    document: decide(document),
    from: from.value,
  });
}

async function update(call: Call<z.output<typeof updateParams>>) {
  const { url: given, expand: _, ...rest } = call.params;
  const url = given === undefined ? ok(undefined) : callable(call, given);
  if (!url.ok) return url;
  const saved = await change(call, (document) =>
    changedEndpoint(document, { ...rest, url: url.value }),
  );
  return answered(saved, call);
}

async function roll(call: Call<z.output<typeof rollParams>>) {
  const seconds = call.params.expires_in ?? OVERLAP_SECONDS_MAX;
  const now = Math.floor(Date.now() / 1000);
  const saved = await change(call, (document) => rolledEndpoint(document, now, seconds));
  return saved.ok ? withSecret(call, saved.value) : saved;
}

async function remove(call: Call<unknown>): Promise<Result<Answered, Refused>> {
  const from = await readObject(call, TYPE, idOf(call));
  if (!from.ok) return from;
  const change = { type: TYPE, event: ENDPOINT_DELETED, document: null, from: from.value } as const;
  const saved = await saveObject(call, call.claim, change);
  return answered(saved, call);
}

const retrieve = async (call: Call<unknown>): Promise<Result<Answered, Refused>> => {
  const found: Result<ObjectFacts, Failure> = await readObject(call, TYPE, idOf(call));
  return found.ok ? ok({ object: keptObject(found.value, call.scope) }) : found;
};

export const webhookEndpointRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/webhook_endpoints",
    summary: "Create a webhook endpoint; the answer holds its secret and is given once",
    access: "secret",
    permission: "webhook_write",
    params: createParams,
    answers: TYPE,
    handle: create,
  }),
  route({
    method: "GET",
    path: "/v1/webhook_endpoints",
    summary: "List webhook endpoints, newest first",
    access: "secret",
    permission: "webhook_read",
    params: z.strictObject(page),
    answers: "list of webhook_endpoints",
    handle: (call) => listObjects(call, TYPE, { page: pageOf(call.params) }),
  }),
  route({
    method: "GET",
    path: "/v1/webhook_endpoints/:id",
    summary: "Retrieve a webhook endpoint",
    access: "secret",
    permission: "webhook_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: TYPE,
    handle: retrieve,
  }),
  route({
    method: "POST",
    path: "/v1/webhook_endpoints/:id",
    summary: "Update a webhook endpoint, or switch it off and on",
    access: "secret",
    permission: "webhook_write",
    params: updateParams,
    answers: TYPE,
    handle: update,
  }),
  route({
    method: "POST",
    path: "/v1/webhook_endpoints/:id/roll_secret",
    summary: "Give a webhook endpoint a new secret; the old one is signed with too for a while",
    access: "secret",
    permission: "webhook_write",
    params: rollParams,
    answers: TYPE,
    handle: roll,
  }),
  route({
    method: "DELETE",
    path: "/v1/webhook_endpoints/:id",
    summary: "Delete a webhook endpoint; what waits for it is not delivered",
    access: "secret",
    permission: "webhook_write",
    params: z.strictObject({}),
    answers: "deleted webhook_endpoint",
    handle: remove,
  }),
];
