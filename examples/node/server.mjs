// A merchant's server, written for Stripe. Only `host`, `port` and `protocol` say that it pays through Tessera.
//
//   node examples/node/server.mjs        while `npm start` runs; keys come from .local/keys.json or from
//                                        TESSERA_URL, TESSERA_SECRET_KEY and TESSERA_WEBHOOK_SECRET

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import Stripe from "stripe";

const { TESSERA_URL, TESSERA_SECRET_KEY, TESSERA_WEBHOOK_SECRET, PORT = "3000" } = process.env;
const { url, demo } = TESSERA_SECRET_KEY
  ? { url: TESSERA_URL, demo: { secret: TESSERA_SECRET_KEY } }
  : JSON.parse(readFileSync(new URL("../../.local/keys.json", import.meta.url), "utf8"));

const { hostname, port, protocol } = new URL(url);
const stripe = new Stripe(demo.secret, { host: hostname, port, protocol: protocol.slice(0, -1) });

/** The order's number is the key: however often the page asks, the order is paid once. */
async function pay({ order, amount, token }) {
  const charge = await stripe.charges.create(
    { amount, currency: "usd", source: token, metadata: { order } },
    { idempotencyKey: `order-${order}` },
  );
  return { charge: charge.id, status: charge.status, card: charge.source.last4 };
}

async function refund({ charge }) {
  const { id, amount, status } = await stripe.refunds.create({ charge });
  return { refund: id, amount, status };
}

/** Only the bytes as they came can be verified, so this takes the text. */
function hear(body, signature) {
  const event = stripe.webhooks.constructEvent(body, signature, TESSERA_WEBHOOK_SECRET ?? "");
  console.log(event.type, event.data.object.id);
  return { received: true };
}

const ROUTES = {
  "/pay": (body) => pay(JSON.parse(body)),
  "/refund": (body) => refund(JSON.parse(body)),
  "/hook": (body, { headers }) => hear(body, headers["stripe-signature"]),
};

const server = createServer(async (request, response) => {
  const route = request.method === "POST" ? ROUTES[request.url] : undefined;
  const answer = (status, body) => response.writeHead(status).end(JSON.stringify(body));
  if (route === undefined) return answer(404, { message: "No such page." });
  try {
    answer(200, await route(await text(request), request));
  } catch (error) {
    // What a card error says is meant for the payer; the rest is not.
    if (error instanceof Stripe.errors.StripeCardError)
      return answer(402, { message: error.message });
    if (error instanceof Stripe.errors.StripeError)
      return answer(400, { message: "Not accepted." });
    console.error(error);
    answer(500, { message: "Something went wrong." });
  }
});
server.listen(Number(PORT), () => console.log(`shop at http://localhost:${server.address().port}`));
