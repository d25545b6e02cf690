// The test bank over HTTP: a card processor that stands outside the system and can be counted
// against. It admits a caller by the processor key, reads the request, and hands the book what was
// asked: a decision instead of a card. Every path needs the key; every answer is JSON.
// It promises that a card number lives only as long as the request that brought it, and it knows
// nothing of accounts, tokens or ledgers.

import { WorkerEntrypoint } from "cloudflare:workers";
import { type Answer, refused } from "./answer.ts";
import { answersOf } from "./batch.ts";
import type { Bank } from "./book.ts";
import type { NoticeEnv } from "./notices.ts";
import type { BankOrder } from "./operations.ts";
import { answerOf, orderOf, questionOf } from "./order.ts";
import { type ProcessorKey, processorKey } from "./processor-key.ts";
import {
  type Asked,
  type AskedResponse,
  BATCH_BYTES_MAX,
  batchBody,
  EVIDENCE_BYTES_MAX,
  newestQuery,
  pageQuery,
  parse,
  type Refusal,
  type Result,
  readBody,
  readKey,
  switchesBody,
} from "./request.ts";

export { Bank } from "./book.ts";

export interface TestBankEnv extends NoticeEnv {
  readonly BANK: DurableObjectNamespace<Bank>;
  readonly PROCESSOR_KEY: string;
}

interface Call {
  readonly request: Request;
  readonly url: URL;
  readonly bank: DurableObjectStub<Bank>;
  readonly key: ProcessorKey;
  // The id or key in the path, decoded; empty where the path has none.
  readonly subject: string;
}

interface Route {
  readonly method: string;
  readonly path: RegExp;
  readonly answer: (call: Call) => Promise<Response>;
}

// One bank has one book.
const BOOK_NAME = "book";

const JSON_TYPE = { "content-type": "application/json" };
const LINES_TYPE = { "content-type": "application/x-ndjson" };

const ROUTES: readonly Route[] = [
  { method: "POST", path: /^\/authorizations$/, answer: execute("authorize") },
  { method: "POST", path: /^\/authorizations\/([^/]+)\/captures$/, answer: execute("capture") },
  { method: "POST", path: /^\/authorizations\/([^/]+)\/increments$/, answer: execute("increment") },
  { method: "POST", path: /^\/authorizations\/([^/]+)\/voids$/, answer: execute("void") },
  { method: "POST", path: /^\/authorizations\/([^/]+)\/refunds$/, answer: execute("refund") },
  { method: "POST", path: /^\/disputes\/([^/]+)\/evidence$/, answer: execute("contest") },
  { method: "POST", path: /^\/disputes\/([^/]+)\/acceptances$/, answer: execute("accept") },
  { method: "POST", path: /^\/refunds\/([^/]+)\/cancellations$/, answer: execute("cancel") },
  { method: "POST", path: /^\/authentications$/, answer: authenticate },
  { method: "POST", path: /^\/authentications\/([^/]+)\/answers$/, answer: answerChallenge },
  { method: "POST", path: /^\/batches$/, answer: executeBatch },
  { method: "GET", path: /^\/keys\/([^/]+)$/, answer: findKey },
  { method: "GET", path: /^\/book$/, answer: showTotals },
  { method: "GET", path: /^\/book\/authorizations$/, answer: listAuthorizations },
  { method: "GET", path: /^\/notices$/, answer: listNotices },
  { method: "POST", path: /^\/faults$/, answer: setFaults },
  { method: "GET", path: /^\/faults$/, answer: async ({ bank }) => json(await bank.faults()) },
  {
    method: "DELETE",
    path: /^\/faults$/,
    answer: async ({ bank }) => json(await bank.clearFaults()),
  },
];

export class TestBank extends WorkerEntrypoint<TestBankEnv> {
  override async fetch(request: Request): Promise<Response> {
    const key = await processorKey(this.env.PROCESSOR_KEY);
    if (!(await key.admits(request.headers.get("authorization")))) {
      return failure(401, "unauthorized", "The processor key is missing or wrong.");
    }
    const url = new URL(request.url);
    const matching = ROUTES.filter((candidate) => candidate.path.test(url.pathname));
    if (matching.length === 0) return failure(404, "unknown_path", "There is nothing here.");
    const route = matching.find((candidate) => candidate.method === request.method);
    if (route === undefined) {
      return failure(405, "method_not_allowed", "This path does not know the method.");
    }
    const subject = decode(route.path.exec(url.pathname)?.[1] ?? "");
    if (subject === undefined) {
      return failure(400, "invalid_request", "The path is not valid percent-encoding.");
    }
    const bank = this.env.BANK.getByName(BOOK_NAME);
    return route.answer({ request, url, bank, key, subject });
  }
}

