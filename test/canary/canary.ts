// Drives the real system with canary cards, ends it, and searches all that it has written and said.

import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Platform, startPlatform } from "../../local/platform.ts";
import { findPlace } from "../../local/postgres-place.ts";
import { withSession } from "../../local/session.ts";
import { generator } from "../ledger/region.ts";
import { drive, makeMerchants, newTally, type Tally } from "./drive.ts";
import { Matcher } from "./matcher.ts";
import { Numbers } from "./numbers.ts";
import type { Options } from "./options.ts";
import { keepWal, type Parts, startParts } from "./parts.ts";
import { type Finding, type Place, placesBelow, searchPlaces } from "./places.ts";
import { type Planted, plant } from "./plants.ts";
import { RowSearch, searchLedger, searchObjects } from "./rows.ts";
import { codeNeedles, panNeedles } from "./spellings.ts";
import { driveSplit, type MemoryProof } from "./split.ts";

export type Outcome = {
  readonly options: Options;
  readonly tally: Tally;
  /** Card numbers that were used, and what was looked for. */
  readonly numbers: number;
  readonly needles: number;
  readonly spellings: number;
  readonly driveSeconds: number;
  readonly searchSeconds: number;
  readonly places: readonly Place[];
  readonly findings: readonly Finding[];
  /** Rows of card boxes that hold a sealed card: what there was to be found. */
  readonly sealedCards: number;
  readonly memory: MemoryProof;
  readonly planted: Planted;
  /** Where everything still lies, if it was to be kept. */
  readonly kept: string | undefined;
};

export type Progress = {
  step(what: string): void;
  /** How far something is that takes long. */
  tick(line: string): void;
};

const repository = fileURLToPath(new URL("../..", import.meta.url));
/** Of the requests, so many go to the Workers under `wrangler dev`, each in a process of its own. */
const SPLIT_SHARE = 0.02;
const SPLIT_REQUESTS_MIN = 100;
const SPLIT_MERCHANTS = 4;
const SEALED_CARDS = 200;
const SEARCH_TICK_BYTES = 256 * 2 ** 20;
const REGIONS = ["us", "eu"] as const;

