// The secrets that webhooks are signed with. None is stored: each is derived (HKDF-Expand with SHA-256, RFC 5869 2.3;
// the root is random already) from a root that the edge holds, the account, the mode, the endpoint and a version
// that counts up with each roll.
// A secret is `whsec_` and the base64 of 24 bytes, so that it serves both ways of signing: Stripe's takes the
// whole text as its key, Standard Webhooks the bytes behind the prefix.

import type { Scope } from "./command.ts";
import { versionsOf } from "./secret.ts";

export type WebhookSecret = `whsec_${string}`;

/** 192 bits: the least that Standard Webhooks allows, and base64 without padding. */
const SECRET_BYTES = 24;
const ROOT_BYTES = 32;
const encoder = new TextEncoder();
/** By text; an edge has one setting of one or two roots. */
const imported = new Map<string, Promise<CryptoKey>>();

/** Which secret of which endpoint. */
export type SecretName = Scope & { readonly endpoint: string; readonly version: number };

/**
 * The secret under each version of the root (32 bytes in base64url, commas between), the current one first.
 * That one is shown to the merchant; deliveries are signed under all of them, so that a new root breaks no
 * endpoint whose secret was derived from the old one.
 */
export async function webhookSecrets(
  roots: string,
  name: SecretName,
): Promise<[current: WebhookSecret, ...accepted: WebhookSecret[]]> {
  const [current, ...accepted] = versionsOf(roots);
  return Promise.all([derive(current, name), ...accepted.map((root) => derive(root, name))]);
}

async function derive(root: string, name: SecretName): Promise<WebhookSecret> {
  const { account, livemode, endpoint, version } = name;
  const info = `webhook/${account}/${livemode ? "live" : "test"}/${endpoint}/${version}`;
  // The one block that is needed of the expansion, whose counter is 1.
  const block = encoder.encode(`${info}\u0001`);
  const bytes = await crypto.subtle.sign("HMAC", await importRoot(root), block);
  return `whsec_${btoa(String.fromCharCode(...new Uint8Array(bytes, 0, SECRET_BYTES)))}`;
}

function importRoot(root: string): Promise<CryptoKey> {
  let key = imported.get(root);
  if (key === undefined) {
    const text = atob(root.replaceAll("-", "+").replaceAll("_", "/"));
    if (text.length !== ROOT_BYTES) {
      throw new Error(`A root of webhook secrets must be ${ROOT_BYTES} bytes in base64url`);
    }
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    const hmac = { name: "HMAC", hash: "SHA-256" };
    key = crypto.subtle.importKey("raw", bytes, hmac, false, ["sign"]);
    imported.set(root, key);
  }
  return key;
}
