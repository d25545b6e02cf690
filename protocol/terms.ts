// What a merchant agreed to: what a payment costs him, and when he has his money. Set when the account is made
// and as old as its journal, whose first hash covers them. Pure arithmetic on whole minor units; the ledger's
// SQL (fee_of, available_on) does the same, and the replay of a journal holds every posting to it.

/** Sums by lower-case currency, in its minor units. */
export type Sums = Readonly<Record<string, number>>;

export type Terms = {
  /** Hundredths of a percent of what is captured. */
  readonly fee_bps: number;
  /** Added to each capture in that currency; nothing in the others. */
  readonly fee_fixed: Sums;
  /** Charged when a payment is disputed, in that currency. */
  readonly dispute_fee: Sums;
  /** UTC days until what was captured may be paid out; 0 for at once. */
  readonly settlement_days: number;
  /** Whether what is available is paid out each day, or when he asks. */
  readonly payouts: "manual" | "daily";
};

/** As they are kept: what differs from the usual. */
export type KeptTerms = Partial<Terms>;

export const USUAL_TERMS: Terms = {
  fee_bps: 0,
  fee_fixed: {},
  dispute_fee: {},
  settlement_days: 2,
  payouts: "manual",
};

/** All of a payment. */
export const FEE_BPS_MAX = 10_000;
/** A fixed sum is at most what a charge may be. */
export const FEE_FIXED_MAX = 99_999_999;
/** More than any acquirer holds money back; each day to come is two numbers in a balance's row. */
export const SETTLEMENT_DAYS_MAX = 30;

export const termsOf = (kept: KeptTerms | null | undefined): Terms => ({ ...USUAL_TERMS, ...kept });

/** What has to be kept of these terms; undefined when all is as usual. */
export function keptTerms(terms: Terms): KeptTerms | undefined {
  const { fee_bps, fee_fixed, dispute_fee, settlement_days, payouts } = terms;
  const kept: KeptTerms = {
    ...(fee_bps === USUAL_TERMS.fee_bps ? {} : { fee_bps }),
    ...(Object.keys(fee_fixed).length === 0 ? {} : { fee_fixed }),
    ...(Object.keys(dispute_fee).length === 0 ? {} : { dispute_fee }),
    ...(settlement_days === USUAL_TERMS.settlement_days ? {} : { settlement_days }),
    ...(payouts === USUAL_TERMS.payouts ? {} : { payouts }),
  };
  return Object.keys(kept).length === 0 ? undefined : kept;
}

/**
 * The fee of a capture: its share, rounded half up to a minor unit, and the fixed sum, but never more than the
 * capture. Exact: eight digits times five stay below 2^53.
 */
export function feeOf({ fee_bps, fee_fixed }: Terms, amount: number, currency: string): number {
  const share = Math.floor((amount * fee_bps + 5_000) / 10_000);
  return Math.min(amount, share + (fee_fixed[currency] ?? 0));
}

/** What a dispute costs, whatever it is about. */
export const disputeFee = ({ dispute_fee }: Terms, currency: string): number =>
  dispute_fee[currency] ?? 0;

const DAY_SECONDS = 86_400;

/** The UTC day of a time in unix seconds, counted from 1970. */
export const dayOf = (seconds: number): number => Math.floor(seconds / DAY_SECONDS);

/** When a day begins, in unix seconds. */
export const startOf = (day: number): number => day * DAY_SECONDS;

/** The day from which what is credited on `day` may be paid out; null for at once. */
export const availableOn = (terms: Terms, day: number, atOnce: boolean): number | null =>
  atOnce || terms.settlement_days === 0 ? null : day + terms.settlement_days;
