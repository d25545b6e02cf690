// The only file that writes money: one call, one transaction, for everything in a batch.

import type { BatchParameters } from "../protocol/batch.ts";
import { type LeftOpen, owedOf } from "../protocol/forgetting.ts";
import { assert, ok, type Result } from "../protocol/result.ts";
import { unfinishedOf } from "../protocol/row.ts";
import { type Database, type DatabaseFailure, query } from "./database.ts";

// One row of one text: the driver would make an object of each verdict, only to be printed again.
const APPLY = `select coalesce(json_agg(json_build_array(v.i, v.outcome, v.seq, v.detail)), '[]')::text
    as verdicts
  from apply_batch($1::integer, $2::text[], $3::boolean[], $4::json, $5::json, $6::json, $7::json,
    $8::json, $9::json, $10::json) v`;
const UNFINISHED = `select
  (select coalesce(json_agg(u.result), '[]') from unfinished($1::smallint, $2::uuid) u) as unfinished,
  (select coalesce(json_agg(o), '[]') from unforgotten($1::smallint) o) as owed`;

type LeftOpenRow = {
  readonly unfinished: Parameters<typeof unfinishedOf>[0][];
  readonly owed: Parameters<typeof owedOf>[0][];
};

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

/** What a crash left in a slot, among things made since `since` (a uuid). */
export async function findUnfinished(
  database: Database,
  slot: number,
  since: string,
): Promise<Result<LeftOpen, DatabaseFailure>> {
  const found = await query<LeftOpenRow>(database, UNFINISHED, [slot, since]);
  if (!found.ok) return found;
  const [row] = found.value;
  assert(row !== undefined, "aggregates have one row");
  return ok({ unfinished: row.unfinished.map(unfinishedOf), owed: row.owed.map(owedOf) });
}
