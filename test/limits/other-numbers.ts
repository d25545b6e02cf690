// Numbers that are no cards, as shops have them in orders, customers and metadata, made from a seed. How
// each is sampled is what its figure means, so it is written beside it.

import { encodeBase62 } from "../../protocol/base62.ts";
import type { Dice, Sample } from "./pan-corpus.ts";

const HEX = "0123456789abcdef";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALNUM = `0123456789${UPPER}`;
const BASE62 = `${ALNUM}abcdefghijklmnopqrstuvwxyz`;

const two = (n: number): string => String(n).padStart(2, "0");
const grouped = (text: string, size: number, by = " "): string =>
  text.match(new RegExp(`.{1,${size}}`, "g"))?.join(by) ?? "";

/** GS1's check digit, behind the digits it is of. */
function gs1(body: string): string {
  let sum = 0;
  for (let i = 0; i < body.length; i++) {
    sum += Number(body[body.length - 1 - i]) * (i % 2 === 0 ? 3 : 1);
  }
  return body + ((10 - (sum % 10)) % 10);
}

/** A day between 2015 and 2035. */
function day(dice: Dice): readonly [year: string, month: string, day: string] {
  return [String(dice.between(2015, 2035)), two(dice.between(1, 12)), two(dice.between(1, 28))];
}
const clock = (dice: Dice): string[] => [
  two(dice.below(24)),
  two(dice.below(60)),
  two(dice.below(60)),
];

/** Schemes of order numbers of shop systems and marketplaces, each as often. */
const ORDERS: readonly ((dice: Dice) => string)[] = [
  (d) => `#${d.between(1000, 99_999)}`, // Shopify, shown
  (d) => String(d.between(4_000_000_000_000, 6_999_999_999_999)), // Shopify, id
  (d) => `${d.below(10)}${d.digits(8)}`, // Magento
  (d) => String(d.between(1, 99_999)), // WooCommerce
  (d) =>
    `${d.of(["302", "303", "304", "305", "306", "111", "112", "113", "114", "202"])}-${d.digits(7)}-${d.digits(7)}`, // Amazon
  (d) => `${two(d.between(1, 30))}-${d.digits(5)}-${d.digits(5)}`, // eBay
  (d) => String(d.between(1_000_000_000, 4_999_999_999)), // Etsy
  (d) => `GPA.${d.digits(4)}-${d.digits(4)}-${d.digits(4)}-${d.digits(5)}`, // Google Play
  (d) => `W${d.digits(10)}`, // Apple
  (d) => `20000${d.digits(11)}`, // Mercado Libre
  (d) => `${d.digits(6)}-${day(d).join("")}-${d.digits(10)}`, // Rakuten
  (d) => `${day(d).join("")}-${d.digits(d.between(3, 6))}`, // date and number
  (d) => `${day(d).join("")}${clock(d).join("")}${d.digits(d.between(2, 4))}`, // date, time and number
  (d) => `${day(d)[0]}-${d.digits(d.between(4, 7))}`, // year and number
  (d) => `ORD-${d.digits(d.between(5, 12))}`,
  (d) => `INV/${day(d)[0]}/${day(d)[1]}/${d.digits(4)}`,
  (d) => `PO${d.digits(d.between(6, 10))}`,
  (d) => `order_${d.text(14, BASE62)}`, // Razorpay
  (d) => `cs_test_${d.text(24, BASE62)}`, // Stripe's checkout
  (d) => String(d.between(10_000_000, 99_999_999)), // eight digits
  (d) => `${d.text(2, UPPER)}${d.digits(9)}${d.text(2, UPPER)}`,
  (d) => `${d.digits(3)}-${d.digits(6)}-${d.digits(3)}`,
];

