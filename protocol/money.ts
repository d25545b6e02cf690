// Amounts are whole numbers of the currency's minor unit. The currencies are those of ISO 4217 that a
// card can be charged in at Stripe; how many decimals each has matters first when money is shown.

/** Least and greatest amount of one charge, in minor units (Stripe: eight digits). */
export const AMOUNT_MIN = 1;
export const AMOUNT_MAX = 99_999_999;

const CURRENCIES = new Set(
  `aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad
  cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd
  hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl
  mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg
  qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah
  ugx usd uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw`.split(/\s+/),
);

/** Whether this lower-case code is a currency Tessera charges in. */
export const isCurrency = (code: string): boolean => CURRENCIES.has(code);
