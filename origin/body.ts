// The body of a request, read before anything is known of who sent it: never more of it than the limit,
// whatever its headers say, and exactly the bytes that were signed.

import { readAtMost } from "../protocol/body.ts";
import { ok, type Result, refuse } from "../protocol/result.ts";

/** Neon takes 10 MiB; a batch that is larger is sent again in halves. */
export const BODY_BYTES_MAX = 8 * 1024 * 1024;

/** HTTP status and error of a body that is not read. */
type Unread = readonly [status: number, error: string];

export async function readBody(request: Request): Promise<Result<string, Unread>> {
  try {
    const bytes = await readAtMost(BODY_BYTES_MAX, request);
    if (bytes === undefined) return refuse([413, "body_too_large"]);
    // A byte order mark is kept and bad UTF-8 refused: another body must not read as the signed one.
    return ok(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return refuse([401, "refused"]);
  }
}
