// The test bank over HTTP: a card processor that stands outside the system and can be counted
// against. It admits a caller by the processor key, reads the request, decides what a card does,
// and hands the book a decision without the card. Every path needs the key; every answer is JSON.
// It promises that a card number lives only as long as the request that brought it, and it knows
// nothing of accounts, tokens or ledgers.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { Answer } from "./answer.ts";
import { refused } from "./answer.ts";
import { decide } from "./authorization.ts";
import type { Bank } from "./book.ts";
import type { ProcessorKey } from "./processor-key.ts";
import { processorKey, withoutCvc } from "./processor-key.ts";
import type { Refusal } from "./request.ts";
import {
  amountBody,
  authorizationBody,
  emptyBody,
  pageQuery,
  parse,
  readBody,
  readKey,
  switchesBody,
} from "./request.ts";

export { Bank } from "./book.ts";

export interface TestBankEnv {
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

const ROUTES: readonly Route[] = [
  { method: "POST", path: /^\/authorizations$/, answer: authorize },
  { method: "POST", path: /^\/authorizations\/([^/]+)\/captures$/, answer: capture },
  { method: "POST", path: /^\/authorizations\/([^/]+)\/voids$/, answer: voidAuthorization },
  { method: "POST", path: /^\/authorizations\/([^/]+)\/refunds$/, answer: refund },
  { method: "GET", path: /^\/keys\/([^/]+)$/, answer: findKey },
  { method: "GET", path: /^\/book$/, answer: showTotals },
  { method: "GET", path: /^\/book\/authorizations$/, answer: listAuthorizations },
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

async function authorize({ request, bank, key }: Call): Promise<Response> {
  const idempotencyKey = readKey(request);
  if (!idempotencyKey.ok) return refusal(idempotencyKey.refusal);
  const body = await readBody(request, authorizationBody);
  if (!body.ok) return refusal(body.refusal);
  const { amount, currency, capture: captures, reference } = body.value;
  const answer = await bank.authorize({
    key: idempotencyKey.value,
    fingerprint: await key.fingerprint("authorize", withoutCvc(body.value)),
    amount,
    currency,
    capture: captures,
    reference: reference ?? null,
    decision: decide(body.value, new Date()),
  });
  return respond(answer);
}

async function capture({ request, bank, key, subject }: Call): Promise<Response> {
  const idempotencyKey = readKey(request);
  if (!idempotencyKey.ok) return refusal(idempotencyKey.refusal);
  const body = await readBody(request, amountBody);
  if (!body.ok) return refusal(body.refusal);
  const order = { authorization: subject, amount: body.value.amount };
  const fingerprint = await key.fingerprint("capture", order);
  return respond(await bank.capture({ key: idempotencyKey.value, fingerprint, ...order }));
}

async function voidAuthorization({ request, bank, key, subject }: Call): Promise<Response> {
  const idempotencyKey = readKey(request);
  if (!idempotencyKey.ok) return refusal(idempotencyKey.refusal);
  const body = await readBody(request, emptyBody);
  if (!body.ok) return refusal(body.refusal);
  const order = { authorization: subject };
  const fingerprint = await key.fingerprint("void", order);
  return respond(await bank.void({ key: idempotencyKey.value, fingerprint, ...order }));
}

async function refund({ request, bank, key, subject }: Call): Promise<Response> {
  const idempotencyKey = readKey(request);
  if (!idempotencyKey.ok) return refusal(idempotencyKey.refusal);
  const body = await readBody(request, amountBody);
  if (!body.ok) return refusal(body.refusal);
  const order = { authorization: subject, amount: body.value.amount };
  const fingerprint = await key.fingerprint("refund", order);
  return respond(await bank.refund({ key: idempotencyKey.value, fingerprint, ...order }));
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

async function setFaults({ request, bank }: Call): Promise<Response> {
  const switches = await readBody(request, switchesBody);
  if (!switches.ok) return refusal(switches.refusal);
  return json(await bank.setFaults(switches.value));
}

function respond(answer: Answer): Response {
  const headers = new Headers(JSON_TYPE);
  if (answer.isReplay) headers.set("idempotent-replayed", "true");
  return new Response(answer.body, { status: answer.status, headers });
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
