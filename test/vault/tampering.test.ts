// Sealed records with any one bit turned, and rows that were swapped: all refused, all in one way. A bit is one
// of the text as it lies in the store, or one of the bytes that the text stands for. Every bit of 1,000
// records, two million openings: TESSERA_TAMPER_STRIDE=1 npm test -- test/vault/tampering.test.ts

import { describe, expect, test } from "vitest";
import { type Belonging, rewrap, seal, unseal } from "../../workers/vault/seal.ts";
import { SecretKeyProvider } from "../../workers/vault/secret-keys.ts";
import { granted } from "./granted.ts";
import { rootKey } from "./rig/start.ts";

const RECORDS = 1000;
/** Coprime to 8, so that every bit of a byte has its turn. */
const STRIDE = Number(process.env["TESSERA_TAMPER_STRIDE"] ?? 127);
const DOES_NOT_OPEN = { ok: false, failure: "does_not_open" };
const PARTS = [2, 3, 5, 6];

const keys = new SecretKeyProvider(`2:${rootKey(9)},1:${rootKey(1)}`, rootKey(2));
const first = new SecretKeyProvider(rootKey(1), rootKey(2));

/** Ten accounts, both modes; every other record has been rewrapped. */
const records = () =>
  Promise.all(
    Array.from({ length: RECORDS }, async (_, i) => {
      const account = `acct_${String(i % 10).padStart(16, "0")}` as const;
      const of: Belonging = { account, livemode: i % 4 < 2, token: `tok_${i}` };
      const born = granted(await seal("4242424242424242", of, first)).text;
      const text = i % 2 === 0 ? born : granted(await rewrap(born, of, keys)).text;
      return { of, text };
    }),
  );

/** The text with one bit of its parts turned: first those of the bytes, then those of the text itself. */
function turned(text: string, bit: number): string {
  const parts = text.split(".");
  let left = bit;
  for (const part of PARTS) {
    const bytes = Buffer.from(parts[part] ?? "", "base64url");
    if (left < bytes.length * 8) {
      return parts.with(part, turnedIn(bytes, left).toString("base64url")).join(".");
    }
    left -= bytes.length * 8;
  }
  return turnedIn(Buffer.from(text, "latin1"), left).toString("latin1");
}

function turnedIn(bytes: Buffer, bit: number): Buffer {
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return bytes;
}

const BITS_OF_BYTES = (12 + 32 + 12 + 48) * 8;

describe(`${RECORDS} sealed records`, () => {
  test(`do not open with a bit turned, each ${STRIDE}th of them tried`, {
    timeout: 60_000 + 3_600_000 / STRIDE,
  }, async () => {
    let tried = 0;
    let all = 0;
    let at = 0;
    for (const [i, { of, text }] of (await records()).entries()) {
      const bits = BITS_OF_BYTES + text.length * 8;
      const forged = new Set<string>();
      for (; at < bits; at += STRIDE) {
        forged.add(turned(text, at));
        tried++;
      }
      at -= bits;
      all += bits;
      expect(forged).not.toContain(text);
      const openings = await Promise.all(Array.from(forged, (one) => unseal(one, of, keys)));
      for (const opened of openings) expect(opened).toEqual(DOES_NOT_OPEN);
      expect(await unseal(text, of, keys)).toEqual({ ok: true, value: "4242424242424242" });
      if (STRIDE === 1 && i % 100 === 99) console.warn(`${i + 1} records, ${tried} bits`);
    }
    expect(tried).toBeGreaterThanOrEqual(Math.floor(all / STRIDE));
    console.warn(`records with one of ${tried} bits turned, of ${all}, were refused`);
  });

  test("do not open for any other of them: token, account and mode", async () => {
    const all = await records();
    for (const shift of [1, 2, 10, 500]) {
      const openings = all.map(({ text }, i) =>
        unseal(text, all[(i + shift) % RECORDS]?.of ?? all[0]?.of ?? neverThere(), keys),
      );
      for (const opened of await Promise.all(openings)) expect(opened).toEqual(DOES_NOT_OPEN);
    }
  });

  test("do not open with the number or the data key of another", async () => {
    const all = await records();
    const openings = all.flatMap(({ of, text }, i) => {
      const mine = text.split(".");
      const theirs = (all[(i + 10) % RECORDS]?.text ?? "").split(".");
      return [
        unseal([...mine.slice(0, 4), ...theirs.slice(4)].join("."), of, keys),
        unseal([...theirs.slice(0, 4), ...mine.slice(4)].join("."), of, keys),
      ];
    });
    for (const opened of await Promise.all(openings)) expect(opened).toEqual(DOES_NOT_OPEN);
  });
});

function neverThere(): never {
  throw new Error("there are records");
}
