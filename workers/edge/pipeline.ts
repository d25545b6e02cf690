// What happens to every API request, in this order: size, key, parameters, card numbers where none
// belongs, schema, then the route. Whatever is refused before the route has changed nothing and is
// stored nowhere.

import type { Context } from "hono";
import type { ApiKey } from "../../protocol/api-key.ts";
import {
  type ApiVersion,
  embeddedIn,
  parseApiVersion,
  shapesOf,
} from "../../protocol/api-version.ts";
import type { Failure } from "../../protocol/failure.ts";
import { type AccountId, mintRequestId, type RequestId } from "../../protocol/ids.ts";
import { API_VERSION } from "../../protocol/object.ts";
import { readPermissionOf } from "../../protocol/permission.ts";
import type { Query } from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { type Asked, answer, refusal } from "./answer.ts";
import { authenticate, invalidKey, keyText, missingIn, originOf } from "./authentication.ts";
import { disclosedIn, disclosedInHeaders, disclosedInUrl, typedCardIn } from "./disclosure.ts";
import { type EdgeEnv, missingSecret } from "./environment.ts";
import { type Branch, branchOf, expanded, typesIn } from "./expand.ts";
import { claimOf, parseKey } from "./idempotency.ts";
import { parseParameters, readBody, type Tree } from "./parameters.ts";
import { findSeveral, nearestTo } from "./reading.ts";
import { countRefused } from "./refused-callers.ts";
import type { Answered, Call, Refused, Route } from "./route.ts";
import { failureOf } from "./schema.ts";
import { shardOf } from "./shard-call.ts";

type EdgeContext = Context<{ Bindings: EdgeEnv }>;

const VERSION_SHOWN_MAX = 64;

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** Starts an answer: every request has an id before anything can go wrong. */
export function askedOf(request: Request): Asked {
  return {
    request: mintRequestId(random),
    // Its Host may make no URL; whoever sent that one is told so.
    origin: URL.parse(request.url)?.origin ?? "",
    key: undefined,
    version: parseApiVersion(versionText(request) ?? API_VERSION),
  };
}

const versionText = (request: Request): string | undefined =>
  request.headers.get("stripe-version") || undefined;

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
  const sent = await received(request, env);
  if (!sent.ok) return sent;
  const { sentKey } = sent.value;
  const caller = await authenticate(sentKey, route, env.API_KEY_SECRET, originOf(request));
  if (!caller.ok) {
    countRefused(caller.failure, request, sentKey, env, c.executionCtx);
    return caller;
  }
  const handling = () => handle(route, c, asked, { ...sent.value, caller: caller.value });
  if (route.access === "platform") return recorded(handling, c, asked.request);
  const handled = await handling();
  // A key whose account the ledger does not know opens as little as a forged one, and is told no more.
  const orphaned = !handled.ok && handled.failure.kind === "account_unknown";
  return orphaned && sentKey !== undefined ? refuse(invalidKey(sentKey)) : handled;
}

/** What is done for a caller who is known. */
async function handle(
  route: Route,
  c: EdgeContext,
  asked: Asked,
  { caller, sentKey, params }: Received & { readonly caller: ApiKey },
): Promise<Result<Answered, Refused>> {
  const { env } = c;
  const request = c.req.raw;
  if (caller.livemode && env.LIVE_MODE !== "open") return refuse({ kind: "livemode_closed" });
  const version = namedVersion(request, asked);
  if (!version.ok) return version;
  if (!params.ok) return params;
  const checked = check(route, caller, params.value);
  if (!checked.ok) return checked;
  const { branch } = checked.value;
  const unseen = unseenBy(caller, branch, route, sentKey ?? "");
  if (unseen !== undefined) return refuse(unseen);
  const { pathname } = new URL(request.url);
  const scope = { account: caller.account, livemode: caller.livemode };
  const outside = await outsideOf(caller, route, c, checked.value.data);
  if (outside !== undefined) return refuse(outside);
  const call: Call<unknown> = {
    env,
    scope,
    request: asked.request,
    path: c.req.param(),
    params: checked.value.data,
    claim: await claimOf(
      { id: asked.request, key: asked.key, of: caller.kind },
      `${route.method} ${pathname}`,
      params.value,
      env.REQUEST_MAC_SECRET,
      shapesOf(version.value),
    ),
    isKeyed: asked.key !== undefined,
    fromBrowser: caller.kind === "publishable",
    onlyFor: caller.only?.customer,
    namesVersion: versionText(request) !== undefined,
    address: request.headers.get("cf-connecting-ip"),
    continent: (request.cf as { continent?: string } | undefined)?.continent,
    origin: asked.origin,
    url: pathname,
  };
  const handled = await route.handle(call as Call<never>);
  if (!handled.ok || route.access === "platform") return handled;
  return complete(handled.value, { branch, version: version.value, key: asked.key }, call);
}

