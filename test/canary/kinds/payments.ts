// Cards in the resources that stand above charges: payment methods, payment and setup intents, sources of
// customers, webhook endpoints; and numbers in each of their texts.

import { card, type Form, get, post } from "../http-message.ts";
import { type Kind, type Means, money, PAID, REFUSED, some, written } from "../kind.ts";
import type { Canary } from "../numbers.ts";

const MADE_OR_NOT = [200, 400, 402, 404];

const methodOf = (c: Canary): Form => ({
  "payment_method_data[type]": "card",
  ...card("payment_method_data[card]", c),
});
const METHOD_TEXTS = [
  "billing_details[name]",
  "billing_details[email]",
  "billing_details[phone]",
  "billing_details[address][line1]",
  "billing_details[address][postal_code]",
];
const INTENT_TEXTS = [
  "description",
  "metadata[note]",
  "receipt_email",
  "statement_descriptor",
  "statement_descriptor_suffix",
  "transfer_group",
  "shipping[name]",
  "shipping[tracking_number]",
  "payment_method_data[billing_details][name]",
  "return_url",
];

const paying: readonly Kind[] = [
  {
    name: "payment method of a typed card",
    share: 5,
    rightly: [200],
    make: ({ merchant, pick }, c) => ({
      bytes: post("/v1/payment_methods", pick([merchant.secret, merchant.publishable]), {
        type: "card",
        ...card("card", c),
      }),
    }),
  },
  {
    name: "payment intent confirmed with a typed card",
    share: 6,
    rightly: PAID,
    make: (m, c) => ({
      bytes: post("/v1/payment_intents", m.merchant.secret, {
        ...money(m),
        ...methodOf(m.random() < 0.2 ? m.numbers.declined() : c),
        confirm: "true",
        capture_method: m.pick(["automatic", "manual"]),
        "payment_method_types[]": "card",
      }),
    }),
  },
  {
    name: "payment intent that waits",
    share: 2,
    rightly: [200],
    make: (m) => ({
      bytes: post("/v1/payment_intents", m.merchant.secret, {
        ...money(m),
        "payment_method_types[]": "card",
      }),
    }),
  },
  {
    name: "confirmation of a payment intent with a typed card",
    share: 4,
    rightly: MADE_OR_NOT,
    make: (m, c) => ({
      bytes: post(`/v1/payment_intents/${some(m, "pi")}/confirm`, m.merchant.secret, methodOf(c)),
    }),
  },
  {
    name: "capture or cancelation of a payment intent",
    share: 2,
    rightly: MADE_OR_NOT,
    make: (m) => ({
      bytes: post(
        `/v1/payment_intents/${some(m, "pi")}/${m.pick(["capture", "cancel"])}`,
        m.merchant.secret,
        {},
      ),
    }),
  },
  {
    name: "payment intent of a payment method",
    share: 3,
    rightly: MADE_OR_NOT,
    make: (m) => ({
      bytes: post("/v1/payment_intents", m.merchant.secret, {
        ...money(m),
        payment_method: m.pick([some(m, "pm"), "pm_card_visa", "pm_card_createDispute"]),
        confirm: "true",
        "payment_method_types[]": "card",
      }),
    }),
  },
  {
    name: "setup intent confirmed with a typed card",
    share: 4,
    rightly: MADE_OR_NOT,
    make: (m, c) => ({
      bytes: post("/v1/setup_intents", m.merchant.secret, {
        ...methodOf(c),
        ...(m.random() < 0.5 ? {} : { customer: some(m, "cus") }),
        confirm: "true",
        "payment_method_types[]": "card",
      }),
    }),
  },
  {
    name: "typed card as a source of a customer",
    share: 3,
    rightly: [200, 404],
    make: (m, c) => ({
      bytes: post(`/v1/customers/${some(m, "cus")}/sources`, m.merchant.secret, {
        "source[object]": "card",
        ...card("source", c),
      }),
    }),
  },
  {
    name: "payment method attached, detached or changed",
    share: 3,
    rightly: MADE_OR_NOT,
    make: (m) => {
      const path = `/v1/payment_methods/${some(m, "pm")}`;
      const { secret } = m.merchant;
      return {
        bytes: m.pick([
          post(`${path}/attach`, secret, { customer: some(m, "cus") }),
          post(`${path}/detach`, secret, {}),
          post(path, secret, { "card[exp_month]": "11" }),
        ]),
      };
    },
  },
  {
    name: "charge that is disputed",
    share: 1,
    rightly: PAID,
    make: (m) => ({
      bytes: post("/v1/charges", m.merchant.secret, { ...money(m), source: "tok_createDispute" }),
    }),
  },
  {
    name: "webhook endpoint",
    share: 1,
    rightly: [200, 400],
    make: (m) => ({
      bytes: post("/v1/webhook_endpoints", m.merchant.secret, {
        url: "https://hooks.example.com/in",
        "enabled_events[]": "*",
      }),
    }),
  },
  {
    name: "read of intents, methods and disputes",
    share: 2,
    rightly: [200, 404],
    make: (m) => ({
      bytes: get(
        m.pick([
          `/v1/payment_intents/${some(m, "pi")}?expand[]=latest_charge`,
          `/v1/setup_intents/${some(m, "seti")}`,
          `/v1/payment_methods/${some(m, "pm")}`,
          `/v1/customers/${some(m, "cus")}/payment_methods`,
          `/v1/webhook_endpoints/${some(m, "we")}/deliveries`,
          "/v1/disputes?limit=5&expand[]=data.charge",
          "/v1/balance_transactions?limit=5",
          "/v1/payment_intents?limit=5",
        ]),
        m.merchant.secret,
      ),
    }),
  },
];

