// What a restricted key may do, in Stripe's names: for each resource `read`, or `write`, which reads as
// well. The permissions travel inside the key as bits, so a place in the list is for ever.

import { decodeBase62, encodeBase62 } from "./base62.ts";

/** Append only: a resource's place is its two bits in every key there is. At most 32. */
const RESOURCES = [
  "account",
  "balance",
  /** Charges, their captures and refunds. */
  "charge",
  /** Customers and the cards kept for them. */
  "customer",
  "dispute",
  "ephemeral_key",
  "event",
  "payment_intent",
  "payment_method",
  "payout",
  "setup_intent",
  "token",
  "webhook",
] as const;

export type Permission = `${(typeof RESOURCES)[number]}_${"read" | "write"}`;

/** Every permission there is, in the order of its bits. */
export const PERMISSIONS: readonly Permission[] = RESOURCES.flatMap(
  (resource) => [`${resource}_read`, `${resource}_write`] as const,
);

/** Base62 characters that 64 bits take. */
export const PERMISSION_CHARACTERS = 11;
/** Before a permission's name, as Stripe tells it: restricted API key. */
const MARK = "rak_";

/** A permission by its name, with or without `rak_` before it. */
export function parsePermission(text: string): Permission | undefined {
  const name = text.startsWith(MARK) ? text.slice(MARK.length) : text;
  return PERMISSIONS.find((permission) => permission === name);
}

/** A permission as errors name it. */
export const shownPermission = (permission: Permission): string => MARK + permission;

/** Whether one permission is among others: who may write may read. */
export const permits = (granted: ReadonlySet<Permission>, needed: Permission): boolean =>
  granted.has(needed) ||
  (needed.endsWith("_read") && granted.has(needed.replace(/_read$/, "_write") as Permission));

/** Permissions as text inside a key. */
export function encodePermissions(granted: Iterable<Permission>): string {
  let bits = 0n;
  for (const permission of granted) bits |= 1n << BigInt(PERMISSIONS.indexOf(permission));
  return encodeBase62(bits, PERMISSION_CHARACTERS);
}

/** And back; bits that a newer Tessera gave are passed over. */
export function decodePermissions(text: string): ReadonlySet<Permission> {
  const bits = decodeBase62(text) ?? 0n;
  return new Set(PERMISSIONS.filter((_, i) => (bits >> BigInt(i)) & 1n));
}

/** What one must be permitted to see an object of each type. */
const READ: Readonly<Record<string, Permission>> = {
  account: "account_read",
  balance: "balance_read",
  balance_transaction: "balance_read",
  card: "customer_read",
  charge: "charge_read",
  customer: "customer_read",
  dispute: "dispute_read",
  event: "event_read",
  invoice_settings: "customer_read",
  payment_intent: "payment_intent_read",
  payment_method: "payment_method_read",
  payout: "payout_read",
  refund: "charge_read",
  setup_intent: "setup_intent_read",
  token: "token_read",
  webhook_delivery: "webhook_read",
  webhook_endpoint: "webhook_read",
};

/** What one must be permitted to see an object of a type; undefined for what has no permission of its own. */
export const readPermissionOf = (type: string): Permission | undefined =>
  Object.hasOwn(READ, type) ? READ[type] : undefined;
