// Requests made from the OpenAPI document: each parameter as its schema wants it, or left out, of another
// type, too long, unknown, with another object's id, or nested wrongly. A seed makes the same requests again.

import fc from "fast-check";

type Schema = { readonly [key: string]: unknown };
type Parameter = { readonly name: string; readonly in: string; readonly schema: Schema };
type Operation = {
  readonly parameters?: readonly Parameter[];
  readonly security?: readonly Record<string, unknown>[];
  readonly requestBody?: {
    readonly content: Record<string, { readonly schema: Schema }>;
  };
};
export type Described = { readonly paths: Record<string, Record<string, Operation>> };

export type KeyKind = "secret" | "publishable" | "platform" | "none";
export type GeneratedRequest = {
  readonly method: string;
  /** With the ids and the query. */
  readonly path: string;
  readonly key: KeyKind;
  readonly body: string | undefined;
  readonly contentType: string;
};

/** The runtime itself answers a URL of more than 64 KiB, with a 414 in plain text. */
const PATH_CHARACTERS_MAX = 32_000;
const FORM = "application/x-www-form-urlencoded";
const METHODS = ["get", "post", "delete"] as const;
/** Few deletions, so that the objects last. */
const WEIGHTS = { get: 8, post: 14, delete: 2 } as const;

/** Cards that are typed into requests, and may stand in no answer. */
export const CARD_NUMBERS = ["4242424242424242", "4000000000000002"] as const;

/** Test values that lead further in than any random text would. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  source: ["tok_visa", "tok_chargeDeclined", "tok_createDispute"],
  card: ["tok_visa"],
  payment_method: ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired"],
  currency: ["usd", "eur", "jpy"],
  number: CARD_NUMBERS,
  exp_month: ["12"],
  exp_year: ["2034"],
  cvc: ["123"],
  email: ["m@example.com"],
  url: ["https://hooks.example.com/in"],
  type: ["card"],
  enabled_events: ["*", "charge.succeeded"],
  query: ["amount>100", "status:'succeeded'", "metadata['a']:'b'", "email:'m@example.com'"],
};

/** The prefixes of the ids that a parameter of this name takes. */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  customer: ["cus_"],
  charge: ["ch_"],
  payment_intent: ["pi_"],
  setup_intent: ["seti_"],
  payment_method: ["pm_", "card_"],
  default_source: ["card_"],
  source: ["card_", "txn_"],
  payout: ["po_"],
  event: ["evt_"],
  account: ["acct_"],
};

const long = fc.integer({ min: 300, max: 6000 }).map((length) => "x".repeat(length));
const oddText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("", " ", "null", "-1", "0", "1e9", "99999999999999999999", "\u0000", "true"),
  fc.constantFrom("__proto__", "constructor", "..", "%", "a/b", "\ud83d x", "[]", "{}"),
);

const listOf = (schema: Schema, name: string): readonly Schema[] =>
  (schema[name] as readonly Schema[] | undefined) ?? [];

/** Makes requests of one document; `ids` are of objects that there are. */
export class RequestGenerator {
  readonly #document: Described;
  readonly #ids: readonly string[];

  constructor(document: Described, ids: readonly string[]) {
    this.#document = document;
    this.#ids = ids;
  }

  /** As many requests as asked for, the same for the same seed and ids. */
  sample(count: number, seed: number): readonly GeneratedRequest[] {
    const operations = Object.entries(this.#document.paths).flatMap(([path, methods]) =>
      METHODS.map((method) => ({
        weight: methods[method] === undefined ? 1 : WEIGHTS[method],
        arbitrary: this.#request(path, method, methods[method] ?? {}),
      })),
    );
    return fc.sample(fc.oneof(...operations), { numRuns: count, seed });
  }

