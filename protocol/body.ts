// The bytes of a body that somebody else decides on: no more of them than the limit are ever held, whatever its
// headers say.

/** Held for the first read of a body that does not say how long it is; most fit. */
const FIRST_READ_BYTES = 16 * 1024;
/** Each read takes twice as much as the one before, up to this. */
const READ_BYTES_MAX = 1024 * 1024;

/** A reader as the Streams standard has it; the types of the runtime do not know `min` yet. */
type ByteReader = {
  read(
    into: Uint8Array<ArrayBuffer>,
    options: { readonly min: number },
  ): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
};

/**
 * Reads a body to its end; undefined when it has more than `bytesMax` bytes, of which the rest is not read. Throws
 * what the stream throws. Each read waits until its buffer is full or the body ends, so a body that says its length
 * is read at once: the runtime fills the buffer by itself, without a turn of the event loop for each piece.
 */
export async function readAtMost(
  bytesMax: number,
  { headers, body }: Pick<Request, "headers" | "body">,
): Promise<Uint8Array | undefined> {
  const said = Number(headers.get("content-length") ?? Number.NaN);
  if (said > bytesMax) return undefined;
  if (body === null) return new Uint8Array();
  const reader: ByteReader = body.getReader({ mode: "byob" });
  const chunks: Uint8Array[] = [];
  let length = 0;
  // One byte more than there should be, which tells a body that is longer from one that is not.
  let size = said >= 0 ? Math.trunc(said) + 1 : FIRST_READ_BYTES;
  for (;;) {
    const min = Math.min(size, bytesMax - length + 1);
    const { done, value } = await reader.read(new Uint8Array(min), { min });
    if (value !== undefined && value.byteLength > 0) chunks.push(value);
    length += value?.byteLength ?? 0;
    if (length > bytesMax) {
      void reader.cancel().catch(() => undefined);
      return undefined;
    }
    if (done || value === undefined || value.byteLength < min) return joined(chunks, length);
    size = Math.min(2 * size, READ_BYTES_MAX);
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
