// A request's claim: its key, its route, and a keyed MAC of its parameters without card data (a plain
// hash of them would be an unkeyed hash of a card number, PCI DSS 3.5.1.1).

import { importMacKeys, type KeyKind } from "../../protocol/api-key.ts";
import type { Claim } from "../../protocol/command.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { RequestId } from "../../protocol/ids.ts";
import { looksLikePan } from "../../protocol/pan-detection.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { withoutCard } from "./disclosure.ts";
import { canonical, type Tree } from "./parameters.ts";

/** Stripe's limit, and the characters that no header changes on its way. */
export const IDEMPOTENCY_KEY = { charactersMax: 255, form: /^[\x21-\x7e]+$/ } as const;
/** Keys made here begin so; a caller's may not, lest it meets one. */
const OURS = "tessera-";
const MAC_BYTES = 16;

let imported: { readonly secret: string; readonly keys: Promise<CryptoKey[]> } | undefined;

/** The caller's idempotency key as sent, checked. */
export function parseKey(header: string | null): Result<string | undefined, Failure> {
  if (header === null) return ok(undefined);
  const invalid = (why: string) => refuse<Failure>({ kind: "idempotency_key_invalid", why });
  if (header === "") return invalid("The idempotency key is empty. Leave the header out instead.");
  if (header.length > IDEMPOTENCY_KEY.charactersMax) {
    return invalid(
      `The idempotency key is longer than ${IDEMPOTENCY_KEY.charactersMax} characters.`,
    );
  }
  if (!IDEMPOTENCY_KEY.form.test(header)) {
    return invalid("The idempotency key may hold printable ASCII characters and no spaces.");
  }
  if (header.startsWith(OURS)) return invalid(`Keys that begin with ${OURS} are reserved.`);
  return looksLikePan(header)
    ? refuse({ kind: "pan_detected", param: "Idempotency-Key" })
    : ok(header);
}

/** A claim as the edge makes it, with the MACs of the same parameters under other versions of the secret. */
export type VersionedClaim = Claim & { readonly otherMacs: readonly string[] };

/**
 * What makes this request itself; one without a key gets ours, so that internal retries are safe. `shapes`
 * are those of its version where they are not ours: an answer is never replayed in others.
 */
export async function claimOf(
  request: {
    readonly id: RequestId;
    readonly key: string | undefined;
    readonly of: KeyKind;
  },
  operation: string,
  params: Tree,
  secret: string,
  shapes?: string,
): Promise<VersionedClaim> {
  if (imported?.secret !== secret) imported = { secret, keys: importMacKeys(secret) };
  const asked = `${operation}\n${canonical(withoutCard(params))}`;
  const text = new TextEncoder().encode(shapes === undefined ? asked : `${asked}\n${shapes}`);
  const keys = await imported.keys;
  const [mac = "", ...otherMacs] = await Promise.all(keys.map((key) => macOf(text, key)));
  const { id, of } = request;
  const sent = request.key ?? `${OURS}${id}`;
  // Whoever reads a key in a page or an app cannot take one that the merchant's server is about to use; nor does
  // the platform, which speaks of the same merchant.
  const isOutside = of === "publishable" || of === "ephemeral" || of === "platform";
  const key = isOutside ? `${OURS}${of}/${sent}` : sent;
  return { key, operation, mac, request: id, otherMacs };
}

async function macOf(text: Uint8Array, key: CryptoKey): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", key, text);
  let hex = "";
  for (const byte of new Uint8Array(mac, 0, MAC_BYTES)) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
