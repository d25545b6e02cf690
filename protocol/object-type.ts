// The kinds of objects that the ledger keeps as documents, and how each is named.

import type { ObjectType } from "./facts.ts";
import { idOf, type ObjectPrefix, uuidOf } from "./ids.ts";

/** The prefix of each kind's ids. Those of `charge` and `refund` hold what is changed of one later. */
export const OBJECT_PREFIXES = {
  payment_intent: "pi",
  setup_intent: "seti",
  payment_method: "pm",
  dispute: "dp",
  payout: "po",
  webhook_endpoint: "we",
  charge: "ch",
  refund: "re",
} as const satisfies Record<ObjectType, ObjectPrefix>;

/** What the `parent` of each kind is, where it has one. */
const PARENT_PREFIXES: Partial<Record<ObjectType, ObjectPrefix>> = {
  dispute: "ch",
  refund: "ch",
  setup_intent: "pm",
};

export type ObjectId<T extends ObjectType> = `${(typeof OBJECT_PREFIXES)[T]}_${string}`;

/** Whether this is an id of such an object. */
export const isObjectId = <T extends ObjectType>(type: T, id: string): id is ObjectId<T> =>
  uuidOf(OBJECT_PREFIXES[type], id) !== undefined;

/** The public id of a `uuid` in the column `id`. */
export const objectIdOf = (type: ObjectType, uuid: string): string =>
  idOf(OBJECT_PREFIXES[type], uuid);

/** The public id of a `uuid` in the column `parent`. */
export function parentIdOf(type: ObjectType, uuid: string): string {
  const prefix = PARENT_PREFIXES[type];
  if (prefix === undefined) throw new Error(`Bug: a ${type} has no parent`);
  return idOf(prefix, uuid);
}

/** And back. */
export function parentUuidOf(type: ObjectType, id: string): string | undefined {
  const prefix = PARENT_PREFIXES[type];
  return prefix === undefined ? undefined : uuidOf(prefix, id);
}
