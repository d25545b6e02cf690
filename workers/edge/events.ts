// The events of an account, newest first, in the order in which they were committed. An entry of the journal may
// be told by several events, so a page can begin and end in the middle of one.

import * as z from "zod";
import { sourcesOf } from "../../protocol/event.ts";
import { type EventFacts, eventObjects } from "../../protocol/event-object.ts";
import { partOf, sequenceOf } from "../../protocol/ids.ts";
import { listObject, type StripeObject } from "../../protocol/object.ts";
import type { Row } from "../../protocol/query.ts";
import { ok, refuse } from "../../protocol/result.ts";
import { one } from "./lookup.ts";
import { find } from "./reading.ts";
import { type Call, type Route, route } from "./route.ts";
import { created, expand, page, pageOf, text } from "./schema.ts";

type EventRow = Extract<Row, { kind: "event" }> & EventFacts;

const listParams = z.strictObject({
  ...page,
  created: created.optional(),
  type: text(100).optional(),
});

async function listEvents(call: Call<z.output<typeof listParams>>) {
  const { type, created: span } = call.params;
  const asked = pageOf(call.params);
  const sources = type === undefined ? undefined : sourcesOf(type);
  if (sources?.length === 0) {
    const why = "No event has this type.";
    return refuse({ kind: "parameter_invalid" as const, param: "type", why });
  }
  if (asked.starting_after !== undefined && asked.ending_before !== undefined) {
    const why = "Send starting_after or ending_before, not both.";
    return refuse({ kind: "parameter_invalid" as const, param: "ending_before", why });
  }
  const cursor = asked.starting_after ?? asked.ending_before;
  const part = cursor === undefined ? 0 : partOf(cursor);
  // Newer events of the cursor's own entry can only be known by reading it.
  const inclusive = asked.ending_before !== undefined || part > 0;
  const found = await find(call.env, call.scope, call.continent, {
    kind: "events",
    page: { ...asked, limit: asked.limit + (inclusive ? 1 : 0) },
    ...(span === undefined ? {} : { created: span }),
    ...(sources === undefined ? {} : { sources }),
    ...(inclusive ? { inclusive } : {}),
  });
  if (!found.ok) return found;
  const fits = (event: StripeObject) => type === undefined || isOfType(event, type);
  const events = (found.value.rows as readonly EventRow[])
    .flatMap((row) => eventObjects(row, call.scope).reverse())
    .filter(fits);
  const beyond = beyondCursor(events, asked);
  const more = found.value.more || beyond.length > asked.limit;
  const data =
    asked.ending_before === undefined ? beyond.slice(0, asked.limit) : beyond.slice(-asked.limit);
  return ok({ object: listObject(call.url, data, more), servedBy: found.value.servedBy });
}

const isOfType = (event: StripeObject, type: string): boolean =>
  type.endsWith(".*")
    ? String(event["type"]).startsWith(type.slice(0, -1))
    : event["type"] === type;

// Newest first: what follows the cursor stands after it, and what a page ends with stands before it.
function beyondCursor(
  events: readonly StripeObject[],
  { starting_after, ending_before }: ReturnType<typeof pageOf>,
): readonly StripeObject[] {
  const cursor = starting_after ?? ending_before;
  const at = cursor === undefined ? -1 : events.findIndex(({ id }) => id === cursor);
  if (at < 0) return events;
  return ending_before === undefined ? events.slice(at + 1) : events.slice(0, at);
}

export const eventRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/events",
    summary: "List events, newest first",
    access: "secret",
    permission: "event_read",
    params: listParams,
    answers: "list of events",
    handle: listEvents,
  }),
  route({
    method: "GET",
    path: "/v1/events/:id",
    summary: "Retrieve an event",
    access: "secret",
    permission: "event_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "event",
    handle: async (call) => {
      const { account, livemode } = call.scope;
      const id = call.path["id"] ?? "";
      const seq = sequenceOf("evt", account, livemode, id);
      const answered = await one(
        call,
        "event",
        seq === undefined ? undefined : { kind: "event", seq },
        (row: EventRow) => eventObjects(row, call.scope).find((event) => event["id"] === id) ?? {},
      );
      // The entry is there and tells no such event.
      return answered.ok && answered.value.object["id"] !== id
        ? refuse({ kind: "resource_missing", object: "event", id: id.slice(0, 100), param: "id" })
        : answered;
    },
  }),
];
