// Sending one event to a server on this machine as Tessera would, and telling in plain words how that went: the
// answer, and for one that looks like a failed signature check what usually goes wrong.

import type { WebhookSecret } from "../protocol/webhook-secret.ts";
import { signWebhook } from "../protocol/webhook-signature.ts";

export type ListedEvent = { readonly id: string; readonly type: string; readonly created: number };

/** How a server answered: its status and the beginning of what it said; or that it did not, and why. */
export type Forwarded =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly said: string;
      readonly ms: number;
    }
  | {
      readonly kind: "silent";
      readonly why: "refused" | "timeout" | "broken";
      readonly ms: number;
    };

/** As long as Tessera itself waits. */
const ANSWER_MS_MAX = 15_000;
/** What is shown of an answer; enough for one sentence of a library. */
const SAID_MAX = 200;

export async function forward(
  url: string,
  event: ListedEvent,
  secret: WebhookSecret,
): Promise<Forwarded> {
  const body = JSON.stringify(event);
  const nowMs = Date.now();
  const signed = await signWebhook({ id: event.id, body }, [secret], Math.floor(nowMs / 1000));
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Tessera/1.0 (listen)",
        ...signed,
      },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const said = shown(await response.text());
    return { kind: "answered", status: response.status, said, ms: Date.now() - nowMs };
  } catch (error) {
    return { kind: "silent", why: whyOf(error), ms: Date.now() - nowMs };
  }
}

function whyOf(error: unknown): "refused" | "timeout" | "broken" {
  if (error instanceof Error && error.name === "TimeoutError") return "timeout";
  const { cause } = error as { cause?: { code?: string } };
  return cause?.code === "ECONNREFUSED" ? "refused" : "broken";
}

/** The first line of what a server said, without what a terminal would obey. */
function shown(text: string): string {
  const [line = ""] = text.trim().split("\n");
  return line.replace(/\p{C}/gu, "").slice(0, SAID_MAX);
}

/** One line for an event and its answer. */
export function lineOf(event: ListedEvent, forwarded: Forwarded, now: Date): string {
  const end =
    forwarded.kind === "answered"
      ? `${forwarded.status} in ${forwarded.ms} ms`
      : { refused: "no server there", timeout: "no answer in time", broken: "connection broken" }[
          forwarded.why
        ];
  return `${now.toTimeString().slice(0, 8)}  ${event.type}  ${event.id}  → ${end}`;
}

/** What to do about an answer that is not 2xx; nothing for one that is. */
export function adviceOn(forwarded: Forwarded, url: string, secret: WebhookSecret): string[] {
  if (forwarded.kind === "silent") return [SILENT[forwarded.why](url)];
  const { status, said } = forwarded;
  if (status >= 200 && status < 300) return [];
  const words = said === "" ? [] : [`Your server said: ${said}`];
  if (status === 400) return [...words, ...signatureAdvice(said, secret)];
  if (status >= 300 && status < 400) {
    return [...words, "A redirect is not followed: give the address that it leads to."];
  }
  const advice = STATUS[status];
  return advice === undefined ? words : [...words, advice];
}

const SILENT = {
  refused: (url: string) => `Nothing listens at ${new URL(url).origin}. Start your server.`,
  timeout: () =>
    "Your server did not answer within 15 s. Answer first, and do what takes long afterwards.",
  broken: (url: string) =>
    `The connection to ${new URL(url).origin} broke. Is it http:// or https://, and does your server log an error?`,
};

const STATUS: Readonly<Record<number, string>> = {
  401: "A webhook carries no login: let its path through, and check its signature instead.",
  403: "A webhook carries no CSRF token: take its path out of that check, and check its signature.",
  404: "Your server has no such path: check the URL given to npm run listen.",
  405: "A webhook is a POST: does your server take one at this path?",
  415: "A webhook is application/json: does your server take that here?",
};

type Cause = "body" | "secret" | "clock";

/** Official libraries say which check failed, some of them. */
function causesIn(said: string): readonly Cause[] {
  if (/timestamp|tolerance|too old|too new/i.test(said)) return ["clock"];
  if (/parsed|raw|string or a? ?buffer|payload was provided as/i.test(said))
    return ["body", "secret"];
  return ["body", "secret", "clock"];
}

function signatureAdvice(said: string, secret: WebhookSecret): string[] {
  const causes: Record<Cause, string> = {
    body: "The body was parsed before it was checked. The signature is over the bytes as they came: give constructEvent the raw body (Express: express.raw({ type: 'application/json' }) on this path, before express.json(); Next.js: await request.text()).",
    secret: `Another secret. This run signs with ${secret}; one from POST /v1/webhook_endpoints, from Stripe, or of another key is another. Mind a line break at its end.`,
    clock: `The clock. A signature is taken for five minutes: this machine says ${new Date().toISOString()}; what does the server's (or its container's) say?`,
  };
  return [
    "400 is how servers mostly say that the signature check failed. What usually is wrong:",
    ...causesIn(said).map((cause, i) => `  ${i + 1}. ${causes[cause]}`),
  ];
}
