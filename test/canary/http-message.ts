// Requests as the bytes that go over the wire: right ones, and such as no client library would send.

import type { Canary } from "./numbers.ts";

export type Form = Readonly<Record<string, string>>;
type Headers = Readonly<Record<string, string>>;

export const FORM_TYPE = "application/x-www-form-urlencoded";

export function http(
  method: string,
  path: string,
  headers: Headers,
  body: string | Buffer = "",
): Buffer {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const sized = "transfer-encoding" in headers || "content-length" in headers || method === "GET";
  const all = {
    host: "localhost",
    ...headers,
    ...(sized ? {} : { "content-length": bytes.length }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

export const bearer = (key: string): Headers => ({ authorization: `Bearer ${key}` });
export const encode = (form: Form): string => new URLSearchParams({ ...form }).toString();

export function post(path: string, key: string, form: Form, headers: Headers = {}): Buffer {
  return http(
    "POST",
    path,
    { ...bearer(key), "content-type": FORM_TYPE, ...headers },
    encode(form),
  );
}

export const get = (path: string, key: string, headers: Headers = {}): Buffer =>
  http("GET", path, { ...bearer(key), ...headers });

export const card = (prefix: string, canary: Canary, over: Form = {}): Form => {
  const fields = {
    number: canary.pan,
    exp_month: "12",
    exp_year: "2034",
    cvc: canary.cvc,
    ...over,
  };
  return Object.fromEntries(Object.entries(fields).map(([name, v]) => [`${prefix}[${name}]`, v]));
};

export const json = (canary: Canary, over: object = {}): object => ({
  card: { number: canary.pan, exp_month: 12, exp_year: 2034, cvc: canary.cvc, ...over },
});

export const postJson = (
  path: string,
  key: string,
  body: string | Buffer,
  headers: Headers = {},
): Buffer =>
  http("POST", path, { ...bearer(key), "content-type": "application/json", ...headers }, body);
