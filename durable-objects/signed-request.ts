// A signed request to the origin of a region, by whoever holds a key that it trusts. An answer that does not
// come, comes late or is not the origin's own says nothing about whether the request was executed.

import { ok, type Result, refuse } from "../protocol/result.ts";
import { importSigner, SIGNATURE_HEADER, type Signer, sign } from "../protocol/signature.ts";
import type { Region } from "../protocol/slot.ts";
import { within } from "./deadline.ts";
import type { SendFailure } from "./machine.ts";

/** The origins of all regions. */
export type OriginFetchers = { readonly ORIGIN_US: Fetcher; readonly ORIGIN_EU: Fetcher };

/** A region that has not answered by then counts as unreachable; its commit may still happen. */
export const ANSWER_MS_MAX = 10_000;

/** By their JWK; a Worker has one, the composite those of two. */
const signers = new Map<string, Promise<Signer>>();

export const originOf = (origins: OriginFetchers, region: Region): Fetcher =>
  region === "us" ? origins.ORIGIN_US : origins.ORIGIN_EU;

/** Posts JSON; `signingKey` is a private Ed25519 JWK, as JSON. */
export async function postSigned<T>(
  origins: OriginFetchers,
  region: Region,
  path: string,
  body: unknown,
  signingKey: string,
  answerMsMax = ANSWER_MS_MAX,
): Promise<Result<T, SendFailure>> {
  const text = JSON.stringify(body);
  let signer = signers.get(signingKey);
  if (signer === undefined) {
    signer = importSigner(signingKey);
    signers.set(signingKey, signer);
  }
  const signature = await sign(
    { method: "POST", path, body: text, audience: region },
    await signer,
    Math.floor(Date.now() / 1000),
    crypto.randomUUID(),
  );
  const origin = originOf(origins, region);
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
