// Attempts to deliver events to webhook endpoints, as merchants may read of them.

import { decodeBase62, encodeBase62 } from "./base62.ts";
import type { Scope } from "./command.ts";
import { sequenceId } from "./ids.ts";
import type { StripeObject } from "./object.ts";

/** Why an attempt failed. */
export type DeliveryFailure =
  /** Any answer but 2xx; redirects are not followed. */
  | "status"
  | "timeout"
  | "unreachable"
  /** The URL is none that may be called, by the rules of today. */
  | "url_refused"
  /** The ledger has no such event to show. */
  | "event_gone";

/** One attempt. */
export type DeliveryFacts = {
  /** Counts the attempts of the account. */
  readonly number: number;
  readonly endpoint: string;
  /** The event's entry, and which of the entry's events it is. */
  readonly seq: number;
  readonly part: number;
  readonly type: string;
  readonly at_ms: number;
  /** Counts the attempts at this event, from 1. */
  readonly attempt: number;
  /** Whether somebody asked for the event again. */
  readonly redelivery: boolean;
  /** The receiver's status, or null when it did not answer. */
  readonly status: number | null;
  readonly failure: DeliveryFailure | null;
  readonly took_ms: number;
  /** When it is tried again; null when it is not. */
  readonly next_ms: number | null;
};

const NUMBER_CHARACTERS = 8;

export const deliveryIdOf = (number: number): string =>
  `whd_${encodeBase62(BigInt(number), NUMBER_CHARACTERS)}`;

/** The number behind the id of an attempt. */
export function deliveryNumberOf(id: string): number | undefined {
  const digits = /^whd_([0-9A-Za-z]{8})$/.exec(id)?.[1];
  const number = digits === undefined ? undefined : decodeBase62(digits);
  return number === undefined ? undefined : Number(number);
}

const seconds = (ms: number): number => Math.floor(ms / 1000);

/** On the wire; Tessera's own, Stripe shows its own attempts in its dashboard only. */
export const deliveryObject = (d: DeliveryFacts, scope: Scope): StripeObject => ({
  id: deliveryIdOf(d.number),
  object: "webhook_delivery",
  attempt: d.attempt,
  created: seconds(d.at_ms),
  duration_ms: d.took_ms,
  event: sequenceId("evt", scope.account, scope.livemode, d.seq, d.part),
  event_type: d.type,
  failure: d.failure,
  livemode: scope.livemode,
  next_attempt: d.next_ms === null ? null : seconds(d.next_ms),
  redelivery: d.redelivery,
  response_status: d.status,
  status: d.failure === null ? "succeeded" : "failed",
  webhook_endpoint: d.endpoint,
});
