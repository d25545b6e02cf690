// Reads: from a copy near the caller when it has reached what this account last wrote, else from the
// account's home region. A copy that is down, late or absent costs one more hop, half a second at most.

import { askOrigin } from "../../durable-objects/origin-client.ts";
import type { Scope } from "../../protocol/command.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { Query, Read, ReadAnswer, Row } from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { homeOf, type Region, slotOf } from "../../protocol/slot.ts";
import type { EdgeEnv } from "./environment.ts";
import { shardOf } from "./shard-call.ts";

export type Found = {
  readonly rows: readonly Row[];
  readonly more: boolean;
  /** Region and kind of database that answered, e.g. `us/replica`. */
  readonly servedBy: string;
};

/** A copy is only worth asking while it is quicker than the home region, which is asked next. */
const COPY_ANSWER_MS_MAX = 500;

/** The region nearest to a continent. */
export const nearestTo = (continent: string | undefined): Region =>
  continent === "EU" || continent === "AF" || continent === "AS" ? "eu" : "us";

export async function find(
  env: EdgeEnv,
  scope: Scope,
  continent: string | undefined,
  query: Query,
): Promise<Result<Found, Failure>> {
  const admission = await shardOf(env, scope).admit(scope);
  if (!admission.ok) return refuse(admission.failure);
  const home = homeOf(slotOf(scope.account));
  const near = nearestTo(continent);
  const ask: Read = {
    account: scope.account,
    livemode: scope.livemode,
    home,
    min_seq: null,
    query,
  };
  if (near !== home && admission.minSeq !== null) {
    const fresh: Read = { ...ask, min_seq: admission.minSeq };
    const copied = await askOrigin<ReadAnswer>(env, near, "/read", fresh, COPY_ANSWER_MS_MAX);
    if (copied.ok && copied.value.kind !== "stale") return foundOf(copied.value, near, query);
  }
  const answer = await askOrigin<ReadAnswer>(env, home, "/read", ask);
  if (!answer.ok) {
    return refuse({
      kind: "unavailable",
      what: "The ledger of this account's region cannot be reached.",
    });
  }
  return foundOf(answer.value, home, query);
}

function foundOf(answer: ReadAnswer, region: Region, query: Query): Result<Found, Failure> {
  switch (answer.kind) {
    case "rows":
      return ok({ rows: answer.rows, more: answer.more, servedBy: `${region}/${answer.from}` });
    case "cursor_unknown": {
      const object = query.kind.replace(/s$/, "");
      return refuse({ kind: "resource_missing", object, id: answer.id, param: answer.param });
    }
    case "account_unknown":
      return refuse({ kind: "account_unknown" });
    case "stale":
      return refuse({ kind: "unavailable", what: "The region of this account has no database." });
  }
}
