// The events of an account, newest first, in the order in which they were committed.

import * as z from "zod";
import { EVENT_TYPES } from "../../protocol/event.ts";
import { sequenceOf } from "../../protocol/ids.ts";
import { type EventFacts, eventObject } from "../../protocol/object.ts";
import type { Row } from "../../protocol/query.ts";
import { refuse } from "../../protocol/result.ts";
import { list, one } from "./lookup.ts";
import { type Route, route } from "./route.ts";
import { created, expand, page, pageOf, text } from "./schema.ts";

type EventRow = Extract<Row, { kind: "event" }> & EventFacts;

/** The codes of a name, where `charge.*` stands for all that begin so. */
function codesOf(name: string): number[] {
  return EVENT_TYPES.filter(
    (t) =>
      t.public && (name.endsWith(".*") ? t.name.startsWith(name.slice(0, -1)) : t.name === name),
  ).map((t) => t.code);
}

export const eventRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/events",
    summary: "List events, newest first",
    access: "secret",
    permission: "event_read",
    params: z.strictObject({ ...page, created: created.optional(), type: text(100).optional() }),
    answers: "list of events",
    handle: async (call) => {
      const { type, created: span } = call.params;
      const codes = type === undefined ? undefined : codesOf(type);
      if (codes?.length === 0) {
        return refuse({ kind: "parameter_invalid", param: "type", why: "No event has this type." });
      }
      return list(
        call,
        {
          kind: "events",
          page: pageOf(call.params),
          ...(span === undefined ? {} : { created: span }),
          ...(codes === undefined ? {} : { codes }),
        },
        (row: EventRow) => eventObject(row, call.scope),
      );
    },
  }),
  route({
    method: "GET",
    path: "/v1/events/:id",
    summary: "Retrieve an event",
    access: "secret",
    permission: "event_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "event",
    handle: (call) => {
      const { account, livemode } = call.scope;
      const seq = sequenceOf("evt", account, livemode, call.path["id"] ?? "");
      return one(
        call,
        "event",
        seq === undefined ? undefined : { kind: "event", seq },
        (row: EventRow) => eventObject(row, call.scope),
      );
    },
  }),
];
