// The building blocks of route schemas: they take a value as a form or as JSON sends it, give it typed,
// and describe themselves for OpenAPI. What they refuse is named in Stripe's codes.

import * as z from "zod";
import { AMOUNT_MAX, AMOUNT_MIN, isCurrency } from "../../protocol/currency.ts";
import type { Failure } from "../../protocol/failure.ts";
import {
  METADATA_KEY_MAX,
  METADATA_KEYS_MAX,
  METADATA_VALUE_MAX,
} from "../../protocol/metadata.ts";
import type { TypedCard } from "../../protocol/vault.ts";
import { isSentAsList, nameOf } from "./parameters.ts";

type Json = Record<string, unknown>;
type Refusal = (param: string) => Failure;

/** A schema whose check is ours and whose JSON Schema is `shape`. */
function checked<T>(shape: Json, check: (value: unknown) => { value: T } | { refuse: Refusal }) {
  return z
    .unknown()
    .transform((value, ctx): T => {
      const result = value === undefined ? { refuse: missing } : check(value);
      if ("value" in result) return result.value;
      ctx.addIssue({ code: "custom", params: { failure: result.refuse } });
      return z.NEVER;
    })
    .meta(shape);
}

const missing: Refusal = (param) => ({ kind: "parameter_missing", param });
const invalid =
  (why: string): Refusal =>
  (param) => ({ kind: "parameter_invalid", param, why: `Invalid ${param}: ${why}` });

/** A whole number between the bounds, also as digits in a string. */
export function integer(min: number, max: number, tooLarge?: Refusal) {
  return checked({ type: "integer", minimum: min, maximum: max }, (value) => {
    if (value === null || value === "") return { refuse: missing };
    const text = typeof value === "object" || typeof value === "boolean" ? "" : String(value);
    const refuse = (why: string) => ({
      refuse: (param: string): Failure => ({ kind: "parameter_invalid_integer", param, why }),
    });
    if (!/^-?[0-9]{1,15}$/.test(text)) return refuse("Invalid integer. Send a whole number.");
    const number = Number(text);
    if (number < min) return refuse(`This value must be greater than or equal to ${min}.`);
    if (number <= max) return { value: number };
    return tooLarge === undefined
      ? refuse(`This value must be less than or equal to ${max}.`)
      : { refuse: tooLarge };
  });
}

/** An amount in the currency's minor unit. */
export const amount = integer(AMOUNT_MIN, AMOUNT_MAX, (param) => ({
  kind: "amount_too_large",
  param,
  max: AMOUNT_MAX,
}));

export const currency = checked(
  { type: "string", pattern: "^[A-Za-z]{3}$", description: "ISO 4217 code", examples: ["usd"] },
  (value) => {
    const code = typeof value === "string" ? value.toLowerCase() : "";
    if (code === "") return { refuse: missing };
    return isCurrency(code)
      ? { value: code }
      : { refuse: invalid("not a currency Tessera charges in. Use a three-letter ISO code.") };
  },
);

/** Sums by currency, in its minor units: `name[usd]=30`. */
export const sums = (max: number) =>
  z.record(z.string(), integer(0, max)).transform((given, ctx) => {
    const kept: Record<string, number> = {};
    for (const [name, sum] of Object.entries(given)) {
      const code = name.toLowerCase();
      if (!isCurrency(code)) {
        const failure = invalid("not a currency Tessera charges in.");
        ctx.addIssue({ code: "custom", path: [name.slice(0, 10)], params: { failure } });
      } else if (sum > 0) kept[code] = sum;
    }
    return kept;
  });

export const flag = checked({ type: "boolean" }, (value) => {
  if (value === true || value === "true") return { value: true };
  if (value === false || value === "false") return { value: false };
  return { refuse: invalid("must be true or false.") };
});

// PostgreSQL keeps neither null characters nor halves of surrogate pairs, so they stop here.
const isStorable = (given: string): boolean => !given.includes("\u0000") && given.isWellFormed();
const UNSTORABLE = "must not hold null characters or halves of characters.";

/** Text of at most `max` characters; "" counts as absent. */
export function text(max: number) {
  return checked<string | undefined>({ type: "string", maxLength: max }, (value) => {
    if (value === null || value === "") return { value: undefined };
    if (typeof value === "object") return { refuse: invalid("must be a string.") };
    const given = String(value);
    if (given.length > max) return { refuse: invalid(`must be at most ${max} characters.`) };
    if (!isStorable(given)) return { refuse: invalid(UNSTORABLE) };
    return { value: given };
  });
}

/** One of these words; "" counts as absent. */
export function choice<T extends string>(...words: readonly T[]) {
  return checked<T | undefined>({ type: "string", enum: words }, (value) => {
    if (value === null || value === "") return { value: undefined };
    const word = words.find((known) => known === value);
    return word === undefined
      ? { refuse: invalid(`must be one of ${words.join(", ")}.`) }
      : { value: word };
  });
}

