// Requests that leave nothing in the ledger, as the edge and the object that remembers them speak of them.

import type { RequestId } from "./ids.ts";
import type { Admission } from "./shard.ts";

/** A request with an idempotency key. */
export type KeyedRequest = {
  readonly key: string;
  /** Method and path, e.g. `POST /v1/ephemeral_keys`. */
  readonly operation: string;
  /** Of its parameters, as in a `Claim`: under the secret of today, and under former ones. */
  readonly macs: readonly [string, ...string[]];
  readonly request: RequestId;
};

/** What the first request with a key was: this one, whose answer is made of the note, or another one. */
export type Recalled =
  | { readonly kind: "known"; readonly request: RequestId; readonly note: string }
  | { readonly kind: "other"; readonly first: string };

/** What an object remembers of a request, for an account that may ask now; undefined when it is the first. */
export type Recollection =
  | (Extract<Admission, { ok: true }> & { readonly recalled: Recalled | undefined })
  | Extract<Admission, { ok: false }>;
