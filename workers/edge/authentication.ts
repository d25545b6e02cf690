// Who calls: an API key in `Authorization: Bearer`, as the user of Basic (curl -u), or, from a browser,
// in the form field `key`. A key proves itself, so nothing is looked up here.

import { type ApiKey, importMacKeys, type KeyKind, verifyApiKey } from "../../protocol/api-key.ts";
import type { Failure } from "../../protocol/failure.ts";
import { type Permission, permits } from "../../protocol/permission.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";

/** Which keys a route takes: the platform's, only secret and restricted ones, or publishable ones too. */
export type Access = Exclude<KeyKind, "restricted" | "ephemeral">;

/** What a route asks of who calls. */
export type Demand = {
  readonly access: Access;
  /** What a restricted key must be permitted; null where only the platform may call. */
  readonly permission: Permission | null;
};

/** Where a call comes from, as far as browsers tell. */
export type Origin = "no page" | "own page" | "another page";

let imported: { readonly secret: string; readonly keys: Promise<CryptoKey[]> } | undefined;

/** The key as it was sent, or undefined. */
export function keyText(headers: Headers, fieldKey: string | undefined): string | undefined {
  const header = headers.get("authorization") ?? "";
  const [scheme = "", value = ""] = header.split(" ");
  if (/^bearer$/i.test(scheme) && value !== "") return value;
  if (/^basic$/i.test(scheme)) {
    try {
      return atob(value).split(":")[0] || undefined;
    } catch {
      return undefined;
    }
  }
  return fieldKey;
}

/** Where a request comes from: a page of this very host is ours. */
export function originOf(request: Request): Origin {
  const origin = request.headers.get("origin");
  if (origin === null) return "no page";
  return origin === new URL(request.url).origin ? "own page" : "another page";
}

export async function authenticate(
  text: string | undefined,
  { access, permission }: Demand,
  secret: string,
  from: Origin,
): Promise<Result<ApiKey, Failure>> {
  if (text === undefined) return refuse({ kind: "key_missing" });
  if (imported?.secret !== secret) imported = { secret, keys: importMacKeys(secret) };
  const verified = await verifyApiKey(text, ...(await imported.keys));
  if (!verified.ok) return refuse(invalidKey(text));
  const { kind, only } = verified.value;
  if (only !== undefined && only.expires <= Date.now() / 1000) {
    return refuse({ kind: "key_expired", shown: masked(text) });
  }
  // The dashboard is a page of ours, and its key can do no more than was meant.
  const mayBeInPage =
    kind === "publishable" ||
    kind === "ephemeral" ||
    (kind === "restricted" && from === "own page");
  if (from !== "no page" && !mayBeInPage) return refuse({ kind: "key_secret_in_browser" });
  if (access === "platform" && kind !== "platform") return refuse({ kind: "key_not_platform" });
  if (access !== "platform" && kind === "platform") {
    return refuse(invalidKey(text));
  }
  if (access === "secret" && kind === "publishable") return refuse({ kind: "key_publishable" });
  const missing = permission === null ? undefined : missingIn(verified.value, permission, text);
  return missing === undefined ? ok(verified.value) : refuse(missing);
}

/** The failure that a key lacks a permission, if it does. */
export function missingIn(
  { permissions, account }: ApiKey,
  permission: Permission,
  text: string,
): Failure | undefined {
  return permissions === undefined || permits(permissions, permission)
    ? undefined
    : { kind: "permission_missing", shown: masked(text), account, permission };
}

/** What is said of a key that opens nothing, for whatever reason it does. */
export const invalidKey = (text: string): Failure => ({ kind: "key_invalid", shown: masked(text) });

/** Enough of a key to recognize it, too little to use it. */
function masked(text: string): string {
  const head = /^[a-z]{1,10}_(?:test|live)_/.exec(text)?.[0] ?? "";
  return `${head}****${text.length > 24 ? text.slice(-4).replace(/[^0-9A-Za-z]/g, "*") : ""}`;
}
