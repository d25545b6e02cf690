// The cardholder's turn: whether he must prove himself is asked of the processor, and where he is to do so stands in
// the intent's next action. The page there (checkout/public/challenge.html) speaks to the same API with a
// publishable key of its own.

import { mintApiKey } from "../../protocol/api-key.ts";
import type { CardholderAction } from "../../protocol/cardholder.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { FailedBy } from "../../protocol/intent-moves.ts";
import { clientSecretOf } from "../../protocol/payment-intent.ts";
import type { Result } from "../../protocol/result.ts";
import type { Authentication, AuthenticationQuestion } from "../../protocol/vault.ts";
import type { FoundMethod } from "./method-choice.ts";
import type { Call } from "./route.ts";

type Caller = Pick<Call<unknown>, "env" | "scope" | "origin">;

/** The merchant wanted no cardholder's turn. */
export const NOT_HANDLED: FailedBy = {
  type: "card_error",
  code: "authentication_required",
  decline_code: "authentication_not_handled",
  message:
    "The issuer wants the cardholder to prove himself, and error_on_requires_action was set. Confirm without it to let him.",
};

/** Whether the cardholder must prove himself; the same question for the same version of an intent. */
export function askCardholder(
  call: Caller,
  { id, seq }: Pick<ObjectFacts, "id" | "seq">,
  { token, authentication, card }: FoundMethod,
  about: Pick<AuthenticationQuestion, "amount" | "currency" | "purpose"> & {
    readonly requested: unknown;
  },
): Promise<Result<Authentication, Failure>> {
  const { requested = "automatic", ...asked } = about;
  return call.env.VAULT.authenticate(call.scope, token, {
    ...asked,
    key: `${id}.authenticate.${seq}`,
    expiry: { month: card.exp_month, year: card.exp_year },
    requested: requested as AuthenticationQuestion["requested"],
    ...(authentication === undefined ? {} : { authentication }),
  });
}

/** What the cardholder is to do: at his issuer's page, from which he goes to `returnUrl`. */
export async function actionOf(
  call: Caller,
  intent: { readonly id: string; readonly document: { readonly secret: string } },
  authentication: string,
  returnUrl: string | undefined,
): Promise<CardholderAction> {
  const { account, livemode } = call.scope;
  // Takes no typed card, whatever the merchant's own keys take.
  const key = await mintApiKey(
    { kind: "publishable", livemode, account: account.slice("acct_".length), sealedOnly: true },
    call.env.API_KEY_SECRET,
  );
  const query = new URLSearchParams({ intent: intent.id, key });
  // The secret stands where no server's log sees it.
  const url = `${call.origin}/challenge?${query}#${clientSecretOf(intent)}`;
  return { authentication, url, ...(returnUrl === undefined ? {} : { return_url: returnUrl }) };
}
