// What was sent to a webhook endpoint, and having it sent again: one event, or all of a time.

import * as z from "zod";
import type { RedeliveryTaken } from "../../durable-objects/stream.ts";
import type { EventFacts } from "../../protocol/event-object.ts";
import { eventObjects } from "../../protocol/event-object.ts";
import type { Failure } from "../../protocol/failure.ts";
import { partOf, sequenceOf } from "../../protocol/ids.ts";
import { listObject, type StripeObject } from "../../protocol/object.ts";
import type { Row, Span } from "../../protocol/query.ts";
import type { KeyedRequest } from "../../protocol/remembered.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { deliveryNumberOf, deliveryObject } from "../../protocol/webhook-delivery.ts";
import { readObject } from "./kept-objects.ts";
import { find } from "./reading.ts";
import { askedOf, heard } from "./remembered.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { choice, created, expand, page, pageOf, text } from "./schema.ts";
import { streamOf } from "./stream-call.ts";

type EventRow = Extract<Row, { kind: "event" }> & EventFacts;

const redeliverParams = z.strictObject({
  created: created.optional(),
  event: text(100).optional(),
  expand: expand.optional(),
});
type RedeliverCall = Call<z.output<typeof redeliverParams>>;

const deliveriesParams = z.strictObject({
  ...page,
  event: text(100).optional(),
  status: choice("succeeded", "failed").optional(),
});

const endpointOf = (call: Call<unknown>) =>
  readObject(call, "webhook_endpoint", call.path["id"] ?? "");

const invalid = (param: string, why: string): Result<never, Failure> =>
  refuse({ kind: "parameter_invalid", param, why });

const noSuch = (object: string, id: string, param: string): Result<never, Failure> =>
  refuse({ kind: "resource_missing", object, id: id.slice(0, 100), param });

/** Entry and part of an event id of this account. */
function eventPlace(call: Call<unknown>, id: string) {
  const { account, livemode } = call.scope;
  const seq = sequenceOf("evt", account, livemode, id);
  return seq === undefined ? undefined : { seq, part: partOf(id) };
}

async function redeliver(call: RedeliverCall): Promise<Result<Answered, Refused>> {
  const { event, created: span } = call.params;
  const keyed = call.isKeyed ? askedOf(call) : undefined;
  const before = keyed && (await streamOf(call.env, call.scope).recall(keyed));
  if (before !== undefined) return answerTo(call, before);
  const endpoint = await endpointOf(call);
  if (!endpoint.ok) return endpoint;
  if ((event === undefined) === (span === undefined)) {
    return invalid("event", "Send an event, or created with a span of time, and not both.");
  }
  const { id } = endpoint.value;
  const taken =
    event === undefined
      ? await replaySpan(call, id, span ?? {}, keyed)
      : await redeliverOne(call, id, event, keyed);
  return taken.ok ? answerTo(call, taken.value) : taken;
}

/** What is answered is what was asked for, so one that is sent again hears the same. */
function answerTo(call: RedeliverCall, taken: RedeliveryTaken): Result<Answered, Refused> {
  let replay: Pick<Answered, "replayed" | "original"> = {};
  if (typeof taken === "string") {
    const refused = refusalOf(taken);
    if (refused !== undefined) return refuse(refused);
  } else {
    const first = heard(taken, call);
    if (!first.ok) return first;
    const { replayed, original } = first.value;
    replay = { replayed, original };
  }
  const { event, created: span } = call.params;
  const object = {
    object: "webhook_redelivery",
    created: span === undefined ? null : { gte: span.from ?? null, lte: span.to ?? null },
    event: event ?? null,
    livemode: call.scope.livemode,
    status: "pending",
    webhook_endpoint: call.path["id"] ?? "",
  };
  return ok({ object, ...replay });
}

