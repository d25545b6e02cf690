// Journal entries as the events that merchants see. An entry is one change of state: some are told by no event, most
// by one, and those that also change something else, such as an intent, a balance or a customer's card, by more.

import type { Scope } from "./command.ts";
import { DERIVED_EVENTS, type DerivedEvent, eventTypeOf } from "./event.ts";
import type { Facts } from "./facts.ts";
import { sequenceId } from "./ids.ts";
import { API_VERSION, cardOfChange, objectOf, type StripeObject } from "./object.ts";
import { intentOfCharge, paymentIntentObject } from "./payment-intent.ts";

/** One row of the event log, with what it tells of as it stood then. */
export type EventFacts = {
  readonly seq: number;
  readonly code: number;
  readonly created: number;
  readonly request: string;
  readonly key: string | null;
  readonly subject: Facts;
};

/** The events of an entry, in the order in which they happened; none when merchants are not told of it. */
export function eventObjects(e: EventFacts, scope: Scope): StripeObject[] {
  const type = eventTypeOf(e.code);
  const own =
    type?.public === true ? [eventObject(e, scope, 0, type.name, objectOf(e.subject, scope))] : [];
  const derived = DERIVED_EVENTS.filter((d) => d.code === e.code).flatMap((d) => {
    const object = told(d, e, scope);
    return object === undefined ? [] : [{ name: d.name, object }];
  });
  return [
    ...own,
    ...derived.map(({ name, object }, i) => eventObject(e, scope, i + 1, name, object)),
  ];
}

/** What a derived event of this entry is about, if the entry tells it. */
function told(
  d: DerivedEvent,
  { seq, subject }: EventFacts,
  scope: Scope,
): StripeObject | undefined {
  switch (d.of) {
    case "intent": {
      if (subject.kind !== "charge" || subject.intent === null) return undefined;
      const isIt =
        d.captured === undefined || (d.captured === "some") === subject.amount_captured > 0;
      const intent = intentOfCharge(subject);
      return isIt && intent !== undefined ? paymentIntentObject(intent, scope) : undefined;
    }
    case "charge":
      return objectOf(subject, scope);
    case "object": {
      if (subject.kind !== "object") return undefined;
      const isPosted = d.posted === undefined || subject.postings.some((p) => p.seq === seq);
      const isSaid = d.status === undefined || subject.document?.["status"] === d.status;
      return isPosted && isSaid ? objectOf(subject, scope) : undefined;
    }
    case "card":
      return subject.kind === "customer" && subject.card?.change === d.change
        ? cardOfChange(subject)
        : undefined;
  }
}

function eventObject(
  e: EventFacts,
  scope: Scope,
  part: number,
  type: string,
  object: StripeObject,
): StripeObject {
  return {
    id: sequenceId("evt", scope.account, scope.livemode, e.seq, part),
    object: "event",
    api_version: API_VERSION,
    created: e.created,
    data: { object },
    livemode: scope.livemode,
    pending_webhooks: 0,
    // What the clock does was asked for by nobody.
    request: { id: e.request === "" ? null : e.request, idempotency_key: e.key },
    type,
  };
}
