// `npm run listen` as a process of its own, between a running Tessera and a real local server that checks
// signatures with the official libraries, rightly and in each of the wrong ways.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { adviceOn, lineOf } from "../../local/forwarding.ts";
import { freePort } from "../../local/port.ts";
import { type Merchant, type System, startSystem } from "../system.ts";
import { type Received, type Receiver, type Reply, startReceiver } from "./receiver.ts";

const script = fileURLToPath(new URL("../../local/listen.ts", import.meta.url));
const { webhooks } = new Stripe("sk_test_unused");
let system: System;
let started: ChildProcess[] = [];
let receivers: Receiver[] = [];

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
});
afterEach(() => {
  for (const child of started) child.kill();
  for (const receiver of receivers) receiver.close();
  started = [];
  receivers = [];
});
afterAll(() => system?.close());

async function receiver(reply?: Reply): Promise<Receiver> {
  const one = await startReceiver(reply);
  receivers.push(one);
  return one;
}

/** Runs the command; `says` waits until its output satisfies. */
function listen(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  started.push(child);
  let output = "";
  const hear = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const says = async (wanted: RegExp): Promise<RegExpExecArray> => {
    for (let looks = 0; looks < 600; looks++) {
      const found = wanted.exec(output);
      if (found !== null) return found;
      await new Promise((resume) => setTimeout(resume, 50));
    }
    throw new Error(`it never said ${wanted}, but:\n${output}`);
  };
  return { says, ended, kill: () => child.kill("SIGINT"), output: () => output };
}

const ways = (m: Merchant): string[] => ["--key", m.secret, "--tessera", system.url.href];
const charge = (m: Merchant, source = "tok_visa") =>
  m.stripe.charges.create({ amount: 1500, currency: "usd", source });

/** A merchant's server that does as told with the secret it was given. */
const checking =
  (secret: () => string, raw: (received: Received) => string = ({ body }) => body): Reply =>
  (received, response) => {
    try {
      webhooks.constructEvent(
        raw(received),
        String(received.headers["stripe-signature"]),
        secret(),
      );
      new Webhook(secret()).verify(received.body, received.headers as Record<string, string>);
      return 200;
    } catch (error) {
      response.writeHead(400).end(`Webhook Error: ${(error as Error).message}`);
      return undefined;
    }
  };

