// SQL in every parameter of every route: it is refused, or kept as the text that it is.

import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { ledger, type Merchant, type System, startSystem } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"), { RATE_PER_SECOND: "100000" });
  m = await system.merchant("us");
});
afterAll(() => system?.close());

const PAYLOADS = [
  "'",
  "\\'",
  "';--",
  "' or '1'='1",
  "') or ('1'='1",
  "1; drop table journal; --",
  "' union select null, null --",
  "$$; drop table journal; $$",
  "x' || pg_sleep(60) || '",
  "/**/or/**/1=1",
  "E'\\x27'",
  "{a,b}",
];

type Operation = {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Record<string, { schema: { properties?: Record<string, object> } }>;
  };
};

/** Every parameter of every route, as the OpenAPI document has them. */
async function targets(): Promise<[method: string, path: string, name: string, where: string][]> {
  const { paths } = (await system.call("/openapi.json")).body as {
    paths: Record<string, Record<string, Operation>>;
  };
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => [
      ...(operation.parameters ?? []).map(
        (p) => [method.toUpperCase(), path, p.name, p.in] as [string, string, string, string],
      ),
      ...Object.values(operation.requestBody?.content ?? {})
        .slice(0, 1)
        .flatMap(({ schema }) =>
          Object.keys(schema.properties ?? {}).map(
            (name) =>
              [method.toUpperCase(), path, name, "body"] as [string, string, string, string],
          ),
        ),
    ]),
  );
}

async function attempt(
  [method, path, name, where]: readonly [string, string, string, string],
  payload: string,
): Promise<string | undefined> {
  const filled = path.replace(/\{(\w+)\}/g, (_, part: string) =>
    where === "path" && part === name ? encodeURIComponent(payload) : "ch_1",
  );
  const query = where === "query" ? `?${new URLSearchParams({ [name]: payload })}` : "";
  const call = await system.call(filled + query, {
    method,
    key: m.secret,
    ...(where === "body"
      ? { form: { amount: "100", currency: "usd", source: "tok_visa", [name]: payload } }
      : {}),
  });
  return call.status < 500 ? undefined : `${method} ${path} ${name}=${payload}: ${call.status}`;
}

test("SQL in any parameter of any route is no statement", async () => {
  const client = await ledger(inject("bindings"), "us");
  const tables =
    "select count(*)::integer as n from pg_class where relnamespace = 'public'::regnamespace";
  const before = (await client.query(tables)).rows;
  const places = await targets();
  expect(places.length).toBeGreaterThan(50);
  const failed = [];
  for (const place of places) {
    const answers = await Promise.all(PAYLOADS.map((payload) => attempt(place, payload)));
    failed.push(...answers.filter((answer) => answer !== undefined));
  }
  expect(failed).toEqual([]);
  expect((await client.query(tables)).rows).toEqual(before);
  await client.end();
}, 300_000);

test("SQL in text that is kept comes back as it was sent", async () => {
  for (const payload of PAYLOADS) {
    const made = await m.stripe.customers.create({ name: payload, metadata: { payload } });
    const read = await m.stripe.customers.retrieve(made.id);
    expect(read).toMatchObject({ name: payload, metadata: { payload } });
  }
});
