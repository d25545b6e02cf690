// Payment methods as other routes use them: made of the card that came with a request, and found by
// whatever names one. A card that was typed or sealed becomes a token on the way and goes no further.

import * as z from "zod";
import { eventCode } from "../../protocol/event.ts";
import type { CardSummary, ObjectFacts } from "../../protocol/facts.ts";
import { type Failure, isRetryable } from "../../protocol/failure.ts";
import { type CardId, type CustomerId, type TokenId, uuidOf } from "../../protocol/ids.ts";
import { networkOf } from "../../protocol/network.ts";
import { tokenOfCard } from "../../protocol/object.ts";
import {
  attached,
  type BillingDetails,
  type BillingPatch,
  chargedCard,
  methodOf,
  newMethod,
  REDISPLAYS,
  USED_UP,
} from "../../protocol/payment-method.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { summaryOf } from "../../protocol/row.ts";
import type { Visit } from "../../protocol/shard.ts";
import type { TokenizedCard, TypedCard } from "../../protocol/vault.ts";
import { isProven } from "./challenge.ts";
import type { VersionedClaim } from "./idempotency.ts";
import { endedBefore, readObject, type Saved, saveObject, stepOf } from "./kept-objects.ts";
import { billingDetails } from "./person.ts";
import { find } from "./reading.ts";
import type { Call, Refused } from "./route.ts";
import { choice, metadata, required, setMetadata, text } from "./schema.ts";
import { sealedCard } from "./sealed-cards.ts";
import { shardOf, withQuotas } from "./shard-call.ts";

/** The card of a payment method: its fields as typed, or a token of it. */
const methodCard = z.strictObject({
  number: required(50).optional(),
  exp_month: required(4).optional(),
  exp_year: required(4).optional(),
  cvc: text(10).optional(),
  token: text(100).optional(),
});

/** What a payment method is made of; also what stands in `payment_method_data`. */
export const methodFields = {
  type: choice("card").optional(),
  card: methodCard.optional(),
  sealed_card: sealedCard.optional(),
  billing_details: billingDetails.optional(),
  metadata: metadata.optional(),
  allow_redisplay: choice(...REDISPLAYS).optional(),
};

export const methodData = z.strictObject(methodFields);
export type MethodData = z.output<typeof methodData>;

type Caller = Pick<Call<unknown>, "env" | "scope" | "continent" | "claim">;
type Maker = Pick<Call<unknown>, "env" | "scope" | "fromBrowser" | "address">;

/**
 * Makes a payment method, attached to nobody. `param` is where `data` stood (`payment_method_data`, or
 * nothing at the top); `challenge` is what a browser sent to prove that a person asks.
 */
export async function createPaymentMethod(
  call: Maker,
  claim: VersionedClaim,
  data: MethodData,
  { param, challenge }: { readonly param?: string; readonly challenge?: string | undefined } = {},
): Promise<Result<Saved, Refused>> {
  const nameOf = (field: string) => (param === undefined ? field : `${param}[${field}]`);
  if (data.type === undefined) {
    return refuse({ kind: "parameter_missing", param: nameOf("type") });
  }
  const card = cardOf(data, nameOf);
  if (!card.ok) return card;
  const tokenized = await tokenize(call, card.value, nameOf, challenge);
  if (!tokenized.ok) {
    // A sealed card opens once: whoever sends his request again hears what it made the first time.
    if (card.value.kind !== "sealed" || isRetryable(tokenized.failure)) return tokenized;
    return (await endedBefore(call, claim)) ?? tokenized;
  }
  const { token, card: summary } = tokenized.value;
  const saved = await saveObject(call, claim, {
    type: "payment_method",
    document: newMethod(summary, { ...data, metadata: setMetadata(data.metadata) }),
    event: eventCode("payment_method.created"),
    token,
  });
  return saved.ok || saved.failure.kind !== "token_already_used"
    ? saved
    : refuse({ ...saved.failure, param: `${nameOf("card")}[token]` });
}

type GivenCard =
  | { readonly kind: "typed"; readonly card: TypedCard }
  | { readonly kind: "sealed"; readonly text: string }
  | { readonly kind: "token"; readonly text: string };

