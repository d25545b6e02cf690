// The copy that the other region keeps of the measured ledger. Deployed, it works on a machine of its own;
// here it shares the cores with what is measured, so it can be put to rest.

import { setTimeout as sleep } from "node:timers/promises";
import { linkBetween } from "../../local/replication.ts";
import { withSession } from "../../local/session.ts";
import type { Region } from "../../protocol/slot.ts";
import { HOME } from "./merchants.ts";

const OTHER: Region = HOME === "us" ? "eu" : "us";
const POLL_MS = 50;
/** A copy that has not caught up by then is broken. */
const CATCH_UP_MS_MAX = 120_000;

export type Copy = {
  /** Does the work while the copy rests, then lets it catch up. */
  whileResting<T>(work: () => Promise<T>): Promise<T>;
};

export function copyOf(urls: Record<Region, string>): Copy {
  const { subscription, primaryUrl, copyUrl } = linkBetween(HOME, OTHER, urls);
  const alter = (what: "enable" | "disable") =>
    withSession(copyUrl, async (copy) => {
      await copy.query(`alter subscription ${subscription} ${what}`);
    });
  const until = (condition: string, values: readonly unknown[]) =>
    withSession(primaryUrl, async (primary) => {
      const deadlineMs = performance.now() + CATCH_UP_MS_MAX;
      const query = `select from pg_replication_slots where slot_name = $1 and ${condition}`;
      while ((await primary.query(query, [subscription, ...values])).rowCount === 0) {
        if (performance.now() > deadlineMs) throw new Error("The copy does not catch up");
        await sleep(POLL_MS);
      }
    });
  const position = () =>
    withSession(primaryUrl, async (primary) => {
      const { rows } = await primary.query<{ lsn: string }>("select pg_current_wal_lsn() as lsn");
      return rows[0]?.lsn;
    });
  return {
    async whileResting(work) {
      await alter("disable");
      try {
        await until("not active", []);
        return await work();
      } finally {
        await alter("enable");
        await until("confirmed_flush_lsn >= $2", [await position()]);
      }
    },
  };
}
