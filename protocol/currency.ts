// The currencies a card can be charged in, how many decimals each has, and the least and greatest amount of
// one charge. Amounts are whole numbers of what the API counts in, which for two currencies is not ISO 4217's
// minor unit. Sources: ISO 4217 for the decimals, Stripe's page on currencies for the rest.

import type { Failure } from "./failure.ts";

/** Least and greatest amount of a row of the ledger (Stripe: eight digits, in every currency). */
export const AMOUNT_MIN = 1;
export const AMOUNT_MAX = 99_999_999;

export type Currency = {
  /** ISO 4217 in lower case. */
  readonly code: string;
  /** Digits after the point when an amount of the API is shown: the API's exponent. */
  readonly decimals: 0 | 2 | 3;
  /** What every charge is a multiple of. */
  readonly step: 1 | 10 | 100;
  /** Least charge, in the API's units. */
  readonly min: number;
};

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const ZERO_DECIMAL = words("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf");

/** Three decimals of which card networks carry two: the last digit is 0. */
const THREE_DECIMAL = words("bhd jod kwd omr tnd");

/** Without decimals by ISO 4217 and at the networks; the API goes on counting in hundredths. */
const WHOLE_UNITS = words("isk ugx");

const TWO_DECIMAL = words(`
  aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny
  cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr jmd
  kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok
  npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top
  try ttd twd tzs uah usd uyu uzs wst xcd xcg yer zar zmw`);

/** Least charges as Stripe publishes them, worth about half a dollar each. */
const PUBLISHED_MIN: Readonly<Record<string, number>> = {
  aed: 200,
  aud: 50,
  bgn: 100,
  brl: 50,
  cad: 50,
  chf: 50,
  czk: 15_00,
  dkk: 250,
  eur: 50,
  gbp: 30,
  hkd: 400,
  huf: 175_00,
  inr: 50,
  jpy: 50,
  mxn: 10_00,
  myr: 200,
  nok: 300,
  nzd: 50,
  pln: 200,
  ron: 200,
  sek: 300,
  sgd: 50,
  thb: 10_00,
  usd: 50,
};

const group = (
  codes: readonly string[],
  decimals: Currency["decimals"],
  step: Currency["step"],
): readonly Currency[] =>
  // Where no minimum is published it depends on the rate of the day: then the least is what can be said.
  codes.map((code) => ({ code, decimals, step, min: PUBLISHED_MIN[code] ?? step }));

/** By lower-case code. */
export const CURRENCIES: ReadonlyMap<string, Currency> = new Map(
  [
    ...group(ZERO_DECIMAL, 0, 1),
    ...group(TWO_DECIMAL, 2, 1),
    ...group(THREE_DECIMAL, 3, 10),
    ...group(WHOLE_UNITS, 2, 100),
  ].map((currency) => [currency.code, currency]),
);

/** What is charged with two decimals and paid out without. */
const PAID_OUT_WHOLE = new Set(["huf", "twd"]);

/** What every payout in a currency is a multiple of; mirrored by `payout_step` of the ledger. */
export const payoutStep = (code: string): number =>
  PAID_OUT_WHOLE.has(code) ? 100 : (CURRENCIES.get(code)?.step ?? 1);

/** Whether this lower-case code is a currency Tessera charges in. */
export const isCurrency = (code: string): boolean => CURRENCIES.has(code);

/** An amount of the API in words: `0.50 usd`, `50 jpy`, `0.010 kwd`. */
export function amountText(amount: number, code: string): string {
  const decimals = CURRENCIES.get(code)?.decimals ?? 0;
  const digits = String(Math.abs(amount)).padStart(decimals + 1, "0");
  const at = digits.length - decimals;
  const point = decimals === 0 ? "" : `.${digits.slice(at)}`;
  return `${amount < 0 ? "-" : ""}${digits.slice(0, at)}${point} ${code}`;
}

/** Why this much of a currency cannot be charged; undefined if it can. Both were parsed before. */
export function amountFailure(amount: number, code: string, param = "amount"): Failure | undefined {
  const currency = CURRENCIES.get(code);
  if (currency === undefined) return undefined;
  if (amount > AMOUNT_MAX) return { kind: "amount_too_large", param, max: AMOUNT_MAX };
  if (amount % currency.step !== 0) {
    return { kind: "amount_fractional", param, step: currency.step, currency: code };
  }
  if (amount >= currency.min) return undefined;
  return { kind: "amount_too_small", param, min: currency.min, currency: code };
}
