// A thousand callers with one request at once, each asking again until it has its answer: what the
// ledger was asked meanwhile, and what it holds afterwards.

import type { Platform } from "../../local/platform.ts";
import { withSession } from "../../local/session.ts";
import { type Counters, countedBehind } from "./counters.ts";
import type { Storm, StormAnswer } from "./fan-out.ts";
import { freshKeys } from "./key.ts";
import { HOME } from "./merchants.ts";
import type { System } from "./system.ts";

export type StormResult = StormAnswer & {
  readonly callers: number;
  /** SQL statements that reached the ledger: a charge alone takes two, its opening and its close. */
  readonly statements: number;
  /** Rows of charges with the key. */
  readonly rows: number;
};

export async function raiseStorm(
  system: System,
  counters: Counters,
  platform: Platform,
  callers: number,
): Promise<StormResult> {
  const key = freshKeys();
  const { account, customer, secret } = system.instant.hot;
  const order: Storm = { callers, key, merchant: { account, customer, secret } };
  const url = platform.urls[HOME];
  let answer: StormAnswer | undefined;
  const { statements } = await counters.count(
    countedBehind(url, platform.urls.sqlEndpoint),
    async () => {
      const fromMs = performance.now();
      const response = await fetch(new URL("/storm", system.runtime.floor), {
        method: "POST",
        body: JSON.stringify(order),
      });
      if (response.status !== 200) throw new Error(`The storm: ${await response.text()}`);
      answer = (await response.json()) as StormAnswer;
      return { good: answer.executed, bad: 0, elapsedMs: performance.now() - fromMs };
    },
  );
  if (answer === undefined) throw new Error("Bug: the storm was raised");
  const { rows } = await withSession(url, (client) =>
    client.query<{ n: number }>("select count(*)::integer as n from charges where key = $1", [key]),
  );
  system.captured += answer.executed;
  return { ...answer, callers, statements, rows: rows[0]?.n ?? 0 };
}

/** What is wrong with how it ended. */
export function stormFaults({
  rows,
  texts,
  executed,
  replayed,
  callers,
  bad,
}: StormResult): string[] {
  const claims: readonly (readonly [boolean, string])[] = [
    [bad === undefined, `a caller was told ${bad}`],
    [rows === 1, `${rows} rows were made`],
    [texts === 1, `the callers heard ${texts} different answers`],
    [executed === 1, `${executed} answers were said to be the first`],
    [executed + replayed === callers, `${executed + replayed} of ${callers} were answered`],
  ];
  return claims.filter(([holds]) => !holds).map(([, fault]) => fault);
}
