// What a long history costs: charges of one hot merchant, posted by turns into a ledger with a short
// history and into one with a long history, and pages of the long one's lists.

import { statfsSync } from "node:fs";
import { withSession } from "../../local/session.ts";
import type { Scope } from "../../protocol/command.ts";
import { type OwnLedger, ownLedger } from "../ledger/region.ts";
import { type Audit, auditLedger } from "./audit.ts";
import { makeOwners } from "./crowd.ts";
import { ENTRIES_PER_CHARGE, fill, HISTORY_AMOUNT_MINOR } from "./fill.ts";
import { attachLedger, copyLedger, type Ledger } from "./ledger.ts";
import { chargeLoop } from "./ledger-rows.ts";
import { type PageTimes, timePages } from "./pages.ts";
import { progress } from "./progress.ts";
import type { Sample } from "./row.ts";
import { type Spread, spreadOf } from "./statistics.ts";

export type GrowthOrder = {
  /** Entries of the long history. */
  readonly entries: number;
  readonly repetitions: number;
  readonly seconds: number;
  /** Where the databases keep their files. */
  readonly home: string;
};

export type Growth = {
  readonly shortEntries: number;
  readonly longEntries: number;
  readonly inFlight: number;
  /** Bytes of the long ledger, all in all, before anything was posted. */
  readonly longBytes: number;
  readonly shortPerSecond: Spread;
  readonly longPerSecond: Spread;
  readonly ratio: Spread;
  readonly pages: readonly PageTimes[];
  readonly audit: Audit;
};

const SHORT_ENTRIES = 10_000;
const IN_FLIGHT = 256;
/** Counted: a charge of the history takes 830 bytes; the WAL of the last gigabytes is there as well. */
const BYTES_PER_CHARGE = 1000;
const BYTES_SPARE = 8e9;
const WARM_UP_CHARGES = 1000;
/**
 * Random keys touch every page of an index, and each page's first change after a checkpoint writes it
 * whole. A ledger in use has that behind it, so one charge in fifty of the history is posted before.
 */
const LONG_WARM_UP_SHARE = 1 / 50;

export async function measureGrowth(url: string, order: GrowthOrder): Promise<Growth> {
  const { entries, repetitions, seconds } = order;
  requireDisk(order);
  const stops: (() => Promise<void>)[] = [];
  try {
    const short = await history(url, SHORT_ENTRIES, stops);
    const long = await history(url, entries, stops);
    const longBytes = await bytesOf(long.own);
    const ledger = await attachLedger(long.own, { hot: long.hot, crowd: [] });
    stops.push(ledger.close);
    progress("warming up the long ledger");
    const charges = (entries / ENTRIES_PER_CHARGE) * LONG_WARM_UP_SHARE;
    await post(ledger, { requestsMax: Math.max(WARM_UP_CHARGES, Math.ceil(charges)) });
    const rates: { short: number; long: number }[] = [];
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      progress(`repetition ${repetition}/${repetitions}: posting into a short and a long history`);
      const limit = { durationMs: seconds * 1000 };
      rates.push({
        short: await postIntoCopy(url, short, limit),
        long: rateOf(await post(ledger, limit)),
      });
    }
    progress("reading pages of the long history");
    const pages = await timePages(ledger.client, long.hot, repetitions);
    return {
      shortEntries: SHORT_ENTRIES,
      longEntries: entries,
      inFlight: IN_FLIGHT,
      longBytes,
      shortPerSecond: spreadOf(rates.map((rate) => rate.short)),
      longPerSecond: spreadOf(rates.map((rate) => rate.long)),
      ratio: spreadOf(rates.map((rate) => rate.long / rate.short)),
      pages,
      audit: await auditLedger(
        ledger.url,
        entries / ENTRIES_PER_CHARGE + ledger.captured,
        HISTORY_AMOUNT_MINOR,
      ),
    };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

type History = { readonly own: OwnLedger; readonly hot: Scope };

/** A ledger of its own with one merchant's history in it, and nobody connected. */
async function history(
  url: string,
  entries: number,
  stops: (() => Promise<void>)[],
): Promise<History> {
  const own = await ownLedger(url);
  stops.push(own.drop);
  const charges = entries / ENTRIES_PER_CHARGE;
  const hot = await withSession(own.url, async (client) => {
    const [owner] = await makeOwners(client, 1);
    if (owner === undefined) throw new Error("Bug: a merchant was made");
    await fill(client, owner, charges, (filled) =>
      progress(`filling a ledger: ${filled * ENTRIES_PER_CHARGE} of ${entries} entries`),
    );
    return owner;
  });
  return { own, hot };
}

/** A fresh copy each time, so that the short history stays short. */
async function postIntoCopy(
  url: string,
  { own, hot }: History,
  limit: { readonly durationMs: number },
): Promise<number> {
  const ledger = await copyLedger(url, own, hot);
  try {
    await post(ledger, { requestsMax: WARM_UP_CHARGES });
    return rateOf(await post(ledger, limit));
  } finally {
    await ledger.close();
  }
}

async function post(ledger: Ledger, limit: Parameters<typeof chargeLoop>[3]): Promise<Sample> {
  const sample = await chargeLoop(ledger, [ledger.hot], IN_FLIGHT, limit);
  if (sample.bad > 0) throw new Error(`A charge of a long history went wrong: ${sample.firstBad}`);
  return sample;
}

const rateOf = ({ good, elapsedMs }: Sample): number => (good / elapsedMs) * 1000;

async function bytesOf({ url, name }: OwnLedger): Promise<number> {
  const { rows } = await withSession(url, (client) =>
    client.query<{ bytes: string }>("select pg_database_size($1) as bytes", [name]),
  );
  return Number(rows[0]?.bytes);
}

function requireDisk({ entries, home }: GrowthOrder): void {
  const { bavail, bsize } = statfsSync(home);
  const needed = (entries / ENTRIES_PER_CHARGE) * BYTES_PER_CHARGE + BYTES_SPARE;
  if (bavail * bsize >= needed) return;
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
  throw new Error(
    `A history of ${entries} entries needs ${gigabytes(needed)} GB, ${home} has ${gigabytes(bavail * bsize)}`,
  );
}
