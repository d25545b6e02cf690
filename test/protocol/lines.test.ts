import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { within } from "../../durable-objects/deadline.ts";
import { LineWriter, readLines } from "../../protocol/lines.ts";

/** A stream of these bytes in chunks; it may break after them. */
function streamOf(chunks: readonly Uint8Array[], end: "whole" | "broken" = "whole") {
  const left = [...chunks];
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const chunk = left.shift();
      if (chunk !== undefined) controller.enqueue(chunk);
      else if (end === "whole") controller.close();
      else controller.error(new Error("cut"));
    },
  });
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** All lines of a stream, by the chunk they came in. */
async function linesOf(stream: ReadableStream<Uint8Array>): Promise<(readonly string[])[]> {
  const heard: (readonly string[])[] = [];
  await readLines(stream, (lines) => heard.push(lines));
  return heard;
}

describe("lines", () => {
  test("are read whole, however the stream is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
          { maxLength: 20 },
        ),
        fc.array(fc.nat(400), { maxLength: 12 }),
        async (lines, cuts) => {
          const all = bytes(lines.map((line) => `${line}\n`).join(""));
          const at = [0, ...cuts.map((cut) => cut % (all.length + 1)).sort((a, b) => a - b)];
          const chunks = at.map((from, i) => all.subarray(from, at[i + 1] ?? all.length));
          expect((await linesOf(streamOf(chunks))).flat()).toEqual(lines);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("come together when they came together, and as soon as they are whole", async () => {
    const chunks = ["1\n2\n3", "4\n", "5", "\n"].map(bytes);
    expect(await linesOf(streamOf(chunks))).toEqual([["1", "2"], ["34"], ["5"]]);
  });

  test("are not read when they are cut off at the end", async () => {
    expect(await linesOf(streamOf([bytes("1\n2")]))).toEqual([["1"]]);
  });

  test("stand when the stream then breaks, which is told", async () => {
    const heard: string[] = [];
    const broken = streamOf([bytes("1\n")], "broken");
    await expect(readLines(broken, (lines) => heard.push(...lines))).rejects.toThrow("cut");
    expect(heard).toEqual(["1"]);
  });

  test("are heard no longer than a deadline allows, and the writer learns of it", async () => {
    const heard: string[] = [];
    const writer = new LineWriter();
    writer.write("1");
    let reading = Promise.resolve();
    await expect(
      within(20, (signal) => {
        reading = readLines(writer.stream, (lines) => heard.push(...lines), signal);
        return reading;
      }),
    ).rejects.toThrow("20 ms");
    writer.write("2");
    await reading;
    expect(heard).toEqual(["1"]);
  });

  test("written in one turn leave as one chunk, and what is written last is not lost", async () => {
    const writer = new LineWriter();
    const heard = linesOf(writer.stream);
    writer.write("1");
    writer.write("2");
    await Promise.resolve();
    writer.write("3");
    writer.close();
    expect(await heard).toEqual([["1", "2"], ["3"]]);
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