function cardOf(
  { card, sealed_card: sealed, billing_details: billing }: MethodData,
  nameOf: (field: string) => string,
): Result<GivenCard, Failure> {
  if (sealed !== undefined) {
    if (card === undefined) return ok({ kind: "sealed", text: sealed });
    const why = "Send card or sealed_card, not both.";
    return refuse({ kind: "parameter_invalid", param: nameOf("sealed_card"), why });
  }
  if (card === undefined) return refuse({ kind: "parameter_missing", param: nameOf("card") });
  const { number, exp_month, exp_year, cvc, token } = card;
  if (token !== undefined) {
    if (number === undefined) return ok({ kind: "token", text: token });
    const why = "Send the token of a card or its number, not both.";
    return refuse({ kind: "parameter_invalid", param: `${nameOf("card")}[token]`, why });
  }
  const missing = (field: string) =>
    refuse<Failure>({ kind: "parameter_missing", param: `${nameOf("card")}[${field}]` });
  if (number === undefined) return missing("number");
  if (exp_month === undefined) return missing("exp_month");
  if (exp_year === undefined) return missing("exp_year");
  const typed = { number, exp_month, exp_year, ...(cvc === undefined ? {} : { cvc }) };
  return ok({ kind: "typed", card: { ...typed, ...comparedWords(billing ?? {}) } });
}

/** Words of the holder that an issuer compares: they are sent with the card when it is charged. */
function comparedWords({ name, address }: BillingPatch): Partial<TypedCard> {
  const { line1, postal_code } = address ?? {};
  return {
    ...(name == null ? {} : { name }),
    ...(line1 == null ? {} : { address_line1: line1.slice(0, LINE1_CHARACTERS_MAX) }),
    ...(postal_code == null ? {} : { address_zip: postal_code.slice(0, ZIP_CHARACTERS_MAX) }),
  };
}

/** What is kept with a sealed card is no longer than what may be typed with one. */
const LINE1_CHARACTERS_MAX = 200;
const ZIP_CHARACTERS_MAX = 20;

async function tokenize(
  call: Maker,
  given: GivenCard,
  nameOf: (field: string) => string,
  challenge: string | undefined,
): Promise<Result<TokenizedCard, Refused>> {
  const admission = await admitCard(call, challenge);
  if (!admission.ok) return refuse(withQuotas(admission));
  const { VAULT } = call.env;
  switch (given.kind) {
    case "typed":
      return VAULT.tokenize(call.scope, given.card, admission.ticket);
    case "sealed":
      return VAULT.tokenizeSealed(call.scope, given.text, admission.ticket);
    case "token": {
      const described = await VAULT.describe(call.scope, given.text);
      if (described.ok || described.failure.kind !== "resource_missing") return described;
      return refuse({ ...described.failure, param: `${nameOf("card")}[token]` });
    }
  }
}

/** Whether a card may be kept for the caller now: a merchant's server asks for all of its buyers. */
export async function admitCard(call: Maker, challenge: string | undefined) {
  const visit: Visit | undefined = call.fromBrowser
    ? {
        network: networkOf(call.address),
        proven: await isProven(call.env, challenge, call.address),
      }
    : undefined;
  return shardOf(call.env, call.scope).admitToken(call.scope, visit);
}

/** A card to pay with, under the name that it is known by. */
export type FoundMethod = {
  /** `pm_…`, or `card_…` of a customer. */
  readonly id: string;
  readonly token: TokenId;
  /** With the words that an issuer compares. */
  readonly card: CardSummary;
  readonly customer: CustomerId | null;
  readonly billing_details: BillingDetails;
  /** What its holder proved when it was set up. */
  readonly authentication?: string;
};

/**
 * What may be paid with by this name: a payment method's id, that of a card kept for a customer, or in test mode
 * an alias such as `pm_card_visa`, which makes a fresh payment method under the request's own claim. Whose it
 * is says its `customer`; whether that fits is for the caller to judge, but of a card that is not kept for the
 * `customer` who is named nothing is told.
 */
export async function paymentMethodOf(
  call: Caller,
  name: string,
  param = "payment_method",
  customer?: CustomerId,
): Promise<Result<FoundMethod, Refused>> {
  if (isAlias(name)) return methodOfAlias(call, name, param);
  if (uuidOf("card", name) !== undefined) return cardOfCustomer(call, name, param, customer);
  const read = await readObject(call, "payment_method", name, param);
  if (!read.ok) return read;
  if (methodOf(read.value)?.detached === true) return refuse(USED_UP);
  const found = foundIn(read.value);
  return found === undefined ? missingMethod(name, param) : ok(found);
}

