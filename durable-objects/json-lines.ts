// Reads newline-delimited JSON as it arrives.

/**
 * Feeds the values of all lines that are whole, as many at a time as came together. A last line without
 * its line break was cut off and is not fed. Rejects when the stream breaks or a line is not JSON; what
 * was fed before stands.
 */
export async function readJsonLines<T>(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  feed: (values: readonly T[]) => void,
): Promise<void> {
  const reader = stream.getReader();
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel, { once: true });
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const end = rest.lastIndexOf("\n");
    if (end < 0) continue;
    // JSON text holds no bare line break, so the lines are the elements of one array: one parse for all.
    feed(JSON.parse(`[${rest.slice(0, end).replaceAll("\n", ",")}]`) as T[]);
    rest = rest.slice(end + 1);
  }
}
