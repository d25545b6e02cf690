// The payment methods of a customer as one list: those that were attached, newest first, and after them the
// cards that it keeps as sources, which are payment methods to whoever asks here.

import type { ObjectFacts } from "../../protocol/facts.ts";
import { keptObject } from "../../protocol/kept-object.ts";
import type { StripeObject } from "../../protocol/object.ts";
import { cardAsMethod } from "../../protocol/payment-method.ts";
import type { CardRow, Page } from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { readCustomer } from "./customer.ts";
import { type Found, find } from "./reading.ts";
import type { Call, Refused } from "./route.ts";

type Reader = Pick<Call<unknown>, "env" | "scope" | "continent" | "path">;

type MethodPage = {
  readonly data: readonly StripeObject[];
  readonly more: boolean;
} & Pick<Found, "servedBy" | "word">;

/** A page of what a customer can pay with. */
export async function methodsOfCustomer(
  call: Reader,
  page: Page,
  customer: { readonly id: string; readonly param: string },
): Promise<Result<MethodPage, Refused>> {
  const { starting_after, ending_before, limit } = page;
  if (starting_after !== undefined && ending_before !== undefined) {
    const why = "Send starting_after or ending_before, not both.";
    return refuse({ kind: "parameter_invalid", param: "ending_before", why });
  }
  const read = await readCustomer(call, customer.id, customer.param);
  if (!read.ok) return read;
  const { row, servedBy, word } = read.value;
  const cards = row.cards.map((card) => cardAsMethod(card, call.scope));
  const cursor = starting_after ?? ending_before;
  const at = cards.findIndex(({ id }) => id === cursor);
  if (at < 0) {
    const found = await attachedTo(call, row.id, page);
    if (!found.ok || ending_before !== undefined) return found;
    const room = limit - found.value.data.length;
    if (found.value.more) return found;
    const data = [...found.value.data, ...cards.slice(0, room)];
    return ok({ ...found.value, data, more: cards.length > room });
  }
  if (starting_after !== undefined) {
    const rest = cards.slice(at + 1);
    return ok({ data: rest.slice(0, limit), more: rest.length > limit, servedBy, word });
  }
  const before = cards.slice(Math.max(0, at - limit), at);
  const room = limit - before.length;
  const found = await attachedTo(call, row.id, { limit: Math.max(1, room) }, true);
  if (!found.ok) return found;
  if (room > 0) return ok({ ...found.value, data: [...found.value.data, ...before] });
  return ok({ data: before, more: at > limit || found.value.data.length > 0, servedBy, word });
}

/** A page of the payment methods that were attached to a customer, or to anybody or nobody. */
export async function attachedTo(
  call: Reader,
  customer: CardRow["customer"] | undefined,
  page: Page,
  from_end = false,
): Promise<Result<MethodPage, Refused>> {
  const found = await find(call.env, call.scope, call.continent, {
    kind: "objects",
    type: "payment_method",
    page,
    ...(customer === undefined ? {} : { customer }),
    ...(from_end ? { from_end } : {}),
  });
  if (!found.ok) {
    const { failure } = found;
    // The reader names what it listed; whoever pages through this list knows only payment methods.
    return failure.kind === "resource_missing"
      ? refuse({ ...failure, object: "payment_method" })
      : found;
  }
  const data = found.value.rows.map((row) => keptObject(row as ObjectFacts, call.scope));
  const { more, servedBy, word } = found.value;
  return ok({ data, more, servedBy, word });
}
