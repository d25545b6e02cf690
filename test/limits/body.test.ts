import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { BODY_BYTES_MAX } from "../../workers/edge/parameters.ts";
import { type Call, type Merchant, type System, startSystem } from "../system.ts";
import { errorOf, verdictOf } from "./refusal.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const FORM = "application/x-www-form-urlencoded";
const JSON_TYPE = "application/json";

const send = (body: BodyInit, type: string, path = "/v1/customers") =>
  system.call(path, { method: "POST", key: m.secret, body, headers: { "content-type": type } });

/** A request over a bare socket, with the body in chunks and whatever headers are asked for. */
function raw(headers: Record<string, string>, chunks: readonly (string | Buffer)[]): Promise<Call> {
  return new Promise((resolve, reject) => {
    const out = request(
      new URL("/v1/customers", system.url),
      { method: "POST", headers: { authorization: `Bearer ${m.secret}`, ...headers } },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        answer.on("end", () => {
          const found = new Headers();
          for (const [name, value] of Object.entries(answer.headers))
            found.set(name, String(value));
          resolve({
            status: answer.statusCode ?? 0,
            headers: found,
            body: JSON.parse(text) as never,
          });
        });
      },
    );
    out.on("error", reject);
    for (const chunk of chunks) out.write(chunk);
    out.end();
  });
}

describe("a body", () => {
  const filled = (bytes: number) => `description=${"x".repeat(bytes - "description=".length)}`;

  test("of 64 KiB is read, and one byte more is not", async () => {
    expect(verdictOf(await send(filled(BODY_BYTES_MAX), FORM))).toBe(
      "400 parameter_invalid description",
    );
    const call = await send(filled(BODY_BYTES_MAX + 1), FORM);
    expect(verdictOf(call)).toBe("413 body_too_large -");
    expect(errorOf(call).message).toContain("65536");
  });

  test("without Content-Length is counted as it comes", async () => {
    const chunk = "x".repeat(1024);
    const fits = ["description=", ...Array.from({ length: 63 }, () => chunk)];
    expect(verdictOf(await raw({ "content-type": FORM }, fits))).toBe(
      "400 parameter_invalid description",
    );
    const call = await raw({ "content-type": FORM }, [...fits, chunk]);
    expect(verdictOf(call)).toBe("413 body_too_large -");
  });

  test("of 5 MiB is refused and the next request is served", async () => {
    const call = await send("x".repeat(5 * 1024 * 1024), FORM).catch(() => undefined);
    // A server may close the connection on a client that keeps sending.
    if (call !== undefined) expect(verdictOf(call)).toBe("413 body_too_large -");
    expect((await system.call("/v1/balance", { key: m.secret })).status).toBe(200);
  });

  test("that is too large is refused before the key is looked at", async () => {
    const call = await system.call("/v1/customers", {
      method: "POST",
      body: filled(BODY_BYTES_MAX + 1),
      headers: { "content-type": FORM },
    });
    expect(call.status).toBe(413);
  });

  test.each([
    ["broken JSON", '{"name":', JSON_TYPE],
    ["JSON with a comma too many", '{"name":"a",}', JSON_TYPE],
    ["JSON with a comment", '{"name":"a"} // a', JSON_TYPE],
    ["two JSON values", "{}{}", JSON_TYPE],
    ["NaN", '{"name":NaN}', JSON_TYPE],
    ["a number out of range", '{"name":1e400}', JSON_TYPE],
    ["a JSON list", '["name"]', JSON_TYPE],
    ["a JSON string", '"name"', JSON_TYPE],
    ["a JSON null", "null", JSON_TYPE],
    ["a form called JSON", "name=a", JSON_TYPE],
    ["plain text", "name=a", "text/plain"],
    ["XML", "<name>a</name>", "application/xml"],
    [
      "a multipart form",
      '--x\r\ncontent-disposition: form-data; name="name"\r\n\r\na\r\n--x--',
      "multipart/form-data; boundary=x",
    ],
    ["JSON under a longer name", "{}", "application/jsonp"],
    ["a form that nests deeper than six", "a[b][c][d][e][f][g]=1", FORM],
    ["JSON that nests deeper than six", '{"a":{"b":{"c":{"d":{"e":{"f":{"g":1}}}}}}}', JSON_TYPE],
    ["JSON lists 30,000 deep", `{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}`, JSON_TYPE],
    ["JSON objects 10,000 deep", `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`, JSON_TYPE],
    ["513 parameters in a form", Array.from({ length: 513 }, (_, i) => `p${i}=1`).join("&"), FORM],
    [
      "513 parameters in JSON",
      JSON.stringify({ metadata: Array.from({ length: 513 }, () => 1) }),
      JSON_TYPE,
    ],
    ["a value and an object of one name", "metadata=1&metadata[a]=2", FORM],
    ["an object and a value of one name", "metadata[a]=2&metadata=1", FORM],
    ["a name with an open bracket", "metadata[a=1", FORM],
    ["a name with a stray bracket", "meta]data=1", FORM],
    ["a value without a name", "=1", FORM],
    [
      "bytes that are not UTF-8 as JSON",
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      JSON_TYPE,
    ],
  ] as const)("of %s is refused", async (_, body, type) => {
    const call = await send(body, type);
    expect(verdictOf(call)).toBe("400 body_malformed -");
    expect(errorOf(call).message.length).toBeLessThan(150);
  });

  test("of UTF-8 with a byte order mark is read", async () => {
    const call = await send('\ufeff{"name":"Ada"}', JSON_TYPE);
    expect(call).toMatchObject({ status: 200, body: { name: "Ada" } });
  });

  test("may come with the rest of its parameters in the query", async () => {
    const call = await send("name=Ada", FORM, "/v1/customers?email=ada@example.com&name=Bo");
    expect(call).toMatchObject({ status: 200, body: { name: "Ada", email: "ada@example.com" } });
  });

  test("and a query that disagree in kind are refused", async () => {
    const call = await send('{"metadata":{"a":"1"}}', JSON_TYPE, "/v1/customers?metadata=1");
    expect(verdictOf(call)).toBe("400 body_malformed -");
  });
});

