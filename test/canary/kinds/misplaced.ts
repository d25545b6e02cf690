// Numbers where none belongs: in a wrong field of a card, in texts, names, URLs, keys and headers.

import { type Form, get, post } from "../http-message.ts";
import {
  DETECTED,
  type Kind,
  type Means,
  money,
  noted,
  REFUSED,
  tokens,
  written,
} from "../kind.ts";
import type { Canary } from "../numbers.ts";
import { grouped } from "../spellings.ts";

const CHARGE_TEXTS = [
  "description",
  "statement_descriptor",
  "statement_descriptor_suffix",
  "transfer_group",
  "receipt_email",
  "metadata[note]",
  "shipping[name]",
  "shipping[address][line1]",
  "shipping[tracking_number]",
];
const CUSTOMER_TEXTS = [
  "name",
  "email",
  "phone",
  "description",
  "metadata[note]",
  "address[line1]",
  "address[line2]",
  "address[city]",
  "address[postal_code]",
  "shipping[name]",
  "shipping[phone]",
  "shipping[address][line1]",
];
const CARD_TEXTS = [
  "name",
  "address_line1",
  "address_line2",
  "address_city",
  "address_state",
  "address_zip",
  "address_country",
  "object",
];
const HEADERS = [
  "user-agent",
  "referer",
  "cookie",
  "accept",
  "accept-language",
  "x-request-id",
  "x-forwarded-for",
  "stripe-account",
  "x-card",
  "if-none-match",
  "range",
  "traceparent",
  "cf-connecting-ip",
  "via",
  "from",
];

/** One field of a card is not what it should be; the number is whole. */
const WRONG_FIELDS: readonly ((c: Canary, m: Means) => Form)[] = [
  (c) => ({ number: c.wrong }),
  (c) => ({ number: `${c.pan}0001` }),
  (c) => ({ number: `x${c.pan}` }),
  (c) => ({ number: `${c.pan}\u0000` }),
  (c) => ({ number: grouped(c.pan, [4], "_") }),
  () => ({ number: "" }),
  () => ({ exp_month: "13" }),
  () => ({ exp_month: "x" }),
  (c) => ({ exp_month: c.pan }),
  () => ({ exp_year: "1999" }),
  (c) => ({ exp_year: c.pan }),
  (_, { numbers }) => ({ cvc: numbers.longCode }),
  (c) => ({ cvc: c.pan.slice(0, 10) }),
  (c) => ({ cvc: c.pan }),
  (c) => ({ cvc: `${c.cvc}x` }),
  (c) => ({ [`n${c.pan}`]: "1" }),
  () => ({ unknown: "1" }),
];

export const misplaced: readonly Kind[] = [
  tokens("token, one field wrong", 8, (c, m) => m.pick(WRONG_FIELDS)(c, m), REFUSED),
  tokens("token, code of ten digits", 2, (_, { numbers }) => ({ cvc: numbers.longCode }), REFUSED),
  tokens("number in another field of a card", 3, (c, m) => noted(m, c, CARD_TEXTS), REFUSED),
  {
    name: "number in a text of a charge",
    share: 3,
    rightly: DETECTED,
    make: (m, c) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        source: "tok_visa",
        ...noted(m, c, CHARGE_TEXTS),
      }),
    }),
  },
  {
    name: "number as a name of metadata",
    share: 1,
    rightly: DETECTED,
    make: (m, c) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        source: "tok_visa",
        [`metadata[${c.pan}]`]: "x",
      }),
    }),
  },
  {
    name: "number in another parameter of a charge",
    share: 2,
    rightly: DETECTED,
    make: (m, c) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        source: "tok_visa",
        [m.pick([
          "amount",
          "currency",
          "source",
          "customer",
          "capture",
          "expand[]",
          c.pan,
          "card",
        ])]: c.pan,
      }),
    }),
  },
  {
    name: "number in a text of a customer",
    share: 3,
    rightly: DETECTED,
    make: (m, c) => ({
      bytes: post("/v1/customers", m.merchant.secret, noted(m, c, CUSTOMER_TEXTS)),
    }),
  },
  {
    name: "number in a URL",
    share: 3,
    rightly: DETECTED,
    make: (m, c) => ({
      bytes: get(
        m.pick([
          `/v1/charges/${c.pan}`,
          `/v1/charges/${grouped(c.pan, [4], "%20")}`,
          `/v1/tokens/${c.pan}`,
          `/v1/customers/${c.pan}`,
          `/v1/charges?card[number]=${c.pan}&card[cvc]=${m.numbers.longCode}`,
          `/v1/charges?${c.pan}=1`,
          `/v1/events?starting_after=${c.pan}`,
          `/v1/customers?email=${grouped(c.pan, [4], "+")}`,
          `/nothing/${c.pan}`,
          `/v1/charges/${[...c.pan].map((digit) => `%3${digit}`).join("")}`,
        ]),
        m.merchant.secret,
      ),
    }),
  },
  {
    name: "number in the URL of the shop",
    share: 1,
    // A file, which the platform hands out before any code runs.
    rightly: [200, ...REFUSED],
    make: (m, c) => ({ bytes: get(`/?q=${c.pan}`, m.merchant.secret) }),
  },
  {
    name: "number as an Idempotency-Key",
    share: 2,
    rightly: DETECTED,
    make: (m, c) => ({
      bytes: post(
        "/v1/charges",
        m.merchant.secret,
        { ...money(m), source: "tok_visa" },
        {
          "idempotency-key": m.pick([c.pan, `order-${c.pan}`, `${grouped(c.pan, [4], "-")}-1`]),
        },
      ),
    }),
  },
  {
    name: "number in a header",
    share: 2,
    rightly: [200, 206, 304, ...REFUSED],
    make: (m, c) => ({
      bytes: get("/v1/balance", m.merchant.secret, {
        [m.pick(HEADERS)]: written(m, c, "header").replace(/[^ -~]/g, "") || c.pan,
      }),
    }),
  },
  {
    name: "number as an API version",
    share: 1,
    rightly: [200, ...REFUSED],
    make: (m, c) => ({ bytes: get("/v1/balance", m.merchant.secret, { "stripe-version": c.pan }) }),
  },
];
