// The balance as a line through time, from the postings that made it. Pure: chart.js draws it.

/**
 * @typedef {{ at: number, balance: number, net: number, type: string, source: string }} Step
 *   what the balance was from this unix second on, and the posting that made it so
 */

/**
 * Walks back from what the balance is now; postings come newest first, as the API lists them.
 * @param {readonly any[]} transactions of one currency
 * @param {number} now the balance after the newest of them
 * @returns {Step[]} oldest first
 */
export function stepsOf(transactions, now) {
  let balance = now;
  const steps = transactions.map((posting) => {
    const step = {
      at: posting.created,
      balance,
      net: posting.net,
      type: posting.type,
      source: String(posting.source?.id ?? posting.source ?? ""),
    };
    balance -= posting.net;
    return step;
  });
  return steps.reverse();
}

/**
 * What came in and what went back since a moment.
 * @param {readonly any[]} transactions @param {number} since unix seconds
 */
export function turnoverOf(transactions, since) {
  const recent = transactions.filter(({ created }) => created >= since);
  const sum = (/** @type {string} */ category) =>
    recent.reduce((all, { amount, reporting_category }) => {
      return reporting_category === category ? all + amount : all;
    }, 0);
  return { taken: sum("charge"), returned: -sum("refund") };
}

/**
 * Round numbers that cover a range, at most `most` of them.
 * @param {number} low @param {number} high @param {number} most @param {number} unit the least step
 */
export function ticksOf(low, high, most, unit) {
  const span = Math.max(high - low, unit);
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(unit, ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10) * power);
  const first = Math.floor(low / step) * step;
  const ticks = [first];
  while ((ticks.at(-1) ?? high) < high) ticks.push((ticks.at(-1) ?? 0) + step);
  return ticks;
}
