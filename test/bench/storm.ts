// A thousand callers with one request at once, each asking again until it has its answer: how often the
// ledger was called meanwhile, and what it holds afterwards.

import type pg from "pg";
import type { Platform } from "../../local/platform.ts";
import { withSession } from "../../local/session.ts";
import { countedBehind } from "./counters.ts";
import type { Storm, StormAnswer } from "./fan-out.ts";
import { freshKeys } from "./key.ts";
import { HOME } from "./merchants.ts";
import type { System } from "./system.ts";

export type StormResult = StormAnswer & {
  readonly callers: number;
  /** Calls of `apply_batch`, through which every write goes: a charge alone takes two. */
  readonly calls: number;
  /** Rows of charges with the key. */
  readonly rows: number;
};

const CALLS = `select coalesce(sum(calls), 0)::float8 as n from pg_stat_user_functions
  where funcname = 'apply_batch'`;
const ROWS = "select count(*)::float8 as n from charges where key = $1";

export async function raiseStorm(
  system: System,
  platform: Platform,
  callers: number,
): Promise<StormResult> {
  const key = freshKeys();
  const { account, customer, secret } = system.instant.hot;
  const storm: Storm = { callers, key, merchant: { account, customer, secret } };
  const url = platform.urls[HOME];
  const pool = countedBehind(platform);
  return withSession(url, async (client) => {
    await trackFunctions(client, true);
    try {
      await pool.flush();
      const before = await numberOf(client, CALLS);
      const answer = await ask(system, storm);
      system.captured += answer.executed;
      await pool.flush();
      const calls = (await numberOf(client, CALLS)) - before;
      return { ...answer, callers, calls, rows: await numberOf(client, ROWS, [key]) };
    } finally {
      await trackFunctions(client, false);
    }
  });
}

async function ask({ runtime }: System, storm: Storm): Promise<StormAnswer> {
  const response = await fetch(new URL("/storm", runtime.floor), {
    method: "POST",
    body: JSON.stringify(storm),
  });
  if (response.status !== 200) throw new Error(`The storm: ${await response.text()}`);
  return (await response.json()) as StormAnswer;
}

async function trackFunctions(client: pg.Client, on: boolean): Promise<void> {
  await client.query(`alter system ${on ? "set track_functions = pl" : "reset track_functions"}`);
  await client.query("select pg_reload_conf()");
}

async function numberOf(client: pg.Client, text: string, values: string[] = []): Promise<number> {
  const { rows } = await client.query<{ n: number }>(text, values);
  return rows[0]?.n ?? 0;
}

/** What is wrong with how it ended. */
export function stormFaults(result: StormResult): string[] {
  const { rows, texts, executed, replayed, callers, bad } = result;
  const claims: readonly (readonly [boolean, string])[] = [
    [bad === undefined, `a caller was told ${bad}`],
    [rows === 1, `${rows} rows were made`],
    [texts === 1, `the callers heard ${texts} different answers`],
    [executed === 1, `${executed} answers were said to be the first`],
    [executed + replayed === callers, `${executed + replayed} of ${callers} were answered`],
  ];
  return claims.filter(([holds]) => !holds).map(([, fault]) => fault);
}
