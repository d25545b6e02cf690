// Webhooks sent by workerd itself, as a process of its own: what only a real connection shows (a redirect, a
// receiver that is not there), and that what waits is delivered after everything was killed.

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
