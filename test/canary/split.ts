// The deployables each in a `wrangler dev` of its own, as `npm run dev:split` starts them, so that the edge's
// process is not the vault's: what it has in memory is searched after sealed cards, and then after typed ones,
// which it must have held and which so prove that the search sees them.

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bindings } from "../../local/bindings.ts";
import { freePort } from "../../local/port.ts";
import { startSplit } from "../../local/workers.ts";
import type { Worker } from "../../local/wrangler.ts";
import { drive, makeMerchants, type Run } from "./drive.ts";
import type { Matcher } from "./matcher.ts";
import { type MemorySearch, searchMemory } from "./memory.ts";
import { http, type Merchant } from "./requests.ts";
import { Caller } from "./wire.ts";

export type MemoryProof = {
  /** Cards that were sealed, and what is found of them; or why there were none. */
  readonly sealed: { readonly cards: number; readonly found: MemorySearch | string } | string;
  readonly typed: { readonly cards: number; readonly found: MemorySearch | string };
};

type KeySet = object;
/** As checkout/public/seal.js exports it. */
type SealCard = (options: {
  publishableKey: string;
  card: Readonly<Record<string, string>>;
  keySet: KeySet;
}) => Promise<string>;

const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const SEALER = join(repository, "checkout/public/seal.js");

export type SplitPlan = Pick<
  Run,
  "numbers" | "random" | "requests" | "inFlight" | "answers" | "tally"
> & {
  readonly home: string;
  readonly bindings: Bindings;
  readonly merchants: number;
  readonly sealedCards: number;
  /** Made when it is needed: what counts as issued grows. */
  readonly matcher: () => Matcher;
  readonly say: (step: string) => void;
};

export async function driveSplit(plan: SplitPlan): Promise<MemoryProof> {
  const { home, bindings, matcher, say } = plan;
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const workers: Worker[] = [];
  try {
    say("starting the Workers apart");
    const noDemo = { DEMO_SECRET_KEY: "", DEMO_PUBLISHABLE_KEY: "" };
    const all = { ...noDemo, ...bindings };
    await startSplit({ home, repository, port, bindings: all, log: () => {} }, workers);
    const edge = workers.at(-1);
    if (edge === undefined) throw new Error("No edge was started");
    const secret = bindings["API_KEY_SECRET"] ?? "";
    const merchants = await makeMerchants(port, secret, plan.merchants);
    say("sending sealed cards");
    const sealed = await driveSealed(plan, port, merchants, () =>
      searchMemory(edge.pid, matcher()),
    );
    say("sending typed cards");
    await drive({ ...plan, port, merchants, tick: () => {} });
    say("searching the edge's memory");
    const typed = { cards: plan.requests, found: searchMemory(edge.pid, matcher()) };
    return { sealed, typed };
  } finally {
    for (const worker of workers.reverse()) await worker.stop([["SIGKILL", 1_000]]);
  }
}

async function driveSealed(
  { numbers, sealedCards }: SplitPlan,
  port: number,
  merchants: readonly Merchant[],
  search: () => MemorySearch | string,
): Promise<MemoryProof["sealed"]> {
  if (!existsSync(SEALER)) return "there is no way to seal a card here";
  const { sealCard } = (await import(SEALER)) as { sealCard: SealCard };
  const keys = await fetch(`http://127.0.0.1:${port}/v1/vault/keys`);
  if (!keys.ok) return `the vault's keys were not told: ${keys.status}`;
  const keySet = (await keys.json()) as KeySet;
  const caller = new Caller(port);
  let made = 0;
  for (let i = 0; i < sealedCards; i++) {
    const merchant = merchants[i % merchants.length] as Merchant;
    const publishableKey = merchant.publishable;
    const { pan: number, cvc } = numbers.fresh();
    const card = { number, cvc, exp_month: "12", exp_year: "2034", name: "Canary" };
    const sealed = await sealCard({ publishableKey, card, keySet });
    const headers = {
      authorization: `Bearer ${publishableKey}`,
      "content-type": "application/x-www-form-urlencoded",
    };
    const body = new URLSearchParams({ sealed_card: sealed }).toString();
    const answer = await caller.send({ bytes: http("POST", "/v1/tokens", headers, body) });
    if (answer?.status === 200) made++;
  }
  caller.close();
  // Cards that were not taken prove nothing.
  if (made === 0) return "no sealed card was taken";
  return { cards: made, found: search() };
}
