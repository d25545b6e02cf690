// Signed requests to the origins of all regions. An answer that does not come, comes late or is not the
// origin's own says nothing about whether the request was executed.

import { type BatchParameters, parametersOf } from "../protocol/batch.ts";
import type { Command, Verdict } from "../protocol/command.ts";
import type { ForgetAsk, ForgetVerdict } from "../protocol/forgetting.ts";
import { ok, type Result, refuse } from "../protocol/result.ts";
import { type VerdictRow, verdictsOf } from "../protocol/row.ts";
import { importSigner, SIGNATURE_HEADER, type Signer, sign } from "../protocol/signature.ts";
import type { Region } from "../protocol/slot.ts";
import { within } from "./deadline.ts";
import type { SendFailure } from "./machine.ts";

/** Bindings and secrets by which the origins are reached. */
export type OriginBindings = {
  readonly ORIGIN_US: Fetcher;
  readonly ORIGIN_EU: Fetcher;
  /** Private Ed25519 JWK, as JSON. */
  readonly EDGE_SIGNING_KEY: string;
};

/** A region that has not answered by then counts as unreachable; its commit may still happen. */
const ANSWER_MS_MAX = 10_000;
/** A question after health is asked by those who wait for nothing else: silence is an answer. */
const HEALTH_MS_MAX = 3_000;
/** The fencing epoch requests are signed for; `fence` in the region must hold the same. */
const EPOCH = 1;

let signer: { readonly json: string; readonly key: Promise<Signer> } | undefined;

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

export async function askOrigin<T>(
  env: OriginBindings,
  region: Region,
  path: "/batch" | "/read" | "/unfinished" | "/forget" | "/destroyed",
  body: unknown,
  answerMsMax = ANSWER_MS_MAX,
): Promise<Result<T, SendFailure>> {
  const text = JSON.stringify(body);
  if (signer?.json !== env.EDGE_SIGNING_KEY) {
    signer = { json: env.EDGE_SIGNING_KEY, key: importSigner(env.EDGE_SIGNING_KEY) };
  }
  const signature = await sign(
    { method: "POST", path, body: text, audience: region },
    await signer.key,
    Math.floor(Date.now() / 1000),
    crypto.randomUUID(),
  );
  const origin = region === "us" ? env.ORIGIN_US : env.ORIGIN_EU;
  try {
    return await within(answerMsMax, async (signal) => {
      const response = await origin.fetch(`https://origin-${region}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", [SIGNATURE_HEADER]: signature },
        body: text,
        signal,
      });
      if (response.status === 200) return ok(await response.json<T>());
      // Too large is one command's fault as well: sent apart, the others pass.
      if (response.status === 422 || response.status === 413) return refuse("conflict");
      return refuse(response.status === 409 ? "fenced" : "unreachable");
    });
  } catch {
    return refuse("unreachable");
  }
}

/** Whether a region's database answers. */
export async function isHealthy(env: OriginBindings, region: Region): Promise<boolean> {
  const origin = region === "us" ? env.ORIGIN_US : env.ORIGIN_EU;
  try {
    return await within(HEALTH_MS_MAX, async (signal) => {
      const response = await origin.fetch(`https://origin-${region}/healthz`, { signal });
      return response.ok;
    });
  } catch {
    return false;
  }
}
