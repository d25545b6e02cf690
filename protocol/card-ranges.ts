// Which leading digits (issuer identification numbers, ISO/IEC 7812-1) each scheme issues, with the lengths
// of its numbers, as the schemes and national registers publish them. Wider than what is accepted for
// payment: here they tell what must not be written anywhere.

type Range = readonly [first: number, last: number, lengths: readonly number[]];

const TO_19 = [16, 17, 18, 19];

// First and last six leading digits; narrow ranges before the wide ones around them.
const RANGES: readonly Range[] = [
  [400000, 499999, [13, 16, 19]], // Visa; Switch and Elo within it
  [510000, 559999, [16]], // MasterCard
  [222100, 272099, [16]], // MasterCard since 2017
  [340000, 349999, [15]], // American Express
  [370000, 379999, [15]],
  [300000, 305999, [14, ...TO_19]], // Diners Club
  [309500, 309599, [14, ...TO_19]],
  [360000, 369999, [14, ...TO_19]],
  [380000, 399999, [14, ...TO_19]],
  [352800, 358999, TO_19], // JCB, RuPay
  [601100, 601199, TO_19], // Discover
  [644000, 659999, TO_19],
  [620000, 629999, TO_19], // UnionPay
  [810000, 817199, TO_19],
  [501800, 501899, [12, 13, 14, 15, ...TO_19]], // Maestro, the ranges that issue every length
  [502000, 502099, [12, 13, 14, 15, ...TO_19]],
  [503800, 503899, [12, 13, 14, 15, ...TO_19]],
  [589300, 589399, [12, 13, 14, 15, ...TO_19]],
  [630400, 630499, [12, 13, 14, 15, ...TO_19]],
  [675900, 675999, [12, 13, 14, 15, ...TO_19]],
  [676100, 676399, [12, 13, 14, 15, ...TO_19]],
  [500000, 509999, [16, 18, 19]], // Maestro, Dankort, Elo, Verve, RuPay
  [560000, 589999, [16, 18, 19]], // Maestro
  [670000, 679999, [16, 18, 19]],
  [630000, 639999, [16, 19]], // InterPayment, InstaPayment, Solo
  [600000, 609999, [16]], // RuPay, Hipercard
  [820000, 829999, [16]], // RuPay
  [220000, 220499, TO_19], // Mir
  [979200, 979299, [16]], // Troy
  [860000, 860099, [16]], // Uzcard
  [986000, 986099, [16]], // Humo
  [911200, 911299, [16]], // Belkart
];

/** Shortest and longest card number there is, in digits. */
export const PAN_DIGITS_MIN = 12;
export const PAN_DIGITS_MAX = 19;

/** Lengths of the numbers that begin with these six digits; none when no scheme issues them. */
export function issuedLengths(head: number): readonly number[] {
  for (const [first, last, lengths] of RANGES) {
    if (head >= first && head <= last) return lengths;
  }
  return NONE;
}

const NONE: readonly number[] = [];