type Received = {
  /** The key as sent. */
  readonly sentKey: string | undefined;
  /** What is malformed is told to whoever has a key. */
  readonly params: Result<Tree, Failure>;
};

async function received(request: Request, env: EdgeEnv): Promise<Result<Received, Failure>> {
  const secret = missingSecret(env);
  if (secret !== undefined) {
    return refuse({ kind: "unavailable", what: `The secret ${secret} is not set; run npm start.` });
  }
  const url = new URL(request.url);
  const param = disclosedInUrl(url) ?? disclosedInHeaders(request.headers);
  if (param !== undefined) return refuse({ kind: "pan_detected", param });
  const body = await readBody(request);
  if (!body.ok) return body;
  const type = request.headers.get("content-type") ?? "";
  const params = parseParameters(url.searchParams, body.value, type);
  const { key: fieldKey, ...rest } = params.ok ? params.value : {};
  return ok({
    sentKey: keyText(request.headers, typeof fieldKey === "string" ? fieldKey : undefined),
    params: params.ok ? ok(rest) : params,
  });
}

function namedVersion(request: Request, { version }: Asked): Result<ApiVersion, Failure> {
  if (version !== undefined) return ok(version);
  const named = (versionText(request) ?? "").slice(0, VERSION_SHOWN_MAX);
  return refuse({ kind: "version_invalid", version: named });
}

type Checked = { readonly data: unknown; readonly branch: Branch };

/** The parameters as the route takes them, with no card where none belongs. */
function check(route: Route, caller: ApiKey, params: Tree): Result<Checked, Failure> {
  const typed = caller.sealedOnly ? typedCardIn(params) : undefined;
  if (typed !== undefined) return refuse({ kind: "sealed_card_required", param: typed });
  const disclosed = disclosedIn(params);
  if (disclosed !== undefined) return refuse({ kind: "pan_detected", param: disclosed });
  const checked = route.params.safeParse(params);
  if (!checked.success) return refuse(failureOf(checked.error));
  const { data } = checked;
  const { expand = [] } = (data ?? {}) as { readonly expand?: readonly string[] };
  const branch = branchOf(expand, route.answers);
  return branch.ok ? ok({ data, branch: branch.value }) : branch;
}

/** Types that a page may see in an answer: they are the buyer's own. */
const IN_PAGES: readonly string[] = ["card", "payment_method"];

// A page sees in an answer nothing of the merchant's, and a restricted key no type of object that it could not read by itself.
function unseenBy(
  caller: ApiKey,
  branch: Branch,
  route: Route,
  sentKey: string,
): Failure | undefined {
  if (caller.kind === "publishable") {
    const isForeign = [...typesIn(branch, route.answers)].some((type) => !IN_PAGES.includes(type));
    const why = "A publishable key expands payment_method and card only. Ask from your server.";
    return isForeign ? { kind: "parameter_invalid", param: "expand", why } : undefined;
  }
  if (caller.permissions === undefined) return undefined;
  for (const type of typesIn(branch, route.answers)) {
    const permission = readPermissionOf(type);
    const missing = permission && missingIn(caller, permission, sentKey);
    if (missing !== undefined) return missing;
  }
  return undefined;
}

