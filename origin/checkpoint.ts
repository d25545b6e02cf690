// Signs where the journals of a region stand, at intervals (protocol/checkpoint.ts). Outside the path of any
// answer: a checkpoint that fails is made by the next batch or the next minute, and of two workers that make
// one at once the database takes one.

import {
  type Checkpoint,
  digestOf,
  type Head,
  signCheckpoint,
  statementHash,
} from "../protocol/checkpoint.ts";
import { ok, type Result } from "../protocol/result.ts";
import { importSigner, type Signer } from "../protocol/signature.ts";
import type { Region } from "../protocol/slot.ts";
import { type Database, type DatabaseFailure, query } from "./database.ts";

/** How long entries may go unsigned: what somebody with all rights could still rewrite unseen. */
export const CHECKPOINT_MS = 60_000;
/** Heads of one checkpoint, about 1 MB on the wire; the others follow in the next at once. */
const HEADS_MAX = 10_000;

const UNCOVERED = `select no, statement, heads
  from uncovered_heads($1::integer * interval '1 ms', $2::integer, $3::integer)`;
const ADD = "select add_checkpoint($1::integer, $2::timestamptz, $3::text, $4::json)";

type Uncovered = { no: number | null; statement: string | null; heads: Head[] };

/** When this isolate last looked whether a region needs a checkpoint, unix milliseconds. */
const lookedAtMs = new Map<Region, number>();
let signer: { json: string; key: Promise<Signer> } | undefined;

/** True once in each interval and isolate; the database knows whether another was quicker. */
export function isCheckpointDue(region: Region, nowMs: number): boolean {
  const looked = lookedAtMs.get(region);
  if (looked !== undefined && nowMs - looked < CHECKPOINT_MS) return false;
  lookedAtMs.set(region, nowMs);
  return true;
}

/**
 * Makes the checkpoints that are due: none when the last is younger than the interval or nothing has
 * happened since. Gives how many heads they cover.
 */
export async function makeCheckpoints(
  database: Database,
  region: Region,
  signingKey: string,
  nowMs: number,
  headsMax = HEADS_MAX,
): Promise<Result<number, DatabaseFailure>> {
  if (signer?.json !== signingKey) signer = { json: signingKey, key: importSigner(signingKey) };
  const key = await signer.key;
  let covered = 0;
  let ageMs = CHECKPOINT_MS;
  let after = 0;
  for (;;) {
    const found = await query<Uncovered>(database, UNCOVERED, [ageMs, after, headsMax]);
    if (!found.ok) return found;
    const [last] = found.value;
    const heads = last?.heads ?? [];
    const highest = heads.at(-1);
    if (last === undefined || highest === undefined) return ok(covered);
    const checkpoint: Checkpoint = {
      region,
      no: (last.no ?? 0) + 1,
      previous: last.statement === null ? null : await statementHash(last.statement),
      digest: await digestOf(heads),
      made_at: new Date(nowMs).toISOString(),
    };
    const { no, made_at } = checkpoint;
    const statement = await signCheckpoint(checkpoint, key);
    const added = await query(database, ADD, [no, made_at, statement, JSON.stringify(heads)]);
    // Another worker took this number: what it did not cover is covered next time.
    if (!added.ok) return added.failure === "conflict" ? ok(covered) : added;
    covered += heads.length;
    if (heads.length < headsMax) return ok(covered);
    ageMs = 0;
    after = highest.account_no;
  }
}
