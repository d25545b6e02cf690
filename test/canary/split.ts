// The deployables each in a `wrangler dev` of its own, as `npm run dev:split` starts them, so that the edge's
// process is not the vault's: what it has in memory is searched after sealed cards, and then after typed ones,
// which it must have held and which so prove that the search sees them.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Bindings } from "../../local/bindings.ts";
import { freePort } from "../../local/port.ts";
import { startSplit } from "../../local/workers.ts";
import type { Worker } from "../../local/wrangler.ts";
import { drive, makeMerchants, type Run, sealingKeys } from "./drive.ts";
import { post } from "./http-message.ts";
import type { Merchant } from "./kind.ts";
import { postSealed } from "./kinds/sealed.ts";
import type { Matcher } from "./matcher.ts";
import { type MemorySearch, searchMemory } from "./memory.ts";
import { Caller } from "./wire.ts";

export type MemoryProof = {
  /** Cards that were sealed, and what is found of them; or why memory could not be searched. */
  readonly sealed: { readonly cards: number; readonly found: MemorySearch | string };
  readonly typed: { readonly cards: number; readonly found: MemorySearch | string };
};

const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

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
    const cards = await driveSealed(plan, port, merchants);
    say("searching the edge's memory");
    const sealed = { cards, found: searchMemory(edge.pid, matcher()) };
    say("sending typed cards");
    await drive({ ...plan, port, merchants, isFronted: true, tick: () => {} });
    say("searching the edge's memory");
    const typed = { cards: plan.requests, found: searchMemory(edge.pid, matcher()) };
    return { sealed, typed };
  } finally {
    for (const worker of workers.reverse()) await worker.stop([["SIGKILL", 1_000]]);
  }
}

/** Tokens from sealed cards, and charges with them, before this edge has seen any other card. */
async function driveSealed(
  { numbers, sealedCards }: SplitPlan,
  port: number,
  merchants: readonly Merchant[],
): Promise<number> {
  const keySet = await sealingKeys(port);
  const caller = new Caller(port);
  let made = 0;
  for (let i = 0; i < sealedCards; i++) {
    const merchant = merchants[i % merchants.length] as Merchant;
    const answer = await caller.send({
      bytes: await postSealed(merchant, keySet, numbers.fresh()),
    });
    if (answer?.status !== 200) continue;
    const [, source = ""] = /"id": "(tok_[0-9A-Za-z]+)"/.exec(answer.bytes.toString()) ?? [];
    const form = { amount: "20000", currency: "usd", source };
    const charge = await caller.send({ bytes: post("/v1/charges", merchant.secret, form) });
    if (charge?.status === 200) made++;
  }
  caller.close();
  // Cards that were not taken prove nothing.
  if (made === 0) throw new Error("No sealed card could be charged");
  return made;
}
