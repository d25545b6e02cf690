// `expand[]`: paths to fields that are to hold objects instead of their ids. Checked against what a route
// answers with before it is run, so that a bad path undoes nothing; filled in afterwards, level by level,
// each level in one read. Stored answers are not touched: what is filled in is read anew.

import type { Scope } from "../../protocol/command.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { StripeObject } from "../../protocol/object.ts";
import type { FoundRows, Query } from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { type AnswerName, singular } from "./answers/object.ts";
import { EXPANDABLE, type Field, fieldOf } from "./expandable.ts";

/** The fields to expand, and in each what to expand within. */
export type Branch = ReadonlyMap<string, Branch>;

/** Fields that objects of a type hold expanded without being asked. */
export type Embedded = (type: string) => readonly string[];

/** Answers to queries, in their order. */
export type Reader = (queries: readonly Query[]) => Promise<Result<readonly FoundRows[], Failure>>;

/** Stripe's limit: `data.payment_intent.customer.default_source`. */
const DEPTH_MAX = 4;
/** Things read for one answer: a full page, all that is on it, and a level more of one field. */
const LOADS_MAX = 1_000;
/** Queries in one read, so that one statement after another stays within its time. */
const QUERIES_MAX = 200;
const PATH_SHOWN_MAX = 100;

/** What a route says that it answers with. */
type Answers = AnswerName | readonly AnswerName[];

/** What stands at a place of an answer. */
type Place = { readonly list: boolean; readonly types: readonly string[] };

/** `list of balance_transactions` as what it is a list of; what is deleted has no fields. */
export function placeOf(answers: Answers): Place {
  const places = [answers].flat().map((name) => {
    const [, listed] = /^(?:list|search) of (.+)$/.exec(name) ?? [];
    return { list: listed !== undefined, type: listed === undefined ? name : singular(listed) };
  });
  return { list: places.some(({ list }) => list), types: places.map(({ type }) => type) };
}

const refusal = (why: string): Result<never, Failure> =>
  refuse({ kind: "parameter_invalid", param: "expand", why });

/** The paths as a tree, if each can be followed in what a route answers with. */
export function branchOf(paths: readonly string[], answers: Answers): Result<Branch, Failure> {
  const root = new Map<string, Branch>();
  for (const path of paths) {
    const parts = path.split(".");
    const shown = path.slice(0, PATH_SHOWN_MAX);
    if (parts.length > DEPTH_MAX) {
      return refusal(`You cannot expand more than ${DEPTH_MAX} levels of a property (${shown}).`);
    }
    const hint = missingAt(parts, placeOf(answers));
    if (hint !== undefined) return refusal(`This property cannot be expanded (${shown}).${hint}`);
    let at = root;
    for (const part of parts) {
      const within = (at.get(part) ?? new Map()) as Map<string, Branch>;
      at.set(part, within);
      at = within;
    }
  }
  return ok(root);
}

// What may be expanded where the path leads nowhere; undefined when it leads somewhere.
function missingAt(parts: readonly string[], from: Place): string | undefined {
  let at = from;
  for (const [i, part] of parts.entries()) {
    const within = at.list ? undefined : stepInto(at, part);
    if (at.list && part === "data" && i < parts.length - 1) at = { ...at, list: false };
    else if (within !== undefined) at = within;
    else return hintAt(at, part);
  }
  return undefined;
}

function stepInto({ types }: Place, name: string): Place | undefined {
  const fields = types.flatMap((type) => fieldOf(type, name) ?? []);
  if (fields.length === 0) return undefined;
  return { list: fields.some(({ list }) => list), types: fields.flatMap((field) => field.types) };
}

function hintAt(at: Place, name: string): string {
  if (at.list && stepInto(at, name) !== undefined) return ` Try 'data.${name}' instead.`;
  const names = new Set(at.types.flatMap((type) => Object.keys(EXPANDABLE[type] ?? {})));
  const prefix = at.list ? "data." : "";
  return names.size === 0
    ? ""
    : ` These can be: ${Array.from(names, (known) => prefix + known).join(", ")}.`;
}