async function redeliverOne(
  call: Call<unknown>,
  endpoint: string,
  id: string,
  keyed: KeyedRequest | undefined,
): Promise<Result<RedeliveryTaken, Failure>> {
  const place = eventPlace(call, id);
  if (place === undefined) return noSuch("event", id, "event");
  const { seq } = place;
  const found = await find(call.env, call.scope, call.continent, { kind: "event", seq });
  if (!found.ok) return found;
  const [row] = found.value.rows as readonly EventRow[];
  const shown = row && eventObjects(row, call.scope).find((event) => event["id"] === id);
  if (shown === undefined) return noSuch("event", id, "event");
  const type = String(shown["type"]);
  return ok(await streamOf(call.env, call.scope).redeliver(endpoint, { ...place, type }, keyed));
}

/** The entries of a span lie after the last event before it, up to the last event in it. */
async function replaySpan(
  call: Call<unknown>,
  endpoint: string,
  { from, to }: Span,
  keyed: KeyedRequest | undefined,
): Promise<Result<RedeliveryTaken, Failure>> {
  if (from === undefined) return invalid("created[gte]", "Say from when on events are sent again.");
  const after = from <= 0 ? ok(0) : await lastSeqIn(call, { to: from - 1 });
  if (!after.ok) return after;
  const until = await lastSeqIn(call, to === undefined ? {} : { to });
  if (!until.ok) return until;
  return ok(await streamOf(call.env, call.scope).replay(endpoint, after.value, until.value, keyed));
}

async function lastSeqIn(call: Call<unknown>, created: Span): Promise<Result<number, Failure>> {
  const query = { kind: "events", page: { limit: 1 }, created } as const;
  const found = await find(call.env, call.scope, call.continent, query);
  if (!found.ok) return found;
  const [row] = found.value.rows as readonly EventRow[];
  return ok(row?.seq ?? 0);
}

function refusalOf(taken: Extract<RedeliveryTaken, string>): Failure | undefined {
  switch (taken) {
    case "taken":
      return undefined;
    case "disabled":
      return {
        kind: "parameter_invalid",
        param: "id",
        why: "This webhook endpoint is disabled. Update it with disabled=false first.",
      };
    // Its own entry is just being read, an earlier span is still being sent, or as much waits as may wait.
    case "unknown":
    case "full":
    case "under_way":
      return { kind: "object_locked" };
  }
}

async function deliveries(
  call: Call<z.output<typeof deliveriesParams>>,
): Promise<Result<Answered, Refused>> {
  const endpoint = await endpointOf(call);
  if (!endpoint.ok) return endpoint;
  const { event, status } = call.params;
  const { limit, starting_after, ending_before } = pageOf(call.params);
  if (starting_after !== undefined && ending_before !== undefined) {
    return invalid("ending_before", "Send starting_after or ending_before, not both.");
  }
  const before = starting_after === undefined ? undefined : deliveryNumberOf(starting_after);
  const after = ending_before === undefined ? undefined : deliveryNumberOf(ending_before);
  if (starting_after !== undefined && before === undefined) {
    return noSuch("webhook_delivery", starting_after, "starting_after");
  }
  if (ending_before !== undefined && after === undefined) {
    return noSuch("webhook_delivery", ending_before, "ending_before");
  }
  const place = event === undefined ? undefined : eventPlace(call, event);
  if (event !== undefined && place === undefined) return noSuch("event", event, "event");
  const found = await streamOf(call.env, call.scope).attempts(endpoint.value.id, {
    limit,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    ...(place === undefined ? {} : { event: place }),
    ...(status === undefined ? {} : { failed: status === "failed" }),
  });
  const data: StripeObject[] = found.attempts.map((one) => deliveryObject(one, call.scope));
  return ok({ object: listObject(call.url, data, found.more) });
}

export const webhookDeliveryRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/webhook_endpoints/:id/deliveries",
    summary: "List attempts to deliver events to an endpoint, newest first",
    access: "secret",
    permission: "webhook_read",
    params: deliveriesParams,
    answers: "list of webhook_deliveries",
    handle: deliveries,
  }),
  route({
    method: "POST",
    path: "/v1/webhook_endpoints/:id/redeliver",
    summary: "Send an event, or all events of a time, to an endpoint once more",
    access: "secret",
    permission: "webhook_write",
    params: redeliverParams,
    answers: "webhook_redelivery",
    handle: redeliver,
  }),
];
