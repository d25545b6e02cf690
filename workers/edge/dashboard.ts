// What the dashboard of the demo account is given: a way into the API for what it shows and for refunds, and
// nothing else. The secret key stays here. Only there when the system has a demo account in test mode.

import type { Hono } from "hono";
import { importMacKeys, verifyApiKey } from "../../protocol/api-key.ts";
import type { AccountId } from "../../protocol/ids.ts";
import type { EdgeEnv } from "./environment.ts";

const BASE = "/dashboard/api";

/** The routes a dashboard needs, as `method path`. */
const ALLOWED =
  /^(?:GET \/v1\/(?:balance|balance_transactions|charges|refunds|events)(?:\/[0-9A-Za-z_]+)?|POST \/v1\/refunds)$/;

const refused = (message: string) => ({ error: { type: "invalid_request_error", message } });

async function demoAccount(env: EdgeEnv): Promise<AccountId | undefined> {
  if (!env.DEMO_SECRET_KEY) return undefined;
  const key = await verifyApiKey(env.DEMO_SECRET_KEY, ...(await importMacKeys(env.API_KEY_SECRET)));
  return key.ok && !key.value.livemode ? key.value.account : undefined;
}

export function mountDashboard(app: Hono<{ Bindings: EdgeEnv }>): void {
  app.get("/dashboard/session", async (c) => {
    const account = await demoAccount(c.env);
    if (account === undefined) {
      return c.json(refused("There is no demo account here. `npm start` makes one."), 404);
    }
    return c.json({ account, base: BASE }, 200, { "cache-control": "no-store" });
  });

  app.all(`${BASE}/*`, async (c) => {
    const url = new URL(c.req.url);
    const path = url.pathname.slice(BASE.length);
    if ((await demoAccount(c.env)) === undefined || !ALLOWED.test(`${c.req.method} ${path}`)) {
      return c.json(refused("The dashboard cannot do this."), 403);
    }
    // Another site's page may send a form here; only ours may have it done.
    if (c.req.method === "POST" && c.req.header("origin") !== url.origin) {
      return c.json(refused("Refunds are made from the dashboard's own page only."), 403);
    }
    const key = c.req.header("idempotency-key");
    const init: RequestInit = {
      method: c.req.method,
      headers: {
        authorization: `Bearer ${c.env.DEMO_SECRET_KEY}`,
        ...(key === undefined ? {} : { "idempotency-key": key }),
        ...(c.req.method === "POST" ? { "content-type": "application/x-www-form-urlencoded" } : {}),
      },
      ...(c.req.method === "POST" ? { body: await c.req.text() } : {}),
    };
    return app.request(path + url.search, init, c.env, c.executionCtx);
  });
}
