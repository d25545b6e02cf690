// API keys that prove themselves: a key carries its kind, mode and account and a MAC over them, so the
// edge needs no look-up before it knows who calls. Revocation and limits are answered by the shard.
// Form: <kind>_<test|live>_[sealed_]<account 16><serial 6>[what it may]<MAC 22>, the numbers in base62. What a
// key may stands in a restricted one (permissions 11) and an ephemeral one (customer 22, end 7), in no other.

import { decodeBase62, encodeBase62 } from "./base62.ts";
import { equalBytes } from "./constant-time.ts";
import { type AccountId, type CustomerId, parseAccountId, uuidOf } from "./ids.ts";
import {
  decodePermissions,
  encodePermissions,
  PERMISSION_CHARACTERS,
  type Permission,
} from "./permission.ts";
import { assert, ok, type Result, refuse } from "./result.ts";
import { versionsOf } from "./secret.ts";

export type KeyKind = "platform" | "secret" | "restricted" | "ephemeral" | "publishable";

export type ApiKey = {
  readonly kind: KeyKind;
  readonly livemode: boolean;
  readonly account: AccountId;
  /** Whether the account takes no card but a sealed one; all keys of an account say the same. */
  readonly sealedOnly: boolean;
  /** Tells several keys of one account apart. */
  readonly serial: string;
  /** All that a restricted key may do; undefined when its kind alone says what a key may. */
  readonly permissions: ReadonlySet<Permission> | undefined;
  /** Whom an ephemeral key is of, and until when. */
  readonly only?: OnlyFor;
};

/** A customer, and the unix second from which on a key opens nothing. */
export type OnlyFor = { readonly customer: CustomerId; readonly expires: number };

export type KeyFailure = "malformed" | "forged";

const PREFIX: Record<KeyKind, string> = {
  platform: "platform",
  secret: "sk",
  restricted: "rk",
  ephemeral: "ek",
  publishable: "pk",
};
const KINDS: Record<string, KeyKind> = {
  platform: "platform",
  sk: "secret",
  rk: "restricted",
  ek: "ephemeral",
  pk: "publishable",
};
const FORM =
  /^(sk|rk|ek|pk|platform)_(test|live)_(sealed_)?([0-9A-Za-z]{16})([0-9A-Za-z]{6})([0-9A-Za-z]{11}|[0-9A-Za-z]{29})?([0-9A-Za-z]{22})$/;
const MAC_BYTES = 16; // 128 bits of HMAC-SHA-256: RFC 2104 §5 allows truncation to half
/** Base62 characters of a customer's number, and of a time in seconds: enough for 100,000 years. */
const CUSTOMER_CHARACTERS = 22;
const EXPIRES_CHARACTERS = 7;
/** The characters of what a key may. */
const GRANT_CHARACTERS: Partial<Record<KeyKind, number>> = {
  restricted: PERMISSION_CHARACTERS,
  ephemeral: CUSTOMER_CHARACTERS + EXPIRES_CHARACTERS,
};
/** What an ephemeral key may, of its customer alone. */
const OF_CUSTOMER: ReadonlySet<Permission> = new Set(["customer_read", "payment_method_write"]);
const encoder = new TextEncoder();
/** The account that platform keys are of. */
export const PLATFORM_ACCOUNT = "0000000000000000";
export const FIRST_SERIAL = "000001";

/** The keys of a base64url secret for HMAC-SHA-256, one for each version, the current one first. */
export function importMacKeys(secret: string): Promise<CryptoKey[]> {
  return Promise.all(versionsOf(secret).map(importVersion));
}

/** The key of a secret's current version. */
export const importMacKey = (secret: string): Promise<CryptoKey> =>
  importVersion(versionsOf(secret)[0]);

