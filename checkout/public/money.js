// Amounts travel as integers of the smallest unit and are turned into text, and back, only here.

/** @param {string} currency such as "usd" */
const formatOf = (currency) =>
  new Intl.NumberFormat("en-US", { style: "currency", currency: currency.toUpperCase() });

/** Yen has no cents: the currency, not a constant, says where the point stands. @param {string} currency */
export const decimalsOf = (currency) =>
  formatOf(currency).resolvedOptions().maximumFractionDigits ?? 2;

/**
 * @param {number} amount in the currency's smallest unit
 * @param {string} currency
 */
export function formatMoney(amount, currency) {
  return formatOf(currency).format(amount / 10 ** decimalsOf(currency));
}

/**
 * What somebody typed, in the smallest unit; undefined when it is no amount above zero.
 * @param {string} text such as "12.34" or "1,234"
 * @param {string} currency
 */
export function amountFrom(text, currency) {
  const decimals = decimalsOf(currency);
  const [, whole = "", rest = ""] =
    /^\s*([0-9]{1,9})(?:\.([0-9]{0,3}))?\s*$/.exec(text.replaceAll(",", "")) ?? [];
  if (whole === "" || rest.length > decimals) return undefined;
  const amount = Number(whole) * 10 ** decimals + Number(rest.padEnd(decimals, "0") || 0);
  return amount > 0 ? amount : undefined;
}
