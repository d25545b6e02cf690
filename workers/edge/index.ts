// The only public surface of Tessera: routes in, Stripe-shaped answers out. Hosts the shard and the
// stream; asks the vault for everything that touches a card, and the origins for everything kept.

import { Hono } from "hono";
import { isHealthy } from "../../durable-objects/origin-client.ts";
import { REGIONS } from "../../protocol/slot.ts";
import { accountRoutes } from "./accounts.ts";
import { CORS, refusal } from "./answer.ts";
import { balanceRoutes } from "./balance.ts";
import { cardKeyRoutes } from "./card-keys.ts";
import { cardholderRoutes } from "./cardholder-answers.ts";
import { chargeChangeRoutes } from "./charge-changes.ts";
import { chargeRoutes } from "./charges.ts";
import { customerRoutes } from "./customers.ts";
import { mountDashboard } from "./dashboard.ts";
import { mountDemo } from "./demo.ts";
import { disclosedInUrl } from "./disclosure.ts";
import { disputeRoutes } from "./disputes.ts";
import { type EdgeEnv, missingSecret } from "./environment.ts";
import { ephemeralKeyRoutes } from "./ephemeral-keys.ts";
import { mountErrorPage } from "./error-page.ts";
import { eventRoutes } from "./events.ts";
import { mountNotices } from "./notices.ts";
import { openApi } from "./openapi.ts";
import { paymentIntentRoutes } from "./payment-intents.ts";
import { paymentMethodRoutes } from "./payment-methods.ts";
import { payoutRoutes } from "./payouts.ts";
import { askedOf, hostFailure, serve, tlsFailure } from "./pipeline.ts";
import { refundRoutes } from "./refunds.ts";
import { restrictedKeyRoutes } from "./restricted-keys.ts";
import { mountSealingKeys, SEALING_KEYS } from "./sealed-cards.ts";
import { searchRoutes } from "./search.ts";
import { setupIntentRoutes } from "./setup-intents.ts";
import { sourceRoutes } from "./sources.ts";
import { tokenRoutes } from "./tokens.ts";
import { webhookDeliveryRoutes } from "./webhook-deliveries.ts";
import { webhookEndpointRoutes } from "./webhook-endpoints.ts";

export { AuditLog } from "../../durable-objects/audit-log.ts";
export { Lane } from "../../durable-objects/lane.ts";
export { Shard } from "../../durable-objects/shard.ts";
export { Stream } from "../../durable-objects/stream.ts";

const ROUTES = [
  ...searchRoutes,
  ...accountRoutes,
  ...restrictedKeyRoutes,
  ...tokenRoutes,
  ...customerRoutes,
  ...sourceRoutes,
  ...paymentMethodRoutes,
  ...paymentIntentRoutes,
  ...setupIntentRoutes,
  ...cardholderRoutes,
  ...ephemeralKeyRoutes,
  ...chargeRoutes,
  ...chargeChangeRoutes,
  ...refundRoutes,
  ...disputeRoutes,
  ...eventRoutes,
  ...balanceRoutes,
  ...payoutRoutes,
  ...cardKeyRoutes,
  ...webhookEndpointRoutes,
  ...webhookDeliveryRoutes,
];

const app = new Hono<{ Bindings: EdgeEnv }>();

app.use(async (c, next) => {
  const failure = hostFailure(c.req.raw) ?? tlsFailure(c.req.raw);
  if (failure !== undefined) return refusal(askedOf(c.req.raw), failure);
  await next();
});

app.options("*", () => new Response(null, { status: 204, headers: CORS }));

for (const route of ROUTES) app.on(route.method, route.path, (c) => serve(route, c));

mountSealingKeys(app);
mountNotices(app);

app.get("/openapi.json", async (c) =>
  c.json(await openApi(ROUTES, [SEALING_KEYS], new URL(c.req.url).origin)),
);

/** The isolate runs. */
app.get("/healthz", (c) => c.json({ status: "ok" }));

/** Every region's ledger answers and every secret is there. */
app.get("/readyz", async (c) => {
  const secret = missingSecret(c.env);
  const regions: Record<string, string> = {};
  for (const region of REGIONS) {
    const up = secret === undefined && (await isHealthy(c.env, region));
    regions[region] = up ? "ok" : "unreachable";
  }
  const ready = secret === undefined && Object.values(regions).every((state) => state === "ok");
  const remedy = ready
    ? {}
    : {
        remedy:
          "Locally: start the databases with `npm run database`, or everything with `npm start`.",
      };
  return c.json({ status: ready ? "ok" : "unavailable", regions, ...remedy }, ready ? 200 : 503);
});

mountErrorPage(app);

mountDemo(app);

mountDashboard(app);

app.notFound((c) => {
  const url = new URL(c.req.url);
  const param = disclosedInUrl(url);
  if (param !== undefined) return refusal(askedOf(c.req.raw), { kind: "pan_detected", param });
  const path = url.pathname.slice(0, 200);
  return refusal(askedOf(c.req.raw), { kind: "route_unknown", method: c.req.method, path });
});

app.onError((error, c) => {
  console.error("unexpected", c.req.method, error.name);
  return refusal(askedOf(c.req.raw), { kind: "internal" });
});

export default app;