export async function canary(options: Options, progress: Progress): Promise<Outcome> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "tessera-canary-")));
  const before = { ...process.env };
  // What any process writes beside its own files is to be found as well.
  for (const [name, folder] of [
    ["TMPDIR", "tmp"],
    ["XDG_CONFIG_HOME", "xdg"],
  ] as const) {
    mkdirSync(join(home, folder));
    process.env[name] = join(home, folder);
  }
  try {
    const outcome = await run(options, home, progress);
    return { ...outcome, kept: options.keep ? home : undefined };
  } finally {
    for (const name of ["TMPDIR", "XDG_CONFIG_HOME"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    if (!options.keep) rmSync(home, { recursive: true, force: true });
  }
}

async function run(
  options: Options,
  home: string,
  progress: Progress,
): Promise<Omit<Outcome, "kept">> {
  const numbers = new Numbers(options.seed);
  const tally = newTally();
  const matcherNow = () => new Matcher([...panNeedles(numbers), ...codeNeedles(numbers)]);
  const began = performance.now();
  progress.step("starting PostgreSQL");
  const platform = await startPlatform({ home, databaseUrls: {} });
  let memory: MemoryProof;
  let ledgers: RowSearch[];
  try {
    await keepWal(platform);
    memory = await driveAll(options, { home, platform, numbers, tally, progress, matcherNow });
    progress.step("searching the rows of the ledgers");
    const matcher = matcherNow();
    ledgers = REGIONS.map(
      (region) => new RowSearch(`PostgreSQL ${region}: rows`, matcher, numbers),
    );
    for (const [i, region] of REGIONS.entries()) {
      await searchLedger(platform.urls[region], ledgers[i] as RowSearch);
      // What is only in shared buffers must reach the files to be found there.
      await withSession(platform.urls[region], (client) => client.query("checkpoint"));
    }
  } finally {
    progress.step("stopping PostgreSQL");
    await platform.stop();
  }
  const driven = performance.now();
  const matcher = matcherNow();
  const folders = [home, findPlace(home).directory, join(repository, ".wrangler")].filter(
    (folder, i) => existsSync(folder) && (i === 0 || !folder.startsWith(home)),
  );
  const places = [...placesBelow(folders).values()];
  const whole = places.reduce((sum, { bytes }) => sum + bytes, 0);
  let searched = 0;
  let shown = 0;
  const findings = searchPlaces(places, matcher, (bytes) => {
    searched += bytes;
    if (searched - shown < SEARCH_TICK_BYTES) return;
    shown = searched;
    progress.tick(`searched ${mebibytes(searched)} of ${mebibytes(whole)} MiB`);
  });
  const searchSeconds = (performance.now() - driven) / 1000;
  progress.step("planting leaks");
  const planted = plant(places, numbers, matcher, join(home, "planted"));
  // Last, because SQLite tidies up what it opens.
  progress.step("searching the rows of the Durable Objects");
  const objects = new RowSearch("Durable Objects: rows", matcher, numbers);
  let sealedCards = 0;
  searchObjects(home, objects, () => {
    sealedCards++;
  });
  const rows = [...ledgers, objects];
  return {
    options,
    tally,
    numbers: numbers.issued,
    needles: matcher.needles.length,
    spellings: new Set(matcher.needles.map(({ spelling }) => spelling)).size,
    driveSeconds: (driven - began) / 1000,
    searchSeconds,
    places: [...places, ...rows.map(({ place }) => place)],
    findings: [...findings, ...rows.flatMap((search) => search.findings)],
    sealedCards,
    memory,
    planted,
  };
}

type Means = {
  readonly home: string;
  readonly platform: Platform;
  readonly numbers: Numbers;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly matcherNow: () => Matcher;
};

async function driveAll(options: Options, means: Means): Promise<MemoryProof> {
  const { home, platform, numbers, tally, progress, matcherNow } = means;
  const { bindings } = platform;
  const random = generator((options.seed * 31 + 1) | 0);
  const apart = Math.max(SPLIT_REQUESTS_MIN, Math.round(options.requests * SPLIT_SHARE));
  const requests = Math.max(1, options.requests - apart);
  const shared = { numbers, random, tally, inFlight: options.inFlight };
  progress.step("bundling and starting the Workers");
  const parts = await startParts(home, platform, options.vars);
  try {
    const secret = bindings["API_KEY_SECRET"] ?? "";
    progress.step("making merchants");
    const merchants = await makeMerchants(parts.port, secret, options.merchants);
    await driveParts({ ...shared, port: parts.port, requests, merchants }, parts, options, means);
  } finally {
    await parts.end();
  }
  return driveSplit({
    ...shared,
    home: join(home, "split"),
    bindings,
    requests: apart,
    merchants: SPLIT_MERCHANTS,
    sealedCards: SEALED_CARDS,
    answers: join(home, "split", "answers"),
    matcher: matcherNow,
    say: progress.step,
  });
}

function driveParts(
  run: Omit<Parameters<typeof drive>[0], "answers" | "tick">,
  parts: Parts,
  { crashes }: Options,
  { home, progress, tally }: Means,
): Promise<void> {
  const from = performance.now();
  const every = Math.ceil(run.requests / 100);
  return drive({
    ...run,
    parts,
    crashes,
    answers: join(home, "answers"),
    tick: (sent) => {
      if (sent % every !== 0) return;
      const perSecond = (sent / (performance.now() - from)) * 1000;
      const killed = [...tally.crashes.values()].reduce((sum, n) => sum + n, 0);
      progress.tick(
        `${sent} of ${run.requests} requests, ${perSecond.toFixed(0)} a second, ${killed} of ${crashes} kills`,
      );
    },
  });
}

export const mebibytes = (bytes: number): string =>
  (bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 1 : 0);