export default TestBank;

function execute(verb: (Asked | AskedResponse)["verb"]): Route["answer"] {
  return (call) =>
    withKey(
      call,
      (asked) => orderOf(askedOf(verb, asked, call.subject), call.key, new Date()),
      verb === "contest" ? EVIDENCE_BYTES_MAX : undefined,
    );
}

async function authenticate(call: Call): Promise<Response> {
  return withKey(call, (asked) => questionOf(asked, call.key, new Date()));
}

async function answerChallenge(call: Call): Promise<Response> {
  return withKey(call, (asked) => answerOf({ ...asked, authentication: call.subject }, call.key));
}

async function withKey(
  { request, bank }: Call,
  orderOfAsked: (asked: { key: string; body: unknown }) => Promise<Result<BankOrder>>,
  bytesMax?: number,
): Promise<Response> {
  const idempotencyKey = readKey(request);
  if (!idempotencyKey.ok) return refusal(idempotencyKey.refusal);
  const body = await readBody(request, bytesMax);
  if (!body.ok) return refusal(body.refusal);
  const order = await orderOfAsked({ key: idempotencyKey.value, body: body.value });
  if (!order.ok) return refusal(order.refusal);
  const answer = await bank.execute(order.value);
  return answer === undefined ? cutResponse() : respond(answer);
}

function askedOf(
  verb: (Asked | AskedResponse)["verb"],
  asked: { readonly key: string; readonly body: unknown },
  subject: string,
): Asked | AskedResponse {
  switch (verb) {
    case "authorize":
      return { ...asked, verb };
    case "contest":
    case "accept":
    case "cancel":
      return { ...asked, verb, subject };
    default:
      return { ...asked, verb, authorization: subject };
  }
}

async function executeBatch({ request, bank, key }: Call): Promise<Response> {
  const body = await readBody(request, BATCH_BYTES_MAX);
  if (!body.ok) return refusal(body.refusal);
  const batch = parse(batchBody, body.value);
  if (!batch.ok) return refusal(batch.refusal);
  return new Response(await answersOf(batch.value, bank, key), { headers: LINES_TYPE });
}

async function findKey({ bank, subject }: Call): Promise<Response> {
  const found = await bank.find(subject);
  switch (found.state) {
    case "answered":
      // Spliced as text: parsing and printing again could change the stored bytes.
      return new Response(`{"status":${found.status},"body":${found.body}}`, {
        headers: JSON_TYPE,
      });
    case "in_progress":
      return failure(409, "key_in_progress", "A request with this key has not been booked yet.");
    case "unknown":
      return failure(404, "unknown_key", "No request with this key was booked.");
  }
}

async function showTotals({ bank }: Call): Promise<Response> {
  return json(await bank.totals());
}

async function listAuthorizations({ url, bank }: Call): Promise<Response> {
  const query = parse(pageQuery, Object.fromEntries(url.searchParams));
  if (!query.ok) return refusal(query.refusal);
  const page = await bank.authorizations(query.value.after, query.value.limit);
  if (page === undefined) return failure(400, "invalid_request", "after: unknown authorization");
  return json(page);
}

async function listNotices({ url, bank }: Call): Promise<Response> {
  const query = parse(newestQuery, Object.fromEntries(url.searchParams));
  if (!query.ok) return refusal(query.refusal);
  return json({ data: await bank.notices(query.value.limit) });
}

async function setFaults({ request, bank }: Call): Promise<Response> {
  const body = await readBody(request);
  if (!body.ok) return refusal(body.refusal);
  const switches = parse(switchesBody, body.value);
  if (!switches.ok) return refusal(switches.refusal);
  return json(await bank.setFaults(switches.value));
}

function respond(answer: Answer): Response {
  const headers = new Headers(JSON_TYPE);
  if (answer.isReplay) headers.set("idempotent-replayed", "true");
  return new Response(answer.body, { status: answer.status, headers });
}

// What a caller sees of an answer that was lost: a body that breaks off.
function cutResponse(): Response {
  const cut = new ReadableStream({
    pull(controller) {
      controller.error(new Error("The answer was dropped, as asked."));
    },
  });
  return new Response(cut, { headers: JSON_TYPE });
}

function json(body: unknown): Response {
  return new Response(JSON.stringify(body), { headers: JSON_TYPE });
}

function refusal({ status, code, message }: Refusal): Response {
  return failure(status, code, message);
}

function failure(status: number, code: string, message: string): Response {
  return respond(refused(status, code, message));
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
