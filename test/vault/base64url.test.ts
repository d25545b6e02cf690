import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBase64url, toBase64url } from "../../workers/vault/base64url.ts";

describe("base64url", () => {
  test("is what Node writes, and reads back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const text = toBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(fromBase64url(text)).toEqual(bytes);
      }),
    );
  });

  test("has one text for each run of bytes, so that any text that is read is written the same", () => {
    const character = fc.constantFrom(..."AQgwBZaz09-_+/= \n.é");
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
        const bytes = fromBase64url(text);
        const canonical = Buffer.from(text, "base64url").toString("base64url") === text;
        expect(bytes !== undefined).toBe(canonical);
        if (bytes !== undefined) expect(toBase64url(bytes)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});
