// Amounts travel as integers of the smallest unit and are turned into text only here.

/**
 * @param {number} amount in the currency's smallest unit
 * @param {string} currency such as "usd"
 */
export function formatMoney(amount, currency) {
  const style = { style: "currency", currency: currency.toUpperCase() };
  const format = new Intl.NumberFormat("en-US", style);
  // Yen has no cents: the currency, not a constant, says where the point stands.
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** decimals);
}
