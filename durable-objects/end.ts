// How requests end, and which ends are kept.

import type { ChargeFacts, Facts } from "../protocol/facts.ts";
import { type Failure, isRetryable, UNHEARD } from "../protocol/failure.ts";
import { assert } from "../protocol/result.ts";
import type { End } from "../protocol/shard.ts";
import type { SendFailure } from "./machine.ts";

/** Whether a request is over; the others may be tried again and never are remembered. */
export const isFinal = (end: End): boolean => end.ok || !isRetryable(end.failure);

/**
 * What the ledger holds under the key. A reuse it refused, a token nobody found, or a card that was not let
 * through to it is not the key's answer.
 */
export const isKept = (end: End): boolean =>
  isFinal(end) &&
  (end.ok ||
    !(
      end.failure.kind === "idempotency_mismatch" ||
      end.failure.kind === "account_unknown" ||
      end.failure.kind === "card_blocked" ||
      (end.failure.kind === "resource_missing" && end.failure.object === "token")
    ));

export const refused = (failure: Failure) => ({ ok: false, failure }) satisfies End;

export const INTERNAL: End = refused({ kind: "internal" });

/** Whether the ledger has done it is not known. */
export const UNCOMMITTED: End = refused({
  kind: "unavailable",
  what: "The ledger of this account's region cannot be reached.",
});

/** Whether the processor has done it is not known. */
export const UNPERFORMED: End = refused(UNHEARD);

/** What a command that was not committed means to who asked: one that conflicts alone is our fault. */
export const endOfFailure = (failure: SendFailure): End =>
  failure === "conflict" ? INTERNAL : UNCOMMITTED;

/** How something that has ended is told: a failed charge is a declined card. */
export const endOfFacts = (facts: Facts): End =>
  facts.kind === "charge" && facts.state === "failed"
    ? {
        ...refused(declineOf(facts)),
        ...(facts.intent === null ? {} : { charge: facts }),
      }
    : { ok: true, facts };

function declineOf(charge: ChargeFacts): Failure {
  const { decline, network_code } = charge.outcome ?? {};
  assert(decline !== undefined, "a failed charge has a decline");
  return {
    kind: "card_declined",
    code: decline.code,
    message: decline.message,
    charge: charge.id,
    ...(decline.decline_code === undefined ? {} : { declineCode: decline.decline_code }),
    ...(network_code === undefined ? {} : { networkDeclineCode: network_code }),
  };
}
