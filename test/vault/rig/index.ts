// The vault and its card box as they are, with a caller in front and a wire to the test bank behind. The
// caller stands where the shard does: it asks the vault over RPC and hands on the lines as they come. The
// wire counts what crosses it and can be told to tear.

import { WorkerEntrypoint } from "cloudflare:workers";
import { type CardName, CardBox as RealCardBox } from "../../../durable-objects/card-box.ts";
import { readLines } from "../../../protocol/lines.ts";
import { slotOf } from "../../../protocol/slot.ts";
import type { VaultEnv } from "../../../workers/vault/environment.ts";
import { Vault as RealVault } from "../../../workers/vault/index.ts";
import type { Call, Tear, VaultBinding } from "./call.ts";
import type { CrashPoint } from "./start.ts";

export { CardLimiter } from "../../../durable-objects/card-limiter.ts";

type RigEnv = {
  readonly [binding in VaultBinding]: Service<typeof Vault>;
} & {
  readonly CARD_BOX: DurableObjectNamespace<CardBox>;
  readonly BANK: Fetcher;
};

/** What `perform` answers, as lines. */
const linesOf = (told: Awaited<ReturnType<RealVault["perform"]>>): Response =>
  new Response(typeof told === "string" ? `${told}\n` : told);

let deployed: Readonly<Record<string, string>> = {};

export class Vault extends RealVault {
  constructor(context: ExecutionContext, env: VaultEnv) {
    super(context, { ...env, ...deployed });
  }
}

export class CardBox extends RealCardBox {
  #takes = 0;
  #pagesLeft: number | undefined;
  #crashPoint: CrashPoint | undefined;

  /** As if an account's key had wrapped so often; felt after the box has lost its memory. */
  setWraps(account: string, version: number, wraps: number): void {
    this.ctx.storage.sql.exec(
      "update account_keys set wraps = ? where account = ? and purpose = 'card' and version = ?",
      wraps,
      account,
      version,
    );
  }

  /**
   * As a crash, now or when so many more pages of cards were moved: what is under way fails, and nothing but
   * storage is left.
   */
  crash(afterPages: number): void {
    this.#pagesLeft = afterPages;
    if (afterPages === 0) this.ctx.abort("as a test asked");
  }

  override moveCards(...page: Parameters<RealCardBox["moveCards"]>): number {
    if (this.#pagesLeft === 0) this.ctx.abort("as a test asked");
    if (this.#pagesLeft !== undefined) this.#pagesLeft -= 1;
    return super.moveCards(...page);
  }

  /** As if every key had been made so long ago. */
  age(seconds: number): void {
    this.ctx.storage.sql.exec("update account_keys set made = made - ?", seconds);
  }

  /** What each write of a count has left in storage. */
  wrapsOf(account: string, version: number): number {
    return this.ctx.storage.sql
      .exec<{ wraps: number }>(
        "select wraps from account_keys where account = ? and purpose = 'card' and version = ?",
        account,
        version,
      )
      .one().wraps;
  }

  /** All cards as they lie. */
  rows(): {
    owner: string;
    token: string;
    sealed: string;
    version: number;
    print: string | null;
  }[] {
    return this.ctx.storage.sql
      .exec<{
        owner: string;
        token: string;
        sealed: string;
        version: number;
        print: string | null;
      }>("select owner, token, sealed, version, print from cards order by owner, token")
      .toArray();
  }

  /** Has another text in place of a sealed card. */
  spoil(owner: string, token: string, sealed: string): void {
    this.ctx.storage.sql.exec(
      "update cards set sealed = ? where owner = ? and token = ?",
      sealed,
      owner,
      token,
    );
  }

  /** The next take is the last thing that this instance does. */
  crashAtNextTake(point: CrashPoint): void {
    this.#crashPoint = point;
  }

  override takeMany(names: readonly CardName[]) {
    this.#takes++;
    if (this.#crashPoint === "before its entry is written") {
      void scheduler.wait(0).then(() => this.ctx.abort("as a test asked"));
    }
    return super.takeMany(names);
  }

  override written(instance: string): number {
    if (this.#crashPoint === "before its entry is written") this.ctx.abort("as a test asked");
    const written = super.written(instance);
    if (this.#crashPoint === undefined) return written;
    return this.#crashWhenDurable() as never;
  }

  async #crashWhenDurable(): Promise<number> {
    await this.ctx.storage.sync();
    this.ctx.abort("as a test asked");
    return 0;
  }

  /** The audit entries that this box has and has not sent on. */
  auditEntries(): string[] {
    return this.ctx.storage.sql
      .exec<{ entry: string }>("select entry from audit order by seq")
      .toArray()
      .map(({ entry }) => entry);
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

const FILLED_AT_ONCE = 100;
const FILL_TRIES_MAX = 5;
/** Longer than a breaker stays open. */
const FILL_PAUSE_MS = 3_000;

async function fill(env: RigEnv, { scope, card, count }: Extract<Call, { kind: "fill" }>) {
  const tokens: string[] = [];
  for (let made = 0; made < count; made += FILLED_AT_ONCE) {
    const some = Array.from({ length: Math.min(FILLED_AT_ONCE, count - made) }, async () => {
      for (let tries = 1; ; tries++) {
        const one = await env.VAULT.tokenize(scope, card);
        if (one.ok) return one.value.token;
        // A key server on a busy machine may be late; how that is answered, other tests say.
        if (one.failure.kind !== "unavailable" || tries === FILL_TRIES_MAX)
          throw new Error(`no token: ${one.failure.kind}`);
        await scheduler.wait(FILL_PAUSE_MS);
      }
    });
    tokens.push(...(await Promise.all(some)));
  }
  return tokens;
}

const QUESTION = {
  key: "pi_1.authenticate.1",
  amount: 2000,
  currency: "usd",
  purpose: "payment",
  requested: "automatic",
} as const;

export default {
  async fetch(request: Request, env: RigEnv): Promise<Response> {
    const call = (await request.json()) as Call;
    switch (call.kind) {
      case "tokenize":
        return Response.json(await env.VAULT.tokenize(call.scope, call.card));
      case "forget":
        await env.SHARD_VAULT.forget(call.scope, call.tokens);
        return Response.json(null);
      case "authenticate": {
        const { scope, token } = call;
        return Response.json(await env.VAULT.authenticate(scope, token, QUESTION));
      }
      case "deploy":
        deployed = call.environment;
        return Response.json(null);
      case "crash": {
        const box = env.CARD_BOX.getByName(`slot-${slotOf(call.scope.account)}`);
        await box.crash(call.afterPages).catch(() => {});
        return Response.json(null);
      }
      case "keys":
        return Response.json(await env.VAULT.keys(call.command));
      case "fill":
        return Response.json(await fill(env, call));
      case "perform":
        return linesOf(await env.SHARD_VAULT.perform(call.orders));
      case "leave":
        await linesOf(await env.SHARD_VAULT.perform(call.orders)).body?.cancel();
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
