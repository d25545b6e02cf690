// With what an intent is paid or set up: the payment method that a request names or brings, or the one the
// intent has. One that belongs to a customer is used for that customer only.

import { eventCode } from "../../protocol/event.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { CustomerId } from "../../protocol/ids.ts";
import { attached, methodOf } from "../../protocol/payment-method.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import type { VersionedClaim } from "./idempotency.ts";
import { readObject, saveObject, stepOf } from "./kept-objects.ts";
import {
  createPaymentMethod,
  type FoundMethod,
  foundIn,
  type MethodData,
  missingMethod,
  paymentMethodOf,
} from "./payment-method.ts";
import type { Call, Refused } from "./route.ts";

export type { FoundMethod } from "./payment-method.ts";

type Caller = Pick<
  Call<unknown>,
  "env" | "scope" | "continent" | "claim" | "fromBrowser" | "address"
>;

/** What a request says of the method. */
export type MethodChoice = {
  readonly payment_method?: string | undefined;
  readonly payment_method_data?: MethodData | undefined;
};

/** What an intent says of it. */
type Holder = {
  readonly payment_method?: string;
  readonly customer?: CustomerId;
};

/** The method that is chosen; undefined when neither request nor intent names one. */
export async function methodChosen(
  call: Caller,
  claim: VersionedClaim,
  { payment_method: name, payment_method_data: data }: MethodChoice,
  holder: Holder,
): Promise<Result<FoundMethod | undefined, Refused>> {
  if (name !== undefined && data !== undefined) {
    const why = "Send payment_method or payment_method_data, not both.";
    return refuse({ kind: "parameter_invalid", param: "payment_method_data", why });
  }
  const found =
    data === undefined
      ? await named(call, claim, name ?? holder.payment_method, holder.customer)
      : await made(call, claim, data);
  if (!found.ok || found.value === undefined) return found;
  const foreign = belonging(found.value, holder.customer);
  return foreign === undefined ? found : refuse(foreign);
}

async function named(
  call: Caller,
  claim: VersionedClaim,
  name: string | undefined,
  customer: CustomerId | undefined,
): Promise<Result<FoundMethod | undefined, Refused>> {
  return name === undefined
    ? ok(undefined)
    : paymentMethodOf({ ...call, claim }, name, "payment_method", customer);
}

async function made(
  call: Caller,
  claim: VersionedClaim,
  data: MethodData,
): Promise<Result<FoundMethod, Refused>> {
  const saved = await createPaymentMethod(call, stepOf(claim, "method"), data, {
    param: "payment_method_data",
  });
  if (!saved.ok) return saved;
  const found = foundIn(saved.value.facts);
  return found === undefined
    ? missingMethod(saved.value.facts.id, "payment_method_data")
    : ok(found);
}

function belonging(method: FoundMethod, customer: CustomerId | undefined): Failure | undefined {
  if (method.customer === null || method.customer === customer) return undefined;
  const why =
    customer === undefined
      ? `The payment method ${method.id} belongs to a customer. Name that customer in \`customer\` too.`
      : `The payment method ${method.id} belongs to another customer.`;
  return { kind: "parameter_invalid", param: "payment_method", why };
}

/** A change that was overtaken is decided anew so often; then the next retry of the request makes it. */
const ATTACH_TRIES = 3;

/**
 * Attaches a method to the customer who is to use it again, with what its holder proved; done already, it is
 * done. Once for its step.
 */
export async function attachTo(
  call: Caller,
  claim: VersionedClaim,
  id: string,
  customer: CustomerId,
  authentication: string | undefined,
): Promise<Result<undefined, Refused>> {
  let outcome: Result<unknown, Refused> = ok(undefined);
  for (let tried = 0; tried < ATTACH_TRIES; tried++) {
    const read = await readObject(call, "payment_method", id);
    if (!read.ok) return read;
    const method = methodOf(read.value);
    assert(method !== undefined, "what is read is not deleted");
    const next = attached(method, customer);
    if (!next.ok) return next;
    const isNew = next.value !== undefined;
    if (!isNew && (authentication ?? method.authentication) === method.authentication) break;
    outcome = await saveObject(call, stepOf(claim, `attach-${tried}`), {
      type: "payment_method",
      from: read.value,
      document: {
        ...(next.value ?? method),
        ...(authentication === undefined ? {} : { authentication }),
      },
      event: eventCode(isNew ? "payment_method.attached" : "payment_method.updated"),
      customer,
    });
    if (outcome.ok || outcome.failure.kind !== "object_locked") break;
  }
  return outcome.ok ? ok(undefined) : outcome;
}
