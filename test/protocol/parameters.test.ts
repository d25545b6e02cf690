import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  canonical,
  isSentAsList,
  parseParameters,
  type Tree,
} from "../../workers/edge/parameters.ts";

const FORM = "application/x-www-form-urlencoded";

function parsed(body: string, type = FORM, query = ""): Tree {
  const tree = parseParameters(new URLSearchParams(query), body, type);
  if (!tree.ok) throw new Error(tree.failure.kind);
  return tree.value;
}
const form = (body: string) => canonical(parsed(body));
const json = (value: unknown) => canonical(parsed(JSON.stringify(value), "application/json"));

describe("the same parameters", () => {
  const charge = form("amount=100&currency=usd&metadata[a]=1&metadata[b]=2");
  test.each([
    ["in another order", form("metadata[b]=2&currency=usd&metadata[a]=1&amount=100")],
    ["with encoded brackets", form("amount=100&currency=usd&metadata%5Ba%5D=1&metadata%5Bb%5D=2")],
    ["as JSON", json({ amount: 100, currency: "usd", metadata: { a: "1", b: 2 } })],
    [
      "as JSON in another order",
      json({ metadata: { b: "2", a: "1" }, currency: "usd", amount: "100" }),
    ],
    [
      "half in the query",
      canonical(parsed("currency=usd&metadata[b]=2", FORM, "amount=100&metadata[a]=1")),
    ],
    [
      "without a content type",
      canonical(parsed("amount=100&currency=usd&metadata[a]=1&metadata[b]=2", "")),
    ],
    [
      "with a charset",
      canonical(
        parsed("amount=100&currency=usd&metadata[a]=1&metadata[b]=2", `${FORM}; charset=utf-8`),
      ),
    ],
  ])("are the same %s", (_, text) => expect(text).toBe(charge));

  test("are the same in both dialects of lists", () => {
    expect(form("expand[]=a&expand[]=b")).toBe(form("expand[0]=a&expand[1]=b"));
    expect(json({ expand: ["a", "b"] })).toBe(form("expand[0]=a&expand[1]=b"));
  });

  test.each([
    ["a[]=1&a[]=2&a[]=3", "a[0]=1&a[1]=2&a[2]=3"],
    ["a[1]=x&a[]=y", "a[1]=x&a[2]=y"],
    ["a[b]=x&a[]=y", "a[b]=x&a[0]=y"],
    ["a[][b]=1&a[][c]=2", "a[0][b]=1&a[0][c]=2"],
    ["a[][b]=1&a[][b]=2", "a[0][b]=1&a[1][b]=2"],
    ["a[][b]=1&a[][c]=2&a[][b]=3&a[][c]=4", "a[0][b]=1&a[0][c]=2&a[1][b]=3&a[1][c]=4"],
    ["a[][b][c]=1&a[][b][d]=2&a[][b][c]=3", "a[0][b][c]=1&a[0][b][d]=2&a[1][b][c]=3"],
    ["a[][b][]=1&a[][b][]=2&a[][c]=3", "a[0][b][0]=1&a[0][b][1]=2&a[0][c]=3"],
    ["a[]=1&a[][b]=2", "a[0]=1&a[1][b]=2"],
  ])("are the same when %s is written %s", (bare, indexed) => {
    expect(form(bare)).toBe(form(indexed));
  });

  test("are the same with + and %20 for a space", () => {
    expect(form("name=Ada+Lovelace")).toBe(form("name=Ada%20Lovelace"));
  });

  test("are the same when null and the empty string unset", () => {
    expect(json({ name: null })).toBe(form("name="));
  });
});

