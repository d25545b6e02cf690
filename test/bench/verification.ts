// How quickly `npm run verify` reads a ledger: makes one of any size in a database of its own, runs every
// check on it, and prints entries (legs of postings) and journal rows a minute. Alone, since it takes minutes:
//
//   node test/bench/verification.ts --postings 500000

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPlatform } from "../../local/platform.ts";
import { verifyLedger } from "../../ops/verify.ts";
import type { OpenCharge, Scope } from "../../protocol/command.ts";
import {
  apply,
  closing,
  connect,
  ending,
  openAccounts,
  opening,
  operating,
  ownLedger,
} from "../ledger/region.ts";

const BATCH = 1_000;
const MERCHANTS = 1_000;
/** A ledger of a shop: one charge in twenty is given back in part, one in ten is captured later. */
const REFUNDED_EVERY = 20;
const HELD_EVERY = 10;

/** Fills the ledger until it has so many postings; gives how many there are. */
async function fill(url: string, postings: number): Promise<number> {
  const client = await connect(url);
  try {
    const merchants = await openAccounts(client, MERCHANTS);
    let made = 0;
    let shown = 0;
    for (let batch = 0; made < postings; batch++) {
      const opens = Array.from({ length: BATCH }, (_, i) =>
        opening(merchants[(batch * BATCH + i * 7) % MERCHANTS] as Scope, {
          capture: i % HELD_EVERY !== 0,
        }),
      );
      await apply(client, opens);
      await apply(
        client,
        opens.map((open) => closing(open, open.id)),
      );
      const later = opens
        .filter(({ capture }, i) => !capture || i % REFUNDED_EVERY === 1)
        .map((open: OpenCharge) =>
          operating(open, open.id, open.capture ? { amount: 100 } : { capture: true }),
        );
      await apply(client, later);
      await apply(
        client,
        later.map((operation) => ending(operation)),
      );
      made += opens.filter(({ capture }) => capture).length + later.length;
      const share = Math.floor((10 * made) / postings);
      if (share > shown) console.log(`  ${10 * share} % of the ledger is made`);
      shown = share;
    }
    await client.query("vacuum analyze");
    return made;
  } finally {
    await client.end();
  }
}

const { values } = parseArgs({ options: { postings: { type: "string", default: "500000" } } });
const home = mkdtempSync(join(tmpdir(), "tessera-verification-"));
const platform = await startPlatform({ home });
try {
  const own = await ownLedger(platform.urls.us);
  const postings = await fill(own.url, Number(values.postings));
  const from = performance.now();
  const findings = await verifyLedger(own.url, {
    onCheck: (name, _, found, ms) =>
      console.log(`${ms.toFixed(0).padStart(7)} ms  ${found} ${name}`),
  });
  const minutes = (performance.now() - from) / 60_000;
  const megabytes = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${postings} postings (${2 * postings} entries) in ${(60 * minutes).toFixed(1)} s: ` +
      `${Math.round((2 * postings) / minutes)} entries a minute, ${megabytes.toFixed(0)} MiB at most`,
  );
  if (findings.length > 0) process.exitCode = 1;
  await own.drop();
} finally {
  await platform.stop();
  rmSync(home, { recursive: true, force: true });
}
