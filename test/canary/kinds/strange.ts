// Cards with keys that open nothing, and to where none is taken.

import { bearer, card, encode, FORM_TYPE, http, post } from "../http-message.ts";
import { type Kind, money, REFUSED } from "../kind.ts";

export const strange: readonly Kind[] = [
  {
    name: "card with a wrong key",
    share: 4,
    rightly: REFUSED,
    make: (m, c) => {
      const { merchant } = m;
      const forged = `${merchant.secret.slice(0, -4)}AAAA`;
      const live = merchant.secret.replace("_test_", "_live_");
      const form = card("card", c);
      return {
        bytes: m.pick([
          post("/v1/tokens", "sk_test_nothing", form),
          post("/v1/tokens", forged, form),
          post("/v1/tokens", live, form),
          post("/v1/tokens", c.pan, form),
          post("/v1/tokens", `sk_test_${c.pan}`, form),
          post("/v1/accounts", merchant.secret, form),
          post("/v1/charges", merchant.publishable, { ...money(m), ...card("source", c) }),
          post("/v1/tokens", merchant.secret, form, { origin: `https://${c.pan}.example` }),
          http("POST", "/v1/tokens", { "content-type": FORM_TYPE }, encode(form)),
          http(
            "POST",
            "/v1/tokens",
            { authorization: `Basic ${c.pan}`, "content-type": FORM_TYPE },
            encode(form),
          ),
          http(
            "POST",
            "/v1/tokens",
            { "content-type": FORM_TYPE },
            encode({ ...form, key: c.pan }),
          ),
        ]),
      };
    },
  },
  {
    name: "card to where none is taken",
    share: 2,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: m.pick([
        post("/v1/nothing", m.merchant.secret, card("card", c)),
        post("/v1/refunds", m.merchant.secret, card("card", c)),
        post("/v1/balance", m.merchant.secret, card("card", c)),
        http(
          "PUT",
          "/v1/tokens",
          { ...bearer(m.merchant.secret), "content-type": FORM_TYPE },
          encode(card("card", c)),
        ),
        http("PATCH", `/v1/charges/${c.pan}`, bearer(m.merchant.secret)),
        http("DELETE", `/v1/customers/${c.pan}`, bearer(m.merchant.secret)),
      ]),
    }),
  },
];