/** One of these words, which must be there. */
export function oneOf<T extends string>(...words: readonly T[]) {
  return checked<T>({ type: "string", enum: words }, (value) => {
    if (value === null || value === "") return { refuse: missing };
    const word = words.find((known) => known === value);
    return word === undefined
      ? { refuse: invalid(`must be one of ${words.join(", ")}.`) }
      : { value: word };
  });
}

/** Text that may be unset: "" and null become null. */
export function unsettable(max: number) {
  return text(max).transform((value) => value ?? null);
}

/** Text that must be there. */
export const required = (max: number) =>
  checked<string>({ type: "string", minLength: 1, maxLength: max }, (value) => {
    if (value === "" || value === null) return { refuse: missing };
    if (typeof value === "object") return { refuse: invalid("must be a string.") };
    const given = String(value);
    if (given.length > max) return { refuse: invalid(`must be at most ${max} characters.`) };
    return isStorable(given) ? { value: given } : { refuse: invalid(UNSTORABLE) };
  });

/** Key-value pairs; an empty value unsets its key, an empty string all of them. */
export const metadata = checked<Record<string, string | null> | null>(
  {
    type: "object",
    maxProperties: METADATA_KEYS_MAX,
    propertyNames: { maxLength: METADATA_KEY_MAX },
    additionalProperties: { type: "string", maxLength: METADATA_VALUE_MAX },
  },
  (value) => {
    if (value === "" || value === null) return { value: null };
    if (typeof value !== "object" || isSentAsList(value)) {
      return { refuse: invalid("must be an object of strings.") };
    }
    const pairs: Record<string, string | null> = {};
    const entries = Object.entries(value);
    if (entries.length > METADATA_KEYS_MAX) return { refuse: invalid("at most 50 keys.") };
    for (const [key, inner] of entries) {
      if (key.length > METADATA_KEY_MAX)
        return { refuse: invalid("keys have at most 40 characters.") };
      if (typeof inner === "object" && inner !== null)
        return { refuse: invalid("values must be strings.") };
      const given = String(inner ?? "");
      if (given.length > METADATA_VALUE_MAX)
        return { refuse: invalid("values have at most 500 characters.") };
      if (!isStorable(key) || !isStorable(given)) return { refuse: invalid(UNSTORABLE) };
      pairs[key] = given === "" ? null : given;
    }
    return { value: pairs };
  },
);

/** Metadata of something new: what would be unset is simply not there. */
export const setMetadata = (pairs: Record<string, string | null> | null | undefined) =>
  pairs == null
    ? undefined
    : Object.fromEntries(
        Object.entries(pairs).filter((pair): pair is [string, string] => pair[1] !== null),
      );

/** A list of at most `count` texts in any dialect of arrays; "" counts as absent, and so does an empty item. */
export function texts(count: number, max: number) {
  const item = { type: "string", maxLength: max };
  return checked<readonly string[] | undefined>(
    { type: "array", maxItems: count, items: item },
    (value) => {
      if (value === "" || value === null) return { value: undefined };
      const names = typeof value === "object" ? Object.keys(value) : ["none"];
      if (names.some((name) => !/^[0-9]{1,9}$/.test(name))) {
        return { refuse: invalid("must be an array, as in a[]=x or a[0]=x.") };
      }
      if (names.length > count) return { refuse: invalid(`at most ${count} of them.`) };
      const items: unknown[] = Object.values(value as object).filter((text) => text !== "");
      const isText = (text: unknown): text is string =>
        typeof text === "string" && text.length <= max && isStorable(text);
      return items.every(isText)
        ? { value: items }
        : { refuse: invalid(`must be an array of strings of at most ${max} characters.`) };
    },
  );
}

/** More paths than any answer has fields worth expanding. */
const EXPAND_MAX = 50;
/** Four levels of the longest names. */
const EXPAND_CHARACTERS_MAX = 200;

/** Paths to expand; expand.ts says which a route knows. */
export const expand = texts(EXPAND_MAX, EXPAND_CHARACTERS_MAX);

const cardText = (max: number) => text(max).optional();

/** Card fields as typed. The vault judges them; here they are only told from everything else. */
export const typedCard = z
  .strictObject({
    object: cardText(10),
    number: required(50),
    exp_month: required(4),
    exp_year: required(4),
    cvc: cardText(10),
    name: cardText(200),
    address_line1: cardText(200),
    address_line2: cardText(200),
    address_city: cardText(100),
    address_state: cardText(100),
    address_zip: cardText(20),
    address_country: cardText(2),
  })
  .transform(
    (c): TypedCard => ({
      number: c.number,
      exp_month: c.exp_month,
      exp_year: c.exp_year,
      ...(c.cvc === undefined ? {} : { cvc: c.cvc }),
      ...(c.name === undefined ? {} : { name: c.name }),
      ...(c.address_line1 === undefined ? {} : { address_line1: c.address_line1 }),
      ...(c.address_zip === undefined ? {} : { address_zip: c.address_zip }),
    }),
  );

