// The two shapes of a read: one thing by its id, and a page of a list.

import { listObject, type StripeObject } from "../../protocol/object.ts";
import type { Query, Row } from "../../protocol/query.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { EndpointClass } from "../../protocol/shard.ts";
import { find } from "./reading.ts";
import type { Answered, Call, Refused } from "./route.ts";

type Reader = Pick<Call<unknown>, "env" | "scope" | "continent" | "path" | "url">;

/** One thing; `query` undefined means that the id cannot be one of these. */
export async function one<R extends Row>(
  call: Reader,
  object: string,
  query: Query | undefined,
  render: (row: R) => StripeObject,
): Promise<Result<Answered, Refused>> {
  const missing = refuse<Refused>({
    kind: "resource_missing",
    object,
    id: (call.path["id"] ?? "").slice(0, 100),
    param: "id",
  });
  if (query === undefined) return missing;
  const found = await find(call.env, call.scope, call.continent, query);
  if (!found.ok) return found;
  const [row] = found.value.rows;
  if (row === undefined) return missing;
  const { servedBy, word } = found.value;
  return ok({ object: render(row as R), servedBy, word });
}

export async function list<R extends Row>(
  call: Reader,
  query: Query,
  render: (row: R) => StripeObject,
  of: EndpointClass = "read",
): Promise<Result<Answered, Refused>> {
  if ("page" in query && query.page.starting_after !== undefined) {
    if (query.page.ending_before !== undefined) {
      const why = "Send starting_after or ending_before, not both.";
      return refuse({ kind: "parameter_invalid", param: "ending_before", why });
    }
  }
  const found = await find(call.env, call.scope, call.continent, query, of);
  if (!found.ok) return found;
  const { rows, more, servedBy, word } = found.value;
  const data = rows.map((row) => render(row as R));
  return ok({ object: listObject(call.url, data, more), servedBy, word });
}
