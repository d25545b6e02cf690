// Stripe's query language, read: what each query means, and what is said of one that means nothing.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  parseSearch,
  SEARCH_CHARACTERS_MAX,
  SEARCH_CLAUSES_MAX,
  SEARCH_FIELDS,
  type SearchClause,
  type SearchResource,
} from "../../protocol/search-query.ts";

type Told = [field: string, operator: string, value: unknown, ...marks: ("not" | "metadata")[]];

const told = ({ field, operator, value, negated, metadata }: SearchClause): Told => [
  field,
  operator,
  value,
  ...(negated ? (["not"] as const) : []),
  ...(metadata ? (["metadata"] as const) : []),
];

const QUERIES: readonly (readonly [SearchResource, string, "and" | "or", ...Told[]])[] = [
  ["charge", 'status:"succeeded"', "and", ["status", ":", "succeeded"]],
  ["charge", "status:'failed'", "and", ["status", ":", "failed"]],
  ["charge", "amount>999", "and", ["amount", ">", 999]],
  ["charge", 'amount>="1000"', "and", ["amount", ">=", 1000]],
  ["charge", "created<1700000000", "and", ["created", "<", 1_700_000_000]],
  ["charge", '-currency:"usd"', "and", ["currency", ":", "usd", "not"]],
  ["charge", 'disputed:"true"', "and", ["disputed", ":", true]],
  ["charge", "refunded:false", "and", ["refunded", ":", false]],
  ["charge", "customer:null", "and", ["customer", ":", null]],
  ["charge", '-metadata["order"]:null', "and", ["order", ":", null, "not", "metadata"]],
  ["charge", "metadata['a b']:'7'", "and", ["a b", ":", "7", "metadata"]],
  ["charge", 'metadata["a\\"]b"]~"six"', "and", ['a"]b', "~", "six", "metadata"]],
  [
    "charge",
    'amount>1000 AND amount<2000 and payment_method_details.card.last4:"4242"',
    "and",
    ["amount", ">", 1000],
    ["amount", "<", 2000],
    ["payment_method_details.card.last4", ":", "4242"],
  ],
  [
    "payment_intent",
    'status:"canceled" OR status:"succeeded"',
    "or",
    ["status", ":", "canceled"],
    ["status", ":", "succeeded"],
  ],
  // A space joins as AND does.
  ["customer", 'name~"Ada" phone:"1"', "and", ["name", "~", "Ada"], ["phone", ":", "1"]],
  ["customer", 'email:"a AND b OR c"', "and", ["email", ":", "a AND b OR c"]],
  [
    "customer",
    'name:"back\\\\slash and \\"quote\\""',
    "and",
    ["name", ":", 'back\\slash and "quote"'],
  ],
  ["customer", '  email : "x"  ', "and", ["email", ":", "x"]],
];

test.for(QUERIES)("%s: %s", ([resource, query, join, ...clauses]) => {
  const parsed = parseSearch(resource, query);
  expect(parsed).toMatchObject({ ok: true, value: { join } });
  if (parsed.ok) expect(parsed.value.clauses.map(told)).toEqual(clauses);
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["", /empty/],
  ["status", /cannot be read at "status"/],
  ['status:"a" AND', /cannot be read at "AND"/],
  ['status:"a', /cannot be read/],
  ["status:succeeded", /write it in quotes/],
  ['status:"a" AND amount>1 OR amount<0', /cannot be mixed/],
  ['amount>1 OR amount<0 status:"a"', /cannot be mixed/],
  ['color:"red"', /color cannot be searched\. These can: amount/],
  ['constructor:"x"', /cannot be searched/],
  ['metadata:"x"', /searched by key/],
  ['status~"succ"', /as a whole/],
  ['status>"a"', /has no order/],
  ["amount:many", /whole number/],
  ["amount>1.5", /whole number/],
  ["amount>null", /null is looked for/],
  ['disputed:"maybe"', /"true" or "false"/],
  ['metadata["a"]~"ab"', /at least 3 characters/],
  ['status:"\u0000"', /null characters/],
  ["amount>1 ".repeat(SEARCH_CLAUSES_MAX + 1), /at most 10 clauses/],
  [`status:"${"a".repeat(SEARCH_CHARACTERS_MAX)}"`, /at most 1000 characters/],
  ['(status:"a")', /cannot be read/],
];

test.each(REFUSED)("is told what is wrong with %s", (query, why) => {
  const parsed = parseSearch("charge", query);
  expect(parsed.ok ? "was read" : parsed.failure).toMatch(why);
});

describe("whatever is sent", () => {
  test("is read or refused in a sentence", () => {
    const part = fc.constantFrom(
      ...Object.keys(SEARCH_FIELDS.charge),
      ...[
        'metadata["a"]',
        ":",
        "~",
        ">",
        "<=",
        '"x"',
        "'y'",
        "7",
        "null",
        " AND ",
        " OR ",
        "-",
        "\\",
        '"',
      ],
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((p) => p.join("")),
        ),
        (query) => {
          const parsed = parseSearch("charge", query);
          if (parsed.ok) expect(parsed.value.clauses.length).toBeGreaterThan(0);
          else expect(parsed.failure).toMatch(/[.]$/);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test("between quotes comes back as it was, and is one clause", () => {
    const quoted = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
    const text = fc.string({ minLength: 1, maxLength: 200 }).filter((t) => !t.includes("\u0000"));
    fc.assert(
      fc.property(text, text, (key, value) => {
        const parsed = parseSearch("customer", `metadata[${quoted(key)}]:${quoted(value)}`);
        const clause = { field: key, value, metadata: true, negated: false, operator: ":" };
        expect(parsed).toEqual({ ok: true, value: { join: "and", clauses: [clause] } });
      }),
    );
  });
});
