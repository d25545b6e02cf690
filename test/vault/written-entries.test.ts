// What the vault takes for durable is what a box has said of the very instance that took the entry.

import { expect, test } from "vitest";
import { isWritten, learnWritten } from "../../workers/vault/written-entries.ts";

/** A slot that nothing was said of, for each case. */
let slots = 0;

test.each([
  { what: "nothing was said", said: [], number: 1, is: false },
  { what: "so many were written", said: [["a", 3]], number: 3, is: true },
  { what: "fewer were written", said: [["a", 3]], number: 4, is: false },
  {
    what: "a later answer says more",
    said: [
      ["a", 3],
      ["a", 4],
    ],
    number: 4,
    is: true,
  },
  {
    what: "a late answer says less",
    said: [
      ["a", 4],
      ["a", 2],
    ],
    number: 4,
    is: true,
  },
  { what: "another instance has written as many", said: [["b", 9]], number: 1, is: false },
  {
    what: "the box has crashed since",
    said: [
      ["a", 3],
      ["b", 9],
    ],
    number: 3,
    is: false,
  },
] as const)("when $what, entry $number is known to be durable: $is", ({ said, number, is }) => {
  const slot = slots++;
  for (const [instance, written] of said) learnWritten(slot, { instance, written });
  expect(isWritten(slot, { instance: "a", number })).toBe(is);
  expect(isWritten(slot + 1000, { instance: "a", number })).toBe(false);
});
