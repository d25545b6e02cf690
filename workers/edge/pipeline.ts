// What happens to every API request, in this order: size, key, parameters, card numbers where none
// belongs, schema, then the route. Whatever is refused before the route has changed nothing and is
// stored nowhere.

import type { Context } from "hono";
import type { Failure } from "../../protocol/failure.ts";
import { type AccountId, mintRequestId } from "../../protocol/ids.ts";
import { looksLikePan } from "../../protocol/pan-detection.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { type Asked, answer, refusal } from "./answer.ts";
import { authenticate, invalidKey, keyText } from "./authentication.ts";
import { disclosedIn, disclosedInHeaders, disclosedInUrl, typedCardIn } from "./disclosure.ts";
import { type EdgeEnv, missingSecret } from "./environment.ts";
import { claimOf, parseKey } from "./idempotency.ts";
import { parseParameters, readBody } from "./parameters.ts";
import { nearestTo } from "./reading.ts";
import { countRefused } from "./refused-callers.ts";
import type { Answered, Call, Refused, Route } from "./route.ts";
import { failureOf } from "./schema.ts";

type EdgeContext = Context<{ Bindings: EdgeEnv }>;

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** Starts an answer: every request has an id before anything can go wrong. */
export function askedOf(request: Request): Asked {
  const version = request.headers.get("stripe-version");
  return {
    request: mintRequestId(random),
    key: undefined,
    version: version !== null && isVersion(version) ? version : undefined,
  };
}

// Echoed, so only what a version can look like.
const isVersion = (text: string): boolean =>
  /^[0-9A-Za-z.;=_-]{1,64}$/.test(text) && !looksLikePan(text);

/** Runs a route for a request. */
export async function serve(route: Route, c: EdgeContext): Promise<Response> {
  const asked = askedOf(c.req.raw);
  const key =
    route.method === "POST" ? parseKey(c.req.raw.headers.get("idempotency-key")) : ok(undefined);
  if (!key.ok) return refusal(asked, key.failure);
  const named: Asked = { ...asked, key: key.value };
  try {
    const result = await run(route, c, named);
    return result.ok ? answer(named, result.value) : refusal(named, result.failure);
  } catch (error) {
    // The class and place of a bug are enough to find it; its message could hold what was sent.
    console.error("unexpected", named.request, route.path, nameOfBug(error));
    return refusal(named, { kind: "internal" });
  }
}

function nameOfBug(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return error.message.startsWith("Bug: ")
    ? error.message
    : `${error.name}\n${error.stack?.split("\n").slice(1, 4).join("\n")}`;
}

async function run(route: Route, c: EdgeContext, asked: Asked): Promise<Result<Answered, Refused>> {
  const { env } = c;
  const request = c.req.raw;
  const secret = missingSecret(env);
  if (secret !== undefined) {
    return refuse({ kind: "unavailable", what: `The secret ${secret} is not set; run npm start.` });
  }
  const url = new URL(request.url);
  const inUrl = disclosedInUrl(url);
  if (inUrl !== undefined) return refuse({ kind: "pan_detected", param: inUrl });
  const inHeader = disclosedInHeaders(request.headers);
  if (inHeader !== undefined) return refuse({ kind: "pan_detected", param: inHeader });
  const body = await readBody(request);
  if (!body.ok) return body;
  const params = parseParameters(
    url.searchParams,
    body.value,
    request.headers.get("content-type") ?? "",
  );
  const { key: fieldKey, ...rest } = params.ok ? params.value : {};
  const sentKey = keyText(request.headers, typeof fieldKey === "string" ? fieldKey : undefined);
  const caller = await authenticate(
    sentKey,
    route.access,
    env.API_KEY_SECRET,
    request.headers.has("origin"),
  );
  if (!caller.ok) {
    countRefused(caller.failure, request, sentKey, env, c.executionCtx);
    return caller;
  }
  if (caller.value.livemode && env.LIVE_MODE !== "open") return refuse({ kind: "livemode_closed" });
  if (!params.ok) return params;
  const typed = caller.value.sealedOnly ? typedCardIn(rest) : undefined;
  if (typed !== undefined) return refuse({ kind: "sealed_card_required", param: typed });
  const disclosed = disclosedIn(rest);
  if (disclosed !== undefined) return refuse({ kind: "pan_detected", param: disclosed });
  const checked = route.params.safeParse(rest);
  if (!checked.success) return refuse(failureOf(checked.error));
  const call: Call<unknown> = {
    env,
    scope: { account: caller.value.account, livemode: caller.value.livemode },
    request: asked.request,
    path: c.req.param(),
    params: checked.data,
    claim: await claimOf(
      { id: asked.request, key: asked.key },
      `${route.method} ${url.pathname}`,
      rest,
      env.REQUEST_MAC_SECRET,
    ),
    fromBrowser: caller.value.kind === "publishable",
    address: request.headers.get("cf-connecting-ip"),
    continent: (request.cf as { continent?: string } | undefined)?.continent,
    url: url.pathname,
  };
  const handled = await route.handle(call as Call<never>);
  if (route.access === "platform") return recorded(handled, call);
  // A key whose account the ledger does not know opens as little as a forged one, and is told no more.
  const orphaned = !handled.ok && handled.failure.kind === "account_unknown";
  return orphaned && sentKey !== undefined ? refuse(invalidKey(sentKey)) : handled;
}

/** A call with the platform key is in the audit log before its answer leaves; else there is no answer. */
async function recorded(
  handled: Result<Answered, Refused>,
  { env, request, claim, continent }: Call<unknown>,
): Promise<Result<Answered, Refused>> {
  const account = handled.ok ? handled.value.object["id"] : undefined;
  const region =
    typeof account === "string" ? homeOf(slotOf(account as AccountId)) : nearestTo(continent);
  try {
    await env.AUDIT_LOG.getByName(region).record({
      action: "admin.call",
      actor: "platform",
      operation: claim.operation,
      result: handled.ok ? "done" : handled.failure.kind,
      request,
      ...(typeof account === "string" ? { account } : {}),
    });
    return handled;
  } catch {
    return refuse({ kind: "unavailable", what: "The audit log cannot be written." });
  }
}

/** TLS 1.3 is the zone's setting; this refuses what slips past it (PCI DSS 4.2.1). */
export function tlsFailure(request: Request): Failure | undefined {
  const version = (request.cf as { tlsVersion?: string } | undefined)?.tlsVersion;
  return version === undefined || version === "" || version === "TLSv1.3"
    ? undefined
    : { kind: "tls_too_old" };
}
