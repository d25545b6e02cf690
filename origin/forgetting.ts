// The part of the ledger that forgets: tombstones of tokens, and the word that their cards are gone.

import type { ForgetAsk, ForgetVerdict, Owed } from "../protocol/forgetting.ts";
import { uuidOf } from "../protocol/ids.ts";
import { assert, ok, type Result } from "../protocol/result.ts";
import { type Database, type DatabaseFailure, query } from "./database.ts";

const FORGET =
  "select forget_card($1::integer, $2, $3::boolean, $4, $5::uuid, $6::uuid) as verdict";
const DESTROYED = "select cards_destroyed($1, $2::boolean, $3::uuid[])";

/** Forgets one token, in one transaction. */
export async function forgetCard(
  database: Database,
  { epoch, account, livemode, request, token, customer }: ForgetAsk & { readonly epoch: number },
): Promise<Result<ForgetVerdict, DatabaseFailure>> {
  const whose = customer === undefined ? null : uuidOf("cus", customer);
  const answered = await query<{ verdict: ForgetVerdict }>(database, FORGET, [
    ...[epoch, account, livemode, request],
    ...[uuidOf("tok", token), whose],
  ]);
  if (!answered.ok) return answered;
  const [row] = answered.value;
  assert(row !== undefined, "a function has one value");
  return ok(row.verdict);
}

/** Writes down that the sealed cards of these tokens are gone. */
export async function settleForgotten(
  database: Database,
  { account, livemode, tokens }: Owed,
): Promise<Result<null, DatabaseFailure>> {
  const uuids = tokens.map((token) => uuidOf("tok", token));
  const settled = await query(database, DESTROYED, [account, livemode, uuids]);
  return settled.ok ? ok(null) : settled;
}
