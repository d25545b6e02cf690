// One drill: storms over a system under load, then three books held against each other. It promises that
// everything it started has ended when it returns.

import { verifyLedger } from "../../ops/verify.ts";
import { mintApiKey, PLATFORM_ACCOUNT } from "../../protocol/api-key.ts";
import type { AccountId } from "../../protocol/ids.ts";
import { homeOf, REGIONS, slotOf } from "../../protocol/slot.ts";
import { generator } from "../ledger/region.ts";
import { readBank, readLedger, readOpened } from "./books.ts";
import { Client, type Merchant } from "./client.ts";
import { compare, type Finding } from "./comparison.ts";
import { Load } from "./load.ts";
import { LINKS, type Network, startNetwork } from "./network.ts";
import type { Options } from "./options.ts";
import { type Recovery, untilEnded } from "./recovery.ts";
import type { Shop } from "./sales.ts";
import { describe, drawFullDisk, drawStorm, faultsOf, newToll, rage, type Toll } from "./storm.ts";
import { askAgain, lookAtAll } from "./sweep.ts";

const MERCHANTS_OF_REGION = 4;
/** What a kill takes until the drill has measured it: the storm around it and its end. */
const KILL_SECONDS = 2.5;
/** What is left of the load when the last storm is over is sold at this rate. */
const REST_PER_SECOND = 100;
/** How long clients may still wait for their answers after all faults have stopped. */
const LAST_ANSWERS_MS_MAX = 30_000;
const LATE_SHOWN_MAX = 5;

export type Outcome = {
  readonly options: Options;
  readonly minutes: number;
  readonly toll: Toll;
  readonly faults: readonly { readonly fault: string; readonly count: number }[];
  /** What the filled disk was made of; or why none was filled. */
  readonly disk: { readonly kind: string } | { readonly skipped: string };
  readonly charges: number;
  readonly operations: number;
  readonly answers: ReadonlyMap<string, number>;
  readonly recoveries: readonly Recovery[];
  readonly findings: readonly Finding[];
  /** Findings of `npm run verify`, by region. */
  readonly verified: Readonly<Record<string, readonly string[]>>;
};

export type Progress = {
  /** Something takes a while. */
  step(what: string): void;
  /** How far the storms are. */
  tick(line: string): void;
};

export async function drill(options: Options, progress: Progress): Promise<Outcome> {
  const draws = (salt: number) => generator((options.seed * 31 + salt) | 0);
  const network = await startNetwork((link) => draws(100 + LINKS.indexOf(link)), progress.step);
  try {
    return await run(options, network, draws, progress);
  } finally {
    progress.step("stopping");
    await network.stop();
  }
}

async function run(
  options: Options,
  network: Network,
  draws: (salt: number) => () => number,
  progress: Progress,
): Promise<Outcome> {
  const from = performance.now();
  const client = new Client(network.url);
  progress.step("making merchants");
  const merchants = await makeMerchants(network);
  const run = String(options.seed);
  const shop: Shop = { client, merchants, random: draws(1), run, denials: [] };
  const load = new Load(shop, options.charges);
  const selling = load.run();
  // A fault of the drill itself is told when the storms are over.
  selling.catch(() => {});

  const storms = await rageAll(options, network, client, load, draws(2), progress);
  progress.step("selling the rest");
  load.perSecond = REST_PER_SECOND;
  await Promise.race([selling, untilSold(load).then(() => client.giveUpIn(LAST_ANSWERS_MS_MAX))]);
  await selling;

  const ledgers = REGIONS.map((region) => network.ledgers[region]);
  const boundMs = options.seconds * 1000;
  const calm = performance.now();
  const last = await untilEnded(client.entries, ledgers, calm, boundMs);
  const findings = [...storms.findings, ...lateness(last, "the end")];
  await askAgain(client, (done) => {
    if (done % 500 === 0) progress.step(`asking again: ${done} of ${client.entries.length} keys`);
  });
  await untilEnded(client.entries, ledgers, performance.now(), boundMs);
  progress.step("comparing the books");
  const ledger = await readLedger(ledgers);
  const bank = await readBank(network.bankUrl, network.bindings["PROCESSOR_KEY"] ?? "");
  progress.step("waiting for the audit log");
  const opened = await readOpened(ledgers, bank);
  findings.push(...compare(client.entries, ledger, bank, opened));
  const denials = [...shop.denials, ...(await lookAtAll(client, ledger))];
  findings.push(...denials.map((what) => ({ kind: "contradictory" as const, what })));

  progress.step("verifying the ledgers");
  const verified: Record<string, string[]> = {};
  for (const region of REGIONS) {
    verified[region] = await verifyLedger(network.ledgers[region]).then(
      (found) => found.map(({ check, place, why }) => `${check}: ${place}: ${why}`),
      (error: unknown) => [`${region} cannot be verified: ${error}`],
    );
  }
  const isCharge = ({ kind }: { kind: string }) => kind === "charge";
  const charges = client.entries.filter(isCharge).length;
  const { disk } = network;
  return {
    options,
    minutes: (performance.now() - from) / 60_000,
    toll: storms.toll,
    faults: faultsOf(network),
    disk: typeof disk === "string" ? { skipped: disk } : { kind: disk.kind },
    charges,
    operations: client.entries.length - charges,
    answers: client.answers,
    recoveries: storms.recoveries,
    findings,
    verified,
  };
}

