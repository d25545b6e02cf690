// The clock of payouts: sends on what is due and makes those of the day, a page at a time.

import { EPOCH } from "../protocol/batch.ts";
import { assert, ok, type Result } from "../protocol/result.ts";
import { type Database, type DatabaseFailure, query } from "./database.ts";

const MOVE = "select move_payouts($1::integer, $2::timestamptz, $3::integer) as moved";

/** Payouts moved in one transaction: their merchants wait for it. */
const PAGE = 200;
/** Pages of one tick; what is left waits for the next one, a minute later. */
const PAGES_MAX = 20;

/** Moves the payouts that are due at `now`; tells how many that were. */
export async function movePayouts(
  database: Database,
  now: Date,
): Promise<Result<number, DatabaseFailure>> {
  let total = 0;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answered = await query<{ moved: number }>(database, MOVE, [
      EPOCH,
      now.toISOString(),
      PAGE,
    ]);
    if (!answered.ok) return answered;
    const [row] = answered.value;
    assert(row !== undefined, "a function has one value");
    total += row.moved;
    if (row.moved === 0) break;
  }
  return ok(total);
}
