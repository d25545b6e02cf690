// Many orders in one request. The answer is a stream of lines, one for each order as soon as it is
// known, in any order: {"key":…,"status":…,"body":…}, with the status and body that the order would
// have been answered with alone. A line that never comes says nothing of its order. Orders that cannot
// be read are refused here; the book hears of the others in one call.

import { type Answer, refused } from "./answer.ts";
import type { Bank } from "./book.ts";
import { orderOf } from "./order.ts";
import type { ProcessorKey } from "./processor-key.ts";
import type { Asked } from "./request.ts";

/** The line that answers one order. */
export function lineOf(key: string, { status, body }: Answer): string {
  // Spliced as text: parsing and printing again could change the stored bytes.
  return `{"key":${JSON.stringify(key)},"status":${status},"body":${body}}`;
}

export async function answersOf(
  batch: readonly Asked[],
  bank: DurableObjectStub<Bank>,
  key: ProcessorKey,
): Promise<ReadableStream<Uint8Array>> {
  const now = new Date();
  const read = await Promise.all(batch.map((asked) => orderOf(asked, key, now)));
  const orders = read.flatMap((order) => (order.ok ? [order.value] : []));
  const refusals = read.flatMap((order, i) => {
    if (order.ok) return [];
    const { status, code, message } = order.refusal;
    return `${lineOf(batch[i]?.key ?? "", refused(status, code, message))}\n`;
  });
  const answers = await bank.executeMany(orders);
  return refusals.length === 0 ? answers : preceded(refusals.join(""), answers);
}

function preceded(text: string, rest: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const write = async () => {
    const writer = writable.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
    await rest.pipeTo(writable);
  };
  // Fails when the caller has gone away, and then nobody is left to be told.
  write().catch(() => {});
  return readable;
}
