// When a delivery is tried again. Two back-offs: each event has its own, so that one which an endpoint cannot
// bear is not sent every second; each endpoint has one while nothing succeeds there, so that a dead receiver
// with hundreds of events waiting is knocked at some times an hour and not for each of them. Pure.

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** How long an event is tried, and an endpoint at which nothing succeeds is kept. Stripe's three days. */
export const GIVE_UP_MS = 72 * HOUR_MS;
/** After an outage at least so long, all that waits is tried at once instead of when each is due. */
export const OUTAGE_MS = 5 * MINUTE_MS;
/** A receiver that has not answered by then has not received it, as far as anybody can tell. */
export const ATTEMPT_MS_MAX = 15 * SECOND_MS;

const EVENT_FIRST_MS = 10 * SECOND_MS;
const EVENT_FACTOR = 3;
const EVENT_MS_MAX = HOUR_MS;
const ENDPOINT_FIRST_MS = SECOND_MS;
const ENDPOINT_FACTOR = 2;
const ENDPOINT_MS_MAX = 15 * MINUTE_MS;
const ORIGIN_FIRST_MS = SECOND_MS;
const ORIGIN_MS_MAX = MINUTE_MS;
/** Delays are spread by so much to both sides, so that what failed together does not come back together. */
const JITTER = 0.25;

/** A number from 0 up to, and without, 1. */
export type Chance = () => number;

const spread = (ms: number, chance: Chance): number =>
  Math.round(ms * (1 - JITTER + 2 * JITTER * chance()));

// Powers past any limit would be Infinity, and that times 0 is no number.
const EXPONENT_MAX = 30;
const grown = (first: number, factor: number, times: number, most: number): number =>
  Math.min(first * factor ** Math.min(times, EXPONENT_MAX), most);

/** How long an event waits after so many attempts, 1 or more. */
export const eventDelayMs = (attempts: number, chance: Chance): number =>
  spread(grown(EVENT_FIRST_MS, EVENT_FACTOR, attempts - 1, EVENT_MS_MAX), chance);

/** How long an endpoint is left alone after so many failures in a row, 1 or more. */
export const endpointDelayMs = (failures: number, chance: Chance): number =>
  spread(grown(ENDPOINT_FIRST_MS, ENDPOINT_FACTOR, failures - 1, ENDPOINT_MS_MAX), chance);

/** How long the ledger is left alone after so many questions without an answer, 1 or more. */
export const originDelayMs = (failures: number, chance: Chance): number =>
  spread(grown(ORIGIN_FIRST_MS, 2, failures - 1, ORIGIN_MS_MAX), chance);
