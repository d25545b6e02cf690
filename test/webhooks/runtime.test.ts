// Webhooks sent by workerd itself, as a process of its own: what only a real connection shows (a redirect, a
// receiver that is not there), and that what waits is delivered after everything was killed.

import { globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { freePort } from "../../local/port.ts";
import { type Keys, Runtime } from "../runtime.ts";
import { type Receiver, startReceiver } from "./receiver.ts";

let runtime: Runtime;
let merchant: Keys;
const receivers: Receiver[] = [];

beforeAll(async () => {
  runtime = new Runtime(inject("bindings"));
  await runtime.start();
  merchant = await runtime.merchant();
});
afterAll(() => {
  for (const receiver of receivers) receiver.close();
  runtime?.remove();
});

async function receiver(): Promise<Receiver> {
  const one = await startReceiver();
  receivers.push(one);
  return one;
}

async function call<T>(path: string, form?: Record<string, string>): Promise<T> {
  const response = await fetch(runtime.url(path), {
    method: form === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${merchant.secret}` },
    ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
  });
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

const makeEndpoint = (url: string) =>
  call<{ id: string }>("/v1/webhook_endpoints", { url, "enabled_events[]": "charge.succeeded" });
const charge = () =>
  call<{ id: string }>("/v1/charges", { amount: "2000", currency: "usd", source: "tok_visa" });

type Attempt = {
  readonly failure: string | null;
  readonly response_status: number | null;
  readonly next_attempt: number | null;
  readonly event_type: string;
};

async function firstAttempt(endpoint: string): Promise<Attempt> {
  for (let looks = 0; looks < 300; looks++) {
    const { data } = await call<{ data: Attempt[] }>(
      `/v1/webhook_endpoints/${endpoint}/deliveries`,
    );
    const first = data.at(-1);
    if (first !== undefined) return first;
    await new Promise((resume) => setTimeout(resume, 50));
  }
  throw new Error("nothing was attempted");
}

test("a redirect is not followed, and is a failure like any other", async () => {
  const [hook, elsewhere] = [await receiver(), await receiver()];
  hook.answers((_, response) => {
    response.writeHead(302, { location: elsewhere.url }).end();
    return undefined;
  });
  const endpoint = await makeEndpoint(hook.url);
  await charge();
  expect(await firstAttempt(endpoint.id)).toMatchObject({
    failure: "status",
    response_status: 302,
  });
  expect(elsewhere.received).toEqual([]);
  expect(hook.received).toHaveLength(1);
});

test("a receiver that is not there is unreachable, and is tried again", async () => {
  const endpoint = await makeEndpoint(`http://127.0.0.1:${await freePort()}/hook`);
  await charge();
  const attempt = await firstAttempt(endpoint.id);
  expect(attempt).toMatchObject({
    failure: "unreachable",
    response_status: null,
    event_type: "charge.succeeded",
  });
  expect(attempt.next_attempt).toBeGreaterThan(Date.now() / 1000);
});

test("what waits when everything is killed is delivered once it is up again", async () => {
  const hook = await receiver();
  // The first time it never answers: the attempt is under way when its sender dies.
  hook.answers((_, __) => undefined);
  await makeEndpoint(hook.url);
  const made = await charge();
  await hook.until((all) => all.length >= 1);
  runtime.kill();
  hook.answers(() => 200);
  await runtime.start();
  await hook.until((all) => all.length >= 2);
  expect(hook.received.map(({ event }) => event.data.object.id)).toEqual([made.id, made.id]);
  expect(hook.received[1]?.event.id).toBe(hook.received[0]?.event.id);
}, 180_000);

/** What a stream keeps, changed while nothing runs: the one way to have three days pass. */
function changeRows(sql: string, ...given: (string | number)[]): number {
  const files = globSync(join(runtime.home, "state/v3/do/*Stream*/*.sqlite"));
  let changed = 0;
  for (const file of files.filter((name) => !name.endsWith("metadata.sqlite"))) {
    const database = new DatabaseSync(file);
    const [kept] = database.prepare("select 1 from sqlite_master where name = 'endpoints'").all();
    if (kept !== undefined) changed += Number(database.prepare(sql).run(...given).changes);
    database.close();
  }
  return changed;
}

test("an endpoint at which nothing has succeeded for three days is disabled, and the merchant is told", async () => {
  const [dead, alive] = [await receiver(), await receiver()];
  dead.answers(() => 500);
  const endpoint = await makeEndpoint(dead.url);
  await call("/v1/webhook_endpoints", {
    url: alive.url,
    "enabled_events[]": "webhook_endpoint.disabled",
  });
  await charge();
  await firstAttempt(endpoint.id);
  runtime.kill();
  const before = Date.now() - 73 * 60 * 60 * 1000;
  const set = "update endpoints set failing_since_ms = ?, resume_ms = 0 where id = ?";
  expect(changeRows(set, before, endpoint.id)).toBe(1);
  await runtime.start();
  // The next attempt that fails is the end of it.
  await charge();
  await alive.until((all) => all.length >= 1);
  const [told] = alive.received;
  expect(told?.event).toMatchObject({
    type: "webhook_endpoint.disabled",
    data: { object: { id: endpoint.id, status: "disabled", disabled_reason: "failing" } },
  });
  const read = await call<object>(`/v1/webhook_endpoints/${endpoint.id}`);
  expect(read).toMatchObject({ status: "disabled", disabled_reason: "failing" });
  const events = await call<{ data: object[] }>("/v1/events?type=webhook_endpoint.disabled");
  expect(events.data).toHaveLength(1);
}, 180_000);
