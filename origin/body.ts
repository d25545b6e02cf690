// The body of a request, read before anything is known of who sent it: never more of it than the limit,
// whatever its headers say, and exactly the bytes that were signed.

import { ok, type Result, refuse } from "../protocol/result.ts";

/** Neon takes 10 MiB; a batch that is larger is sent again in halves. */
export const BODY_BYTES_MAX = 8 * 1024 * 1024;

/** HTTP status and error of a body that is not read. */
type Unread = readonly [status: number, error: string];

const TOO_LARGE: Unread = [413, "body_too_large"];

export async function readBody(request: Request): Promise<Result<string, Unread>> {
  if (Number(request.headers.get("content-length") ?? 0) > BODY_BYTES_MAX) return refuse(TOO_LARGE);
  // A byte order mark is kept and bad UTF-8 refused: another body must not read as the signed one.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > BODY_BYTES_MAX) return refuse(TOO_LARGE);
      text += decoder.decode(chunk, { stream: true });
    }
    return ok(text + decoder.decode());
  } catch {
    return refuse([401, "refused"]);
  }
}
