// The floor: a Worker that answers at once, a Durable Object whose one method returns at once, and a
// fan-out that makes many calls to one object in one HTTP request, so that no HTTP stands in front of
// what is measured. It promises to check every answer, and only answers when all calls have ended; the
// driver holds the clock by which they are counted.

import { DurableObject } from "cloudflare:workers";
import type { Scope } from "../../protocol/command.ts";
import type { RequestId } from "../../protocol/ids.ts";
import { fromJson, type JsonOf, toJson } from "../../protocol/json-of.ts";
import type { Ask, ChargeAsk, Reply } from "../../protocol/shard.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { VaultVerbs } from "../../protocol/vault.ts";
import { percentiles } from "./closed-loop.ts";
import { SEALED_BYTES, sealOnce } from "./crypto-floor.ts";
import {
  AMOUNT_MINOR,
  CARD_TYPED,
  CURRENCY,
  type FanOut,
  type FanOutAnswer,
  type Payer,
  type Storm,
  type StormAnswer,
} from "./fan-out.ts";

export { CryptoFloor } from "./crypto-floor.ts";
export { InstantVault } from "./instant-vault.ts";

type Namespace<T> = { getByName(name: string): T };
type Shard = { execute(ask: JsonOf<Ask>): Promise<JsonOf<Reply>> };

type FloorEnv = {
  readonly FLOOR: Namespace<{ touch(): Promise<{ ok: boolean }> }>;
  readonly SHARD: Namespace<Shard>;
  readonly INSTANT_SHARD: Namespace<Shard>;
  readonly EDGE: { fetch(url: string, init: RequestInit): Promise<Response> };
  readonly VAULT: Pick<VaultVerbs, "tokenize">;
  readonly CRYPTO: { seal(): Promise<number> };
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
    if (pathname === "/storm") return Response.json(await storm(await request.json(), env));
    if (pathname !== "/fan-out") return new Response(null, { status: 404 });
    return Response.json(await fanOut((await request.json()) as FanOut, env));
  },
};

/** Those who hear "in use" ask again after this: at once would leave the one who is not done no turn. */
const STORM_PAUSE_MS = 10;

/** One call; undefined when it ended as it must, else what it said. */
type Call = (index: number) => Promise<string | undefined>;

async function fanOut(order: FanOut, env: FloorEnv): Promise<FanOutAnswer> {
  const call = callOf(order, env);
  const { callsMax = Number.POSITIVE_INFINITY, durationMs = Number.POSITIVE_INFINITY } = order;
  const stopAtMs = performance.now() + durationMs;
  const latenciesMs: number[] = [];
  let next = 0;
  let bad: string | undefined;
  const worker = async () => {
    let beganMs = performance.now();
    while (next < callsMax && beganMs < stopAtMs) {
      const answer = await call(next++);
      const endedMs = performance.now();
      if (answer === undefined) latenciesMs.push(endedMs - beganMs);
      else bad ??= answer;
      beganMs = endedMs;
    }
  };
  await Promise.all(Array.from({ length: order.inFlight }, worker));
  const good = latenciesMs.length;
  return { good, ...(bad === undefined ? {} : { bad }), ...percentiles(latenciesMs) };
}

function callOf(order: FanOut, env: FloorEnv): Call {
  switch (order.target) {
    case "empty": {
      const object = env.FLOOR.getByName("floor");
      return async () => ((await object.touch()).ok ? undefined : "the object did not answer");
    }
    case "crypto":
      return async () => ((await sealOnce()) === SEALED_BYTES ? undefined : "nothing was sealed");
    case "crypto-call":
      return async () =>
        (await env.CRYPTO.seal()) === SEALED_BYTES ? undefined : "nothing was sealed";
    case "tokenize":
      return async (index) => {
        const made = await env.VAULT.tokenize(scopeOf(payerOf(order, index)), CARD_TYPED);
        return made.ok ? undefined : JSON.stringify(made.failure);
      };
    case "shard":
      return (index) => throughShard(order, env.SHARD, index);
    case "instant-shard":
      return (index) => throughShard(order, env.INSTANT_SHARD, index);
    case "edge":
      return (index) => throughEdge(payerOf(order, index), env, keyOf(order, index));
  }
}

function payerOf({ merchants }: FanOut, index: number): Payer {
  const payer = merchants[index % merchants.length];
  if (payer === undefined) throw new Error("an order names at least one merchant");
  return payer;
}

const keyOf = ({ keys, sameKey }: FanOut, index: number): string =>
  sameKey ? keys : `${keys}-${index}`;

const scopeOf = ({ account }: Payer): Scope => ({ account, livemode: false });

async function throughShard(
  order: FanOut,
  shards: Namespace<Shard>,
  index: number,
): Promise<string | undefined> {
  const payer = payerOf(order, index);
  const shard = shards.getByName(`slot-${slotOf(payer.account)}`);
  const { end } = fromJson(await shard.execute(askOf(payer, keyOf(order, index))));
  return end.ok ? undefined : JSON.stringify(end.failure);
}

const askOf = (payer: Payer, key: string): JsonOf<Ask> => toJson<Ask>(chargeOf(payer, key));

const chargeOf = (payer: Payer, key: string): ChargeAsk => ({
  ...scopeOf(payer),
  kind: "charge",
  key,
  operation: "POST /v1/charges",
  // The shard and the ledger only compare it.
  mac: "00112233445566778899aabbccddeeff",
  request: `req_${key}` as RequestId,
  source: { kind: "customer" },
  customer: payer.customer,
  amount: AMOUNT_MINOR,
  currency: CURRENCY,
  capture: true,
  metadata: {},
});

async function throughEdge(payer: Payer, env: FloorEnv, key: string): Promise<string | undefined> {
  const response = await env.EDGE.fetch("https://edge/v1/charges", {
    method: "POST",
    headers: {
      authorization: `Bearer ${payer.secret}`,
      "content-type": "application/x-www-form-urlencoded",
      "idempotency-key": key,
    },
    body: `amount=${AMOUNT_MINOR}&currency=${CURRENCY}&customer=${payer.customer}`,
  });
  const text = await response.text();
  return response.status === 200 ? undefined : `${response.status} ${text}`;
}

/** All callers ask at once, and again for as long as they hear that the key is in use. */
async function storm({ callers, key, merchant }: Storm, env: FloorEnv): Promise<StormAnswer> {
  const shard = env.INSTANT_SHARD.getByName(`slot-${slotOf(merchant.account)}`);
  const texts = new Set<string>();
  const count = { executed: 0, replayed: 0, inUse: 0 };
  let charge = "";
  let bad: string | undefined;
  const caller = async () => {
    for (;;) {
      const { end, replayed } = fromJson(await shard.execute(askOf(merchant, key)));
      if (end.ok) {
        count[replayed ? "replayed" : "executed"]++;
        texts.add(JSON.stringify(end.facts));
        charge = "id" in end.facts ? end.facts.id : "";
        return;
      }
      if (end.failure.kind !== "idempotency_in_use") {
        bad ??= JSON.stringify(end.failure);
        return;
      }
      count.inUse++;
      await new Promise((resume) => setTimeout(resume, STORM_PAUSE_MS));
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { texts: texts.size, charge, ...count, ...(bad === undefined ? {} : { bad }) };
}
