// The challenge hook: a page that was told "declined" may have its visitor prove that he is no robot and
// send the proof with the card. Cloudflare Turnstile's siteverify, or whatever speaks as it does. Only asked
// when there is a proof, so nobody else waits for it.

import type { EdgeEnv } from "./environment.ts";

const SITEVERIFY = "https://challenges.cloudflare.com/turnstile/v0/siteverify";
/** What has not been vouched for by then counts as unproven. */
const VERIFY_MS_MAX = 3_000;

/** Whether a proof holds; false when no challenge is set up. A proof holds once, which the verifier sees to. */
export async function isProven(
  env: EdgeEnv,
  proof: string | undefined,
  address: string | null,
): Promise<boolean> {
  const { CHALLENGE_SECRET: secret, CHALLENGE_URL: url = SITEVERIFY } = env;
  if (proof === undefined || !secret) return false;
  const form = new URLSearchParams({ secret, response: proof });
  if (address !== null) form.set("remoteip", address);
  try {
    const answer = await fetch(url, {
      method: "POST",
      body: form,
      redirect: "manual",
      signal: AbortSignal.timeout(VERIFY_MS_MAX),
    });
    const said: unknown = await answer.json();
    return typeof said === "object" && said !== null && "success" in said && said.success === true;
  } catch (error) {
    console.error("challenge not verified", error instanceof Error ? error.name : typeof error);
    return false;
  }
}