// An ephemeral key speaks of its customer and of nobody else, and until it is taken back.
async function outsideOf(
  { only, account, livemode, serial }: ApiKey,
  route: Route,
  c: EdgeContext,
  params: unknown,
): Promise<Failure | undefined> {
  if (only === undefined) return undefined;
  const named = {
    path: c.req.param("id"),
    params: (params as { readonly customer?: unknown } | undefined)?.customer,
    handler: only.customer,
  };
  if (route.ephemeral === undefined || named[route.ephemeral] !== only.customer) {
    return { kind: "key_ephemeral" };
  }
  const scope = { account, livemode };
  const isRevoked = await shardOf(c.env, scope).isRevoked(scope, serial);
  return isRevoked ? { kind: "key_expired", shown: "ek_****" } : undefined;
}

type Completion = {
  readonly branch: Branch;
  readonly version: ApiVersion;
  /** The caller's idempotency key. */
  readonly key: string | undefined;
};

/** The answer with what was to be expanded in it, and what objects of the version hold expanded. */
async function complete(
  answered: Answered,
  { branch, version, key }: Completion,
  { env, scope, continent, claim, fromBrowser }: Call<unknown>,
): Promise<Result<Answered, Refused>> {
  const read = async (queries: readonly Query[]) => {
    // What no shard has said a word on is read at home.
    return findSeveral(env, scope, continent, answered.word?.minSeq ?? null, queries);
  };
  // Pages see what they ask for, and of that no more than they may.
  const embedded = (type: string) => (fromBrowser ? [] : embeddedIn(version, type));
  const object = await expanded(answered.object, branch, embedded, scope, read);
  if (object.ok) return ok({ ...answered, object: object.value });
  // Whoever sent a key may ask again and nothing is done twice; nobody else is told that it was not done.
  const isWrite = claim.operation.startsWith("POST ");
  return isWrite && key === undefined ? ok(answered) : object;
}

/** Characters of a path that are told of a call; no route has a longer one. */
const OPERATION_CHARACTERS_MAX = 200;

/**
 * A call with the platform key is in the audit log before its answer leaves, however it ended; else there is no
 * answer.
 */
async function recorded(
  handling: () => Promise<Result<Answered, Refused>>,
  { env, req }: EdgeContext,
  request: RequestId,
): Promise<Result<Answered, Refused>> {
  const handled = await handling().catch((error: unknown) => ({ ok: false, error }) as const);
  const { id, account = id } = handled.ok ? handled.value.object : {};
  const { continent } = (req.raw.cf ?? {}) as { continent?: string };
  const region =
    typeof account === "string" ? homeOf(slotOf(account as AccountId)) : nearestTo(continent);
  const bug = "error" in handled;
  const operation = `${req.method} ${new URL(req.url).pathname}`;
  try {
    await env.AUDIT_LOG.getByName(region).record({
      action: "admin.call",
      actor: "platform",
      operation: operation.slice(0, OPERATION_CHARACTERS_MAX),
      result: handled.ok ? "done" : bug ? "internal" : handled.failure.kind,
      request,
      ...(typeof account === "string" ? { account } : {}),
    });
  } catch {
    return refuse({ kind: "unavailable", what: "The audit log cannot be written." });
  }
  if (bug) throw handled.error;
  return handled;
}

/** What the Host header may not hold: whatever stands in front of us refuses it, and so do we. */
const NO_HOST = /[\s/?#@\\]/;

/** A Host that makes no URL, or that would move what is asked for into another path (RFC 9112, section 3.2). */
export function hostFailure(request: Request): Failure | undefined {
  const isHost = URL.canParse(request.url) && !NO_HOST.test(request.headers.get("host") ?? "");
  return isHost ? undefined : { kind: "host_invalid" };
}

/** TLS 1.3 is the zone's setting; this refuses what slips past it (PCI DSS 4.2.1). */
export function tlsFailure(request: Request): Failure | undefined {
  const version = (request.cf as { tlsVersion?: string } | undefined)?.tlsVersion;
  return version === undefined || version === "" || version === "TLSv1.3"
    ? undefined
    : { kind: "tls_too_old" };
}
