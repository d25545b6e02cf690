// Journal entries as the events that merchants see. An entry is one change of state; most are told by one
// event, one that ends a charge of a payment intent by two.

import type { Scope } from "./command.ts";
import { DERIVED_EVENTS, type DerivedEvent, eventTypeOf } from "./event.ts";
import type { ChargeFacts, Facts } from "./facts.ts";
import { createdOf, sequenceId, uuidOf } from "./ids.ts";
import { API_VERSION, objectOf, type StripeObject } from "./object.ts";
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
  const own = type?.public === true ? [eventObject(e, scope, 0, type.name, e.subject)] : [];
  const derived = DERIVED_EVENTS.filter((d) => d.code === e.code && isTold(d, e));
  return [...own, ...derived.map((d, i) => derivedEvent(e, scope, i + 1, d.name))];
}

function isTold({ captured, posted, status }: DerivedEvent, { seq, subject }: EventFacts): boolean {
  if (subject.kind === "charge") {
    const some = subject.amount_captured > 0;
    return subject.intent !== null && (captured === undefined || (captured === "some") === some);
  }
  if (subject.kind !== "object") return false;
  return (
    (posted === undefined || subject.postings.some((posting) => posting.seq === seq)) &&
    (status === undefined || subject.document?.["status"] === status)
  );
}

// What else an entry of a charge tells is of its intent; what one of an object tells is of itself.
const derivedEvent = (e: EventFacts, scope: Scope, part: number, name: string): StripeObject =>
  e.subject.kind === "charge"
    ? intentEvent(e, scope, part, name, e.subject)
    : eventObject(e, scope, part, name, e.subject);

function intentEvent(
  e: EventFacts,
  scope: Scope,
  part: number,
  name: string,
  charge: ChargeFacts,
): StripeObject {
  const intent = intentOfCharge(charge, createdOf(uuidOf("pi", charge.intent?.id ?? "") ?? ""));
  const object = intent === undefined ? {} : paymentIntentObject(intent, scope);
  return { ...eventObject(e, scope, part, name, charge), data: { object } };
}

function eventObject(
  e: EventFacts,
  scope: Scope,
  part: number,
  type: string,
  subject: Facts,
): StripeObject {
  return {
    id: sequenceId("evt", scope.account, scope.livemode, e.seq, part),
    object: "event",
    api_version: API_VERSION,
    created: e.created,
    data: { object: objectOf(subject, scope) },
    livemode: scope.livemode,
    pending_webhooks: 0,
    request: { id: e.request, idempotency_key: e.key },
    type,
  };
}
