// The vault and its card box as they are, with a caller in front and a wire to the test bank behind. The
// caller stands where the shard does: it asks the vault over RPC and hands on the lines as they come. The
// wire counts what crosses it and can be told to tear.

import { WorkerEntrypoint } from "cloudflare:workers";
import { type CardName, CardBox as RealCardBox } from "../../../durable-objects/card-box.ts";
import { readLines } from "../../../protocol/lines.ts";
import { slotOf } from "../../../protocol/slot.ts";
import { Vault } from "../../../workers/vault/index.ts";
import type { Call, Tear, VaultBinding } from "./call.ts";

export { CardLimiter } from "../../../durable-objects/card-limiter.ts";
export { Vault };

type RigEnv = {
  readonly [binding in VaultBinding]: Service<typeof Vault>;
} & {
  readonly CARD_BOX: DurableObjectNamespace<CardBox>;
  readonly BANK: Fetcher;
};

export class CardBox extends RealCardBox {
  #takes = 0;

  override takeMany(names: readonly CardName[]) {
    this.#takes++;
    return super.takeMany(names);
  }

  takes(): number {
    return this.#takes;
  }
}

let crossed: string[] = [];
let tear: Tear | undefined;

export class Wire extends WorkerEntrypoint<RigEnv> {
  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    crossed.push(`${request.method} ${pathname}`);
    const response = await this.env.BANK.fetch(request);
    const torn = pathname === "/batches" ? tear : undefined;
    if (torn === undefined || response.body === null) return response;
    tear = undefined;
    const lines: string[] = [];
    // All of it is read, so the bank has booked everything of which the caller hears a part.
    await readLines(response.body, (some) => lines.push(...some));
    return new Response(tornStream(lines, torn));
  }
}

function tornStream(lines: readonly string[], { after, how }: Tear): ReadableStream {
  const whole = lines.slice(0, after).map((line) => `${line}\n`);
  const cut = how === "within" ? (lines[after] ?? "").slice(0, 20) : "";
  let given = false;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      if (!given) controller.enqueue(new TextEncoder().encode([...whole, cut].join("")));
      else if (how === "end") controller.close();
      else controller.error(new Error("torn, as asked"));
      given = true;
    },
  });
}

export default {
  async fetch(request: Request, env: RigEnv): Promise<Response> {
    const call = (await request.json()) as Call;
    switch (call.kind) {
      case "tokenize":
        return Response.json(await env.VAULT.tokenize(call.scope, call.card));
      case "forget":
        await env.SHARD_VAULT.forget(call.scope, call.tokens);
        return Response.json(null);
      case "perform":
        return new Response(await env.SHARD_VAULT.perform(call.orders));
      case "leave":
        await (await env.SHARD_VAULT.perform(call.orders)).cancel();
        return Response.json(null);
      case "attempt": {
        const verbs = env[call.binding] as unknown as Record<
          string,
          (...given: readonly unknown[]) => Promise<unknown>
        >;
        try {
          const answer = await verbs[call.verb]?.(...call.given);
          return Response.json({ admitted: !(answer instanceof Error) });
        } catch (error) {
          return Response.json({ refused: error instanceof Error ? error.message : "" });
        }
      }
      case "tear":
        tear = call.tear;
        return Response.json(null);
      case "crossed": {
        const box = env.CARD_BOX.getByName(`slot-${slotOf(call.scope.account)}`);
        const counted = { crossed, takes: await box.takes() };
        crossed = [];
        return Response.json(counted);
      }
    }
  },
} satisfies ExportedHandler<RigEnv>;
