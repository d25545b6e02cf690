// Stripe's search query language: `field:"value"`, `field~"part"`, `field>1`, `metadata["key"]:"value"`, a minus
// before a clause negates it, null stands for what is not there, and clauses are joined by AND or by OR, never by both.
// Parsed here and checked against what each resource can be searched for; compiled to SQL in origin/search.ts.
// Pure. Source: docs.stripe.com/search.

import { ok, type Result, refuse } from "./result.ts";

export type SearchResource = "charge" | "customer" | "payment_intent";

/** `text` is compared whole, `token` also by parts, `number` also by order, `flag` is true or false. */
type FieldKind = "text" | "token" | "number" | "time" | "flag";

export const SEARCH_FIELDS: Readonly<Record<SearchResource, Readonly<Record<string, FieldKind>>>> =
  {
    charge: {
      amount: "number",
      "billing_details.address.postal_code": "token",
      created: "time",
      currency: "text",
      customer: "text",
      disputed: "flag",
      "payment_method_details.card.brand": "text",
      "payment_method_details.card.exp_month": "number",
      "payment_method_details.card.exp_year": "number",
      "payment_method_details.card.fingerprint": "text",
      "payment_method_details.card.last4": "text",
      refunded: "flag",
      status: "text",
    },
    customer: { created: "time", email: "token", name: "token", phone: "token" },
    payment_intent: {
      amount: "number",
      created: "time",
      currency: "text",
      customer: "text",
      status: "text",
    },
  };

export type SearchOperator = ":" | "~" | ">" | "<" | ">=" | "<=";

export type SearchClause = {
  readonly negated: boolean;
  readonly operator: SearchOperator;
  /** A field of `SEARCH_FIELDS`, or a key of the metadata. */
  readonly field: string;
  readonly metadata: boolean;
  readonly value: string | number | boolean | null;
};

export type Search = {
  readonly join: "and" | "or";
  readonly clauses: readonly SearchClause[];
};

/** Stripe's limits: clauses of one query, and characters of it. */
export const SEARCH_CLAUSES_MAX = 10;
export const SEARCH_CHARACTERS_MAX = 1000;
/** Rows that one page of a search looks at: some 50 ms, once PostgreSQL has statistics of the tables. */
export const SEARCH_ROWS_MAX = 10_000;
/** A part of a text that is looked for. */
const PART_CHARACTERS_MIN = 3;

const TOKEN =
  /\s*(?:(-)?(metadata\s*\[\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\]|[A-Za-z_][\w.]*)\s*(>=|<=|[:~><])\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+))/y;
const JOIN = /\s+(AND|OR)(?=\s)|\s+(?=\S)/iy;

/** A query as clauses; refused with a sentence that says what is wrong with it. */
export function parseSearch(resource: SearchResource, query: string): Result<Search, string> {
  if (query.length > SEARCH_CHARACTERS_MAX) {
    return refuse(`A query has at most ${SEARCH_CHARACTERS_MAX} characters.`);
  }
  const text = query.trimEnd();
  const clauses: SearchClause[] = [];
  let join: Search["join"] | undefined;
  let at = 0;
  for (;;) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (found === null) return refuse(unreadable(text.slice(at)));
    const clause = clauseOf(resource, found);
    if (!clause.ok) return clause;
    clauses.push(clause.value);
    if (clauses.length > SEARCH_CLAUSES_MAX) {
      return refuse(`A query has at most ${SEARCH_CLAUSES_MAX} clauses.`);
    }
    at = TOKEN.lastIndex;
    if (at === text.length) return ok({ join: join ?? "and", clauses });
    JOIN.lastIndex = at;
    const between = JOIN.exec(text);
    if (between === null) return refuse(unreadable(text.slice(at)));
    const word = between[1]?.toLowerCase() === "or" ? "or" : "and";
    if (join !== undefined && join !== word) {
      return refuse("AND and OR cannot be mixed in one query. Search twice instead.");
    }
    join = word;
    at = JOIN.lastIndex;
  }
}

function unreadable(rest: string): string {
  const shown = rest.trim().slice(0, 30);
  return shown === ""
    ? 'The query is empty or ends in the middle. Write clauses such as status:"succeeded".'
    : `The query cannot be read at ${JSON.stringify(shown)}. Write clauses such as status:"succeeded", joined by AND or OR.`;
}

function clauseOf(
  resource: SearchResource,
  [, minus, name = "", double, single, operator, literal = ""]: RegExpExecArray,
): Result<SearchClause, string> {
  const metadata = name.startsWith("metadata");
  const key = double ?? single;
  if (metadata && key === undefined) {
    return refuse('Metadata is searched by key: metadata["order"]:"7".');
  }
  const field = key === undefined ? name : unescaped(key);
  const kind = metadata ? "token" : kindOf(resource, field);
  if (kind === undefined) {
    const known = Object.keys(SEARCH_FIELDS[resource]).join(", ");
    return refuse(`${field.slice(0, 60)} cannot be searched. These can: ${known}, metadata.`);
  }
  const of = {
    negated: minus !== undefined,
    operator: operator as SearchOperator,
    field,
    metadata,
  };
  const value = soughtOf(kind, of, literal);
  return value.ok ? ok({ ...of, value: value.value }) : value;
}

const kindOf = (resource: SearchResource, field: string): FieldKind | undefined =>
  Object.hasOwn(SEARCH_FIELDS[resource], field) ? SEARCH_FIELDS[resource][field] : undefined;

const unescaped = (text: string): string => text.replace(/\\(.)/g, "$1");

function soughtOf(
  kind: FieldKind,
  { operator, field }: Pick<SearchClause, "operator" | "field">,
  literal: string,
): Result<SearchClause["value"], string> {
  const quoted = /^["']/.test(literal);
  const text = quoted ? unescaped(literal.slice(1, -1)) : literal;
  if (text.includes("\u0000") || !text.isWellFormed()) {
    return refuse("A query must not hold null characters or halves of characters.");
  }
  if (!quoted && text.toLowerCase() === "null") {
    return operator === ":" ? ok(null) : refuse(`null is looked for by ${field}:null only.`);
  }
  const ordered = kind === "number" || kind === "time";
  if (operator === "~" && kind !== "token") {
    return refuse(`${field} is looked for as a whole, with ":".`);
  }
  if (operator !== ":" && operator !== "~" && !ordered) {
    return refuse(`${field} has no order: use ":"${kind === "token" ? ' or "~"' : ""}.`);
  }
  if (ordered) {
    return /^-?[0-9]{1,15}$/.test(text)
      ? ok(Number(text))
      : refuse(`${field} is compared with a whole number.`);
  }
  if (kind === "flag") {
    return text === "true" || text === "false"
      ? ok(text === "true")
      : refuse(`${field} is "true" or "false".`);
  }
  if (!quoted) return refuse(`The value of ${field} is a text: write it in quotes.`);
  return operator === "~" && text.length < PART_CHARACTERS_MIN
    ? refuse(`A part of a text has at least ${PART_CHARACTERS_MIN} characters.`)
    : ok(text);
}