  #request(path: string, method: string, operation: Operation): fc.Arbitrary<GeneratedRequest> {
    const parameters = operation.parameters ?? [];
    const schemaOf = (where: string): Schema => {
      const found = parameters.filter((parameter) => parameter.in === where);
      return {
        type: "object",
        properties: Object.fromEntries(found.map(({ name, schema }) => [name, schema])),
      };
    };
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
    const patterns = schemaOf("path")["properties"] as Record<string, Schema>;
    const right = Object.keys(operation.security?.[0] ?? { secret: [] })[0] ?? "none";
    return fc
      .record({
        ids: fc.tuple(...names.map((name) => this.#pathId(patterns[name] ?? {}))),
        query: this.#parameters(schemaOf("query")),
        body: this.#parameters(operation.requestBody?.content[FORM]?.schema ?? {}),
        json: fc.nat({ max: 4 }).map((n) => n === 0),
        key: fc.oneof(
          { weight: 16, arbitrary: fc.constant(right as KeyKind) },
          {
            weight: 1,
            arbitrary: fc.constantFrom<KeyKind>("secret", "publishable", "platform", "none"),
          },
        ),
      })
      .map(({ ids, query, body, json, key }) => {
        const filled = names.reduce(
          (at, name, i) => at.replace(`{${name}}`, () => encodeURIComponent(ids[i] ?? "")),
          path,
        );
        const search = formOf(query);
        return {
          method: method.toUpperCase(),
          path: (search === "" ? filled : `${filled}?${search}`).slice(0, PATH_CHARACTERS_MAX),
          key,
          body: method === "get" ? undefined : json ? JSON.stringify(body) : formOf(body),
          contentType: json ? "application/json" : FORM,
        };
      });
  }

  #pathId({ pattern }: Schema): fc.Arbitrary<string> {
    const form = typeof pattern === "string" ? new RegExp(pattern) : undefined;
    const real = this.#ids.filter((id) => form?.test(id) ?? true);
    return fc.oneof(
      ...(real.length === 0 ? [] : [{ weight: 12, arbitrary: fc.constantFrom(...real) }]),
      ...(form === undefined ? [] : [{ weight: 1, arbitrary: fc.stringMatching(form) }]),
      { weight: 1, arbitrary: fc.constantFrom(...this.#ids) },
      { weight: 1, arbitrary: oddText.map((text) => text.toWellFormed()) },
    );
  }

  /** The fields of an object, and now and then one that it does not have. */
  #parameters(schema: Schema): fc.Arbitrary<Record<string, unknown>> {
    const properties = (schema["properties"] ?? {}) as Record<string, Schema>;
    const required = new Set((schema["required"] ?? []) as readonly string[]);
    const fields = Object.entries(properties).map(([name, inner]) =>
      fc
        .tuple(fc.nat({ max: 99 }), this.#field(name, inner))
        .map(([chance, value]): readonly [string, unknown] | undefined =>
          chance < (required.has(name) ? 97 : 18) ? [name, value] : undefined,
        ),
    );
    const stranger = fc.oneof(
      { weight: 24, arbitrary: fc.constant(undefined) },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.oneof(fc.constantFrom("unknown", "__proto__", "id", "a[b", "]"), oddText),
          oddText,
        ),
      },
    );
    return fc
      .tuple(...fields, stranger)
      .map((all) => Object.fromEntries(all.filter((pair) => pair !== undefined)));
  }

  #field(name: string, schema: Schema): fc.Arbitrary<unknown> {
    return fc.oneof(
      { weight: 90, arbitrary: this.#right(name, schema) },
      { weight: 1, arbitrary: oddText },
      { weight: 1, arbitrary: long },
      { weight: 1, arbitrary: fc.constantFrom(...this.#ids) },
      { weight: 1, arbitrary: fc.constantFrom<unknown>(-1, 0, 1.5, 2 ** 53, true, null) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<unknown>({ a: { b: { c: "d" } } }, ["a", "b"], [{ a: "b" }], {}),
      },
    );
  }

  #right(name: string, schema: Schema): fc.Arbitrary<unknown> {
    const choices = [...listOf(schema, "anyOf"), ...listOf(schema, "oneOf")];
    if (choices.length > 0) return fc.oneof(...choices.map((one) => this.#right(name, one)));
    if (Array.isArray(schema["enum"])) return fc.constantFrom(...(schema["enum"] as unknown[]));
    if ("const" in schema) return fc.constant(schema["const"]);
    switch (schema["type"]) {
      case "integer":
      case "number":
        return numberOf(schema);
      case "boolean":
        return fc.boolean();
      case "array":
        return fc.array(this.#field(name, (schema["items"] ?? {}) as Schema), { maxLength: 3 });
      case "object":
        return "properties" in schema
          ? this.#parameters(schema)
          : fc.dictionary(fc.string({ maxLength: 8 }), oddText, { maxKeys: 3 });
      default:
        return this.#text(name, schema);
    }
  }

  #text(name: string, schema: Schema): fc.Arbitrary<string> {
    const { pattern, maxLength } = schema;
    const max = typeof maxLength === "number" ? maxLength : 100;
    const taken = this.#ids.filter((id) => TAKES[name]?.some((prefix) => id.startsWith(prefix)));
    const known = [...(KNOWN[name] ?? []), ...taken];
    return fc.oneof(
      { weight: 1, arbitrary: fc.string({ maxLength: Math.min(max, 40) }) },
      { weight: 1, arbitrary: fc.constantFrom(max, max + 1).map((length) => "y".repeat(length)) },
      { weight: 2, arbitrary: fc.constantFrom(...this.#ids) },
      ...(known.length === 0 ? [] : [{ weight: 24, arbitrary: fc.constantFrom(...known) }]),
      ...(typeof pattern === "string"
        ? [{ weight: 6, arbitrary: fc.stringMatching(new RegExp(pattern)) }]
        : []),
    );
  }
}

function numberOf({ minimum, maximum }: Schema): fc.Arbitrary<number> {
  const min = typeof minimum === "number" ? Math.max(minimum, -(2 ** 31)) : 0;
  const max = typeof maximum === "number" ? Math.min(maximum, 2 ** 47) : 2 ** 31;
  return fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min, max: Math.min(max, min + 100) }) },
    { weight: 1, arbitrary: fc.constantFrom(min, max, min - 1, max + 1) },
    { weight: 1, arbitrary: fc.integer({ min, max }) },
  );
}

/** Nested fields in Stripe's brackets. */
function formOf(fields: Readonly<Record<string, unknown>>): string {
  const pairs: string[] = [];
  const add = (name: string, value: unknown): void => {
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) add(`${name}[${key}]`, inner);
    } else {
      const written = [name, String(value)].map((part) => encodeURIComponent(part.toWellFormed()));
      pairs.push(written.join("="));
    }
  };
  for (const [name, value] of Object.entries(fields)) add(name, value);
  return pairs.join("&");
}
