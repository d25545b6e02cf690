// A circuit breaker on the share of declines. Not a share over a window with a least count: that either
// needs sixty outcomes to be sure or breaks on a bad half hour. It weighs each outcome as evidence that
// approvals have become rarer than they usually are, and never lets the sum fall below zero (Page 1954, CUSUM): of
// all rules that break falsely once in so many outcomes, the one that notices soonest. Pure.

/**
 * Evidence, in nats, at which it opens. It opens falsely at most once in e^14, 1.2 million, outcomes of a
 * merchant whose share of declines is as held to be usual (Lorden 1971).
 */
export const EVIDENCE_MAX = 14;
/** Under attack approvals are held to be this many times rarer than usual. */
const RARER = 3;
/** Declines held to be usual of somebody who has no history, and the least and most learned of anybody. */
const USUAL_AT_FIRST = 0.4;
const USUAL_MIN = 0.15;
const USUAL_MAX = 0.65;
/** What is learned counts for more than it is, so that a bad hour of a good merchant is still usual. */
const USUAL_MARGIN = 1.5;
/** Outcomes that what is usual is learned from, about. */
const LEARNED_FROM = 200;
/** What may be an attack teaches nothing. */
const LEARNS_UP_TO = EVIDENCE_MAX / 4;

/** How long it stays open, at first and when it opened again right after it was tried. */
const OPEN_MS = 5 * 60_000;
const OPEN_MS_MAX = 60 * 60_000;
/** What is tried after that: so few declines open it again. */
const TRIED_DECLINES = 1.5;

export type Breaker = {
  /** The least share of declines that is held to be usual here. */
  readonly usualMin: number;
  evidence: number;
  /** Average of the declines lately. */
  declined: number;
  /** Unix ms; open until then, 0 when it is closed. */
  openUntilMs: number;
  /** How often it opened without having closed. */
  opened: number;
};

export type BreakerPhase = "closed" | "open" | "trying";

export const newBreaker = (usualMin = USUAL_MIN): Breaker => ({
  usualMin,
  evidence: 0,
  declined: USUAL_AT_FIRST / USUAL_MARGIN,
  openUntilMs: 0,
  opened: 0,
});

export function phaseOf(breaker: Breaker, nowMs: number): BreakerPhase {
  if (breaker.opened === 0) return "closed";
  return nowMs < breaker.openUntilMs ? "open" : "trying";
}

/** How much of what is usually allowed still is, from 1 to 0, as evidence gathers. */
export const roomOf = (breaker: Breaker): number =>
  Math.max(0, 1 - breaker.evidence / EVIDENCE_MAX);

/** Takes note of one outcome. */
export function hear(breaker: Breaker, approved: boolean, nowMs: number): void {
  if (phaseOf(breaker, nowMs) === "open") return;
  const usual = Math.min(USUAL_MAX, Math.max(breaker.usualMin, breaker.declined * USUAL_MARGIN));
  const declineWeighs = Math.log((1 - (1 - usual) / RARER) / usual);
  const weighs = approved ? -Math.log(RARER) : declineWeighs;
  breaker.evidence = Math.max(0, breaker.evidence + weighs);
  if (breaker.evidence <= LEARNS_UP_TO) {
    breaker.declined += ((approved ? 0 : 1) - breaker.declined) / LEARNED_FROM;
  }
  if (breaker.evidence >= EVIDENCE_MAX) {
    const openMs = Math.min(OPEN_MS_MAX, OPEN_MS * 2 ** breaker.opened);
    breaker.openUntilMs = nowMs + openMs;
    breaker.opened++;
    breaker.evidence = EVIDENCE_MAX - TRIED_DECLINES * declineWeighs;
  } else if (breaker.opened > 0 && breaker.evidence <= EVIDENCE_MAX / 2) {
    breaker.opened = 0;
  }
}
