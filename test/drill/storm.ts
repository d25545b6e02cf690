// A storm: parts are killed at drawn moments and started again after drawn pauses, while the ways between
// them meet drawn weather and, in some, the disk under a ledger is full. What a storm does is drawn before
// it begins. It promises that after it every part runs, every way is calm and the disk has room.

import { setTimeout as sleep } from "node:timers/promises";
import { withSession } from "../../local/session.ts";
import { FAULTS, type Weather } from "./chaos-proxy.ts";
import { LINKS, type Link, type Network, type Part, VICTIMS, type Victim } from "./network.ts";

type Blow = { readonly victim: Victim; readonly afterMs: number; readonly downMs: number };

export type Storm = {
  readonly blows: readonly Blow[];
  readonly weather: ReadonlyMap<Link, Weather>;
  /** The disk is full for so long; and the log must go on in a new file meanwhile, or need not. */
  readonly full: { readonly ms: number; readonly newLog: boolean } | undefined;
};

export type Toll = {
  readonly kills: Map<Victim, number>;
  /** Parts that ended without being killed, as a database may on a full disk. */
  readonly falls: Map<Victim, number>;
  fullDisks: number;
  /** What the database could not write meanwhile. */
  writesRefused: number;
  storms: number;
};

export const newToll = (): Toll => ({
  kills: new Map(VICTIMS.map((victim) => [victim, 0])),
  falls: new Map(),
  fullDisks: 0,
  writesRefused: 0,
  storms: 0,
});

/** How often each is chosen: the most often what holds the state of the protocol. */
const WEIGHTS: Readonly<Record<Victim, number>> = {
  edge: 0.32,
  origins: 0.12,
  endpoint: 0.14,
  "postgres us": 0.14,
  "postgres eu": 0.12,
  bank: 0.16,
};
const BLOWS_MAX = 4;
/** Two blows within this often fall together; a charge takes some tens of milliseconds. */
const AFTER_MS_MAX = 1_500;
const DOWN_MS_MAX = 1_200;
const CALM_SHARE = 0.3;
const WEATHERED_LINKS_MAX = 3;
const FULL_SHARE = 0.1;
const FULL_MS_MIN = 700;
const FULL_MS_MAX = 3_500;
/** Without it rows meet the full disk, and statements are refused; with it the whole server goes down. */
const NEW_LOG_SHARE = 0.5;
/** More files than the server keeps in store (min_wal_size in network.ts). */
const LOG_FILES = 5;
const RAISE_POLL_MS = 50;

/** Each link meets one of these; the first is the most likely. */
const WEATHERS: readonly (readonly [share: number, weather: Weather])[] = [
  [
    0.45,
    {
      delay: 0.08,
      jitter: 0.08,
      cut_question: 0.04,
      cut_answer: 0.06,
      truncate: 0.04,
      half_close: 0.03,
      black_hole: 0.02,
    },
  ],
  // Executed, and nobody hears of it.
  [0.25, { cut_answer: 0.4, truncate: 0.1, half_close: 0.05 }],
  [0.12, { delay: 0.6, jitter: 0.3 }],
  [0.09, { cut_question: 1 }],
  [0.09, { black_hole: 1 }],
];

/** Draws a storm of at most `killsMax` kills. */
export function drawStorm(random: () => number, killsMax: number): Storm {
  const upTo = (n: number): number => 1 + Math.floor(random() * n);
  const left = new Set<Victim>(VICTIMS);
  const blows: Blow[] = [];
  for (let n = Math.min(upTo(BLOWS_MAX), killsMax); n > 0; n--) {
    const victim = drawVictim(random, left);
    left.delete(victim);
    blows.push({ victim, afterMs: random() * AFTER_MS_MAX, downMs: random() * DOWN_MS_MAX });
  }
  const weather = new Map<Link, Weather>();
  if (random() > CALM_SHARE) {
    for (let n = upTo(WEATHERED_LINKS_MAX); n > 0; n--) {
      weather.set(LINKS[Math.floor(random() * LINKS.length)] as Link, drawWeather(random));
    }
  }
  const full = drawFullDisk(random);
  return { blows, weather, full: random() < FULL_SHARE ? full : undefined };
}