/** Types of the objects that a branch puts into an answer. */
export function typesIn(branch: Branch, answers: Answers): ReadonlySet<string> {
  const types = new Set<string>();
  const walk = (at: Branch, place: Place): void => {
    for (const [name, within] of at) {
      const inner = place.list ? { ...place, list: false } : stepInto(place, name);
      for (const type of inner?.types ?? []) types.add(type);
      if (inner !== undefined) walk(within, inner);
    }
  };
  walk(branch, placeOf(answers));
  return types;
}

type Visit = {
  readonly object: Record<string, unknown>;
  /** Its own word on its type, or that of the field which it stands in: a part of an object has none. */
  readonly type: unknown;
  readonly branch: Branch;
};
type Step = Visit & {
  readonly name: string;
  readonly field: Field;
  readonly query: Query | undefined;
};

const LEAF: Branch = new Map();
const NOTHING: FoundRows = { rows: [], more: false };

/** An answer with what its branch asks for and what its objects embed. */
export async function expanded(
  answer: StripeObject,
  branch: Branch,
  embedded: Embedded,
  scope: Scope,
  read: Reader,
): Promise<Result<StripeObject, Failure>> {
  let visits: Visit[] = [];
  const root = copied(answer, branch, visits) as StripeObject;
  const known = new Map<string, FoundRows>();
  while (visits.length > 0) {
    const steps = visits.flatMap((visit) => stepsOf(visit, embedded, scope));
    const loaded = await load(steps, known, read);
    if (!loaded.ok) return loaded;
    visits = [];
    for (const { object, name, field, query, branch: within } of steps) {
      const found = (query && known.get(nameOf(query))) ?? NOTHING;
      const value = object[name];
      const becomes = isObject(value) ? value : field.render(found, value, object, scope);
      if (becomes === undefined) continue;
      object[name] = copied(becomes, within, visits, field.types[0]);
    }
  }
  return ok(root);
}

function stepsOf(visit: Visit, embedded: Embedded, scope: Scope): Step[] {
  const { object, type, branch } = visit;
  if (typeof type !== "string" || object["deleted"] === true) return [];
  const names = new Set([...branch.keys(), ...embedded(type)]);
  return Array.from(names).flatMap((name) => {
    // One of several types that a field may hold need not have it.
    const field = fieldOf(type, name);
    if (field === undefined) return [];
    const value = object[name];
    const query = isObject(value) ? undefined : field.query(value, object, scope);
    return [{ ...visit, name, field, query, branch: branch.get(name) ?? LEAF }];
  });
}

async function load(
  steps: readonly Step[],
  known: Map<string, FoundRows>,
  read: Reader,
): Promise<Result<null, Failure>> {
  const wanted = new Map<string, Query>();
  for (const { query } of steps) {
    if (query !== undefined && !known.has(nameOf(query))) wanted.set(nameOf(query), query);
  }
  if (known.size + wanted.size > LOADS_MAX) {
    return refusal(`Expanding this takes more than ${LOADS_MAX} objects. Ask for a shorter page.`);
  }
  const names = [...wanted.keys()];
  const chunks = Array.from({ length: Math.ceil(names.length / QUERIES_MAX) }, (_, i) =>
    names.slice(i * QUERIES_MAX, (i + 1) * QUERIES_MAX),
  );
  const answers = await Promise.all(
    chunks.map((chunk) => read(chunk.flatMap((name) => wanted.get(name) ?? []))),
  );
  for (const [i, answer] of answers.entries()) {
    if (!answer.ok) return answer;
    for (const [j, name] of (chunks[i] ?? []).entries())
      known.set(name, answer.value[j] ?? NOTHING);
  }
  return ok(null);
}

const nameOf = (query: Query): string => JSON.stringify(query);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

// What is changed is a copy, and each object that may be is visited next.
function copied(value: unknown, branch: Branch, visits: Visit[], type?: string): unknown {
  if (!isObject(value)) return value;
  const { data } = value;
  if (Array.isArray(data)) {
    const within = branch.get("data") ?? LEAF;
    return { ...value, data: data.map((item) => copied(item, within, visits)) };
  }
  const object = { ...value };
  visits.push({ object, type: object["object"] ?? type, branch });
  return object;
}