describe("npm run listen", () => {
  test("forwards each new event, signed with the secret it prints, and tells the answer in one line", async () => {
    const m = await system.merchant();
    await charge(m);
    let secret = "";
    const hook = await receiver(checking(() => secret));
    const run = listen([hook.url, ...ways(m)]);
    [, secret = ""] = await run.says(/signing secret is (whsec_\S+)/);
    const made = await charge(m);
    const customer = await m.stripe.customers.create({ email: "l@example.com" });
    await hook.until((all) => all.length >= 2);
    expect(hook.received.map(({ event }) => event.data.object.id)).toEqual([made.id, customer.id]);
    await run.says(/^\d\d:\d\d:\d\d {2}charge\.succeeded {2}evt_\w+ {2}→ 200 in \d+ ms$/m);
    await run.says(/^\d\d:\d\d:\d\d {2}customer\.created {2}evt_\w+ {2}→ 200 in \d+ ms$/m);
    run.kill();
    expect(await run.ended).toBe(0);
    const again = listen([hook.url, ...ways(m)]);
    expect((await again.says(/signing secret is (whsec_\S+)/))[1]).toBe(secret);
  });

  test("begins where it is told to, and forwards what it is told to", async () => {
    const m = await system.merchant();
    const first = await charge(m);
    await m.stripe.customers.create({ email: "l@example.com" });
    const second = await charge(m);
    const all = await receiver();
    listen([all.url, ...ways(m), "--from", "start", "--events", "charge.*"]);
    await all.until((received) => received.length >= 2);
    expect(all.received.map(({ event }) => event.data.object.id)).toEqual([first.id, second.id]);
    const later = await receiver();
    listen([later.url, ...ways(m), "--from", all.received[0]?.event.id ?? ""]);
    await later.until((received) => received.length >= 2);
    expect(later.received.map(({ event }) => event.type)).toEqual([
      "customer.created",
      "charge.succeeded",
    ]);
  });

  test("explains a check with another secret, and a parsed body, in plain words", async () => {
    const m = await system.merchant();
    const wrong = await receiver(checking(() => `whsec_${"A".repeat(32)}`));
    const first = listen([wrong.url, ...ways(m)]);
    const [, secret = ""] = await first.says(/signing secret is (whsec_\S+)/);
    await charge(m);
    await first.says(/→ 400 in \d+ ms/);
    await first.says(/Your server said: Webhook Error: No signatures found matching/);
    await first.says(/express\.raw/);
    expect(first.output()).toContain(`This run signs with ${secret}`);
    const parsed = await receiver(
      checking(
        () => secret,
        ({ body }) => JSON.stringify(JSON.parse(body), null, 2),
      ),
    );
    const second = listen([parsed.url, ...ways(m)]);
    await second.says(/signing secret is/);
    await charge(m);
    await second.says(/1\. The body was parsed before it was checked/);
  });

  test("says that no server is there, and that Tessera is not", async () => {
    const m = await system.merchant();
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    const first = listen([nowhere, ...ways(m)]);
    await first.says(/signing secret is/);
    await charge(m);
    await first.says(/→ no server there/);
    await first.says(/Nothing listens at http:\/\/127\.0\.0\.1:\d+\. Start your server\./);
    const second = listen(["localhost:3000/hook", "--key", m.secret, "--tessera", nowhere]);
    await second.says(/does not answer: waiting for it/);
  });

  test.each<[string, string[], RegExp]>([
    ["no URL", [], /Usage: npm run listen -- http:\/\/localhost:3000\/hook/],
    [
      "what is no URL",
      ["ftp://x", "--key", "sk_test_x", "--tessera", "http://127.0.0.1:1"],
      /is not a URL such as/,
    ],
    [
      "an event that there is not",
      [
        "localhost:3000",
        "--events",
        "charge.eaten",
        "--key",
        "sk_test_x",
        "--tessera",
        "http://127.0.0.1:1",
      ],
      /There is no event charge\.eaten/,
    ],
    [
      "a beginning that is none",
      ["localhost:3000", "--from", "yesterday"],
      /neither an event \(evt_…\) nor `start`/,
    ],
    [
      "a publishable key",
      ["localhost:3000", "--key", "pk_test_x", "--tessera", "http://127.0.0.1:1"],
      /must be a secret key/,
    ],
    ["an option that there is not", ["localhost:3000", "--secret", "x"], /Usage/],
    ["no running Tessera", ["localhost:3000"], /run `npm start` in another terminal first/],
  ])("given %s, says what to do and ends", async (_, args, words) => {
    const run = listen(args, { TESSERA_HOME: "/nonexistent" });
    await run.says(words);
    expect(await run.ended).toBe(1);
  });

  test("given a key that opens nothing, tells what Tessera says of it and ends", async () => {
    const run = listen([
      "localhost:3000",
      "--key",
      `sk_test_${"0".repeat(44)}`,
      "--tessera",
      system.url.href,
    ]);
    await run.says(/Tessera refused: Invalid API Key/);
    expect(await run.ended).toBe(1);
  });
});

describe("the advice", () => {
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const advice = (status: number, said = "") =>
    adviceOn({ kind: "answered", status, said, ms: 1 }, "http://localhost:3000/hook", secret).join(
      "\n",
    );

  test.each<[number, string, RegExp, RegExp]>([
    [200, "", /^$/, /./],
    [204, "", /^$/, /./],
    [301, "", /redirect is not followed/, /signature/],
    [400, "Timestamp outside the tolerance zone", /1\. The clock/, /secret\. This run/],
    [400, "Message timestamp too old", /1\. The clock/, /Another secret/],
    [400, "", /1\. The body(.|\n)*2\. Another secret(.|\n)*3\. The clock/, /said/],
    [
      400,
      "Payload was provided as a parsed JavaScript object instead.",
      /1\. The body/,
      /The clock/,
    ],
    [401, "", /carries no login/, /raw/],
    [403, "", /CSRF/, /raw/],
    [404, "Cannot POST /hook", /said: Cannot POST \/hook\n(.|\n)*no such path/, /raw/],
    [405, "", /is a POST/, /raw/],
    [500, "boom", /said: boom/, /signature/],
  ])("on %i '%s' names the likely cause and no other", (status, said, right, wrong) => {
    expect(advice(status, said)).toMatch(right);
    expect(advice(status, said)).not.toMatch(wrong);
  });

  test("shows nothing that a terminal would obey", async () => {
    const m = await system.merchant();
    const hook = await receiver((_, response) => {
      response.writeHead(500).end("bad\u001b[2J\u0007 thing\nsecond line");
      return undefined;
    });
    const run = listen([hook.url, ...ways(m)]);
    await run.says(/signing secret is/);
    await charge(m);
    await run.says(/said: bad\[2J thing$/m);
    expect(run.output()).not.toContain("\u001b");
  });

  test("on time: a line shows the hour, the event and the answer", () => {
    const event = { id: "evt_1", type: "charge.failed", created: 1 };
    const forwarded = { kind: "silent", why: "timeout", ms: 15_000 } as const;
    const line = lineOf(event, forwarded, new Date(2026, 0, 2, 3, 4, 5));
    expect(line).toBe("03:04:05  charge.failed  evt_1  → no answer in time");
  });
});
