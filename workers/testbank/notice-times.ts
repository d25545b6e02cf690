// When things happen that happen later, and how often they are told. Pure.

// Long enough for a test to look at what comes before.
const DELAY_MS_DEFAULT = 1_000;
const FIRST_PAUSE_MS = 500;
const PAUSE_MS_MAX = 3_600_000;

// The pauses double to an hour in 13 tries; some seventy hours more are three days.
export const TRIES_MAX = 84;

/** How long after an order something happens, in milliseconds. */
export function delayOf(env: { readonly TESTBANK_NOTICE_DELAY_MS?: string }): number {
  const given = env.TESTBANK_NOTICE_DELAY_MS ?? "";
  const delayMs = given === "" ? DELAY_MS_DEFAULT : Number(given);
  if (!Number.isSafeInteger(delayMs) || delayMs < 0) {
    throw new Error("TESTBANK_NOTICE_DELAY_MS is no number of milliseconds");
  }
  return delayMs;
}

/** The pause after this many tries: doubles up to an hour. */
export const pauseAfter = (tried: number): number =>
  Math.min(FIRST_PAUSE_MS * 2 ** (tried - 1), PAUSE_MS_MAX);
