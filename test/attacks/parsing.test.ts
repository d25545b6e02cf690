// What two parsers could read differently, at the edge and behind it.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { BODY_BYTES_MAX } from "../../origin/body.ts";
import { importSigner, SIGNATURE_HEADER, sign } from "../../protocol/signature.ts";
import { verdictOf } from "../limits/refusal.ts";
import { type Merchant, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const send = (path: string, body: string) =>
  system.call(path, {
    method: "POST",
    key: m.secret,
    body,
    headers: { "content-type": "application/json" },
  });

describe("a name that stands twice in one object", () => {
  test.each([
    ["plainly", '{"amount":100,"currency":"usd","source":"tok_visa","amount":9999}'],
    [
      "spelled another way",
      '{"amount":100,"currency":"usd","source":"tok_visa","\\u0061mount":9999}',
    ],
    ["with the same value", '{"amount":100,"currency":"usd","source":"tok_visa","amount":100}'],
    [
      "deeper",
      '{"amount":100,"currency":"usd","source":"tok_visa","metadata":{"a":"1","a" : "2"}}',
    ],
    ["in a list", '{"amount":100,"currency":"usd","source":"tok_visa","expand":[{"a":1,"a":2}]}'],
    [
      "as a prototype",
      '{"amount":100,"currency":"usd","source":"tok_visa","__proto__":1,"__proto__":2}',
    ],
  ])("%s is refused, and nothing is charged", async (_, body) => {
    expect(verdictOf(await send("/v1/charges", body))).toBe("400 body_malformed -");
    expect((await m.stripe.charges.list()).data).toEqual([]);
  });

  test("in two objects, or as text, is read", async () => {
    const call = await send(
      "/v1/customers",
      '{"name":"\\"name\\":1,\\\\","metadata":{"name":"name","a":"{\\"a\\":1,\\"a\\":2}"}, "phone" : "1"}',
    );
    expect(call).toMatchObject({
      status: 200,
      body: { name: '"name":1,\\', metadata: { name: "name", a: '{"a":1,"a":2}' } },
    });
  });
});

describe("the body of a request to an origin", () => {
  type Origin = { fetch(url: string, init: object): Promise<Response> };

  async function ask(body: BodyInit, signedBody: string): Promise<number> {
    const signer = await importSigner(inject("bindings")["EDGE_SIGNING_KEY"] ?? "");
    const request = { method: "POST", path: "/unfinished", body: signedBody, audience: "us" };
    const now = Math.floor(Date.now() / 1000);
    const header = await sign(request, signer, now, crypto.randomUUID());
    const env = await system.worker.getEnv();
    const answer = await (env["ORIGIN_US"] as unknown as Origin).fetch(
      "https://origin-us/unfinished",
      { method: "POST", body, duplex: "half", headers: { [SIGNATURE_HEADER]: header } },
    );
    return answer.status;
  }

  const BODY = JSON.stringify({ slot: 1, since: "00000000-0000-0000-0000-000000000000" });
  const bytes = (text: string) => new TextEncoder().encode(text);

  /** A body without Content-Length. */
  const stream = (chunk: Uint8Array, times: number) => {
    let left = times;
    return new ReadableStream({
      pull: (to) => (left-- > 0 ? to.enqueue(chunk) : to.close()),
    });
  };

  test("is counted as it comes when no Content-Length tells its size", async () => {
    const chunk = bytes(" ".repeat(64 * 1024));
    const times = BODY_BYTES_MAX / chunk.byteLength;
    expect(await ask(stream(chunk, times + 1), "")).toBe(413);
    expect(await ask(stream(chunk, times), "")).toBe(401);
    expect(await ask(stream(bytes(BODY), 1), BODY)).toBe(200);
  });

  test.each([
    ["a byte order mark before it", new Uint8Array([0xef, 0xbb, 0xbf, ...bytes(BODY)]), BODY],
    ["bytes that are not UTF-8", new Uint8Array([...bytes(BODY), 0xff]), `${BODY}\ufffd`],
  ])("is not the signed one with %s", async (_, body, signed) => {
    expect(await ask(body, signed)).toBe(401);
  });
});
