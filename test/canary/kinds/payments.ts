// Cards in the resources that stand above charges: payment methods, payment and setup intents, sources of
// customers, webhook endpoints; and numbers in each of their texts.

import { card, type Form, get, post } from "../http-message.ts";
import {
  DETECTED,
  type Kind,
  type Made,
  type Means,
  money,
  noted,
  PAID,
  some,
  written,
} from "../kind.ts";
import type { Canary } from "../numbers.ts";

/** Of what was made, another request may have ended it meanwhile. */
const DONE_OR_OVER = [200, 400, 402];

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
    rightly: DONE_OR_OVER,
    needs: ["pi"],
    make: (m, c) => ({
      bytes: post(`/v1/payment_intents/${some(m, "pi")}/confirm`, m.merchant.secret, methodOf(c)),
    }),
  },
  {
    name: "capture or cancelation of a payment intent",
    share: 2,
    rightly: DONE_OR_OVER,
    needs: ["held"],
    make: (m) => ({
      bytes: post(
        `/v1/payment_intents/${some(m, "held")}/${m.pick(["capture", "cancel"])}`,
        m.merchant.secret,
        {},
      ),
    }),
  },
  {
    name: "payment intent of a payment method",
    share: 3,
    rightly: DONE_OR_OVER,
    needs: ["pm"],
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
    rightly: DONE_OR_OVER,
    needs: ["cus"],
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
    rightly: [200],
    needs: ["cus"],
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
    rightly: DONE_OR_OVER,
    needs: ["pm", "kept", "cus"],
    make: (m) => {
      const path = "/v1/payment_methods";
      const { secret } = m.merchant;
      return {
        bytes: m.pick([
          post(`${path}/${some(m, "pm")}/attach`, secret, { customer: some(m, "cus") }),
          post(`${path}/${some(m, "kept")}/detach`, secret, {}),
          post(`${path}/${some(m, "kept")}`, secret, { "card[exp_month]": "11" }),
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
    rightly: [200],
    needs: ["pi", "held", "seti", "pm", "cus", "we", "dp"],
    make: (m) => ({
      bytes: get(
        m.pick([
          `/v1/payment_intents/${some(m, "pi")}?expand[]=latest_charge`,
          `/v1/setup_intents/${some(m, "seti")}`,
          `/v1/payment_methods/${some(m, "pm")}`,
          `/v1/customers/${some(m, "cus")}/payment_methods`,
          `/v1/webhook_endpoints/${some(m, "we")}/deliveries`,
          `/v1/payment_intents/${some(m, "held")}?expand[]=latest_charge`,
          `/v1/disputes/${some(m, "dp")}`,
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
    rightly: DETECTED,
    make: (m, c) => ({
      bytes: post("/v1/payment_intents", m.merchant.secret, {
        ...money(m),
        ...methodOf(c),
        // A return_url goes with a confirmation only.
        confirm: "true",
        "payment_method_types[]": "card",
        ...noted(m, c, INTENT_TEXTS),
      }),
    }),
  },
  {
    name: "number in a text of a payment method",
    share: 3,
    rightly: DETECTED,
    make: (m, c) => ({
      bytes: post("/v1/payment_methods", m.merchant.publishable, {
        type: "card",
        ...card("card", c),
        ...noted(m, c, METHOD_TEXTS),
      }),
    }),
  },
  {
    name: "number in a text of another resource",
    share: 6,
    rightly: DETECTED,
    needs: ["ch", "sold", "cus", "kept", "pi", "seti", "we", "dp"],
    make: (m, c) => ({ bytes: m.pick(OTHER_TEXTS)(m, c) }),
  },
];

type Texted = (means: Means, canary: Canary) => Buffer;
const texted =
  (
    path: (means: Means) => string,
    text: string,
    rest: (means: Means) => Form = () => ({}),
  ): Texted =>
  (m, c) =>
    post(path(m), m.merchant.secret, { ...rest(m), [text]: written(m, c, text) });
const at = (path: string) => () => path;
const of = (path: string, what: Made) => (m: Means) => `${path}/${some(m, what)}`;
const searched =
  (resource: string, text: string): Texted =>
  (m, c) => {
    const query = encodeURIComponent(`${text}:'${written(m, c, text)}'`);
    return get(`/v1/${resource}/search?query=${query}`, m.merchant.secret);
  };

const payout = () => ({ amount: "10000", currency: "usd" });
/** Evidence that is not sent to the bank yet, which may be given again. */
const kept = () => ({ submit: "false" });
const HOOK = "https://hooks.example.com/in";

const OTHER_TEXTS: readonly Texted[] = [
  texted(at("/v1/setup_intents"), "description"),
  texted(at("/v1/setup_intents"), "metadata[note]"),
  texted(at("/v1/refunds"), "metadata[note]", (m) => ({ charge: some(m, "sold") })),
  texted(at("/v1/payouts"), "statement_descriptor", payout),
  texted(at("/v1/payouts"), "description", payout),
  texted(of("/v1/disputes", "dp"), "evidence[uncategorized_text]", kept),
  texted(of("/v1/disputes", "dp"), "evidence[customer_name]", kept),
  texted(of("/v1/disputes", "dp"), "metadata[note]"),
  texted(of("/v1/charges", "ch"), "description"),
  texted(of("/v1/charges", "ch"), "metadata[note]"),
  texted(of("/v1/customers", "cus"), "name"),
  texted(of("/v1/payment_intents", "pi"), "description"),
  texted(of("/v1/payment_intents", "pi"), "metadata[note]"),
  texted(of("/v1/setup_intents", "seti"), "description"),
  texted(of("/v1/payment_methods", "kept"), "billing_details[name]"),
  texted(of("/v1/webhook_endpoints", "we"), "description"),
  texted(at("/v1/webhook_endpoints"), "description", () => ({
    url: HOOK,
    "enabled_events[]": "*",
  })),
  (m, c) =>
    post("/v1/webhook_endpoints", m.merchant.secret, {
      url: `${HOOK}/${encodeURIComponent(written(m, c, "url"))}`,
      "enabled_events[]": "*",
    }),
  searched("charges", "metadata['note']"),
  searched("customers", "email"),
];

export const payments: readonly Kind[] = [...paying, ...texts];
