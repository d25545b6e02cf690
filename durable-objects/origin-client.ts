// What the edge's objects ask of the origins of all regions.

import { type BatchParameters, EPOCH, parametersOf } from "../protocol/batch.ts";
import type { Command, Scope, Verdict } from "../protocol/command.ts";
import type { ForgetAsk, ForgetVerdict } from "../protocol/forgetting.ts";
import type { Query, Read, ReadAnswer } from "../protocol/query.ts";
import { ok, type Result, refuse } from "../protocol/result.ts";
import { type VerdictRow, verdictsOf } from "../protocol/row.ts";
import { homeOf, type Region, slotOf } from "../protocol/slot.ts";
import { within } from "./deadline.ts";
import type { SendFailure } from "./machine.ts";
import { ANSWER_MS_MAX, type OriginFetchers, originOf, postSigned } from "./signed-request.ts";

/** Bindings and secrets by which the origins are reached. */
export type OriginBindings = OriginFetchers & {
  /** Private Ed25519 JWK, as JSON. */
  readonly EDGE_SIGNING_KEY: string;
};

/** A question after health is asked by those who wait for nothing else: silence is an answer. */
const HEALTH_MS_MAX = 3_000;

/** Has a region's ledger apply commands, all in one transaction. */
export async function applyAt(
  env: OriginBindings,
  region: Region,
  commands: readonly Command[],
): Promise<Result<Verdict[], SendFailure>> {
  let parameters: BatchParameters;
  try {
    parameters = parametersOf(EPOCH, commands);
  } catch {
    // A command that cannot be written down is one caller's fault: sent apart, the others pass.
    return refuse("conflict");
  }
  const answer = await askOrigin<VerdictRow[]>(env, region, "/batch", parameters);
  return answer.ok ? ok(verdictsOf(answer.value)) : answer;
}

/** Has a region's ledger forget a token. */
export const forgetAt = (
  env: OriginBindings,
  region: Region,
  ask: ForgetAsk,
): Promise<Result<ForgetVerdict, SendFailure>> =>
  askOrigin(env, region, "/forget", { ...ask, epoch: EPOCH });

/** Reads from the primary of an account's home region; undefined when it cannot be reached or knows no such account. */
export async function readAt(
  env: OriginBindings,
  scope: Scope,
  query: Query,
): Promise<Extract<ReadAnswer, { kind: "rows" }> | undefined> {
  const home = homeOf(slotOf(scope.account));
  const { account, livemode } = scope;
  const ask: Read = { account, livemode, home, min_seq: null, query };
  const answer = await askOrigin<ReadAnswer>(env, home, "/read", ask);
  return answer.ok && answer.value.kind === "rows" ? answer.value : undefined;
}

export function askOrigin<T>(
  env: OriginBindings,
  region: Region,
  path: "/batch" | "/read" | "/unfinished" | "/forget" | "/destroyed",
  body: unknown,
  answerMsMax = ANSWER_MS_MAX,
): Promise<Result<T, SendFailure>> {
  return postSigned(env, region, path, body, env.EDGE_SIGNING_KEY, answerMsMax);
}

/** Whether a region's database answers. */
export async function isHealthy(env: OriginBindings, region: Region): Promise<boolean> {
  const origin = originOf(env, region);
  try {
    return await within(HEALTH_MS_MAX, async (signal) => {
      const response = await origin.fetch(`https://origin-${region}/healthz`, { signal });
      return response.ok;
    });
  } catch {
    return false;
  }
}
