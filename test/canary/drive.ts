// Sends the requests of a run, several in flight on keep-alive connections, and keeps every answer in a file.

import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { KeySet } from "../../checkout/public/seal.js";
import { mintApiKey, PLATFORM_ACCOUNT } from "../../protocol/api-key.ts";
import type { AccountId } from "../../protocol/ids.ts";
import { isOurs } from "../slots.ts";
import { type Form, http, post } from "./http-message.ts";
import type { Merchant } from "./kind.ts";
import type { Numbers } from "./numbers.ts";
import type { Parts, Victim } from "./parts.ts";
import { VICTIMS } from "./parts.ts";
import { deal, newMerchant, nextRequest, type Request, remember } from "./requests.ts";
import { stock } from "./stock.ts";
import { type Answer, ask, Caller } from "./wire.ts";

export type Tally = {
  /** Requests by kind, and their answers by status; 0 where the connection ended without one. */
  readonly kinds: Map<string, Map<number, number>>;
  /** Answers that are not right for their kind, apart from those that say "try again". */
  readonly wrong: string[];
  readonly crashes: Map<Victim, number>;
  faultyRequests: number;
};

export const newTally = (): Tally => ({
  kinds: new Map(),
  wrong: [],
  crashes: new Map(),
  faultyRequests: 0,
});

export type Run = {
  readonly port: number;
  readonly numbers: Numbers;
  readonly merchants: readonly Merchant[];
  readonly random: () => number;
  readonly requests: number;
  readonly inFlight: number;
  /** Every answer goes there. */
  readonly answers: string;
  readonly tally: Tally;
  readonly tick: (sent: number) => void;
  /** What is done to the system meanwhile; none where it cannot be killed apart. */
  readonly parts?: Parts;
  readonly crashes?: number;
  /** Whether a proxy of wrangler's stands in front of the edge, which it does not where it is deployed. */
  readonly isFronted?: boolean;
};

const REFUSED_PAUSE_MS = 50;
/** As long as a browser may keep the vault's keys, and the time that is told with them. */
const KEYS_KEPT_MS = 60_000;
const MADE_AT_ONCE = 16;
const CRASH_PAUSE_MS_MAX = 400;
/** How many of them are kept to be shown. */
const WRONG_MAX = 20;
/** Of twenty stretches of a run the bank is bad in three. */
const STRETCHES = 20;
const BAD_STRETCHES = [3, 9, 15];
/** It fails before or after it has booked, loses answers, and holds a few for longer than anybody waits. */
const BAD_DAY = {
  error_rate: 0.1,
  error_after_rate: 0.1,
  drop_after_rate: 0.1,
  timeout_after_rate: 0.01,
  timeout_ms: 30_000,
  latency_jitter_ms: 30,
};
/** "Later" and "too much" are right answers to everything, and no answer while something is being killed. */
const LATER = [409, 429, 503];
/** What wrangler's proxy says, word for word, to a Host that makes no URL; the edge never hears of that request. */
export const PROXY_FAULT =
  "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 21\r\n\r\nInternal Server Error";