export function drawFullDisk(random: () => number): Exclude<Storm["full"], undefined> {
  const ms = FULL_MS_MIN + random() * (FULL_MS_MAX - FULL_MS_MIN);
  return { ms, newLog: random() < NEW_LOG_SHARE };
}

function drawVictim(random: () => number, among: ReadonlySet<Victim>): Victim {
  const all = [...among].reduce((sum, victim) => sum + WEIGHTS[victim], 0);
  let draw = random() * all;
  for (const victim of among) {
    draw -= WEIGHTS[victim];
    if (draw < 0) return victim;
  }
  return [...among].at(-1) as Victim;
}

function drawWeather(random: () => number): Weather {
  let draw = random();
  for (const [share, weather] of WEATHERS) {
    draw -= share;
    if (draw < 0) return weather;
  }
  return {};
}

/** A storm in a line. */
export function describe({ blows, weather, full }: Storm): string {
  const parts = [
    ...blows.map(({ victim, afterMs, downMs }) => {
      const [from, to] = [afterMs, afterMs + downMs].map((ms) => (ms / 1000).toFixed(1));
      return `${victim} down ${from}–${to} s`;
    }),
    ...[...weather].map(([link, faults]) => `${link} ${Object.keys(faults).join("/")}`),
    ...(full === undefined ? [] : [`disk full for ${(full.ms / 1000).toFixed(1)} s`]),
  ];
  return `a storm of ${parts.join(", ")}`;
}

/** Rages, then leaves everything running; `onBlow` is told of each kill. */
export async function rage(
  network: Network,
  storm: Storm,
  toll: Toll,
  onBlow: () => void,
): Promise<void> {
  const { parts, links, disk } = network;
  for (const [link, weather] of storm.weather) links[link].storm(weather);
  const fall = async () => {
    if (storm.full === undefined || typeof disk === "string") return;
    toll.fullDisks++;
    const before = disk.complaints();
    disk.fill();
    if (storm.full.newLog) await useUpLog(network.ledgers.us);
    await sleep(storm.full.ms);
    const after = disk.complaints();
    disk.free();
    // A cluster that was started again in between has begun a new log.
    toll.writesRefused += after < before ? after : after - before;
  };
  const blows = storm.blows.map(async ({ victim, afterMs, downMs }) => {
    await sleep(afterMs);
    await parts[victim].kill();
    toll.kills.set(victim, (toll.kills.get(victim) ?? 0) + 1);
    onBlow();
    await sleep(downMs);
    await parts[victim].start();
  });
  await Promise.all([fall(), ...blows]);
  for (const victim of VICTIMS) await raise(victim, parts[victim], toll);
  for (const link of LINKS) links[link].calm();
  toll.storms++;
}

/** Starts what ended by itself, and waits for what is still raising itself. */
async function raise(victim: Victim, part: Part, toll: Toll): Promise<void> {
  for (let fell = false; !(await part.answers()); ) {
    if (part.isUp()) {
      await sleep(RAISE_POLL_MS);
      continue;
    }
    if (!fell) toll.falls.set(victim, (toll.falls.get(victim) ?? 0) + 1);
    fell = true;
    await part.start();
  }
}

/** Has the server begin new files of its write-ahead log until it finds no room for one, and goes down. */
async function useUpLog(url: string): Promise<void> {
  try {
    await withSession(url, async (client) => {
      for (let n = 0; n < LOG_FILES; n++) {
        await client.query("select pg_logical_emit_message(true, 'drill', 'full')");
        await client.query("select pg_switch_wal()");
      }
    });
  } catch {
    // It went down, as it should, or was down already.
  }
}

/** Faults injected on all links, by kind. */
export function faultsOf({ links }: Network): { fault: string; count: number }[] {
  return FAULTS.map((fault) => ({
    fault,
    count: LINKS.reduce((sum, link) => sum + links[link].counts()[fault], 0),
  }));
}
