// `node test/bench/wall-cost.ts`: what the second wall costs (migrations/0012_walls.sql). Reads by the origin's
// own code as the owner, for whom there is no row security, and as an origin's login; and batches of charges
// with `apply_batch` run as its caller and as its owner. Both sides of a row take turns, so that they meet the same
// machine; medians in milliseconds.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNeonEndpoint } from "../../local/neon-endpoint.ts";
import { startPlatform } from "../../local/platform.ts";
import { connect as connectOrigin } from "../../origin/database.ts";
import { read } from "../../origin/reading.ts";
import type { Scope } from "../../protocol/command.ts";
import type { Query } from "../../protocol/query.ts";
import { apply, closing, connect, openAccounts, opening, ownLedger } from "../ledger/region.ts";

const MERCHANTS = 100;
const CHARGES_EACH = 200;
const READS = 600;
const TURNS = 40;
const BATCHES_A_TURN = 15;
/** Batches of a turn that are not counted: plans are made anew. */
const WARM = 6;
const BATCH = 50;

const home = mkdtempSync(join(tmpdir(), "tessera-walls-"));
const platform = await startPlatform({ home, databaseUrls: {} });
const own = await ownLedger(platform.urls.us);
const client = await connect(own.url);
const { username, password } = new URL(platform.bindings["DATABASE_URL_US"] ?? "");
const originUrl = Object.assign(new URL(own.url), { username, password }).href;
const endpoint = await startNeonEndpoint({ connectionStrings: [own.url, originUrl] });

const median = (times: number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

async function timed(times: number[], work: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  await work();
  times.push(performance.now() - began);
}

const tell = (what: string, without: number[], withWall: number[]): void => {
  const [a, b] = [median(without), median(withWall)];
  console.log(`${what.padEnd(40)} ${a.toFixed(3)} ${b.toFixed(3)} ${(b / a).toFixed(3)}`);
};

const scopes = await openAccounts(client, MERCHANTS);
const ids: string[] = [];
for (let round = 0; round < CHARGES_EACH; round++) {
  const opens = scopes.map((scope) => opening(scope));
  await apply(client, opens);
  await apply(
    client,
    opens.map(({ id }, at) => closing(scopes[at] as Scope, id)),
  );
  ids.push(opens[0]?.id ?? "");
}
await client.query("analyze");

console.log("".padEnd(40), "without with ratio");
const [scope] = scopes;
if (scope === undefined) throw new Error("there is no merchant");
const queries: Record<string, (at: number) => Query> = {
  "read one charge": (at) => ({
    kind: "charge",
    id: (ids[at % ids.length] ?? "") as `ch_${string}`,
  }),
  "read ten charges": () => ({ kind: "charges", page: { limit: 10 } }),
  "read ten events": () => ({ kind: "events", page: { limit: 10 } }),
  "read the balance": () => ({ kind: "balance" }),
};
for (const [what, queryOf] of Object.entries(queries)) {
  const times: [number[], number[]] = [[], []];
  for (let at = 0; at < READS; at++) {
    for (const side of at % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const database = connectOrigin(side === 0 ? own.url : originUrl, endpoint.url);
      const ask = { ...scope, home: "us", min_seq: null, query: queryOf(at) } as const;
      await timed(times[side], () => read(database, ask, "primary"));
    }
  }
  tell(what, ...times);
}

// Both sides of the reads above name their account; this is what that costs by itself.
{
  const times: [number[], number[]] = [[], []];
  const database = connectOrigin(originUrl, endpoint.url);
  const name = `${scope.account}/test`;
  for (let at = 0; at < READS; at++) {
    for (const side of at % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const named = database`select set_config('tessera.account', ${name}, true)`;
      const one = database`select 1 as one`;
      const two = database`select 2 as two`;
      const statements = side === 0 ? [one, two] : [named, one, two];
      await timed(times[side], () => database.transaction(statements));
    }
  }
  tell("two statements, without and with the name", ...times);
}

const runAs = (whom: "invoker" | "definer") =>
  client.query(
    whom === "definer"
      ? "alter function apply_batch security definer set search_path = public, pg_temp"
      : "alter function apply_batch security invoker reset search_path",
  );
for (const size of [1, BATCH]) {
  const times: [number[], number[]] = [[], []];
  // Few changes of the function: each has its plans made anew.
  for (let turn = 0; turn < TURNS; turn++) {
    const side = (turn % 2) as 0 | 1;
    await runAs(side === 0 ? "invoker" : "definer");
    for (let at = 0; at < BATCHES_A_TURN + WARM; at++) {
      const opens = scopes.slice(0, size).map((one) => opening(one));
      const sink = at < WARM ? [] : times[side];
      await timed(sink, () => apply(client, opens));
    }
  }
  tell(`open a batch of ${size}`, ...times);
}

await client.end();
await endpoint.stop();
await platform.stop();
rmSync(home, { recursive: true, force: true });
