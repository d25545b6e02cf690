// The merchant's server of the demo shop: three products, a payment with a token, the account's events.
// Only there when the system has a demo account. It calls the API as any merchant would, with its
// secret key, and never sees a card number.

import type { Hono } from "hono";
import { importMacKeys, verifyApiKey } from "../../protocol/api-key.ts";
import type { Scope } from "../../protocol/command.ts";
import { sequenceOf } from "../../protocol/ids.ts";
import type { EdgeEnv } from "./environment.ts";
import { find } from "./reading.ts";
import { streamOf } from "./stream-call.ts";

type App = Hono<{ Bindings: EdgeEnv }>;

const PRODUCTS = [
  {
    id: "tessera-blue",
    name: "Blue tessera",
    description: "Smalti glass, cut by hand",
    amount: 2400,
  },
  {
    id: "tessera-gold",
    name: "Gold tessera",
    description: "Gold leaf between two layers of glass",
    amount: 7800,
  },
  {
    id: "mosaic-kit",
    name: "Mosaic kit",
    description: "Two hundred tesserae and a frame",
    amount: 14900,
  },
] as const;

const CURRENCY = "usd";
/** Events a listener sees at first, so that the page is not empty. */
const PAST_EVENTS = 20;

const NO_DEMO = {
  error: {
    type: "invalid_request_error",
    message: "There is no demo account here. `npm start` makes one.",
  },
};

async function demoScope(env: EdgeEnv): Promise<Scope | undefined> {
  if (!env.DEMO_SECRET_KEY) return undefined;
  const key = await verifyApiKey(env.DEMO_SECRET_KEY, ...(await importMacKeys(env.API_KEY_SECRET)));
  return key.ok ? { account: key.value.account, livemode: key.value.livemode } : undefined;
}

export function mountDemo(app: App): void {
  app.get("/demo/config", async (c) => {
    if ((await demoScope(c.env)) === undefined) return c.json(NO_DEMO, 404);
    const publishable_key = c.env.DEMO_PUBLISHABLE_KEY ?? "";
    return c.json({ publishable_key, currency: CURRENCY, products: PRODUCTS });
  });

  app.post("/demo/pay", async (c) => {
    if ((await demoScope(c.env)) === undefined) return c.json(NO_DEMO, 404);
    const form = new URLSearchParams(await c.req.text());
    const product = PRODUCTS.find(({ id }) => id === form.get("product"));
    if (product === undefined) {
      const message = "No such product.";
      return c.json({ error: { type: "invalid_request_error", message, param: "product" } }, 400);
    }
    const charge = new URLSearchParams({
      amount: String(product.amount),
      currency: CURRENCY,
      source: form.get("token") ?? "",
      description: product.name,
    });
    const key = c.req.header("idempotency-key");
    return app.request(
      "/v1/charges",
      {
        method: "POST",
        body: charge.toString(),
        headers: {
          authorization: `Bearer ${c.env.DEMO_SECRET_KEY}`,
          "content-type": "application/x-www-form-urlencoded",
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
      },
      c.env,
      c.executionCtx,
    );
  });

  app.get("/demo/events", async (c) => {
    const scope = await demoScope(c.env);
    if (scope === undefined) return c.json(NO_DEMO, 404);
    const last = c.req.header("last-event-id") ?? "";
    const seq = sequenceOf("evt", scope.account, scope.livemode, last);
    return streamOf(c.env, scope).listen(
      seq === undefined ? { after: await startOf(c.env, scope) } : { after: seq - 1, seen: last },
    );
  });
}

// The sequence before the latest events that a page may show.
async function startOf(env: EdgeEnv, scope: Scope): Promise<number> {
  const query = { kind: "events", page: { limit: PAST_EVENTS } } as const;
  const latest = await find(env, scope, undefined, query);
  const oldest = latest.ok ? latest.value.rows.at(-1) : undefined;
  return oldest?.kind === "event" ? oldest.seq - 1 : 0;
}