/** Longer than any id; what is refused is remembered with its name, so the name must be short. */
const SOURCE_MAX = 100;

/** A token or card id, or the fields of a card. */
export const source = z
  .unknown()
  .transform((value, ctx): string | TypedCard => {
    if (typeof value !== "object" || value === null) {
      const id = text(SOURCE_MAX).safeParse(value ?? "");
      if (id.success && id.data !== undefined) return id.data;
      if (id.success) ctx.addIssue({ code: "custom", params: { failure: missing } });
      else
        for (const issue of id.error.issues)
          ctx.issues.push({ ...issue, input: undefined } as never);
      return z.NEVER;
    }
    const parsed = typedCard.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues)
      ctx.issues.push({ ...issue, input: undefined } as never);
    return z.NEVER;
  })
  .meta({
    // Made when it is asked for: no payment waits for a description.
    get anyOf() {
      const { $schema: _, ...card } = z.toJSONSchema(typedCard, { io: "input" });
      return [
        { type: "string", minLength: 1, maxLength: SOURCE_MAX, examples: ["tok_visa"] },
        { ...card, title: "Card fields" },
      ];
    },
  });

const PAGE_MAX = 100;
const PAGE_DEFAULT = 10;

const TIME_MAX = 99_999_999_999;
const time = integer(0, TIME_MAX);
const timeShape = { type: "integer", minimum: 0, maximum: TIME_MAX };

/** `created` as one second or as a span. */
export const created = z
  .unknown()
  .transform((value, ctx) => {
    if (typeof value === "object" && value !== null) {
      const span = z
        .strictObject({
          gt: time.optional(),
          gte: time.optional(),
          lt: time.optional(),
          lte: time.optional(),
        })
        .safeParse(value);
      if (span.success) {
        const { gt, gte, lt, lte } = span.data;
        const from = Math.max(gt === undefined ? 0 : gt + 1, gte ?? 0);
        const to = Math.min(lt === undefined ? Infinity : lt - 1, lte ?? Infinity);
        return { ...(from > 0 ? { from } : {}), ...(to < Infinity ? { to } : {}) };
      }
      for (const issue of span.error.issues)
        ctx.issues.push({ ...issue, input: undefined } as never);
      return z.NEVER;
    }
    const at = time.safeParse(value);
    if (at.success) return { from: at.data, to: at.data };
    for (const issue of at.error.issues) ctx.issues.push({ ...issue, input: undefined } as never);
    return z.NEVER;
  })
  .meta({
    anyOf: [
      timeShape,
      {
        type: "object",
        properties: Object.fromEntries(["gt", "gte", "lt", "lte"].map((n) => [n, timeShape])),
        additionalProperties: false,
      },
    ],
  });

/** What every list takes. */
export const page = {
  limit: integer(1, PAGE_MAX).optional(),
  starting_after: text(100).optional(),
  ending_before: text(100).optional(),
  expand: expand.optional(),
};

/** The page a list was asked for. */
export const pageOf = (p: {
  limit?: number | undefined;
  starting_after?: string | undefined;
  ending_before?: string | undefined;
}) => ({
  limit: p.limit ?? PAGE_DEFAULT,
  ...(p.starting_after === undefined ? {} : { starting_after: p.starting_after }),
  ...(p.ending_before === undefined ? {} : { ending_before: p.ending_before }),
});

/** The first thing a schema refused, as a failure. */
export function failureOf(error: z.ZodError): Failure {
  const [issue] = error.issues;
  return issue === undefined ? { kind: "internal" } : failureOfIssue(issue, []);
}

function failureOfIssue(issue: z.core.$ZodIssue, within: readonly PropertyKey[]): Failure {
  const path = [...within, ...issue.path];
  const param = nameOf(path);
  if (issue.code === "invalid_union") {
    // The last branch is the object; the others are ways to unset it.
    const inner = issue.errors.at(-1)?.[0];
    if (inner !== undefined) return failureOfIssue(inner, path);
  }
  if (issue.code === "custom") {
    const make = issue.params?.["failure"] as Refusal | undefined;
    return make === undefined
      ? { kind: "parameter_invalid", param, why: issue.message }
      : make(param);
  }
  if (issue.code === "unrecognized_keys") {
    return {
      kind: "parameter_unknown",
      param: nameOf([...path, issue.keys[0] ?? ""]).slice(0, 100),
    };
  }
  return { kind: "parameter_invalid", param, why: `Invalid ${param}: must be an object.` };
}
