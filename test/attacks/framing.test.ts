// Raw bytes to the listener of workerd itself, where a proxy and a server could disagree on where a request
// ends, or where one connection could hold up the others.

import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Runtime, startRuntime } from "../bench/runtime.ts";
import { edgeAt } from "../edge.ts";
import { converse, statusesOf } from "./socket.ts";

const home = mkdtempSync(join(tmpdir(), "tessera-attacks-"));
let runtime: Runtime;
let key: string;

beforeAll(async () => {
  const bindings = inject("bindings");
  runtime = await startRuntime(home, bindings);
  const edge = await edgeAt(runtime.composite, bindings["API_KEY_SECRET"] ?? "");
  key = (await edge.merchant()).secret;
});
afterAll(async () => {
  await runtime?.stop();
  rmSync(home, { recursive: true, force: true });
});

const get = (path: string): Promise<Response> =>
  fetch(new URL(path, runtime.composite), { headers: { authorization: `Bearer ${key}` } });

/** Names of all customers that were ever made: what got through. */
async function customers(): Promise<string[]> {
  const { data } = (await (await get("/v1/customers?limit=100")).json()) as {
    data: { name: string }[];
  };
  return data.map(({ name }) => name);
}

const FORM = "application/x-www-form-urlencoded";
const head = (lines: string): string =>
  `POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${FORM}\r\n${lines}\r\n\r\n`;
/** The request that would be hidden in another's body. */
const hidden = (): string =>
  `POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${FORM}\r\nContent-Length: 13\r\n\r\nname=smuggled`;

describe("a request that could end in two places", () => {
  const cases: readonly (readonly [string, () => string, readonly number[]])[] = [
    // RFC 9112 §6.1: Transfer-Encoding counts, and the connection is closed after the answer.
    [
      "Content-Length and Transfer-Encoding",
      () =>
        head(`Content-Length: ${5 + hidden().length}\r\nTransfer-Encoding: chunked`) +
        `0\r\n\r\n${hidden()}`,
      [200],
    ],
    [
      "two Content-Lengths",
      () => head(`Content-Length: 0\r\nContent-Length: ${hidden().length}`) + hidden(),
      [400],
    ],
    ["a list of Content-Lengths", () => `${head("Content-Length: 3, 3")}a=b`, [400]],
    ["a negative Content-Length", () => head("Content-Length: -1") + hidden(), [400]],
    ["a signed Content-Length", () => `${head("Content-Length: +3")}a=b`, [400]],
    ["a hexadecimal Content-Length", () => `${head("Content-Length: 0x3")}a=b`, [400]],
    ["an unknown Transfer-Encoding", () => head("Transfer-Encoding: xchunked") + hidden(), [400]],
    [
      "two Transfer-Encodings",
      () =>
        `${head("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity")}0\r\n\r\n${hidden()}`,
      [400],
    ],
    [
      "a folded header",
      () => `${head("Transfer-Encoding:\r\n chunked")}0\r\n\r\n${hidden()}`,
      [400],
    ],
    [
      "a space before the colon",
      () => `${head("Transfer-Encoding : chunked")}0\r\n\r\n${hidden()}`,
      [400],
    ],
    ["a null character in a header", () => head("X-A: a\0b"), [400]],
    [
      "a chunk without a size",
      () => `${head("Transfer-Encoding: chunked")}zz\r\n${hidden()}`,
      [400],
    ],
    ["a negative chunk", () => `${head("Transfer-Encoding: chunked")}-1\r\n${hidden()}`, [400]],
    [
      "a chunk beyond 64 bits",
      () => `${head("Transfer-Encoding: chunked")}${"f".repeat(18)}\r\n${hidden()}`,
      [400],
    ],
    [
      "a chunk that does not end",
      () => `${head("Transfer-Encoding: chunked")}3\r\na=bXX0\r\n\r\n${hidden()}`,
      [400],
    ],
    ["no version", () => "GET /healthz\r\n\r\n", [400]],
    ["a method that is none", () => "G(T /healthz HTTP/1.1\r\nHost: x\r\n\r\n", [400]],
  ];

  test.each(cases)(
    "by %s is answered once, and what it hides is not done",
    async (_, bytes, statuses) => {
      expect(statusesOf(await converse(runtime.composite, bytes()))).toEqual(statuses);
      expect(await customers()).not.toContain("smuggled");
    },
  );

  test("leaves a kept connection in step: two requests, two answers", async () => {
    const one = "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nGET ";
    const heard = await converse(runtime.composite, one + one);
    expect(statusesOf(heard)).toEqual([200, 200]);
  });
});

describe("a head that is a bomb", () => {
  test.each([
    ["a header of 1 MiB", `X-A: ${"a".repeat(1 << 20)}\r\n`, 431],
    ["20,000 headers", "X-A: a\r\n".repeat(20_000), 431],
    [
      "5,000 headers of other names",
      Array.from({ length: 5_000 }, (_, i) => `X-${i}: a\r\n`).join(""),
      200,
    ],
  ])("of %s is refused or read, and the next request is served", async (_, lines, status) => {
    const heard = await converse(
      runtime.composite,
      `GET /healthz HTTP/1.1\r\nHost: x\r\n${lines}\r\n`,
    );
    expect(statusesOf(heard)).toEqual([status]);
    expect((await get("/v1/balance")).status).toBe(200);
  });

  test("of a URL of 200,000 characters is refused", async () => {
    const heard = await converse(
      runtime.composite,
      `GET /${"a".repeat(200_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    expect(statusesOf(heard)).toEqual([414]);
  });
});

describe("a Host that is none", () => {
  const PATHS = ["/v1/balance", "/healthz", "/openapi.json", "/v1/unicorns", "/"];
  const asked = (host: string, path: string, method = "GET"): Promise<string> =>
    converse(
      runtime.composite,
      `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\n\r\n`,
    );

  test.each([
    ["a number too large for an address", "4242424242424242"],
    ["a port that is none", "x:port"],
    ["a port too large", "x:99999"],
    ["half an IPv6 address", "[::1"],
    ["a percent sign", "a%zz"],
    ["a space", "a b"],
    ["angle brackets", "<script>"],
    ["a path of its own", "x/v1/balance?a="],
    ["a query", "x?"],
    ["a fragment", "x#"],
    ["a user", "root@x"],
    ["a backslash", "x\\y"],
  ])("such as %s is 400 at every path, and is not told again", async (_, host) => {
    for (const path of PATHS) {
      const heard = await asked(host, path);
      expect(statusesOf(heard), path).toEqual([400]);
      expect(heard).not.toContain(host);
    }
    expect(statusesOf(await asked(host, "/v1/tokens", "OPTIONS"))).toEqual([400]);
    expect(await asked(host, "/v1/balance")).toMatch(/host_invalid|^HTTP\/1.1 400 Bad Request/);
  });

  test.each(["x", "API.Shop.example", "shop.example:443", "127.0.0.1:8787", "[::1]:8787"])(
    "but %s is one",
    async (host) => {
      expect(statusesOf(await asked(host, "/v1/balance"))).toEqual([200]);
    },
  );
});

describe("a body that comes slowly, or never", () => {
  test("holds nobody else up, and is dropped when its sender goes", async () => {
    const sockets = Array.from({ length: 200 }, () => {
      const socket = connect(Number(runtime.composite.port), runtime.composite.hostname);
      socket.on("error", () => undefined);
      socket.write(`${head("Content-Length: 1000")}name=s`);
      return socket;
    });
    expect((await get("/v1/balance")).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    expect((await get("/v1/balance")).status).toBe(200);
    expect(await customers()).not.toContain("s");
  });
});
