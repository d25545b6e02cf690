// Notices of a processor: what is signed is what was said, and nothing else is a notice.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NOTICE_TOLERANCE_S, signNotice, verifyNotice } from "../../protocol/notice.ts";

const KEY = "notice-key";
const NOW = 1_800_000_000;
const BODY = '{"id":"ntc_1","merchant":"acct_AbCdEfGhIjKlMnOp/test"}';
const bytesOf = (body: string) => new TextEncoder().encode(body);
const verdict = async (header: string | null, body = BODY, nowS = NOW, secret = KEY) => {
  const verified = await verifyNotice(secret, header, bytesOf(body), nowS);
  return verified.ok ? "verified" : verified.failure;
};

describe("a signed notice", () => {
  test("is verified over its bytes, by any version of the key", async () => {
    const header = await signNotice(KEY, BODY, NOW);
    expect(header).toMatch(/^t=1800000000,v1=[0-9a-f]{64}$/);
    expect(await verdict(header)).toBe("verified");
    expect(await verdict(header, BODY, NOW, `new-key,${KEY}`)).toBe("verified");
    const anew = await signNotice(`new-key,${KEY}`, BODY, NOW);
    expect(await verdict(anew)).toBe("unsigned");
    expect(await verdict(anew, BODY, NOW, "new-key")).toBe("verified");
  });

  test.each([
    [-NOTICE_TOLERANCE_S - 1, "stale"],
    [-NOTICE_TOLERANCE_S, "verified"],
    [NOTICE_TOLERANCE_S, "verified"],
    [NOTICE_TOLERANCE_S + 1, "stale"],
  ])("that is read %i s after its time is %s", async (seconds, expected) => {
    expect(await verdict(await signNotice(KEY, BODY, NOW), BODY, NOW + seconds)).toBe(expected);
  });

  test("is none with any one byte changed, or another time", async () => {
    const header = await signNotice(KEY, BODY, NOW);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(BODY.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, by) => {
          const bytes = bytesOf(BODY);
          bytes[at] = (bytes[at] ?? 0) ^ by;
          const verified = await verifyNotice(KEY, header, bytes, NOW);
          expect(verified).toEqual({ ok: false, failure: "unsigned" });
        },
      ),
    );
    expect(await verdict(header.replace("t=1800000000", "t=1800000001"))).toBe("unsigned");
    expect(await verdict(`${header.slice(0, -1)}${header.endsWith("0") ? "1" : "0"}`)).toBe(
      "unsigned",
    );
  });

  test.each([
    ["none", null],
    ["an empty one", ""],
    ["no time", `v1=${"0".repeat(64)}`],
    ["half a MAC", `t=${NOW},v1=${"0".repeat(32)}`],
    ["two of them", `t=${NOW},v1=${"0".repeat(64)},v1=${"1".repeat(64)}`],
  ])("is none with %s for a header", async (_, header) => {
    expect(await verdict(header)).toBe("unsigned");
  });

  test("is not made with an empty key, and none is verified with one", async () => {
    await expect(signNotice("", BODY, NOW)).rejects.toThrow("NOTICE_KEY is empty");
    expect(await verdict(await signNotice(KEY, BODY, NOW), BODY, NOW, "")).toBe("unsigned");
  });
});
