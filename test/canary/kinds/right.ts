// Cards where they belong: tokens, charges and customers, taken and declined.

import { card, get, json, post, postJson } from "../http-message.ts";
import { type Kind, money, PAID, some, tokens } from "../kind.ts";
import { grouped } from "../spellings.ts";

const ALIASES = [
  "tok_visa",
  "tok_mastercard",
  "tok_amex",
  "tok_chargeDeclined",
  "tok_riskLevelElevated",
];

export const right: readonly Kind[] = [
  tokens("token from a form", 14, () => ({}), [200]),
  tokens(
    "token, number in groups",
    2,
    (c, { pick }) => ({ number: grouped(c.pan, [4], pick([" ", "-"])) }),
    [200],
  ),
  tokens("token without a code", 1, () => ({ cvc: "" }), [200]),
  {
    name: "token from JSON",
    share: 4,
    rightly: [200],
    make: ({ merchant }, c) => ({
      bytes: postJson("/v1/tokens", merchant.secret, JSON.stringify(json(c))),
    }),
  },
  {
    name: "charge of a token",
    share: 8,
    // A token that another request has charged is used up.
    rightly: [200, 400, 402],
    needs: ["tok"],
    make: (m) => ({
      bytes: post("/v1/charges", m.merchant.secret, { ...money(m), source: some(m, "tok") }),
    }),
  },
  {
    name: "charge of a typed card",
    share: 10,
    rightly: PAID,
    make: (m, c) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        "source[object]": "card",
        ...card("source", c),
        capture: m.pick(["true", "false"]),
      }),
    }),
  },
  {
    name: "charge of a typed card that is declined",
    share: 3,
    rightly: [402],
    make: (m) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        "source[object]": "card",
        ...card("source", m.numbers.declined()),
      }),
    }),
  },
  {
    name: "charge of a test alias",
    share: 3,
    rightly: PAID,
    make: (m) => ({
      bytes: post(
        "/v1/charges",
        m.merchant.secret,
        { ...money(m), source: m.pick(ALIASES) },
        {
          "idempotency-key": `alias-${Math.floor(m.random() * 1e9)}`,
        },
      ),
    }),
  },
  {
    name: "customer with a typed card",
    share: 5,
    rightly: [200],
    make: (m, c) => ({
      bytes: post("/v1/customers", m.merchant.secret, {
        name: "Canary",
        "source[object]": "card",
        ...card("source", c),
      }),
    }),
  },
  {
    name: "charge of a customer",
    share: 4,
    rightly: PAID,
    needs: ["cus"],
    make: (m) => ({
      bytes: post("/v1/charges", m.merchant.secret, { ...money(m), customer: some(m, "cus") }),
    }),
  },
  {
    name: "another card for a customer",
    share: 1,
    rightly: [200],
    needs: ["cus"],
    make: (m, c) => ({
      bytes: post(`/v1/customers/${some(m, "cus")}`, m.merchant.secret, {
        "source[object]": "card",
        ...card("source", c),
      }),
    }),
  },
  {
    name: "capture or refund",
    share: 2,
    rightly: [200, 400],
    needs: ["ch", "sold"],
    make: (m) => ({
      bytes:
        m.random() < 0.5
          ? post(`/v1/charges/${some(m, "ch")}/capture`, m.merchant.secret, {})
          : post("/v1/refunds", m.merchant.secret, { charge: some(m, "sold") }),
    }),
  },
  {
    name: "read of what was made",
    share: 3,
    rightly: [200],
    needs: ["tok", "ch", "sold", "cus"],
    make: (m) => ({
      bytes: get(
        m.pick([
          `/v1/tokens/${some(m, "tok")}`,
          `/v1/charges/${some(m, "ch")}`,
          `/v1/charges/${some(m, "sold")}`,
          `/v1/customers/${some(m, "cus")}`,
          "/v1/charges?limit=5",
          "/v1/events?limit=5",
          "/v1/customers?limit=2",
          "/v1/balance",
        ]),
        m.merchant.secret,
      ),
    }),
  },
];
