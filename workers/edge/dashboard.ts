// What the dashboard of the demo account is given: a restricted key for what it shows and for refunds. The
// secret key stays here. Only there when the system has a demo account in test mode.

import type { Hono } from "hono";
import { importMacKeys, mintApiKey, verifyApiKey } from "../../protocol/api-key.ts";
import type { AccountId } from "../../protocol/ids.ts";
import type { Permission } from "../../protocol/permission.ts";
import type { EdgeEnv } from "./environment.ts";

/** All that the page does; `charge_write` is what a refund takes. */
const PERMISSIONS: readonly Permission[] = [
  "balance_read",
  "charge_write",
  "dispute_read",
  "event_read",
  "payment_intent_read",
  "payout_read",
  "webhook_read",
];

const NO_DEMO = {
  error: {
    type: "invalid_request_error",
    message: "There is no demo account here. `npm start` makes one.",
  },
};

async function demoAccount(env: EdgeEnv): Promise<AccountId | undefined> {
  if (!env.DEMO_SECRET_KEY) return undefined;
  const key = await verifyApiKey(env.DEMO_SECRET_KEY, ...(await importMacKeys(env.API_KEY_SECRET)));
  return key.ok && !key.value.livemode ? key.value.account : undefined;
}

export function mountDashboard(app: Hono<{ Bindings: EdgeEnv }>): void {
  app.get("/dashboard/session", async (c) => {
    const account = await demoAccount(c.env);
    if (account === undefined) return c.json(NO_DEMO, 404);
    const key = await mintApiKey(
      {
        kind: "restricted",
        livemode: false,
        account: account.slice("acct_".length),
        permissions: PERMISSIONS,
      },
      c.env.API_KEY_SECRET,
    );
    return c.json({ account, key }, 200, { "cache-control": "no-store" });
  });
}
