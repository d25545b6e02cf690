// Cards that the browser seals, right and wrong inside, and what only pretends to be sealed.

import { type KeySet, sealCard } from "../../../checkout/public/seal.js";
import { type Form, json, post } from "../http-message.ts";
import { type Kind, type Merchant, REFUSED, written } from "../kind.ts";
import type { Canary } from "../numbers.ts";

/** A card sealed as the browser seals it, and the request that brings it. */
export async function postSealed(
  { publishable }: Merchant,
  keySet: KeySet,
  { pan, cvc }: Canary,
  over: Form = {},
): Promise<Buffer> {
  const typed = { number: pan, cvc, exp_month: "12", exp_year: "2034", ...over };
  const sealed = await sealCard({ publishableKey: publishable, card: typed, keySet });
  return post("/v1/tokens", publishable, { sealed_card: sealed });
}

export const sealed: readonly Kind[] = [
  {
    name: "token from a sealed card",
    share: 6,
    rightly: [200],
    make: async ({ merchant, keySet }, c) => ({ bytes: await postSealed(merchant, keySet, c) }),
  },
  {
    name: "sealed card that is wrong inside",
    share: 2,
    rightly: REFUSED,
    make: async (m, c) => ({
      bytes: await postSealed(
        m.merchant,
        m.keySet,
        c,
        m.pick<Form>([
          { name: c.pan },
          { address_line1: written(m, c, "address_line1") },
          { number: c.wrong },
          { cvc: m.numbers.longCode },
          { exp_month: "13" },
          { exp_year: c.pan },
        ]),
      ),
    }),
  },
  {
    name: "number that pretends to be sealed",
    share: 1,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: post("/v1/tokens", m.merchant.publishable, {
        sealed_card: m.pick([
          c.pan,
          `${c.pan}.${c.pan}`,
          `eyJ.${c.pan}..x.y`,
          JSON.stringify(json(c)),
        ]),
      }),
    }),
  },
];