describe("a name that reaches for a prototype", () => {
  test.each([
    ["__proto__[polluted]=1", FORM],
    ["metadata[__proto__]=1", FORM],
    ["metadata[__proto__][polluted]=1", FORM],
    ["constructor[prototype][polluted]=1", FORM],
    ["metadata[constructor]=1", FORM],
    ["metadata%5B__proto__%5D%5Bpolluted%5D=1", FORM],
    ['{"__proto__":{"polluted":1}}', JSON_TYPE],
    ['{"metadata":{"__proto__":"1"}}', JSON_TYPE],
    ['{"constructor":{"prototype":{"polluted":1}}}', JSON_TYPE],
    ['{"\\u005f_proto__":{"polluted":1}}', JSON_TYPE],
  ])("is refused: %s", async (body, type) => {
    expect(verdictOf(await send(body, type))).toBe("400 body_malformed -");
  });

  test("leaves no mark on the isolate", async () => {
    const made = await m.stripe.customers.create({ name: "Ada" });
    expect(JSON.stringify(made)).not.toContain("polluted");
    expect(await m.stripe.customers.retrieve(made.id)).not.toHaveProperty("polluted");
    const spec = await system.call("/openapi.json");
    expect(JSON.stringify(spec.body)).not.toContain("polluted");
  });
});

describe("an idempotency key", () => {
  const keyed = (key: string) =>
    system.call("/v1/customers", { key: m.secret, form: {}, headers: { "idempotency-key": key } });

  test.each([
    ["empty", ""],
    ["256 characters long", "k".repeat(256)],
    ["with a space in it", "order 1"],
    ["with a tab in it", "order\t1"],
    ["not ASCII", "ordér"],
    ["one of ours", "tessera-req_1"],
  ])("that is %s is refused", async (_, key) => {
    const call = await keyed(key);
    expect(verdictOf(call)).toBe("400 idempotency_key_invalid -");
    expect(call.headers.get("idempotency-key")).toBeNull();
  });

  test.each(["k".repeat(255), "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~", "0"])(
    "of %s is taken and echoed",
    async (key) => {
      const call = await keyed(key);
      expect(call.status).toBe(200);
      expect(call.headers.get("idempotency-key")).toBe(key);
      expect(call.headers.get("original-request")).toBe(call.headers.get("request-id"));
    },
  );

  test("is no matter to a read or a delete", async () => {
    const { id } = await m.stripe.customers.create({});
    const headers = { "idempotency-key": "" };
    expect((await system.call("/v1/balance", { key: m.secret, headers })).status).toBe(200);
    const gone = await system.call(`/v1/customers/${id}`, {
      method: "DELETE",
      key: m.secret,
      headers,
    });
    expect(gone.status).toBe(200);
  });

  test("of a request refused before it was executed is free for another", async () => {
    const send = (form: Record<string, string>) =>
      system.call("/v1/charges", { key: m.secret, form, headers: { "idempotency-key": "again" } });
    expect(verdictOf(await send({ amount: "0", currency: "usd" }))).toMatch(/^400/);
    const call = await send({ amount: "50", currency: "usd", source: "tok_visa" });
    expect(call.status).toBe(200);
    expect(call.headers.get("idempotent-replayed")).toBeNull();
  });
});
