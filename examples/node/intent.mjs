// A merchant's server that takes payments by payment intents, so that a bank may ask its cardholder to prove himself
// (3-D Secure). The server makes the intent, the page (intent.html) confirms it with the client secret and a publishable
// key and sends the buyer to his bank, and the webhook says that the order is paid: a buyer may never come back.
//
//   node examples/node/intent.mjs        while `npm start` runs; keys come from .local/keys.json or from TESSERA_URL,
//                                        TESSERA_SECRET_KEY, TESSERA_PUBLISHABLE_KEY and TESSERA_WEBHOOK_SECRET

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import Stripe from "stripe";

const { TESSERA_URL, TESSERA_SECRET_KEY, TESSERA_PUBLISHABLE_KEY } = process.env;
const { TESSERA_WEBHOOK_SECRET = "", PORT = "3000" } = process.env;
const file = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const { url, demo } = TESSERA_SECRET_KEY
  ? { url: TESSERA_URL, demo: { secret: TESSERA_SECRET_KEY, publishable: TESSERA_PUBLISHABLE_KEY } }
  : JSON.parse(file("../../.local/keys.json"));

const { hostname, port, protocol } = new URL(url);
const stripe = new Stripe(demo.secret, { host: hostname, port, protocol: protocol.slice(0, -1) });
const paid = new Set();

/** The price is the server's to say. The order's number is the key: an order has one intent. */
async function begin(_, body) {
  const { order } = JSON.parse(body);
  const intent = await stripe.paymentIntents.create(
    { amount: 4200, currency: "usd", metadata: { order } },
    { idempotencyKey: `intent-${order}` },
  );
  return { url, key: demo.publishable, intent: intent.id, client_secret: intent.client_secret };
}

/** Only what is signed is believed. The same event may come twice. */
function hear({ headers }, body) {
  const signature = headers["stripe-signature"];
  const { type, data } = stripe.webhooks.constructEvent(body, signature, TESSERA_WEBHOOK_SECRET);
  if (type === "payment_intent.succeeded") paid.add(data.object.metadata.order);
  console.log(type, data.object.id);
  return { received: true };
}

/** Where the bank sends the buyer back to. The address can be typed by anybody, so the intent is asked. */
async function done(request) {
  const { searchParams } = new URL(request.url, "http://shop");
  const { status, metadata } = await stripe.paymentIntents.retrieve(
    searchParams.get("payment_intent") ?? "",
  );
  return { status, order: metadata.order, paid: paid.has(metadata.order) };
}

const page = (path, type) => () => ({ type, body: file(path) });
const ROUTES = {
  "GET /": page("intent.html", "text/html"),
  "GET /checkout.js": page("../../checkout/public/checkout.js", "text/javascript"),
  "GET /seal.js": page("../../checkout/public/seal.js", "text/javascript"),
  "GET /done": done,
  "POST /intent": begin,
  "POST /hook": hear,
};

const server = createServer(async (request, response) => {
  const route = ROUTES[`${request.method} ${new URL(request.url, "http://shop").pathname}`];
  if (route === undefined) return response.writeHead(404).end();
  try {
    const answer = await route(request, await text(request));
    const { type = "application/json", body = JSON.stringify(answer) } = answer;
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
  } catch (error) {
    const known = error instanceof Stripe.errors.StripeError;
    if (!known) console.error(error);
    response.writeHead(known ? 400 : 500).end(JSON.stringify({ message: "Not accepted." }));
  }
});
server.listen(Number(PORT), () => console.log(`shop at http://localhost:${server.address().port}`));
