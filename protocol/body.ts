// The bytes of a body that somebody else decides on: no more of them than the limit are ever held, whatever its
// headers say.

/** Held for the first read; most requests fit. */
const FIRST_READ_BYTES = 16 * 1024;
/** Each read takes twice as much as the one before, up to this. */
const READ_BYTES_MAX = 1024 * 1024;

/**
 * Reads a body to its end; undefined when it has more than `bytesMax` bytes, of which the rest is not read. Throws
 * what the stream throws. A reader that brings no buffer of its own gets 4 KiB at a time of workerd, and pays a
 * turn of the event loop for each.
 */
export async function readAtMost(
  bytesMax: number,
  { headers, body }: Pick<Request, "headers" | "body">,
): Promise<Uint8Array | undefined> {
  if (Number(headers.get("content-length") ?? 0) > bytesMax) return undefined;
  if (body === null) return new Uint8Array();
  const reader = body.getReader({ mode: "byob" });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let size = FIRST_READ_BYTES; ; size = Math.min(2 * size, READ_BYTES_MAX)) {
    const { done, value } = await reader.read(new Uint8Array(size));
    if (done) return joined(chunks, length);
    length += value.byteLength;
    if (length > bytesMax) {
      void reader.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(value);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