function importVersion(version: string): Promise<CryptoKey> {
  const bytes = Uint8Array.from(atob(version.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
    c.charCodeAt(0),
  );
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

/** Makes the key of an account (16 characters, without `acct_`) under a secret's current version. */
export async function mintApiKey(
  of: {
    kind: KeyKind;
    livemode: boolean;
    account: string;
    sealedOnly?: boolean;
    serial?: string;
    /** Of a restricted key, and of no other. */
    permissions?: Iterable<Permission>;
    /** Of an ephemeral key, and of no other. */
    only?: OnlyFor;
  },
  secret: string,
): Promise<string> {
  const { kind, account, serial = FIRST_SERIAL, permissions, only } = of;
  assert((kind === "restricted") === (permissions !== undefined), "restricted keys say to what");
  assert((kind === "ephemeral") === (only !== undefined), "ephemeral keys say of whom");
  const mode = of.livemode ? "live" : "test";
  const mark = of.sealedOnly === true ? "sealed_" : "";
  const granted = only === undefined ? encodePermissions(permissions ?? []) : encodeOnly(only);
  const grant = GRANT_CHARACTERS[kind] === undefined ? "" : granted;
  const head = `${PREFIX[kind]}_${mode}_${mark}${account}${serial}${grant}`;
  return head + (await tag(head, await importMacKey(secret)));
}

/** Who calls with this key, made under any version of the secret (`keys`). */
export async function verifyApiKey(
  text: string,
  ...keys: readonly CryptoKey[]
): Promise<Result<ApiKey, KeyFailure>> {
  const [, prefix = "", mode, mark, account = "", serial = "", granted, mac = ""] =
    FORM.exec(text) ?? [];
  const kind = KINDS[prefix];
  const id = parseAccountId(`acct_${account}`);
  if (kind === undefined || id === undefined) return refuse("malformed");
  if (granted?.length !== GRANT_CHARACTERS[kind]) return refuse("malformed");
  const head = text.slice(0, -mac.length);
  const presented = encoder.encode(mac);
  for (const key of keys) {
    if (!equalBytes(presented, encoder.encode(await tag(head, key)))) continue;
    const sealedOnly = mark !== undefined;
    const may = granted === undefined ? { permissions: undefined } : grantOf(kind, granted);
    return ok({ kind, livemode: mode === "live", account: id, sealedOnly, serial, ...may });
  }
  return refuse("forged");
}

const encodeOnly = ({ customer, expires }: OnlyFor): string =>
  customer.slice("cus_".length) + encodeBase62(BigInt(expires), EXPIRES_CHARACTERS);

/** What a key may by the text in it, which its MAC vouches for. */
function grantOf(kind: KeyKind, text: string): Pick<ApiKey, "permissions" | "only"> {
  if (kind !== "ephemeral") return { permissions: decodePermissions(text) };
  const customer = `cus_${text.slice(0, CUSTOMER_CHARACTERS)}` as const;
  const expires = Number(decodeBase62(text.slice(CUSTOMER_CHARACTERS)) ?? 0n);
  assert(uuidOf("cus", customer) !== undefined, "a key is made of a customer's id");
  return { permissions: OF_CUSTOMER, only: { customer, expires } };
}

/** The tag of another text under the keys' secret, which no key's tag is of: no key begins so. */
export const tagOf = async (text: string, secret: string): Promise<string> =>
  tag(`of:${text}`, await importMacKey(secret));

/** Whether a text has this tag under any version of the secret. */
export async function hasTag(
  text: string,
  presented: string,
  ...keys: readonly CryptoKey[]
): Promise<boolean> {
  const bytes = encoder.encode(presented);
  for (const key of keys) {
    if (equalBytes(bytes, encoder.encode(await tag(`of:${text}`, key)))) return true;
  }
  return false;
}
/**
 * What may be written down of a key that was refused, whatever was sent as one: its kind, and four characters more;
 * enough to know one's own by, and none of a card's middle.
 */
export const keyPrefixOf = (text: string | undefined): string =>
  /^(?:sk|rk|ek|pk|platform)_(?:test|live)_(?:sealed_)?[0-9A-Za-z]{0,4}/.exec(text ?? "")?.[0] ??
  "none";

async function tag(head: string, key: CryptoKey): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(head));
  let hex = "0x";
  for (const byte of new Uint8Array(mac, 0, MAC_BYTES)) hex += byte.toString(16).padStart(2, "0");
  return encodeBase62(BigInt(hex), 22);
}