export async function drive(run: Run): Promise<void> {
  const file = createWriteStream(run.answers, { flags: "a" });
  let sent = 0;
  let crashed = 0;
  let breaking = false;
  const { parts, crashes = 0, requests } = run;
  /** A kill takes as long as it takes; some requests are left for each. */
  const mustWait = () =>
    parts !== undefined && crashed < crashes && sent * crashes >= (crashed + 1) * requests;
  const keep = (request: Request, answer: Answer) => {
    file.write(answer.bytes);
    count(run, request, answer, breaking);
    if (answer.status === 200) remember(request.merchant, answer.bytes);
  };
  for (let from = 0; from < run.merchants.length; from += MADE_AT_ONCE) {
    const some = run.merchants.slice(from, from + MADE_AT_ONCE);
    await Promise.all(some.map((merchant) => stock(run.port, merchant, run.numbers)));
  }
  const kinds = deal(run.random);
  let keySet = await sealingKeys(run.port);
  const renew = setInterval(() => {
    sealingKeys(run.port).then(
      (fresh) => {
        keySet = fresh;
      },
      // The edge is being killed; the keys at hand are good for a while.
      () => {},
    );
  }, KEYS_KEPT_MS);
  const work = async () => {
    const caller = new Caller(run.port);
    while (sent < requests) {
      if (mustWait()) {
        await sleep(REFUSED_PAUSE_MS);
        continue;
      }
      sent++;
      run.tick(sent);
      const request = await nextRequest(kinds.next().value, { ...run, keySet }, run.merchants);
      let answer = await caller.send(request);
      while (answer === undefined) {
        await sleep(REFUSED_PAUSE_MS);
        answer = await caller.send(request);
      }
      keep(request, answer);
    }
    caller.close();
  };
  const trouble = async () => {
    if (parts === undefined) return;
    let stretch = -1;
    while (sent < requests) {
      await sleep(REFUSED_PAUSE_MS);
      const now = Math.floor((sent / requests) * STRETCHES);
      if (now !== stretch) {
        stretch = now;
        const bad = BAD_STRETCHES.includes(now);
        if (await parts.setFaults(bad ? BAD_DAY : {})) {
          if (bad) run.tally.faultyRequests += Math.round(requests / STRETCHES);
        }
      }
      if (crashed < crashes && sent / requests > (crashed + 0.5) / crashes) {
        const victim = VICTIMS[crashed % VICTIMS.length] as Victim;
        breaking = true;
        await parts.crash(victim, run.random() * CRASH_PAUSE_MS_MAX);
        breaking = false;
        crashed++;
        run.tally.crashes.set(victim, (run.tally.crashes.get(victim) ?? 0) + 1);
      }
    }
    await parts.setFaults({});
  };
  try {
    await Promise.all([trouble(), ...Array.from({ length: run.inFlight }, work)]);
  } finally {
    clearInterval(renew);
  }
  file.end();
  await finished(file);
}

function count(
  { tally, isFronted = false }: Run,
  request: Request,
  answer: Answer,
  breaking: boolean,
): void {
  const { kind, rightly } = request;
  const statuses = tally.kinds.get(kind) ?? new Map<number, number>();
  tally.kinds.set(kind, statuses);
  const { status } = answer;
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const excused = LATER.includes(status) || status === 0;
  if (rightly.includes(status) || excused || breaking) return;
  if (tally.wrong.length >= WRONG_MAX) return;
  const text = answer.bytes.toString("latin1");
  if (isFronted && kind === "request that is no HTTP" && text === PROXY_FAULT) return;
  const message = /"message": "([^"]*)"/.exec(text)?.[1] ?? text.slice(0, 100);
  tally.wrong.push(`${kind}: ${status} ${message}`);
}

/** The keys that cards are sealed to. */
export async function sealingKeys(port: number): Promise<KeySet> {
  return JSON.parse(await ask(port, http("GET", "/v1/vault/keys", {}))) as KeySet;
}

export async function makeMerchants(
  port: number,
  secret: string,
  count: number,
  terms: Form = {},
): Promise<Merchant[]> {
  const platform = await mintApiKey(
    { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT },
    secret,
  );
  const make = async (): Promise<Merchant> => {
    for (;;) {
      const made = await ask(port, post("/v1/accounts", platform, terms));
      const { id, keys } = JSON.parse(made) as {
        id: AccountId;
        keys: { secret: string; publishable: string };
      };
      if (isOurs(id)) return newMerchant({ account: id, ...keys });
    }
  };
  const merchants: Merchant[] = [];
  while (merchants.length < count) {
    const some = Math.min(MADE_AT_ONCE, count - merchants.length);
    merchants.push(...(await Promise.all(Array.from({ length: some }, make))));
  }
  return merchants;
}
