// Lines of JSON as a stream of bytes, for answers that are told one by one: what is known in one turn
// leaves as one chunk, and whoever reads gets the whole lines of a chunk together. A reader that goes
// away stops nothing; what it leaves unread is dropped.

/** Read at once; workerd gives 4 KiB to a reader who brings no buffer, and so tears a batch apart. */
const READ_BYTES_MAX = 64 * 1024;

const encoder = new TextEncoder();

/** Where lines are written; `stream` is its other end, of bytes, so that it can cross Workers RPC. */
export class LineWriter {
  readonly stream: ReadableStream<Uint8Array>;
  #controller: ReadableByteStreamController | undefined;
  #held = "";

  constructor() {
    this.stream = new ReadableStream({
      type: "bytes",
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.#controller = undefined;
      },
    });
  }

  /** Adds one line: JSON text without a line break in it. */
  write(json: string): void {
    if (this.#held === "") queueMicrotask(() => this.#flush());
    this.#held += `${json}\n`;
  }

  /** Says that no line follows. */
  close(): void {
    this.#flush();
    this.#controller?.close();
    // A reader that brought a buffer hears of the end only as the answer to it.
    this.#controller?.byobRequest?.respond(0);
    this.#controller = undefined;
  }

  #flush(): void {
    if (this.#held !== "") this.#controller?.enqueue(encoder.encode(this.#held));
    this.#held = "";
  }
}

/**
 * Reads lines until the stream ends or breaks; `hear` gets the whole lines of each chunk at once. A last
 * line without its line break was cut, and is dropped. Throws what the stream throws; the stream is one
 * of bytes. When the signal is given and says stop, nothing more is heard and the writer learns that
 * nobody reads.
 */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  hear: (lines: readonly string[]) => void,
  signal?: AbortSignal,
): Promise<void> {
  const decoder = new TextDecoder();
  const reader = stream.getReader({ mode: "byob" });
  const stop = (): void => void reader.cancel(signal?.reason).catch(() => undefined);
  if (signal?.aborted === true) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  let buffer = new ArrayBuffer(READ_BYTES_MAX);
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(buffer));
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    buffer = value.buffer;
    rest = lines.pop() ?? "";
    if (lines.length > 0) hear(lines);
  }
}
