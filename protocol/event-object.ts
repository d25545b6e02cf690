// Journal entries as the events that merchants see. An entry is one change of state; most are told by one
// event, one that ends a charge of a payment intent by two.

import type { Scope } from "./command.ts";
import { DERIVED_EVENTS, type DerivedEvent, eventTypeOf } from "./event.ts";
import type { ChargeFacts, Facts } from "./facts.ts";
import { sequenceId } from "./ids.ts";
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
  if (e.subject.kind !== "charge") return own;
  const charge = e.subject;
  const derived = DERIVED_EVENTS.filter((d) => isTold(d, e.code, charge));
  return [...own, ...derived.map((d, i) => intentEvent(e, scope, i + 1, d.name, charge))];
}

const isTold = ({ code, captured }: DerivedEvent, of: number, charge: ChargeFacts): boolean =>
  code === of &&
  charge.intent !== null &&
  (captured === undefined || (captured === "some") === charge.amount_captured > 0);

function intentEvent(
  e: EventFacts,
  scope: Scope,
  part: number,
  name: string,
  charge: ChargeFacts,
): StripeObject {
  const intent = intentOfCharge(charge);
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
