// The names of what the API answers with, and how such an object is described. An object is one entry in
// PREFIXES, one file beside this one, and one line in index.ts; the compiler asks for the latter two.

import * as z from "zod";

/** Objects and what their ids begin with; null where an object has none. */
export const PREFIXES = {
  account: "acct",
  api_key: null,
  balance: null,
  balance_transaction: "txn",
  card: "card",
  card_keys: null,
  charge: "ch",
  customer: "cus",
  dispute: "dp",
  ephemeral_key: "ephkey",
  event: "evt",
  payment_intent: "pi",
  // A customer's card is a payment method to whoever asks for one.
  payment_method: "(?:pm|card)",
  payout: "po",
  refund: "re",
  setup_intent: "seti",
  token: "tok",
  webhook_delivery: "whd",
  webhook_endpoint: "we",
  webhook_redelivery: null,
} as const;

export type ObjectName = keyof typeof PREFIXES;

type Plural<Name extends string> = Name extends `${infer Stem}ery` ? `${Stem}eries` : `${Name}s`;

/**
 * What a route answers with: an object, a page of them, what a page in a browser may see of one, or word that
 * one is gone.
 */
export type AnswerName =
  | ObjectName
  | `list of ${Plural<ObjectName>}`
  | `search of ${Plural<ObjectName>}`
  | `public ${ObjectName}`
  | `deleted ${ObjectName}`;

/** `charges` as `charge`. */
export const singular = (plural: string): string =>
  plural.replace(/eries$/, "erys").replace(/s$/, "");

/** How long ids are behind their prefix: accounts 16, an account and a number 25, all else but these 22. */
const CHARACTERS: Partial<Record<ObjectName, string>> = {
  account: "{16}",
  webhook_delivery: "{8}",
  ephemeral_key: "{35}",
  event: "{25,}",
  balance_transaction: "{25,}",
};

/** How an object's id looks, as a regular expression. */
export function idPattern(name: ObjectName): string {
  return `^${PREFIXES[name] ?? ""}_[0-9A-Za-z]${CHARACTERS[name] ?? "{22}"}$`;
}

export const idOf = (name: ObjectName) => z.string().regex(new RegExp(idPattern(name)));

/** All objects by name; what they refer to is looked up here, since they refer to each other in circles. */
export const schemas = z.registry<{ readonly id: string; readonly description?: string }>();
const made = new Map<ObjectName, z.ZodObject>();

/** An object: its id if it has one, its name, and these fields and no others. */
export function object<S extends z.core.$ZodLooseShape>(
  name: ObjectName,
  description: string,
  fields: S,
): z.ZodObject {
  const schema = z.strictObject({
    ...(PREFIXES[name] === null ? {} : { id: idOf(name) }),
    object: z.literal(name),
    ...fields,
  });
  schemas.add(schema, { id: name, description });
  made.set(name, schema);
  return schema;
}

/** Another object in full. */
export const whole = (name: ObjectName): z.ZodType =>
  z.lazy(() => {
    const schema = made.get(name);
    if (schema === undefined) throw new Error(`Bug: ${name} is described nowhere`);
    return schema;
  });

/** Another object by its id, or in full where `expand` asked for it. */
export const linked = (name: ObjectName) => z.union([idOf(name), whole(name)]);

/** As `linked`, of an object that may be deleted. */
export const linkedOrDeleted = (name: ObjectName) =>
  z.union([idOf(name), whole(name), deleted(name)]);

const page = (kind: string, name: ObjectName, fields: z.core.$ZodLooseShape) =>
  z.strictObject({
    object: z.literal(kind),
    data: z.array(whole(name)),
    has_more: z.boolean(),
    ...fields,
  });

const once = new Map<string, z.ZodType>();

function named(id: string, description: string, make: () => z.ZodType): z.ZodType {
  const known = once.get(id);
  if (known !== undefined) return known;
  const schema = make();
  schemas.add(schema, { id, description });
  once.set(id, schema);
  return schema;
}

export const listOf = (name: ObjectName) =>
  named(`${name}_list`, "A page of a list", () => page("list", name, { url: z.string() }));

export const searchOf = (name: ObjectName) =>
  named(`${name}_search`, "A page of what a search found", () =>
    page("search_result", name, { next_page: z.string().nullable(), url: z.string() }),
  );

/** What a publishable key sees of an object: these of its fields, and no others. */
export function publicPart(name: ObjectName, fields: readonly string[]): z.ZodType {
  return named(`public_${name}`, "What a page in a browser sees of it", () => {
    const all = made.get(name)?.shape ?? {};
    return z.strictObject(
      Object.fromEntries(Object.entries(all).filter(([of]) => fields.includes(of))),
    );
  });
}

/** What is left of an object. */
export const deleted = (name: ObjectName) =>
  named(`deleted_${name}`, "What is left of an object", () =>
    z.strictObject({
      // An event about a card that was erased does not even name it.
      id: name === "card" ? idOf(name).nullable() : idOf(name),
      object: z.literal(name),
      ...(name === "card" ? { customer: idOf("customer").nullable().optional() } : {}),
      deleted: z.literal(true),
      effective_at: z
        .int()
        .min(0)
        .optional()
        .meta({ description: "Unix seconds from when on no copy of a store can bring it back" }),
    }),
  );
