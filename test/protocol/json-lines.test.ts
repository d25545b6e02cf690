import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { within } from "../../durable-objects/deadline.ts";
import { readJsonLines } from "../../durable-objects/json-lines.ts";

const never = new AbortController().signal;

/** A stream of these bytes in chunks; it stays open when it is `endless`, and breaks when it is `broken`. */
function streamOf(chunks: readonly Uint8Array[], end: "whole" | "broken" | "endless" = "whole") {
  const left = [...chunks];
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const chunk = left.shift();
      if (chunk !== undefined) controller.enqueue(chunk);
      else if (end === "whole") controller.close();
      else if (end === "broken") controller.error(new Error("cut"));
      else return new Promise(() => {});
    },
  });
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe("lines of JSON", () => {
  test("are read whole, however the stream is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key: fc.string({ unit: "grapheme" }), n: fc.integer() }), {
          maxLength: 20,
        }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        async (values, cuts) => {
          const all = bytes(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
          const at = [0, ...cuts.map((cut) => cut % (all.length + 1)).sort((a, b) => a - b)];
          const chunks = at.map((from, i) => all.subarray(from, at[i + 1] ?? all.length));
          const read: unknown[] = [];
          await readJsonLines(streamOf(chunks), never, (some) => read.push(...some));
          expect(read).toEqual(values);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("come together when they came together, and as soon as they are whole", async () => {
    const fed: (readonly unknown[])[] = [];
    const chunks = ["1\n2\n3", "4\n", "5", "\n"].map(bytes);
    await readJsonLines(streamOf(chunks), never, (some) => fed.push(some));
    expect(fed).toEqual([[1, 2], [34], [5]]);
  });

  test("are not read when they are cut off at the end", async () => {
    const read: unknown[] = [];
    await readJsonLines(streamOf([bytes("1\n2")]), never, (some) => read.push(...some));
    expect(read).toEqual([1]);
  });

  test.each([
    ["breaks", streamOf([bytes("1\n")], "broken")],
    ["says what is not JSON", streamOf(["1\n", "x\n"].map(bytes))],
  ])("stand when the stream then %s, which is told", async (_, stream) => {
    const read: unknown[] = [];
    await expect(readJsonLines(stream, never, (some) => read.push(...some))).rejects.toThrow();
    expect(read).toEqual([1]);
  });

  test("are awaited no longer than a deadline allows, and none is heard afterwards", async () => {
    const read: unknown[] = [];
    let reading = Promise.resolve();
    await expect(
      within(20, (signal) => {
        const stream = streamOf([bytes("1\n")], "endless");
        reading = readJsonLines(stream, signal, (some) => read.push(...some));
        return reading;
      }),
    ).rejects.toThrow("20 ms");
    await reading;
    expect(read).toEqual([1]);
  });
});

describe("a deadline", () => {
  test("gives what the work gives", async () => {
    expect(await within(1_000, async () => 7)).toBe(7);
    await expect(within(1_000, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  test("does not wait for work that does not heed it", async () => {
    await expect(within(5, () => new Promise(() => {}))).rejects.toThrow("5 ms");
  });
});
