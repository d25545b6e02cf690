// The only file that writes money: a batch of commands in, one statement, one verdict for each out.

import type { Batch, Unfinished, Verdict } from "../protocol/command.ts";
import { assert, ok, type Result } from "../protocol/result.ts";
import { parametersOf } from "./command-row.ts";
import { type Database, type DatabaseFailure, query } from "./database.ts";
import { unfinishedOf, type VerdictRow, verdictOf } from "./row.ts";

const APPLY = `select i, outcome, seq, detail from apply_batch($1::integer, $2::text[], $3::boolean[],
  $4::json, $5::json, $6::json, $7::json, $8::json, $9::json)`;
const UNFINISHED = "select result from unfinished($1::smallint, $2::uuid)";

/** Applies a batch in one transaction; verdicts come in the order of the commands. */
export async function applyBatch(
  database: Database,
  batch: Batch,
): Promise<Result<Verdict[], DatabaseFailure>> {
  const answered = await query<VerdictRow>(database, APPLY, [
    batch.epoch,
    ...parametersOf(batch.commands),
  ]);
  if (!answered.ok) return answered;
  const verdicts: Verdict[] = [];
  for (const row of answered.value) verdicts[row.i] = verdictOf(row);
  assert(
    answered.value.length === batch.commands.length,
    "each command of a batch has exactly one verdict",
  );
  return ok(verdicts);
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
