import { describe, expect, test } from "vitest";
import { readAtMost } from "../../protocol/body.ts";

/** A body of so many bytes that comes in pieces of so many; counts how many of them were taken. */
function bodyOf(length: number, piece: number, said?: number) {
  const taken = { bytes: 0, cancelled: false };
  const body: ReadableStream<Uint8Array<ArrayBuffer>> = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const size = Math.min(piece, length - taken.bytes);
      if (size === 0) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      controller.enqueue(Uint8Array.from({ length: size }, (_, i) => (taken.bytes + i) % 251));
      taken.bytes += size;
    },
    cancel() {
      taken.cancelled = true;
    },
  });
  const headers = new Headers(said === undefined ? {} : { "content-length": `${said}` });
  return { request: { headers, body }, taken };
}

const KIB = 1024;

describe("a body", () => {
  test.each([
    [0, 1],
    [1, 1],
    [4 * KIB, 4 * KIB],
    [16 * KIB, 16 * KIB],
    [16 * KIB + 1, 100_000],
    [300 * KIB, 7_001],
    [1_000_000, 1_000_000],
  ])(
    "of %i bytes in pieces of %i is read whole, up to the limit and no further",
    async (length, piece) => {
      const whole = await readAtMost(length, bodyOf(length, piece).request);
      expect(whole?.length).toBe(length);
      expect(whole?.every((byte, i) => byte === i % 251)).toBe(true);
      if (length > 0) {
        expect(await readAtMost(length - 1, bodyOf(length, piece).request)).toBeUndefined();
      }
    },
  );

  test("that never ends is let go of soon after the limit", async () => {
    const { request, taken } = bodyOf(Number.MAX_SAFE_INTEGER, 1000);
    expect(await readAtMost(50_000, request)).toBeUndefined();
    expect(taken.cancelled).toBe(true);
    expect(taken.bytes).toBeLessThan(60_000);
  });

  test("that says it is too long is not read; one that says less than it holds is counted", async () => {
    const long = bodyOf(10, 10, 11);
    expect(await readAtMost(10, long.request)).toBeUndefined();
    expect(long.taken.bytes).toBe(0);
    expect(await readAtMost(10, bodyOf(11, 11, 1).request)).toBeUndefined();
  });

  test.each([0, 1, 9, 10, -1, 0.5, Number.NaN])(
    "that says it has %d bytes is read whole, however many it has",
    async (said) => {
      for (const [length, piece] of [
        [0, 1],
        [10, 3],
        [10, 10],
      ] as const) {
        expect((await readAtMost(10, bodyOf(length, piece, said).request))?.length).toBe(length);
      }
    },
  );

  test("that is not there has no bytes, and one that breaks throws what it broke of", async () => {
    expect(await readAtMost(1, { headers: new Headers(), body: null })).toEqual(new Uint8Array());
    const broken: ReadableStream<Uint8Array<ArrayBuffer>> = new ReadableStream({
      type: "bytes",
      pull: (controller) => controller.error(new Error("broken")),
    });
    const request = { headers: new Headers(), body: broken };
    await expect(readAtMost(1, request)).rejects.toThrow("broken");
  });
});
