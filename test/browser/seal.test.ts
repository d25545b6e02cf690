import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

/** A page pays for it before it can take a card. */
const GZIP_BYTES_MAX = 4 * 1024;

const source = readFileSync(
  fileURLToPath(new URL("../../checkout/public/seal.js", import.meta.url)),
);

test("seal.js is below 4 kB on the wire and needs nothing but itself", () => {
  expect(gzipSync(source).length).toBeLessThan(GZIP_BYTES_MAX);
  expect(source.toString()).not.toMatch(/^\s*import\b/m);
});
