// The only file that writes money: one call, one transaction, for everything in a batch.

import type { BatchParameters } from "../protocol/batch.ts";
import type { Unfinished } from "../protocol/command.ts";
import { assert, ok, type Result } from "../protocol/result.ts";
import { unfinishedOf } from "../protocol/row.ts";
import { type Database, type DatabaseFailure, query } from "./database.ts";

// One row of one text: the driver would make an object of each verdict, only to be printed again.
const APPLY = `select coalesce(json_agg(json_build_array(v.i, v.outcome, v.seq, v.detail)), '[]')::text
    as verdicts
  from apply_batch($1::integer, $2::text[], $3::boolean[], $4::json, $5::json, $6::json, $7::json,
    $8::json, $9::json) v`;
const UNFINISHED = "select result from unfinished($1::smallint, $2::uuid)";

/** Applies a batch in one transaction; answers its `VerdictRow[]` as JSON text. */
export async function applyBatch(
  database: Database,
  parameters: BatchParameters,
): Promise<Result<string, DatabaseFailure>> {
  const answered = await query<{ verdicts: string }>(database, APPLY, parameters);
  if (!answered.ok) return answered;
  const [row] = answered.value;
  assert(row !== undefined, "an aggregate has one row");
  return ok(row.verdicts);
}

/** What a crash left between its two phases in a slot, among things made since `since` (a uuid). */
export async function findUnfinished(
  database: Database,
  slot: number,
  since: string,
): Promise<Result<Unfinished[], DatabaseFailure>> {
  const found = await query<{ result: Parameters<typeof unfinishedOf>[0] }>(database, UNFINISHED, [
    slot,
    since,
  ]);
  return found.ok ? ok(found.value.map(({ result }) => unfinishedOf(result))) : found;
}
