// Who calls: an API key in `Authorization: Bearer`, as the user of Basic (curl -u), or, from a browser,
// in the form field `key`. A key proves itself, so nothing is looked up here.

import { type ApiKey, importMacKeys, type KeyKind, verifyApiKey } from "../../protocol/api-key.ts";
import type { Failure } from "../../protocol/failure.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";

/** Which keys a route takes. */
export type Access = KeyKind;

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

export async function authenticate(
  text: string | undefined,
  access: Access,
  secret: string,
  fromBrowser: boolean,
): Promise<Result<ApiKey, Failure>> {
  if (text === undefined) return refuse({ kind: "key_missing" });
  if (imported?.secret !== secret) imported = { secret, keys: importMacKeys(secret) };
  const verified = await verifyApiKey(text, ...(await imported.keys));
  if (!verified.ok) return refuse(invalidKey(text));
  const { kind } = verified.value;
  if (kind !== "publishable" && fromBrowser) return refuse({ kind: "key_secret_in_browser" });
  if (access === "platform" && kind !== "platform") return refuse({ kind: "key_not_platform" });
  if (access !== "platform" && kind === "platform") {
    return refuse(invalidKey(text));
  }
  if (access === "secret" && kind === "publishable") return refuse({ kind: "key_publishable" });
  return ok(verified.value);
}

/** What is said of a key that opens nothing, for whatever reason it does. */
export const invalidKey = (text: string): Failure => ({ kind: "key_invalid", shown: masked(text) });

/** Enough of a key to recognize it, too little to use it. */
function masked(text: string): string {
  const head = /^[a-z]{1,10}_(?:test|live)_/.exec(text)?.[0] ?? "";
  return `${head}****${text.length > 24 ? text.slice(-4).replace(/[^0-9A-Za-z]/g, "*") : ""}`;
}
