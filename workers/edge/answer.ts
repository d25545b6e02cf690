// How an answer looks on the wire: Stripe's headers and its error body.

import type { ApiVersion } from "../../protocol/api-version.ts";
import { type Failure, isRetryable } from "../../protocol/failure.ts";
import type { RequestId } from "../../protocol/ids.ts";
import { API_VERSION } from "../../protocol/object.ts";
import type { Quota } from "../../protocol/shard.ts";
import { errorOf } from "./error-body.ts";
import type { Answered, Refused } from "./route.ts";

/** What of a request shows in its answer. */
export type Asked = {
  readonly request: RequestId;
  /** Where the request reached us, e.g. `https://api.example`. */
  readonly origin: string;
  /** The caller's idempotency key, when it sent one. */
  readonly key: string | undefined;
  /** The version whose shapes it asked for; undefined when it named none that there is. */
  readonly version: ApiVersion | undefined;
};

const EXPOSED =
  "Request-Id, Stripe-Manage-Version, Stripe-Should-Retry, X-Stripe-External-Auth-Required, X-Stripe-Privileged-Session-Required, RateLimit, RateLimit-Policy";

/** CORS: any page may call with a publishable key; no cookie is ever read. */
export const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, HEAD, PUT, PATCH, POST, DELETE",
  "access-control-allow-headers": "authorization, content-type, idempotency-key, stripe-version",
  "access-control-expose-headers": EXPOSED,
  "access-control-max-age": "300",
} as const;

function headersOf(asked: Asked): Headers {
  const headers = new Headers({
    ...CORS,
    "content-type": "application/json",
    "cache-control": "no-cache, no-store",
    "strict-transport-security": "max-age=63072000; includeSubDomains; preload",
    vary: "Origin",
    "request-id": asked.request,
    "stripe-version": asked.version?.text ?? API_VERSION,
  });
  if (asked.key !== undefined) {
    headers.set("idempotency-key", asked.key);
    headers.set("original-request", asked.request);
    headers.set("stripe-should-retry", "false");
  }
  return headers;
}

export function answer(asked: Asked, answered: Answered): Response {
  const headers = headersOf(asked);
  tellQuotas(headers, answered.word?.quotas);
  if (answered.servedBy !== undefined) headers.set("tessera-served-by", answered.servedBy);
  markReplay(headers, asked, answered.replayed === true ? answered.original : undefined);
  return new Response(`${JSON.stringify(answered.object, null, 2)}\n`, { headers });
}

export function refusal(asked: Asked, refused: Refused): Response {
  const { status, error } = errorOf(refused, asked.origin);
  const headers = headersOf(asked);
  markReplay(headers, asked, refused.replay?.original);
  tellQuotas(headers, refused.quotas);
  if (isRetryable(refused)) headers.set("stripe-should-retry", "true");
  // Whether by us or by the issuer: a card that was declined is not to be tried again at once.
  if (isDecline(refused)) headers.set("stripe-should-retry", "false");
  if (status === 401) headers.set("www-authenticate", 'Bearer realm="Stripe"');
  if (status === 426) headers.set("upgrade", "TLS/1.3");
  if (refused.kind === "rate_limited") {
    headers.set("stripe-rate-limited-reason", refused.reason);
  }
  if (status === 429 && refused.kind === "object_locked") {
    headers.set("stripe-rate-limited-reason", "resource-specific");
  }
  return new Response(`${JSON.stringify({ error }, null, 2)}\n`, { status, headers });
}

// Structured fields, as in draft-ietf-httpapi-ratelimit-headers-11: what is allowed, and what is left of it.
function tellQuotas(headers: Headers, quotas: readonly Quota[] = []): void {
  if (quotas.length === 0) return;
  const policies = quotas.map(
    ({ policy, limit, windowSeconds }) => `"${policy}";q=${limit};w=${windowSeconds}`,
  );
  const left = quotas.map(
    ({ policy, remaining, resetSeconds }) => `"${policy}";r=${remaining};t=${resetSeconds}`,
  );
  headers.set("ratelimit-policy", policies.join(", "));
  headers.set("ratelimit", left.join(", "));
}

const isDecline = ({ kind }: Failure): boolean =>
  kind === "card_declined" || kind === "card_blocked";

function markReplay(headers: Headers, asked: Asked, original: RequestId | undefined): void {
  if (asked.key === undefined || original === undefined) return;
  headers.set("idempotent-replayed", "true");
  headers.set("original-request", original);
}
