// A customer as other routes need it: by the id in the path or in a parameter, with the cards kept for it.

import type { Failure } from "../../protocol/failure.ts";
import { type CustomerId, uuidOf } from "../../protocol/ids.ts";
import type { CustomerRow } from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { type Found, find } from "./reading.ts";
import type { Call, Refused } from "./route.ts";

/** The customer that a path or parameter names, if it can be one. */
export function customerId(
  { path }: Pick<Call<unknown>, "path">,
  given = path["id"] ?? "",
  param = "id",
): Result<CustomerId, Failure> {
  return uuidOf("cus", given) === undefined
    ? refuse(missingCustomer(given, param))
    : ok(given as CustomerId);
}

/** The refusal of a parameter `customer` that can be the id of none. */
export function customerMissing(given: string | undefined): Result<never, Failure> | undefined {
  return given === undefined || uuidOf("cus", given) !== undefined
    ? undefined
    : refuse(missingCustomer(given, "customer"));
}

const missingCustomer = (id: string, param: string): Failure => ({
  kind: "resource_missing",
  object: "customer",
  id: id.slice(0, 100),
  param,
});

type Reader = Pick<Call<unknown>, "env" | "scope" | "continent" | "path">;

type FoundCustomer = { readonly row: CustomerRow } & Pick<Found, "servedBy" | "word">;

/** A customer who is there, with the cards kept for it. */
export async function readCustomer(
  call: Reader,
  given?: string,
  param?: string,
): Promise<Result<FoundCustomer, Refused>> {
  const id = customerId(call, given, param);
  if (!id.ok) return id;
  const found = await find(call.env, call.scope, call.continent, {
    kind: "customer",
    id: id.value,
  });
  if (!found.ok) return found;
  const [row] = found.value.rows;
  if (row?.kind !== "customer" || row.deleted) {
    return refuse(missingCustomer(id.value, param ?? "id"));
  }
  const { servedBy, word } = found.value;
  return ok({ row, servedBy, word });
}
