import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { within } from "../../durable-objects/deadline.ts";
import { LineWriter, readLines } from "../../protocol/lines.ts";

/** A stream of these chunks of bytes; breaks after them if it is told to. */
function streamOf(chunks: readonly Uint8Array[], breaks = false): ReadableStream<Uint8Array> {
  const left = [...chunks];
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const chunk = left.shift();
      if (chunk !== undefined) controller.enqueue(new Uint8Array(chunk));
      else if (breaks) controller.error(new Error("broken"));
      else controller.close();
      // A reader that brought a buffer waits for an answer to it, also at the end.
      controller.byobRequest?.respond(0);
    },
  });
}

async function linesOf(stream: ReadableStream<Uint8Array>): Promise<string[][]> {
  const heard: string[][] = [];
  await readLines(stream, (lines) => heard.push([...lines]));
  return heard;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("lines", () => {
  test("are read whole, wherever the bytes are cut", async () => {
    const line = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\n"));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.infiniteStream(fc.nat({ max: 7 })),
        async (lines, cuts) => {
          const bytes = bytesOf(lines.map((text) => `${text}\n`).join(""));
          const chunks: Uint8Array[] = [];
          for (let at = 0; at < bytes.length; ) {
            const to = at + 1 + (cuts.next().value ?? 0);
            chunks.push(bytes.subarray(at, to));
            at = to;
          }
          expect((await linesOf(streamOf(chunks))).flat()).toEqual(
            lines.map((text) => text.toWellFormed()),
          );
        },
      ),
    );
  });

  test("of one chunk are heard together", async () => {
    const heard = await linesOf(streamOf([bytesOf("1\n2\n3"), bytesOf("\n4\n")]));
    expect(heard).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
  });

  test("that were heard stay heard when the stream breaks, and a cut one is none", async () => {
    const heard: string[] = [];
    const reading = readLines(streamOf([bytesOf("1\n2")], true), (lines) => heard.push(...lines));
    await expect(reading).rejects.toThrow("broken");
    expect(heard).toEqual(["1"]);
    expect(await linesOf(streamOf([bytesOf("1\n2")]))).toEqual([["1"]]);
  });

  test("longer than what is read at once are read", async () => {
    const long = "x".repeat(1_000_000);
    expect((await linesOf(streamOf([bytesOf(`${long}\n`)]))).flat()).toEqual([long]);
  });
});

describe("a writer of lines", () => {
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

  test("sends what is written in one turn as one chunk", async () => {
    const writer = new LineWriter();
    const reader = writer.stream.getReader();
    writer.write("1");
    writer.write("2");
    const { value } = await reader.read();
    writer.write("3");
    expect(new TextDecoder().decode(value)).toBe("1\n2\n");
    writer.close();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("3\n");
    expect((await reader.read()).done).toBe(true);
  });

  test("ends for a reader who brings a buffer, too", async () => {
    const writer = new LineWriter();
    const reading = linesOf(writer.stream);
    await Promise.resolve();
    writer.write("1");
    await new Promise((resume) => setTimeout(resume));
    writer.close();
    expect(await reading).toEqual([["1"]]);
  });

  test("goes on without its reader", async () => {
    const writer = new LineWriter();
    await writer.stream.cancel();
    writer.write("1");
    await Promise.resolve();
    writer.write("2");
    writer.close();
    writer.close();
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
