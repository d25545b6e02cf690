// The floor: a Worker that answers at once, a Durable Object whose one method returns at once, and a
// fan-out that makes many calls to one object in one HTTP request, so that no HTTP stands in front of
// what is measured. It promises to check every answer, and only answers when all calls have ended; the
// driver holds the clock by which they are counted.

import { DurableObject } from "cloudflare:workers";
import type { RequestId } from "../../protocol/ids.ts";
import type { Ask, Reply } from "../../protocol/shard.ts";
import { slotOf } from "../../protocol/slot.ts";
import { AMOUNT_MINOR, CURRENCY, type FanOut, type FanOutAnswer } from "./fan-out.ts";

type Namespace<T> = { getByName(name: string): T };

type FloorEnv = {
  readonly FLOOR: Namespace<{ touch(): Promise<{ ok: boolean }> }>;
  readonly SHARD: Namespace<{ execute(ask: Ask): Promise<Reply> }>;
  readonly EDGE: { fetch(url: string, init: RequestInit): Promise<Response> };
};

export class Floor extends DurableObject<FloorEnv> {
  touch(): { ok: boolean } {
    return { ok: true };
  }
}

export default {
  async fetch(request: Request, env: FloorEnv): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/empty") return new Response("ok");
    const object = env.FLOOR.getByName("floor");
    if (pathname === "/object") return Response.json(await object.touch());
    if (pathname !== "/fan-out") return new Response(null, { status: 404 });
    return Response.json(await fanOut((await request.json()) as FanOut, env));
  },
};

/** One call; undefined when it ended as it must, else what it said. */
type Call = (index: number) => Promise<string | undefined>;

async function fanOut(order: FanOut, env: FloorEnv): Promise<FanOutAnswer> {
  const call = callOf(order, env);
  const { callsMax = Number.POSITIVE_INFINITY, durationMs = Number.POSITIVE_INFINITY } = order;
  const stopAtMs = Date.now() + durationMs;
  let next = 0;
  let good = 0;
  let bad: string | undefined;
  const lane = async () => {
    while (next < callsMax && Date.now() < stopAtMs) {
      const answer = await call(next++);
      if (answer === undefined) good++;
      else bad ??= answer;
    }
  };
  await Promise.all(Array.from({ length: order.inFlight }, lane));
  return bad === undefined ? { good } : { good, bad };
}

function callOf(order: FanOut, env: FloorEnv): Call {
  const { merchant, keys, target } = order;
  if (target === "empty") {
    const object = env.FLOOR.getByName("floor");
    return async () => ((await object.touch()).ok ? undefined : "the empty object did not answer");
  }
  if (target === "edge") return (index) => throughEdge(order, env, `${keys}-${index}`);
  const shard = env.SHARD.getByName(`slot-${slotOf(merchant.account)}`);
  return async (index) => {
    const { end } = await shard.execute(
      askOf(order, target === "replay" ? keys : `${keys}-${index}`),
    );
    return end.ok ? undefined : JSON.stringify(end.failure);
  };
}

function askOf({ merchant }: FanOut, key: string): Ask {
  const { account, livemode, customer } = merchant;
  return {
    kind: "charge",
    account,
    livemode,
    key,
    operation: "POST /v1/charges",
    // The shard and the ledger only compare it.
    mac: "00112233445566778899aabbccddeeff",
    request: `req_${key}` as RequestId,
    source: { kind: "customer" },
    customer,
    amount: AMOUNT_MINOR,
    currency: CURRENCY,
    capture: true,
    metadata: {},
  };
}

async function throughEdge(
  { merchant }: FanOut,
  env: FloorEnv,
  key: string,
): Promise<string | undefined> {
  const response = await env.EDGE.fetch("https://edge/v1/charges", {
    method: "POST",
    headers: {
      authorization: `Bearer ${merchant.secret}`,
      "content-type": "application/x-www-form-urlencoded",
      "idempotency-key": key,
    },
    body: `amount=${AMOUNT_MINOR}&currency=${CURRENCY}&customer=${merchant.customer}`,
  });
  const text = await response.text();
  return response.status === 200 ? undefined : `${response.status} ${text}`;
}
