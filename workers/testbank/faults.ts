// Faults on request: from the switches and a source of randomness, what to do to one request.
// Pure: with a seed the same requests in the same order meet the same faults, because each request
// takes the same number of draws whatever they decide. It does not know what the request asks, and
// it does not sleep or fail by itself; the book carries the plan out.
// A hit is a request that was altered in any way, a delay included; `count` counts hits.

export interface Switches {
  readonly latency_ms?: number;
  readonly latency_jitter_ms?: number;
  readonly error_rate?: number;
  readonly error_after_rate?: number;
  readonly timeout_after_rate?: number;
  readonly timeout_ms?: number;
  readonly drop_after_rate?: number;
  readonly duplicate_rate?: number;
  readonly count?: number;
  readonly seed?: number;
}

export interface FaultState {
  readonly switches: Switches;
  readonly hits: number;
  // The generator's state while a seed is set; without one the caller's randomness is used.
  readonly generator?: number;
}

export interface Plan {
  readonly delayMs: number;
  readonly failsBefore: boolean;
  readonly failsAfter: boolean;
  readonly holdMs: number;
  // Booked, and the answer is lost on its way.
  readonly drops: boolean;
  readonly refusesReplay: boolean;
}

export const NO_FAULT: Plan = {
  delayMs: 0,
  failsBefore: false,
  failsAfter: false,
  holdMs: 0,
  drops: false,
  refusesReplay: false,
};

export const NO_SWITCHES: FaultState = { switches: {}, hits: 0 };

// Longer than the timeout of any caller worth testing, so that the caller always gives up first.
const TIMEOUT_MS_DEFAULT = 30_000;

const DRAWS_PER_REQUEST = 6;

export function faultState(switches: Switches): FaultState {
  const { seed } = switches;
  return seed === undefined ? { switches, hits: 0 } : { switches, hits: 0, generator: seed >>> 0 };
}

export function isIdle(state: FaultState): boolean {
  const { switches } = state;
  return (
    (switches.latency_ms ?? 0) === 0 &&
    (switches.latency_jitter_ms ?? 0) === 0 &&
    (switches.error_rate ?? 0) === 0 &&
    (switches.error_after_rate ?? 0) === 0 &&
    (switches.timeout_after_rate ?? 0) === 0 &&
    (switches.drop_after_rate ?? 0) === 0 &&
    (switches.duplicate_rate ?? 0) === 0
  );
}

export function planFault(
  state: FaultState,
  isReplay: boolean,
  random: () => number,
): { readonly plan: Plan; readonly state: FaultState } {
  const { switches } = state;
  const { draws, generator } = drawAll(state.generator, random);
  const [jitter = 0, before = 0, after = 0, timeout = 0, duplicate = 0, drop = 0] = draws;
  const failsBefore = before < (switches.error_rate ?? 0);
  const holds = !failsBefore && timeout < (switches.timeout_after_rate ?? 0);
  const failsAfter = !failsBefore && !holds && after < (switches.error_after_rate ?? 0);
  const plan: Plan = {
    delayMs: (switches.latency_ms ?? 0) + Math.round(jitter * (switches.latency_jitter_ms ?? 0)),
    failsBefore,
    failsAfter,
    holdMs: holds ? (switches.timeout_ms ?? TIMEOUT_MS_DEFAULT) : 0,
    drops: !failsBefore && !failsAfter && drop < (switches.drop_after_rate ?? 0),
    refusesReplay: !failsBefore && isReplay && duplicate < (switches.duplicate_rate ?? 0),
  };
  const drawn = generator === undefined ? state : { ...state, generator };
  return { plan, state: isHit(plan) ? afterHit(drawn) : drawn };
}

/** Whether a request has to wait, before or after it is booked. */
export function isSlow(plan: Plan): boolean {
  return plan.delayMs > 0 || plan.holdMs > 0;
}

function isHit(plan: Plan): boolean {
  return (
    plan.delayMs > 0 ||
    plan.failsBefore ||
    plan.failsAfter ||
    plan.holdMs > 0 ||
    plan.drops ||
    plan.refusesReplay
  );
}

function afterHit(state: FaultState): FaultState {
  const hits = state.hits + 1;
  const { count } = state.switches;
  return count !== undefined && hits >= count ? { switches: {}, hits } : { ...state, hits };
}

function drawAll(
  generator: number | undefined,
  random: () => number,
): { readonly draws: readonly number[]; readonly generator?: number } {
  if (generator === undefined) {
    return { draws: Array.from({ length: DRAWS_PER_REQUEST }, random) };
  }
  const draws: number[] = [];
  let next = generator;
  for (let index = 0; index < DRAWS_PER_REQUEST; index += 1) {
    next = (next + 0x6d2b79f5) >>> 0;
    draws.push(mulberry32(next));
  }
  return { draws, generator: next };
}

// Mulberry32: 32 bits of state, good enough to decide which request fails, and stable everywhere.
function mulberry32(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