/** A payment method as something to pay with; undefined where it was deleted. */
export function foundIn(facts: ObjectFacts): FoundMethod | undefined {
  const method = methodOf(facts);
  if (method === undefined || facts.token === null) return undefined;
  return {
    id: facts.id,
    token: facts.token,
    card: chargedCard(method),
    customer: method.customer ?? null,
    billing_details: method.billing_details,
    ...(method.authentication === undefined ? {} : { authentication: method.authentication }),
  };
}

/** Names such as `pm_card_visa`; no id has a second `_`. */
export const isAlias = (name: string): boolean => /^pm_card_[A-Za-z0-9_]{1,60}$/.test(name);

export const missingMethod = (name: string, param: string) =>
  refuse<Failure>({
    kind: "resource_missing",
    object: "payment_method",
    id: name.slice(0, 100),
    param,
  });

/** A fresh payment method of a test card; the same one for the same request. */
async function methodOfAlias(
  call: Caller,
  name: string,
  param: string,
): Promise<Result<FoundMethod, Refused>> {
  const saved = await aliased(call, stepOf(call.claim, "payment_method"), name, param);
  if (!saved.ok) return saved;
  const found = foundIn(saved.value.facts);
  return found === undefined ? missingMethod(name, param) : ok(found);
}

/** Makes the payment method that a test alias stands for. */
export async function aliased(
  call: Caller,
  claim: VersionedClaim,
  name: string,
  param: string,
): Promise<Result<Saved, Refused>> {
  const admission = await shardOf(call.env, call.scope).admit(call.scope, "write");
  if (!admission.ok) return refuse(withQuotas(admission));
  const made = await call.env.VAULT.describe(call.scope, name);
  if (!made.ok) {
    return made.failure.kind === "resource_missing" ? missingMethod(name, param) : made;
  }
  return saveObject(call, claim, {
    type: "payment_method",
    document: newMethod(made.value.card, {}),
    event: eventCode("payment_method.created"),
    token: made.value.token,
  });
}

/**
 * Attaches a payment method to a customer, who keeps it until it is detached; done already, it is done.
 * `name` is an id or, in test mode, an alias.
 */
export async function attachMethod(
  call: Caller,
  claim: VersionedClaim,
  name: string,
  customer: CustomerId,
  param = "payment_method",
): Promise<Result<Saved, Refused>> {
  const read = await methodFacts(call, claim, name, param);
  if (!read.ok) return read;
  const method = methodOf(read.value);
  if (method === undefined) return missingMethod(name, param);
  const next = attached(method, customer);
  if (!next.ok) return (await endedBefore(call, claim)) ?? next;
  if (next.value === undefined) {
    const now = { facts: read.value, replayed: false, original: claim.request };
    return (await endedBefore(call, claim)) ?? ok(now);
  }
  return saveObject(call, claim, {
    type: "payment_method",
    from: read.value,
    document: next.value,
    event: eventCode("payment_method.attached"),
    customer,
  });
}

/** What a name stands for, as it is now. */
async function methodFacts(
  call: Caller,
  claim: VersionedClaim,
  name: string,
  param: string,
): Promise<Result<ObjectFacts, Refused>> {
  if (!isAlias(name)) return readObject(call, "payment_method", name, param);
  const made = await aliased(call, stepOf(claim, "payment_method"), name, param);
  return made.ok ? readObject(call, "payment_method", made.value.facts.id, param) : made;
}

async function cardOfCustomer(
  call: Caller,
  name: string,
  param: string,
  customer: CustomerId | undefined,
): Promise<Result<FoundMethod, Refused>> {
  const found = await find(call.env, call.scope, call.continent, {
    kind: "card",
    id: name as CardId,
  });
  if (!found.ok) return found;
  const [row] = found.value.rows;
  if (row?.kind !== "card" || (customer ?? row.customer) !== row.customer) {
    return missingMethod(name, param);
  }
  return ok({
    id: row.id,
    token: tokenOfCard(row.id),
    card: summaryOf(row.card),
    customer: row.customer,
    billing_details: newMethod(row.card, {}).billing_details,
  });
}
