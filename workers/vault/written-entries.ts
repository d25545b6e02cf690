// Which audit entries of card boxes are known to be durable. Every answer of a box says how far it has written, and
// leaves it only when that is durable, so a busy box is hardly ever asked for an entry of its own.

import type { EntryBehind } from "../../protocol/audit.ts";

/** As many as there are slots, at most. */
const known = new Map<number, Pick<EntryBehind, "instance" | "written">>();

/** A box has answered so. */
export function learnWritten(
  slot: number,
  { instance, written }: Pick<EntryBehind, "instance" | "written">,
): void {
  const last = known.get(slot);
  if (last?.instance !== instance || last.written < written) {
    known.set(slot, { instance, written });
  }
}

/** Whether an entry is known to be durable. */
export function isWritten(
  slot: number,
  { instance, number }: Pick<EntryBehind, "instance" | "number">,
): boolean {
  const last = known.get(slot);
  return last?.instance === instance && last.written >= number;
}
