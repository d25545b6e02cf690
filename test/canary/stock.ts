// What a merchant must have made before requests can be about something that there is: one of each, by requests
// that are asked again until they succeed.

import { setTimeout as sleep } from "node:timers/promises";
import { card, type Form, get, post } from "./http-message.ts";
import { MADE, type Made, type Merchant } from "./kind.ts";
import type { Numbers } from "./numbers.ts";
import { ask } from "./wire.ts";

/** Above every security code, and enough for a payout of it. */
const SALE = { amount: "20000", currency: "usd" };
const HOLD = { ...SALE, payment_method: "pm_card_visa", capture_method: "manual", confirm: "true" };
const HOOK = { url: "https://hooks.example.com/in", "enabled_events[]": "*" };
const METHOD = { type: "card", "card[token]": "tok_visa" };
/** The bank tells of a dispute in its own time. */
const DISPUTE_LOOKS_MAX = 600;
const LOOK_MS = 100;

/** Makes one of each, new, and gives it to the merchant to be used. */
export async function stock(
  port: number,
  merchant: Merchant,
  numbers: Numbers,
  needs: readonly Made[] = MADE,
): Promise<void> {
  const made = async (path: string, form: Form): Promise<string> => {
    const body = await ask(port, post(path, merchant.secret, form));
    return (JSON.parse(body) as { id: string }).id;
  };
  const makers: Record<Made, () => Promise<string>> = {
    tok: () => made("/v1/tokens", card("card", numbers.fresh())),
    ch: () => made("/v1/charges", { ...SALE, source: "tok_visa", capture: "false" }),
    sold: () => made("/v1/charges", { ...SALE, source: "tok_visa" }),
    cus: () => made("/v1/customers", { source: "tok_visa" }),
    pm: () => made("/v1/payment_methods", METHOD),
    kept: async () => {
      const customer = await makers.cus();
      return made(`/v1/payment_methods/${await makers.pm()}/attach`, { customer });
    },
    pi: () => made("/v1/payment_intents", { ...SALE, "payment_method_types[]": "card" }),
    held: () => made("/v1/payment_intents", { ...HOLD, "payment_method_types[]": "card" }),
    seti: () => made("/v1/setup_intents", { "payment_method_types[]": "card" }),
    we: () => made("/v1/webhook_endpoints", HOOK),
    dp: async () =>
      disputeOf(
        port,
        merchant,
        await made("/v1/charges", { ...SALE, source: "tok_createDispute" }),
      ),
  };
  for (const what of needs) merchant.made[what].push(await makers[what]());
}

/** The dispute of a charge, when the bank has told of it. */
async function disputeOf(port: number, { secret }: Merchant, charge: string): Promise<string> {
  for (let looked = 0; looked < DISPUTE_LOOKS_MAX; looked++) {
    const body = await ask(port, get(`/v1/disputes?charge=${charge}`, secret));
    const [dispute] = (JSON.parse(body) as { data: readonly { id: string }[] }).data;
    if (dispute !== undefined) return dispute.id;
    await sleep(LOOK_MS);
  }
  throw new Error(`Nothing was told of the dispute of ${charge}`);
}
