// An allowance: a token bucket that earns. What is spent comes back slowly by itself, and at once when it
// turns out to have been well spent. Pure, the clock is an argument.

export type AllowanceLimit = {
  /** There at the start, and as far as time refills it. */
  readonly burst: number;
  readonly perSecond: number;
  /** Given for each spending that turned out well; more than one, so that good traffic may grow. */
  readonly earned: number;
  /** As far as earning fills it. */
  readonly most: number;
};

export type Allowance = { left: number; atMs: number };

export const newAllowance = (limit: AllowanceLimit, nowMs: number): Allowance => ({
  left: limit.burst,
  atMs: nowMs,
});

/** Takes one, or says that there is none; a clock that steps back refills nothing. */
export function spend(allowance: Allowance, limit: AllowanceLimit, nowMs: number): boolean {
  const passedMs = Math.max(0, nowMs - allowance.atMs);
  allowance.atMs = Math.max(nowMs, allowance.atMs);
  if (allowance.left < limit.burst) {
    const refilled = allowance.left + (passedMs / 1000) * limit.perSecond;
    allowance.left = Math.min(limit.burst, refilled);
  }
  if (allowance.left < 1) return false;
  allowance.left--;
  return true;
}

export function earn(allowance: Allowance, limit: AllowanceLimit): void {
  allowance.left = Math.min(limit.most, allowance.left + limit.earned);
}
