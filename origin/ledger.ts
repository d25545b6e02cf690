// The only file that writes money: a batch of commands in, one statement, one verdict for each out.

import type { Batch, Unfinished, Verdict } from "../protocol/command.ts";
import { assert, ok, type Result } from "../protocol/result.ts";
import { type Database, type DatabaseFailure, query } from "./database.ts";
import { rowOf, unfinishedOf, type VerdictRow, verdictOf } from "./row.ts";

const APPLY = "select i, result from apply_batch($1::integer, $2::jsonb)";
const UNFINISHED = "select result from unfinished($1::smallint, $2::uuid)";

/** Applies a batch in one transaction; verdicts come in the order of the commands. */
export async function applyBatch(
  database: Database,
  batch: Batch,
): Promise<Result<Verdict[], DatabaseFailure>> {
  const rows = batch.commands.map((command, i) => rowOf(command, i));
  const byKind = Object.groupBy(rows, (row) => row.kind);
  const answered = await query<{ i: number; result: VerdictRow }>(database, APPLY, [
    batch.epoch,
    JSON.stringify(byKind),
  ]);
  if (!answered.ok) return answered;
  const verdicts: Verdict[] = [];
  for (const { i, result } of answered.value) verdicts[i] = verdictOf(result);
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