async function rageAll(
  options: Options,
  network: Network,
  client: Client,
  load: Load,
  random: () => number,
  progress: Progress,
) {
  const from = performance.now();
  const toll = newToll();
  const recoveries: Recovery[] = [];
  const findings: Finding[] = [];
  const ledgers = REGIONS.map((region) => network.ledgers[region]);
  const boundMs = options.seconds * 1000;
  let killed = 0;
  const seconds = () => (performance.now() - from) / 1000;
  while (killed < options.kills && seconds() < options.minutes * 60) {
    const perKill = killed === 0 ? KILL_SECONDS : seconds() / killed;
    load.perSecond = load.left / (perKill * (options.kills - killed));
    const drawn = drawStorm(random, options.kills - killed);
    // Every drill that can fills the disk at least once.
    const full = toll.storms === 1 ? (drawn.full ?? drawFullDisk(random)) : drawn.full;
    const storm = { ...drawn, full };
    await rage(network, storm, toll, () => {
      killed++;
    });
    const recovery = await untilEnded(client.entries, ledgers, performance.now(), boundMs);
    recoveries.push(recovery);
    findings.push(...lateness(recovery, describe(storm)));
    const slowest = Math.max(...recoveries.map(({ ms }) => ms)) / 1000;
    progress.tick(
      `${killed}/${options.kills} kills, ${load.begun}/${options.charges} charges, ` +
        `${load.underWay} under way, slowest end ${slowest.toFixed(1)} s, ${findings.length} findings`,
    );
  }
  return { toll, recoveries, findings };
}

/** A recovery that took too long, as a finding. */
function lateness({ ms, late }: Recovery, after: string): Finding[] {
  if (late.length === 0) return [];
  const some = late.slice(0, LATE_SHOWN_MAX).join(", ");
  const what = `${late.length} ended too late, the last ${(ms / 1000).toFixed(1)} s after ${after}: ${some}`;
  return [{ kind: "unfinished", what }];
}

async function untilSold(load: Load): Promise<void> {
  while (load.left > 0) await new Promise((resume) => setTimeout(resume, 100));
}

/** Some at home in each region. */
export async function makeMerchants(network: Network): Promise<Merchant[]> {
  const platform = await mintApiKey(
    { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT },
    network.bindings["API_KEY_SECRET"] ?? "",
  );
  const made: Record<string, Merchant[]> = { us: [], eu: [] };
  while (Object.values(made).some(({ length }) => length < MERCHANTS_OF_REGION)) {
    const response = await fetch(`${network.url}/v1/accounts`, {
      method: "POST",
      headers: { authorization: `Bearer ${platform}` },
    });
    if (!response.ok) throw new Error(`No merchant could be made: ${await response.text()}`);
    const { id, keys } = (await response.json()) as {
      id: AccountId;
      keys: Omit<Merchant, "account">;
    };
    const ours = made[homeOf(slotOf(id))];
    if (ours !== undefined && ours.length < MERCHANTS_OF_REGION)
      ours.push({ account: id, ...keys });
  }
  return Object.values(made).flat();
}
