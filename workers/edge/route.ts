// What a route is: one line of the API's contract. The schema that validates is the one that OpenAPI
// shows; the handler gets parsed, branded values and gives facts as a Stripe object, or a failure.

import type * as z from "zod";
import type { Scope } from "../../protocol/command.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { CustomerId, RequestId } from "../../protocol/ids.ts";
import type { StripeObject } from "../../protocol/object.ts";
import type { Permission } from "../../protocol/permission.ts";
import type { Result } from "../../protocol/result.ts";
import type { Quota, Word } from "../../protocol/shard.ts";
import type { AnswerName } from "./answers/object.ts";
import type { Access } from "./authentication.ts";
import type { EdgeEnv } from "./environment.ts";
import type { Shown } from "./error-body.ts";
import type { VersionedClaim } from "./idempotency.ts";

/** A request that was authenticated, parsed and checked. */
export type Call<P> = {
  readonly env: EdgeEnv;
  readonly scope: Scope;
  readonly request: RequestId;
  /** Parts of the path by name. */
  readonly path: Readonly<Record<string, string>>;
  readonly params: P;
  /** What makes this request itself; reads have one too and do not use it. */
  readonly claim: VersionedClaim;
  /** Whether the caller has sent an idempotency key, and so may send it again. */
  readonly isKeyed: boolean;
  /** Whether the key is one that is printed in pages. */
  readonly fromBrowser: boolean;
  /** The only customer that the caller may speak of: the key is an ephemeral one. */
  readonly onlyFor: CustomerId | undefined;
  /** Whether the caller has named a version of the API. */
  readonly namesVersion: boolean;
  /** The caller's IP address: Cloudflare sets it and lets nobody else; null where nothing does. */
  readonly address: string | null;
  /** Continent of the caller, as Cloudflare tells it. */
  readonly continent: string | undefined;
  /** Where the request reached us, e.g. `https://api.example`. */
  readonly origin: string;
  /** Where a list of this route is found. */
  readonly url: string;
};

export type Answered = {
  readonly object: StripeObject;
  readonly replayed?: boolean;
  /** The request that was executed, when it is another than this one. */
  readonly original?: RequestId;
  /** Where a read was answered from. */
  readonly servedBy?: string;
  /** The shard's word beside it, if it gave one. */
  readonly word?: Word;
};

export type Refused = Failure & {
  readonly replay?: { readonly original: RequestId };
  readonly shows?: Shown;
  readonly quotas?: readonly Quota[];
};

export type Route = {
  readonly method: "GET" | "POST" | "DELETE";
  /** Hono's form, e.g. `/v1/charges/:id`. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  /** What a restricted key must be permitted; null where only the platform may call. */
  readonly permission: Permission | null;
  /**
   * Where the customer stands whom an ephemeral key must be of; `handler` where the route itself finds out.
   * Absent where such a key may do nothing.
   */
  readonly ephemeral?: "path" | "params" | "handler";
  readonly params: z.ZodType;
  /** What it answers with; the objects are described in answers/. */
  readonly answers: AnswerName | readonly AnswerName[];
  readonly handle: (call: Call<never>) => Promise<Result<Answered, Refused>>;
};

/** Ties a route's handler to what its schema gives. */
export function route<S extends z.ZodType>(
  r: Omit<Route, "params" | "handle"> & {
    readonly params: S;
    readonly handle: (call: Call<z.output<S>>) => Promise<Result<Answered, Refused>>;
  },
): Route {
  return r as unknown as Route;
}