const texts: readonly Kind[] = [
  {
    name: "number in a text of a payment intent",
    share: 3,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: post("/v1/payment_intents", m.merchant.secret, {
        ...money(m),
        ...methodOf(c),
        "payment_method_types[]": "card",
        [m.pick(INTENT_TEXTS)]: written(m, c),
      }),
    }),
  },
  {
    name: "number in a text of a payment method",
    share: 3,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: post("/v1/payment_methods", m.merchant.publishable, {
        type: "card",
        ...card("card", c),
        [m.pick(METHOD_TEXTS)]: written(m, c),
      }),
    }),
  },
  {
    name: "number in a text of another resource",
    share: 4,
    rightly: REFUSED,
    make: (m, c) => ({ bytes: m.pick(OTHER_TEXTS)(m, written(m, c)) }),
  },
];

type Texted = (means: Means, text: string) => Buffer;
const texted =
  (path: string, name: string, rest: Form = {}): Texted =>
  ({ merchant }, text) =>
    post(path, merchant.secret, { ...rest, [name]: text });

const OTHER_TEXTS: readonly Texted[] = [
  texted("/v1/setup_intents", "description"),
  texted("/v1/setup_intents", "metadata[note]"),
  texted("/v1/refunds", "metadata[note]", { charge: "ch_none" }),
  texted("/v1/payouts", "statement_descriptor", { amount: "10000", currency: "usd" }),
  texted("/v1/payouts", "description", { amount: "10000", currency: "usd" }),
  texted("/v1/disputes/dp_none", "evidence[uncategorized_text]"),
  texted("/v1/disputes/dp_none", "evidence[customer_name]"),
  texted("/v1/disputes/dp_none", "metadata[note]"),
  texted("/v1/webhook_endpoints", "description", {
    url: "https://hooks.example.com/in",
    "enabled_events[]": "*",
  }),
  ({ merchant }, text) =>
    post("/v1/webhook_endpoints", merchant.secret, {
      url: `https://hooks.example.com/${encodeURIComponent(text)}`,
      "enabled_events[]": "*",
    }),
  ({ merchant }, text) =>
    get(
      `/v1/charges/search?query=${encodeURIComponent(`metadata['note']:'${text}'`)}`,
      merchant.secret,
    ),
  ({ merchant }, text) =>
    get(`/v1/customers/search?query=${encodeURIComponent(`email:'${text}'`)}`, merchant.secret),
];

export const payments: readonly Kind[] = [...paying, ...texts];
