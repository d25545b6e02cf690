// Reads: from a copy near the caller when it has reached what this account last wrote, else from the
// account's home region. A copy that is down, late or absent costs one more hop, half a second at most.

import { askOrigin } from "../../durable-objects/origin-client.ts";
import type { Scope } from "../../protocol/command.ts";
import type { Failure } from "../../protocol/failure.ts";
import type {
  FoundRows,
  Query,
  Read,
  ReadAnswer,
  ReadSeveral,
  ReadSeveralAnswer,
} from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { EndpointClass, Word } from "../../protocol/shard.ts";
import { homeOf, type Region, slotOf } from "../../protocol/slot.ts";
import type { EdgeEnv } from "./environment.ts";
import type { Refused } from "./route.ts";
import { shardOf, withQuotas } from "./shard-call.ts";

export type Found = FoundRows & {
  /** Region and kind of database that answered, e.g. `us/replica`. */
  readonly servedBy: string;
  readonly word: Word;
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
  of: EndpointClass = "read",
): Promise<Result<Found, Refused>> {
  const admission = await shardOf(env, scope).admit(scope, of);
  if (!admission.ok) return refuse(withQuotas(admission));
  const read = await readOf<ReadAnswer>(env, scope, continent, admission.minSeq, { query });
  if (!read.ok) return read;
  const { region, answer } = read.value;
  if (answer.kind !== "rows") return refuse(failureOf(answer, query.kind));
  const { rows, more, from } = answer;
  return ok({ rows, more, servedBy: `${region}/${from}`, word: admission });
}

/** Answers to several queries, all as fresh as `minSeq` asks and of one moment; nobody is admitted anew. */
export async function findSeveral(
  env: EdgeEnv,
  scope: Scope,
  continent: string | undefined,
  minSeq: number | null,
  queries: readonly Query[],
): Promise<Result<readonly FoundRows[], Failure>> {
  const read = await readOf<ReadSeveralAnswer>(env, scope, continent, minSeq, { queries });
  if (!read.ok) return read;
  const { answer } = read.value;
  return answer.kind === "several"
    ? ok(answer.found)
    : refuse(failureOf(answer, queries[0]?.kind ?? "object"));
}

async function readOf<A extends { readonly kind: string }>(
  env: EdgeEnv,
  scope: Scope,
  continent: string | undefined,
  minSeq: number | null,
  asked: Pick<Read, "query"> | Pick<ReadSeveral, "queries">,
): Promise<Result<{ readonly region: Region; readonly answer: A }, Failure>> {
  const home = homeOf(slotOf(scope.account));
  const near = nearestTo(continent);
  const ask = { account: scope.account, livemode: scope.livemode, home, min_seq: null, ...asked };
  if (near !== home && minSeq !== null) {
    const fresh = { ...ask, min_seq: minSeq };
    const copied = await askOrigin<A>(env, near, "/read", fresh, COPY_ANSWER_MS_MAX);
    if (copied.ok && copied.value.kind !== "stale") {
      return ok({ region: near, answer: copied.value });
    }
  }
  const answer = await askOrigin<A>(env, home, "/read", ask);
  return answer.ok
    ? ok({ region: home, answer: answer.value })
    : refuse({
        kind: "unavailable",
        what: "The ledger of this account's region cannot be reached.",
      });
}

function failureOf(answer: Exclude<ReadAnswer, { kind: "rows" }>, kind: string): Failure {
  switch (answer.kind) {
    case "cursor_unknown": {
      const { id, param } = answer;
      return { kind: "resource_missing", object: kind.replace(/s$/, ""), id, param };
    }
    case "account_unknown":
      return { kind: "account_unknown" };
    case "stale":
      return { kind: "unavailable", what: "The region of this account has no database." };
  }
}