/** Country code, lengths of the number behind it, and how it is grouped at home. */
const COUNTRIES: readonly (readonly [code: string, digits: readonly number[], home: string])[] = [
  ["1", [10], "(###) ###-####"],
  ["1", [10], "###.###.####"],
  ["7", [10], "8 (###) ###-##-##"],
  ["20", [10], "0## #### ####"],
  ["27", [9], "0## ### ####"],
  ["30", [10], "### ### ####"],
  ["31", [9], "0# ########"],
  ["32", [9], "0### ## ## ##"],
  ["33", [9], "0# ## ## ## ##"],
  ["34", [9], "### ### ###"],
  ["36", [8, 9], "06 ## ### ####"],
  ["39", [9, 10, 11], "### ### ####"],
  ["40", [9], "0### ### ###"],
  ["41", [9], "0## ### ## ##"],
  ["43", [10, 11, 12], "0### #######"],
  ["44", [10], "0#### ######"],
  ["45", [8], "## ## ## ##"],
  ["46", [9], "0##-### ## ##"],
  ["47", [8], "### ## ###"],
  ["48", [9], "### ### ###"],
  ["49", [10, 11], "0#### #######"],
  ["49", [11], "0### ########"],
  ["52", [10], "## #### ####"],
  ["54", [10, 11], "0## 15 ####-####"],
  ["55", [10, 11], "(##) #####-####"],
  ["56", [9], "# #### ####"],
  ["57", [10], "### #######"],
  ["60", [9, 10], "0##-### ####"],
  ["61", [9], "0### ### ###"],
  ["62", [9, 10, 11, 12], "08##-####-####"],
  ["63", [10], "0### ### ####"],
  ["64", [8, 9, 10], "0## ### ####"],
  ["65", [8], "#### ####"],
  ["66", [9], "0##-###-####"],
  ["81", [10], "0##-####-####"],
  ["82", [9, 10], "0##-####-####"],
  ["84", [9], "0## ### ## ##"],
  ["86", [11], "### #### ####"],
  ["90", [10], "0### ### ## ##"],
  ["91", [10], "##### #####"],
  ["92", [10], "0### #######"],
  ["98", [10], "0### ### ####"],
  ["351", [9], "### ### ###"],
  ["353", [9], "0## ### ####"],
  ["358", [9, 10], "0## #######"],
  ["370", [8], "(8-###) #####"],
  ["380", [9], "0## ### ## ##"],
  ["385", [8, 9], "0## ### ####"],
  ["420", [9], "### ### ###"],
  ["421", [9], "0### ### ###"],
  ["852", [8], "#### ####"],
  ["971", [9], "0## ### ####"],
  ["972", [9], "0##-###-####"],
];
const filled = (dice: Dice, form: string): string =>
  form.replace(/#/g, () => String(dice.below(10)));

function international(dice: Dice): string {
  const [code, lengths] = dice.of(COUNTRIES);
  const digits = dice.digits(dice.of(lengths));
  return dice.of([
    () => `+${code}${digits}`,
    () => `${code}${digits}`,
    () => `00${code}${digits}`,
    () => `+${code} ${grouped(digits, 3)}`,
    () => `+${code} ${digits.slice(0, 2)} ${grouped(digits.slice(2), 4)}`,
    () => `+${code}-${digits.slice(0, 3)}-${digits.slice(3)}`,
    () => `tel:+${code}${digits}`,
    () => `Call +${code} ${digits.slice(0, 3)} ${digits.slice(3)} ext. ${dice.digits(4)}`,
  ])();
}

/** Countries by the form of their national account number: digits, letters, either; IBAN registry. */
const IBANS: readonly (readonly [country: string, form: string])[] = [
  ["NO", "n11"],
  ["BE", "n12"],
  ["DK", "n14"],
  ["FI", "n14"],
  ["FO", "n14"],
  ["NL", "a4n10"],
  ["SI", "n15"],
  ["MK", "n3c10n2"],
  ["AT", "n16"],
  ["BA", "n16"],
  ["EE", "n16"],
  ["LT", "n16"],
  ["LU", "n3c13"],
  ["KZ", "n3c13"],
  ["XK", "n16"],
  ["CH", "n5c12"],
  ["HR", "n17"],
  ["LI", "n5c12"],
  ["LV", "a4c13"],
  ["BG", "a4n6c8"],
  ["DE", "n18"],
  ["GB", "a4n14"],
  ["GE", "a2n16"],
  ["IE", "a4n14"],
  ["ME", "n18"],
  ["RS", "n18"],
  ["AE", "n19"],
  ["IL", "n19"],
  ["AD", "n8c12"],
  ["CZ", "n20"],
  ["ES", "n20"],
  ["SE", "n20"],
  ["SK", "n20"],
  ["RO", "a4c16"],
  ["SA", "n2c18"],
  ["TN", "n20"],
  ["PT", "n21"],
  ["IS", "n22"],
  ["TR", "n6c16"],
  ["CY", "n8c16"],
  ["HU", "n24"],
  ["PL", "n24"],
  ["GR", "n7c16"],
  ["IT", "a1n10c12"],
  ["FR", "n10c11n2"],
  ["MU", "a4n19a3"],
  ["MT", "a4n5c18"],
  ["RU", "n14c15"],
];

function iban(dice: Dice): string {
  const [country, form] = dice.of(IBANS);
  const bban = form.replace(/([anc])([0-9]+)/g, (_, kind: string, count: string) =>
    // Characters are digits mostly: letters in an account number are allowed and rare.
    kind === "n" || (kind === "c" && dice.below(5) > 0)
      ? dice.digits(Number(count))
      : dice.text(Number(count), kind === "a" ? UPPER : ALNUM),
  );
  let rest = 0;
  for (const sign of `${bban}${country}00`) {
    const value = Number.parseInt(sign, 36);
    rest = (rest * (value < 10 ? 10 : 100) + value) % 97;
  }
  const text = `${country}${two(98 - rest)}${bban}`;
  return dice.of([
    text,
    grouped(text, 4),
    `IBAN ${grouped(text, 4)}, BIC DEUTDEFF`,
    text.toLowerCase(),
  ]);
}

const PARCELS: readonly ((dice: Dice) => string)[] = [
  (d) => `1Z${d.text(6, ALNUM)}${d.digits(10)}`, // UPS
  (d) => grouped(`1Z${d.text(6, ALNUM)}${d.digits(10)}`, 4),
  (d) => `1Z ${d.digits(6)} ${d.digits(2)} ${d.digits(4)} ${d.digits(4)}`,
  (d) => `1Z${d.digits(16)}`,
  (d) => `T${d.digits(10)}`,
  (d) => d.digits(12), // FedEx Express
  (d) => grouped(d.digits(12), 4),
  (d) => gs1(`96${d.digits(19)}`), // FedEx Ground
  (d) => grouped(gs1(`96${d.digits(19)}`), 4),
  (d) => `9612 ${grouped(d.digits(3) + gs1(d.digits(14)), 4)}`,
  (d) => d.digits(10), // DHL Express
  (d) => `${d.digits(2)} ${d.digits(4)} ${d.digits(4)}`,
  (d) => `JJD${d.digits(18)}`, // DHL Paket
  (d) => `JJD ${grouped(d.digits(18), 4)}`,
  (d) => `JVGL${d.digits(16)}`,
  (d) => gs1(`003404${d.digits(13)}`),
  (d) => grouped(gs1(`003404${d.digits(13)}`), 4),
  (d) => `GM${d.digits(16)}`, // DHL eCommerce
  (d) => `${d.text(2, UPPER)}${d.digits(9)}${d.text(2, UPPER)}`, // UPU S10
  (d) => gs1(`9400${d.digits(17)}`), // USPS
  (d) => grouped(gs1(`9205${d.digits(17)}`), 4),
];

const IPV6 = (d: Dice): string =>
  d.of([
    () => Array.from({ length: 8 }, () => d.text(4, HEX)).join(":"),
    () => `2001:db8::${d.text(4, HEX)}`,
    () => `2606:4700:4700::${d.digits(4)}`,
    () => `2${d.digits(3)}:${d.digits(4)}:${d.digits(4)}::${d.digits(4)}`,
    () => `2a${d.text(2, HEX)}:${d.digits(4)}:${d.digits(4)}:${d.digits(4)}::${d.digits(1)}`,
  ])();

/** UUIDs by version; some of digits only, which chance makes of one in three million. */
const UUIDS: readonly ((dice: Dice) => string)[] = [
  (d) =>
    `${d.text(8, HEX)}-${d.text(4, HEX)}-4${d.text(3, HEX)}-8${d.text(3, HEX)}-${d.text(12, HEX)}`,
  (d) =>
    `019a${d.text(4, HEX)}-${d.text(4, HEX)}-7${d.text(3, HEX)}-b${d.text(3, HEX)}-${d.text(12, HEX)}`,
  (d) => `${d.digits(8)}-${d.digits(4)}-4${d.digits(3)}-8${d.digits(3)}-${d.digits(12)}`,
  (d) => d.text(32, HEX),
  (d) =>
    `${d.text(8, HEX)}-${d.text(4, HEX)}-4${d.text(3, HEX)}-A${d.text(3, HEX)}-${d.text(12, HEX)}`.toUpperCase(),
];

const TIMES: readonly ((dice: Dice) => string)[] = [
  (d) => String(d.between(1_420_000_000, 2_080_000_000)),
  (d) => String(d.between(1_420_000_000_000, 2_080_000_000_000)),
  (d) => `${d.between(1_420_000_000, 2_080_000_000)}${d.digits(6)}`,
  (d) => `${d.between(1_420_000_000, 2_080_000_000)}${d.digits(9)}`,
  (d) => `${day(d).join("-")}T${clock(d).join(":")}.${d.digits(6)}Z`,
  (d) => `${day(d).join("-")} ${clock(d).join(":")}+02:00`,
  (d) => `${day(d).join("")}${clock(d).join("")}`,
  (d) => `${day(d).join("")}${clock(d).join("")}${d.digits(3)}`,
  (d) => `${day(d).toReversed().join(".")} - ${day(d).toReversed().join(".")}`,
  (d) =>
    `${day(d).toReversed().join("/")} ${day(d).toReversed().join("/")} ${day(d).toReversed().join("/")}`,
  (d) => `${day(d).join("/")}/${day(d).join("/")}`,
];

const AMOUNTS: readonly ((dice: Dice) => string)[] = [
  (d) => String(d.between(1, 999_999_999_999)),
  (d) => `${d.between(1, 999_999)}.${d.digits(2)}`,
  (d) => d.between(1_000_000, 999_999_999_999).toLocaleString("en-US"),
  (d) => `${d.between(1_000_000, 999_999_999_999).toLocaleString("de-DE")},${d.digits(2)} €`,
  (d) => `${grouped(d.digits(9), 3)},${d.digits(2)}`,
  (d) => Array.from({ length: 4 }, () => `${d.between(1, 9999)}.${d.digits(2)}`).join(", "),
  (d) =>
    `${d.between(1, 99)} x ${d.between(1, 9999)}.${d.digits(2)} = ${d.between(1, 99_999)}.${d.digits(2)}`,
  (d) => `0.${d.digits(d.between(2, 18))}`,
  (d) => `₹${d.digits(2)},${d.digits(2)},${d.digits(2)},${d.digits(3)}.${d.digits(2)}`,
];

/** GS1 prefixes of the larger countries; a GTIN-14's case indicator is 1 mostly. */
const GS1 = [
  "00",
  "01",
  "03",
  "30",
  "37",
  "40",
  "42",
  "45",
  "49",
  "50",
  "54",
  "57",
  "69",
  "73",
  "76",
  "80",
  "84",
  "87",
  "90",
  "93",
];
const ean = (d: Dice): string => {
  const prefix = d.of(GS1);
  return gs1(prefix + d.digits(12 - prefix.length));
};
const ARTICLES: readonly ((dice: Dice) => string)[] = [
  ean,
  (d) => `EAN ${ean(d)}`,
  (d) =>
    grouped(ean(d), 1)
      .replace(/ /g, "")
      .replace(/^(.)(.{6})/, "$1 $2 "),
  (d) => gs1(d.digits(11)), // UPC
  (d) => gs1(d.digits(7)),
  (d) => gs1(`978${d.digits(9)}`),
  (d) => `978-${d.below(10)}-${d.digits(3)}-${d.digits(5)}-${d.below(10)}`,
  (d) => `${d.digits(9)}${d.of([..."0123456789X"])}`,
  (d) => `GTIN ${gs1(`${d.between(1, 8)}${ean(d).slice(0, -1)}`)}`,
  (d) => gs1(`1${ean(d).slice(0, -1)}`),
];

const VATS: readonly ((dice: Dice) => string)[] = [
  (d) => `DE${d.digits(9)}`,
  (d) => `ATU${d.digits(8)}`,
  (d) => `BE0${d.digits(9)}`,
  (d) => `FR${d.digits(11)}`,
  (d) => `NL${d.digits(9)}B${d.digits(2)}`,
  (d) => `SE${d.digits(10)}01`,
  (d) => `GB${d.digits(9)}`,
  (d) => `GB ${d.digits(3)} ${d.digits(4)} ${d.digits(2)}`,
  (d) => `GB${d.digits(12)}`,
  (d) => `IT${d.digits(11)}`,
  (d) => `ES${d.text(1, UPPER)}${d.digits(8)}`,
  (d) => `CHE-${d.digits(3)}.${d.digits(3)}.${d.digits(3)} MWST`,
  (d) => `${d.digits(2)}.${d.digits(3)}.${d.digits(3)}/0001-${d.digits(2)}`,
  (d) => `LT${d.digits(12)}`,
  (d) => `${d.digits(2)}${d.text(5, UPPER)}${d.digits(4)}${d.text(1, UPPER)}1Z${d.digits(1)}`,
];

const OURS: readonly ((dice: Dice) => string)[] = [
  ...["ch", "re", "op", "cus", "card", "tok"].map((p) => (d: Dice) => `${p}_${d.text(22, BASE62)}`),
  (d) => `acct_${d.text(16, BASE62)}`,
  (d) => `req_${d.text(16, BASE62)}`,
  (d) => `evt_0${d.text(16, BASE62)}${encodeBase62(BigInt(d.between(1, 99_999)), 8)}`,
  (d) => `sk_test_${d.text(44, BASE62)}`,
];

const FIELDS = [
  ["order_id", (d: Dice) => d.digits(8)],
  ["customer_no", (d: Dice) => d.digits(8)],
  ["customer_id", (d: Dice) => d.digits(6)],
  ["store", (d: Dice) => d.digits(4)],
  ["terminal", (d: Dice) => d.digits(4)],
  ["attempt_number", (d: Dice) => String(d.between(1, 5))],
  ["zip", (d: Dice) => d.digits(5)],
  ["phone", (d: Dice) => d.digits(10)],
  ["total", (d: Dice) => d.digits(4)],
  ["invoice", (d: Dice) => d.digits(12)],
  ["sku", (d: Dice) => d.digits(8)],
  ["cartId", (d: Dice) => d.digits(10)],
  ["placed_at", (d: Dice) => String(d.between(1_420_000_000, 2_080_000_000))],
  ["qty", (d: Dice) => d.digits(1)],
  ["date", (d: Dice) => day(d).join("")],
  ["colour", () => "green"],
  ["user", (d: Dice) => d.digits(7)],
] as const;

/** Three to ten things that shops note of an order, in any order. */
function metadata(dice: Dice): Sample {
  const fields: Record<string, string> = {};
  for (let i = dice.between(3, 10); i > 0; i--) {
    const [name, make] = dice.of(FIELDS);
    fields[`metadata.${name}`] = make(dice);
  }
  return { kind: "metadata of an order", fields };
}

const text =
  (kind: string, make: (dice: Dice) => string) =>
  (dice: Dice): Sample => ({ kind, fields: { description: make(dice) } });
const any = (ways: readonly ((dice: Dice) => string)[]) => (dice: Dice) => dice.of(ways)(dice);

const CLASSES: readonly ((dice: Dice) => Sample)[] = [
  text("order ids", any(ORDERS)),
  text("phones, E.164", international),
  text("phones, national", (d) => filled(d, d.of(COUNTRIES)[2])),
  text("IBANs", iban),
  text("UUIDs", any(UUIDS)),
  text("timestamps", any(TIMES)),
  text("tracking numbers", any(PARCELS)),
  text("our own ids", any(OURS)),
  text("EAN, GTIN, ISBN", any(ARTICLES)),
  text("amounts", any(AMOUNTS)),
  text("IPv4", (d) => Array.from({ length: 4 }, () => d.below(256)).join(".")),
  text("IPv6", IPV6),
  text("VAT ids", any(VATS)),
  text("digests", (d) => d.text(d.of([40, 64]), HEX)),
  text("random base64", (d) => d.text(d.between(16, 88), `${BASE62}+/`)),
  metadata,
];

/** `each` of every class. */
export function* negatives(dice: Dice, each: number): Generator<Sample> {
  for (const make of CLASSES) for (let i = 0; i < each; i++) yield make(dice);
}

/** Numbers that nobody can tell from cards by their digits alone. */
export const UNDECIDABLE: Readonly<Record<string, (dice: Dice) => string>> = {
  "16 random digits": (d) => d.digits(16),
  "16 random digits after a 4": (d) => `4${d.digits(15)}`,
  "16 random digits in fours": (d) => grouped(d.digits(16), 4),
  "GTIN-14, any indicator, unnamed": (d) => gs1(`${d.between(1, 8)}${ean(d).slice(0, -1)}`),
};
