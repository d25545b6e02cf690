// The parameters of a request as one tree, whether they came as a form, as JSON, in the query, or both
// (Stripe v1: POST parameters may stand in either). Trees have no prototype, so no key is special.

import { readAtMost } from "../../protocol/body.ts";
import type { Failure } from "../../protocol/failure.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { parseJson } from "./json.ts";

export type Tree = { [name: string]: Value };
export type Value = string | number | boolean | null | Tree;

/** Largest request body; the longest legal one (50 metadata values and addresses) is about 40 KiB. */
export const BODY_BYTES_MAX = 64 * 1024;
/** `a[b][c][d]`; Stripe nests no deeper than this in any card call. */
const DEPTH_MAX = 6;
/** More parameters than any route has. */
const PARAMETERS_MAX = 512;
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);

const malformed = (why: string): Result<never, Failure> => refuse({ kind: "body_malformed", why });

/** Reads the bytes of a body without ever holding more than the limit of it. */
export async function readBytes(
  request: Request,
  maxBytes: number,
): Promise<Result<Uint8Array, Failure>> {
  try {
    const bytes = await readAtMost(maxBytes, request);
    return bytes === undefined ? refuse({ kind: "body_too_large", maxBytes }) : ok(bytes);
  } catch {
    return malformed("The request body ended before its end, or its chunks are malformed.");
  }
}

/** Reads the text of a body, within the limit of one. */
export async function readBody(request: Request): Promise<Result<string, Failure>> {
  if (request.body === null) return ok("");
  const bytes = await readBytes(request, BODY_BYTES_MAX);
  if (!bytes.ok) return bytes;
  try {
    return ok(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes.value));
  } catch {
    return malformed("The request body is not UTF-8.");
  }
}

/** Query and body merged; a parameter given in both must not differ in kind. */
export function parseParameters(
  query: URLSearchParams,
  body: string,
  contentType: string,
): Result<Tree, Failure> {
  const tree: Tree = Object.create(null) as Tree;
  const fromQuery = addPairs(tree, query);
  if (!fromQuery.ok || body === "") return fromQuery;
  if (/^application\/json\b/i.test(contentType)) return addJson(tree, body);
  if (contentType === "" || /^application\/x-www-form-urlencoded\b/i.test(contentType)) {
    return addPairs(tree, new URLSearchParams(body));
  }
  return malformed(
    "Send the body as application/x-www-form-urlencoded or application/json, and say so in Content-Type.",
  );
}

function addPairs(tree: Tree, pairs: URLSearchParams): Result<Tree, Failure> {
  if (pairs.size > PARAMETERS_MAX) return malformed(`More than ${PARAMETERS_MAX} parameters.`);
  for (const [name, value] of pairs) {
    const path = pathOf(name);
    if (path === undefined) return malformed("A parameter name is not of the form a[b][c].");
    const placed = place(tree, path, value);
    if (!placed.ok) return placed;
  }
  return ok(tree);
}

function pathOf(name: string): string[] | undefined {
  const open = name.indexOf("[");
  if (open < 0) return name === "" || name.includes("]") ? undefined : [name];
  const head = name.slice(0, open);
  if (head === "" || head.includes("]") || !name.endsWith("]")) return undefined;
  const rest = name.slice(open + 1, -1).split("][");
  return rest.some((part) => /[[\]]/.test(part)) ? undefined : [head, ...rest];
}

function place(tree: Tree, path: readonly string[], value: string): Result<Tree, Failure> {
  if (path.length > DEPTH_MAX) return malformed(`Parameters nest deeper than ${DEPTH_MAX}.`);
  let at = tree;
  for (const [i, part] of path.entries()) {
    const name = part === "" ? nextName(at, path.slice(i + 1)) : part;
    if (part === "") lists.add(at);
    if (FORBIDDEN.has(name)) return malformed("A parameter has a forbidden name.");
    const there = at[name];
    if (i === path.length - 1) {
      if (there !== undefined && isTree(there))
        return malformed("A parameter is both a value and an object.");
      at[name] = value;
    } else if (there === undefined) {
      const next = Object.create(null) as Tree;
      at[name] = next;
      at = next;
    } else if (isTree(there)) {
      at = there;
    } else {
      return malformed("A parameter is both a value and an object.");
    }
  }
  return ok(tree);
}

/** Trees that were sent as lists: `a[]=x`, or an array of JSON. */
const lists = new WeakSet<Tree>();

/** Whether a tree was sent as a list, and so as no object; in the dialect `a[0]=x` nobody can tell. */
export const isSentAsList = (tree: object): boolean => lists.has(tree as Tree);

// `a[]=x` appends: its name is the number after the last, as in the indexed dialect `a[0]=x`. `a[][b]=x`
// goes on with the last item until that has a `b`.
function nextName(list: Tree, within: readonly string[]): string {
  const last = Object.keys(list).reduce(
    (most, name) => (/^[0-9]{1,9}$/.test(name) ? Math.max(most, Number(name)) : most),
    -1,
  );
  const item = list[String(last)];
  const goesOn = item !== undefined && isTree(item) && within.length > 0 && !holds(item, within);
  return String(goesOn ? last : last + 1);
}

// A list within takes more at any time.
function holds(tree: Tree, [part = "", ...within]: readonly string[]): boolean {
  const there = part === "" ? undefined : tree[part];
  if (there === undefined) return false;
  return within.length === 0 || !isTree(there) || holds(there, within);
}

function addJson(tree: Tree, body: string): Result<Tree, Failure> {
  const json = parseJson(body);
  if (json === undefined) {
    return malformed("The request body is not valid JSON, or has a name twice in one object.");
  }
  const parsed = json.value;
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return malformed("The JSON body must be an object.");
  }
  const copied = copy(parsed, 1, { left: PARAMETERS_MAX });
  if (!copied.ok) return copied;
  const fromBody = copied.value as Tree;
  for (const [name, value] of Object.entries(fromBody)) {
    const inQuery = tree[name];
    if (inQuery !== undefined && isTree(inQuery) !== isTree(value)) {
      return malformed("A parameter is both a value and an object.");
    }
    tree[name] = value;
  }
  return ok(tree);
}

const isTree = (value: Value): value is Tree => typeof value === "object" && value !== null;

// Arrays become trees with numbers for names, which is what they are in the form dialect.
function copy(value: unknown, depth: number, count: { left: number }): Result<Value, Failure> {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return ok(value);
  if (typeof value === "number")
    return Number.isFinite(value) ? ok(value) : malformed("A number is out of range.");
  if (depth > DEPTH_MAX) return malformed(`Parameters nest deeper than ${DEPTH_MAX}.`);
  const tree = Object.create(null) as Tree;
  if (Array.isArray(value)) lists.add(tree);
  for (const [name, inner] of Object.entries(value as object)) {
    if (FORBIDDEN.has(name)) return malformed("A parameter has a forbidden name.");
    if (--count.left < 0) return malformed(`More than ${PARAMETERS_MAX} parameters.`);
    const copied = copy(inner, depth + 1, count);
    if (!copied.ok) return copied;
    tree[name] = copied.value;
  }
  return ok(tree);
}

/** `["a", "b"]` as `a[b]`, the way parameters are named in errors. */
export const nameOf = (path: readonly PropertyKey[]): string =>
  path.map((part, i) => (i === 0 ? String(part) : `[${String(part)}]`)).join("");

/** The same tree gives the same text however it was sent: names sorted, values as strings. */
export function canonical(value: Value): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(String(value ?? ""));
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name] ?? "")}`).join(",")}}`;
}
