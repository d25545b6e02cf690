// API keys that prove themselves: a key carries its kind, mode and account and a MAC over them, so the
// edge needs no look-up before it knows who calls. Revocation and limits are answered by the shard.
// Form: <kind>_<test|live>_[sealed_]<account 16><serial 6>[permissions 11]<MAC 22>, the numbers in base62;
// permissions are in a restricted key and in no other.

import { encodeBase62 } from "./base62.ts";
import { equalBytes } from "./constant-time.ts";
import { type AccountId, parseAccountId } from "./ids.ts";
import { decodePermissions, encodePermissions, type Permission } from "./permission.ts";
import { assert, ok, type Result, refuse } from "./result.ts";
import { versionsOf } from "./secret.ts";

export type KeyKind = "platform" | "secret" | "restricted" | "publishable";

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
};

export type KeyFailure = "malformed" | "forged";

const PREFIX: Record<KeyKind, string> = {
  platform: "platform",
  secret: "sk",
  restricted: "rk",
  publishable: "pk",
};
const KINDS: Record<string, KeyKind> = {
  platform: "platform",
  sk: "secret",
  rk: "restricted",
  pk: "publishable",
};
const FORM =
  /^(sk|rk|pk|platform)_(test|live)_(sealed_)?([0-9A-Za-z]{16})([0-9A-Za-z]{6})([0-9A-Za-z]{11})?([0-9A-Za-z]{22})$/;
const MAC_BYTES = 16; // 128 bits of HMAC-SHA-256: RFC 2104 §5 allows truncation to half
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
  },
  secret: string,
): Promise<string> {
  const { kind, account, serial = FIRST_SERIAL, permissions } = of;
  assert((kind === "restricted") === (permissions !== undefined), "restricted keys say to what");
  const mode = of.livemode ? "live" : "test";
  const mark = of.sealedOnly === true ? "sealed_" : "";
  const granted = permissions === undefined ? "" : encodePermissions(permissions);
  const head = `${PREFIX[kind]}_${mode}_${mark}${account}${serial}${granted}`;
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
  if ((kind === "restricted") !== (granted !== undefined)) return refuse("malformed");
  const head = text.slice(0, -mac.length);
  const presented = encoder.encode(mac);
  for (const key of keys) {
    if (!equalBytes(presented, encoder.encode(await tag(head, key)))) continue;
    const sealedOnly = mark !== undefined;
    const permissions = granted === undefined ? undefined : decodePermissions(granted);
    return ok({ kind, livemode: mode === "live", account: id, sealedOnly, serial, permissions });
  }
  return refuse("forged");
}

/**
 * What may be written down of a key that was refused, whatever was sent as one: its kind, and four characters more;
 * enough to know one's own by, and none of a card's middle.
 */
export const keyPrefixOf = (text: string | undefined): string =>
  /^(?:sk|rk|pk|platform)_(?:test|live)_(?:sealed_)?[0-9A-Za-z]{0,4}/.exec(text ?? "")?.[0] ??
  "none";

async function tag(head: string, key: CryptoKey): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(head));
  let hex = "0x";
  for (const byte of new Uint8Array(mac, 0, MAC_BYTES)) hex += byte.toString(16).padStart(2, "0");
  return encodeBase62(BigInt(hex), 22);
}
