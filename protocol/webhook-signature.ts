// How a receiver knows that a delivery is ours, told in two ways on the same request: `Stripe-Signature`
// (HMAC-SHA-256 over time and body, hex, under the secret's text) and the three headers of Standard Webhooks
// (over id, time and body, base64, under the secret's bytes). While a secret is rolled both are signed with.

import type { WebhookSecret } from "./webhook-secret.ts";

/** Name and value of each header that vouches for a delivery. */
export type SignatureHeaders = Readonly<
  Record<"stripe-signature" | "webhook-id" | "webhook-timestamp" | "webhook-signature", string>
>;

const encoder = new TextEncoder();

/**
 * The headers for a body sent now; `id` is the event's, the same at each attempt. `secrets` are one or more,
 * each of which a receiver may hold; `nowSeconds` is unix time, and receivers refuse one 300 s away from theirs.
 */
export async function signWebhook(
  { id, body }: { readonly id: string; readonly body: string },
  secrets: readonly WebhookSecret[],
  nowSeconds: number,
): Promise<SignatureHeaders> {
  const stripe = encoder.encode(`${nowSeconds}.${body}`);
  const standard = encoder.encode(`${id}.${nowSeconds}.${body}`);
  const signatures = await Promise.all(
    secrets.map(async (secret) => ({
      hex: hexOf(await mac(encoder.encode(secret), stripe)),
      base64: btoa(String.fromCharCode(...(await mac(bytesOf(secret), standard)))),
    })),
  );
  return {
    "stripe-signature": [`t=${nowSeconds}`, ...signatures.map(({ hex }) => `v1=${hex}`)].join(","),
    "webhook-id": id,
    "webhook-timestamp": String(nowSeconds),
    "webhook-signature": signatures.map(({ base64 }) => `v1,${base64}`).join(" "),
  };
}

const bytesOf = (secret: WebhookSecret): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(secret.slice("whsec_".length)), (c) => c.charCodeAt(0));

async function mac(key: BufferSource, text: BufferSource): Promise<Uint8Array<ArrayBuffer>> {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, hmac, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, text));
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