describe("other parameters", () => {
  test.each([
    ["another value", "amount=100", "amount=101"],
    ["another name", "amount=100", "amounts=100"],
    ["a value with a sign of structure", "a[b]=1", "a=%7B%22b%22%3A%221%22%7D"],
    ["a value that ends another way", "a=1&b=2", "a=1%26b%3D2"],
    ["a list in another order", "a[]=1&a[]=2", "a[]=2&a[]=1"],
    ["one more", "a=1", "a=1&b="],
    ["nested elsewhere", "a[b][c]=1", "a[b]=1"],
  ])("differ by %s", (_, one, two) => expect(form(one)).not.toBe(form(two)));

  test("give equal texts only when they are equal trees of strings", () => {
    const { tree } = fc.letrec<{ tree: Record<string, unknown> }>((tie) => ({
      tree: fc.dictionary(
        fc.stringMatching(/^[a-d]{1,2}$/),
        fc.oneof({ depthSize: "small" }, fc.string({ maxLength: 3 }), tie("tree")),
        { minKeys: 1, maxKeys: 3 },
      ),
    }));
    const depth = (value: unknown): number =>
      typeof value === "object" && value !== null
        ? 1 + Math.max(0, ...Object.values(value).map(depth))
        : 0;
    const shallow = tree.filter((t) => depth(t) <= 6);
    const flat = (value: object): string => {
      const pairs = new URLSearchParams();
      const walk = (at: object, path: string) => {
        for (const [name, inner] of Object.entries(at)) {
          const full = path === "" ? name : `${path}[${name}]`;
          if (typeof inner === "object" && inner !== null) walk(inner, full);
          else pairs.append(full, String(inner));
        }
      };
      walk(value, "");
      return pairs.toString();
    };
    fc.assert(
      fc.property(shallow, (value) => {
        expect(form(flat(value))).toBe(json(value));
      }),
      { numRuns: 300 },
    );
  });
});

test.each([
  ["a[]=1", FORM, true],
  ["a[][b]=1", FORM, true],
  ['{"a":[1]}', "application/json", true],
  ['{"a":[]}', "application/json", true],
  ["a[0]=1", FORM, false],
  ["a[b]=1", FORM, false],
  ['{"a":{"0":1}}', "application/json", false],
])("%s as %s was sent as a list: %s", (body, type, sent) => {
  expect(isSentAsList(parsed(body, type)["a"] as Tree)).toBe(sent);
});

describe("a tree", () => {
  test("has no prototype at any level", () => {
    const tree = parsed("a[b][c]=1&toString=2&a[hasOwnProperty]=3");
    expect(Object.getPrototypeOf(tree)).toBeNull();
    expect(Object.getPrototypeOf(tree["a"])).toBeNull();
    expect(tree["toString"]).toBe("2");
  });

  test.each([
    ["__proto__[polluted]=1", FORM],
    ["a[__proto__][polluted]=1", FORM],
    ["constructor[prototype][polluted]=1", FORM],
    ["a[prototype]=1", FORM],
    ['{"__proto__":{"polluted":1}}', "application/json"],
    ['{"a":{"constructor":{"prototype":{"polluted":1}}}}', "application/json"],
    ["a=1&a[b]=2", FORM],
    ["a[b]=1&a=2", FORM],
    ["a[b]=1&a[b][c]=2", FORM],
    ["a]=1", FORM],
    ["[a]=1", FORM],
    ["a[b=1", FORM],
    ["a[b]c=1", FORM],
    ["a[b]]=1", FORM],
    ["=1", FORM],
    ["a[b][c][d][e][f][g]=1", FORM],
    ['{"a":{"b":{"c":{"d":{"e":{"f":{"g":1}}}}}}}', "application/json"],
    [Array.from({ length: 513 }, (_, i) => `p${i}=1`).join("&"), FORM],
    [
      JSON.stringify(Array.from({ length: 513 }, (_, i) => i)).replace(/^(.*)$/, '{"a":$1}'),
      "application/json",
    ],
    ["[1]", "application/json"],
    ["null", "application/json"],
    ["{", "application/json"],
    ['{"a":1e400}', "application/json"],
    ["a=1", "text/plain"],
    ["a=1", "multipart/form-data; boundary=x"],
  ])("is not made of %.60s as %s", (body, type) => {
    expect(parseParameters(new URLSearchParams(), body, type)).toMatchObject({
      ok: false,
      failure: { kind: "body_malformed" },
    });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test.each([
    ["a[b]=1", '{"a":"text"}'],
    ["a=1", '{"a":{"b":1}}'],
  ])("is not made of %s in the query and %s in the body", (query, body) => {
    const tree = parseParameters(new URLSearchParams(query), body, "application/json");
    expect(tree).toMatchObject({ ok: false, failure: { kind: "body_malformed" } });
  });

  test("nests six levels in a form and in JSON", () => {
    const deep = { a: { b: { c: { d: { e: { f: "1" } } } } } };
    expect(json(deep)).toBe(form("a[b][c][d][e][f]=1"));
  });
});
