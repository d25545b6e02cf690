// One attempt to deliver one event: the URL judged once more, the body signed, the request made. Redirects are not
// followed, the answer's body is not read, and nothing of what a receiver says is kept but its status.

import type { StripeObject } from "../protocol/object.ts";
import type { WebhookSecret } from "../protocol/webhook-secret.ts";
import { signWebhook } from "../protocol/webhook-signature.ts";
import { type UrlRules, webhookUrl } from "../protocol/webhook-url.ts";
import { within } from "./deadline.ts";
import type { Outcome } from "./delivery-attempts.ts";
import { ATTEMPT_MS_MAX } from "./delivery-pace.ts";

const USER_AGENT = "Tessera/1.0 (webhooks)";

export type Sending = {
  readonly url: string;
  readonly rules: UrlRules;
  readonly event: StripeObject;
  readonly secrets: readonly WebhookSecret[];
};

/** Sends an event once; a receiver has it if it answered 2xx, and may have it if it did not answer. */
export async function sendWebhook({ url, rules, event, secrets }: Sending): Promise<Outcome> {
  const begunMs = Date.now();
  const took = () => Math.max(0, Date.now() - begunMs);
  // Rules grow; what was taken once is not taken for ever.
  const judged = webhookUrl(url, rules);
  if (!judged.ok) return { kind: "failed", failure: "url_refused", tookMs: 0 };
  const body = JSON.stringify(event);
  const id = String(event["id"]);
  const signatures = await signWebhook({ id, body }, secrets, Math.floor(begunMs / 1000));
  try {
    const status = await within(ATTEMPT_MS_MAX, async (signal) => {
      const response = await fetch(judged.value, {
        method: "POST",
        headers: {
          "content-type": "application/json; charset=utf-8",
          "user-agent": USER_AGENT,
          ...signatures,
        },
        body,
        redirect: "manual",
        signal,
      });
      await response.body?.cancel();
      return response.status;
    });
    return { kind: "answered", status, tookMs: took() };
  } catch {
    const tookMs = took();
    return { kind: "failed", failure: tookMs < ATTEMPT_MS_MAX ? "unreachable" : "timeout", tookMs };
  }
}
