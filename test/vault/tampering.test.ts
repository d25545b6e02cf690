// Sealed records with any one bit turned, and rows that were swapped: all refused, all in one way.
// TESSERA_TAMPER_STRIDE=1 turns every bit of 1,000 records (about a million openings).

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

describe(`${RECORDS} sealed records`, () => {
  test(`do not open with a bit turned, each ${STRIDE}th of them tried`, async () => {
    let turned = 0;
    let at = 0;
    for (const { of, text } of await records()) {
      const parts = text.split(".");
      const bytes = PARTS.map((part) => Buffer.from(parts[part] ?? "", "base64url"));
      const bits = bytes.reduce((sum, part) => sum + part.length * 8, 0);
      const openings: Promise<unknown>[] = [];
      for (; at < bits; at += STRIDE) {
        let bit = at;
        let part = 0;
        while (bit >= (bytes[part]?.length ?? 0) * 8) bit -= (bytes[part++]?.length ?? 0) * 8;
        const forged = Buffer.from(bytes[part] ?? []);
        forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const altered = parts.with(PARTS[part] ?? 0, forged.toString("base64url")).join(".");
        openings.push(unseal(altered, of, keys));
      }
      at -= bits;
      turned += openings.length;
      for (const opened of await Promise.all(openings)) expect(opened).toEqual(DOES_NOT_OPEN);
      expect(await unseal(text, of, keys)).toEqual({ ok: true, value: "4242424242424242" });
    }
    const bitsOfOne = (12 + 32 + 12 + 48) * 8;
    expect(turned).toBeGreaterThanOrEqual(Math.floor((RECORDS * bitsOfOne) / STRIDE));
    console.warn(`${turned} records with a turned bit were refused`);
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
