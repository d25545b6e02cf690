import { describe, expect, test } from "vitest";
import type { KeyProvider } from "../../workers/vault/key-provider.ts";
import { LocalKeyProvider } from "../../workers/vault/local-keys.ts";
import {
  type Belonging,
  rewrap,
  fingerprint as tryFingerprint,
  seal as trySeal,
  unseal,
} from "../../workers/vault/seal.ts";
import { SecretKeyProvider } from "../../workers/vault/secret-keys.ts";
import { granted } from "./granted.ts";

const VISA = "4242424242424242";
const root = (fill: number) => Buffer.alloc(32, fill).toString("base64url");
const keys = new SecretKeyProvider(root(1), root(2));
const to: Belonging = { account: "acct_AbCdEfGhIjKlMnOp", livemode: false, token: "tok_1" };
const withPart = (sealed: string, at: number, part: string) =>
  sealed.split(".").with(at, part).join(".");
const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DOES_NOT_OPEN = { ok: false, failure: "does_not_open" };

const two = `2:${root(9)},1:${root(1)}`;

/** The same keys after a rotation: sealing under version 2, opening both. */
const rotated = new SecretKeyProvider(two, root(2));
const seal = async (digits: string, of: Belonging, by: KeyProvider) =>
  granted(await trySeal(digits, of, by)).text;
const fingerprint = async (digits: string, account: string, by: KeyProvider) =>
  granted(await tryFingerprint(digits, account, 1, by));

describe("a sealed card number", () => {
  test.each([VISA, "378282246310005", "4000000000000000006"])("of %s opens", async (digits) => {
    const sealed = await seal(digits, to, keys);
    expect(sealed).toMatch(/^v2\.1(\.[0-9A-Za-z_-]+){2}\.1(\.[0-9A-Za-z_-]+){2}$/);
    expect(await unseal(sealed, to, keys)).toEqual({ ok: true, value: digits });
  });

  test("opens with a provider made anew from the same roots", async () => {
    const again = new SecretKeyProvider(root(1), root(2));
    expect(await unseal(await seal(VISA, to, keys), to, again)).toEqual({ ok: true, value: VISA });
  });

  test("opens under the version it was sealed at when a newer one is current", async () => {
    const sealed = await seal(VISA, to, keys);
    expect(await unseal(sealed, to, rotated)).toEqual({ ok: true, value: VISA });
    expect(await seal(VISA, to, rotated)).toMatch(/^v2\.2\./);
  });

  test("never looks the same twice, in any of its parts", async () => {
    const [a, b] = [await seal(VISA, to, keys), await seal(VISA, to, keys)];
    const [one, other] = [a.split("."), b.split(".")];
    for (const i of [2, 3, 5, 6]) expect(one[i]).not.toBe(other[i]);
  });

  test("tells nothing of its data key by its IVs, which are two", async () => {
    const [, , iv, , , wrapIv, wrapped] = (await seal(VISA, to, keys))
      .split(".")
      .map((part) => Buffer.from(part, "base64url"));
    const parts = ["v2", to.account, "test", to.token, "1", "data key"];
    const additionalData = Buffer.from(parts.map((part) => `${part.length}:${part}`).join(""));
    const raw = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: wrapIv as Buffer<ArrayBuffer>, additionalData },
      granted(await keys.key(to.account, "card", 1)),
      wrapped as Buffer<ArrayBuffer>,
    );
    const [dataKey, ivs] = [Buffer.from(raw), [iv, wrapIv] as Buffer[]];
    expect(dataKey).toHaveLength(32);
    for (const one of ivs) expect(dataKey.includes(one.subarray(0, 4))).toBe(false);
    expect(iv?.equals(wrapIv as Buffer)).toBe(false);
  });

  test("holds no run of its digits", async () => {
    expect(Buffer.from(await seal(VISA, to, keys)).includes("4242")).toBe(false);
  });

  test("does not open with any bit of its text flipped", async () => {
    const sealed = await seal(VISA, to, keys);
    const flipped = [...sealed].flatMap((character, at) =>
      [1, 2, 4, 8, 16, 32, 64].map((bit) => {
        const other = String.fromCharCode(character.charCodeAt(0) ^ bit);
        return sealed.slice(0, at) + other + sealed.slice(at + 1);
      }),
    );
    expect(flipped.length).toBe(sealed.length * 7);
    for (const forged of flipped) {
      expect(await unseal(forged, to, keys), forged).toEqual(DOES_NOT_OPEN);
    }
  });

  test("does not open with any bit of its bytes flipped", async () => {
    const sealed = await seal(VISA, to, keys);
    const parts = sealed.split(".");
    for (const at of [2, 3, 5, 6]) {
      const bytes = Buffer.from(parts[at] ?? "", "base64url");
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const forged = Buffer.from(bytes);
        forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const text = parts.with(at, forged.toString("base64url")).join(".");
        expect(await unseal(text, to, keys)).toEqual(DOES_NOT_OPEN);
      }
    }
  });

  test.each([
    ["another account", { ...to, account: "acct_AbCdEfGhIjKlMnOq" }],
    ["live mode", { ...to, livemode: true }],
    ["another token", { ...to, token: "tok_2" }],
    ["a token that swallows its neighbour", { ...to, token: "tok_11" }],
    ["no token", { ...to, token: "" }],
  ] as const)("does not open for %s", async (_, from) => {
    expect(await unseal(await seal(VISA, to, keys), from, keys)).toEqual(DOES_NOT_OPEN);
  });

  test("does not open for another account even under the same key", async () => {
    const oneKey = keys.key(to.account, "card", 1);
    const shared = new SecretKeyProvider(two, root(2));
    shared.key = () => oneKey;
    const sealed = await seal(VISA, to, shared);
    expect((await unseal(sealed, to, shared)).ok).toBe(true);
    const other = { ...to, account: "acct_AbCdEfGhIjKlMnOq" } as const;
    expect(await unseal(sealed, other, shared)).toEqual(DOES_NOT_OPEN);
    expect(await unseal(sealed.replace("v2.2.", "v2.1."), to, shared)).toEqual(DOES_NOT_OPEN);
    expect(await unseal(withPart(sealed, 4, "1"), to, shared)).toEqual(DOES_NOT_OPEN);
  });

  test("does not open under another root", async () => {
    const sealed = await seal(VISA, to, keys);
    expect(await unseal(sealed, to, new SecretKeyProvider(root(3), root(2)))).toEqual(
      DOES_NOT_OPEN,
    );
  });

  test.each([
    ["another version of its sealing", (s: string) => withPart(s, 1, "2")],
    ["another version of its wrapping", (s: string) => withPart(s, 4, "2")],
    ["the version written otherwise", (s: string) => withPart(s, 1, "01")],
    ["another format", (s: string) => withPart(s, 0, "v3")],
    [
      "the form of the first format",
      (s: string) =>
        s
          .replace("v2.", "v1.")
          .split(".")
          .filter((_, at) => at !== 4)
          .join("."),
    ],
    [
      "its layers swapped",
      (s: string) => {
        const [f, born, iv, sealed, v, wrapIv, wrapped] = s.split(".");
        return [f, born, wrapIv, wrapped, v, iv, sealed].join(".");
      },
    ],
    ["a part more", (s: string) => `${s}.AAAA`],
    ["a part less", (s: string) => s.slice(0, s.lastIndexOf("."))],
    ["its tag cut", (s: string) => s.slice(0, -4)],
    ["a space in it", (s: string) => s.replace(/(.{20})/, "$1 ")],
    [
      "another spelling of its last bits",
      (s: string) => {
        const parts = s.split(".");
        const number = parts[3] ?? "";
        // 32 bytes are 43 characters, the last of which has two bits that mean nothing.
        const meant = BASE64URL.indexOf(number.slice(-1));
        return parts.with(3, number.slice(0, -1) + BASE64URL.charAt(meant + 1)).join(".");
      },
    ],
    ["padding", (s: string) => `${s}=`],
    ["nothing left of it", () => ""],
    ["only dots", () => "v2.1....."],
  ])("does not open with %s", async (_, forge) => {
    expect(await unseal(forge(await seal(VISA, to, keys)), to, keys)).toEqual(DOES_NOT_OPEN);
  });

  test("does not open with the data key of another record", async () => {
    const [a, b] = [await seal(VISA, to, keys), await seal("5555555555554444", to, keys)];
    const mixed = [...a.split(".").slice(0, 4), ...b.split(".").slice(4)].join(".");
    expect(await unseal(mixed, to, keys)).toEqual(DOES_NOT_OPEN);
  });
});

describe("a record that is rewrapped", () => {
  test("opens under its new key, and its number is the same byte for byte", async () => {
    const sealed = await seal(VISA, to, keys);
    const { text, version } = granted(await rewrap(sealed, to, rotated));
    expect(version).toBe(2);
    expect(text.split(".").slice(0, 4)).toEqual(sealed.split(".").slice(0, 4));
    expect(text.split(".")[4]).toBe("2");
    const retired = new SecretKeyProvider(`2:${root(9)}`, root(2));
    expect(await unseal(text, to, retired)).toEqual({ ok: true, value: VISA });
    expect(await unseal(sealed, to, retired)).toEqual(DOES_NOT_OPEN);
    expect(await unseal(text, to, keys)).toEqual(DOES_NOT_OPEN);
  });

  test("is refused where it does not belong, and below the minimum version", async () => {
    const sealed = await seal(VISA, to, keys);
    expect(await rewrap(sealed, { ...to, token: "tok_2" }, rotated)).toEqual(DOES_NOT_OPEN);
    const raised = new SecretKeyProvider(two, root(2), { card: 2, fingerprint: 1 });
    expect(await rewrap(sealed, to, raised)).toEqual(DOES_NOT_OPEN);
    expect(await unseal(sealed, to, raised)).toEqual(DOES_NOT_OPEN);
  });
});

// Made by the code of before key rotation, with the root of `keys`.
const FIRST_FORMAT =
  "v1.1.WcdmktLod7Nv2Rbr.kYZs6lHa-yhBqo_S-Z3NIPtZ2n2XGOPDxEPNNc-RtHQ.aK74QYpurpZ8iFeL.98TbiL163f3CveD0MoLzRhzP-RFMtlj2ZFNI9uktxDImHs0eRHohjftG36h8ujJW";

describe("a record of the first format", () => {
  test("opens, and is sealed anew when its key is rotated", async () => {
    expect(await unseal(FIRST_FORMAT, to, keys)).toEqual({ ok: true, value: VISA });
    const { text } = granted(await rewrap(FIRST_FORMAT, to, rotated));
    expect(text).toMatch(/^v2\.2\./);
    expect(await unseal(text, to, rotated)).toEqual({ ok: true, value: VISA });
  });
});

describe("a live card", () => {
  test("is not sealed with development keys, and one that was does not open with them", async () => {
    const local = new LocalKeyProvider(root(1), root(2));
    const live = { ...to, livemode: true };
    expect(await trySeal(VISA, live, local)).toEqual({
      ok: false,
      failure: { kind: "live_refused" },
    });
    expect(await unseal(await seal(VISA, live, keys), live, local)).toEqual(DOES_NOT_OPEN);
  });
});

describe("a fingerprint", () => {
  test("is the same for one card and account, and another for any other", async () => {
    const at = (digits: string, account: string, by: KeyProvider = keys) =>
      fingerprint(digits, account, by);
    const one = await at(VISA, to.account);
    expect(one).toMatch(/^[0-9A-Za-z]{16}$/);
    expect(await at(VISA, to.account)).toBe(one);
    expect(await at("5555555555554444", to.account)).not.toBe(one);
    expect(await at(VISA, "acct_AbCdEfGhIjKlMnOq")).not.toBe(one);
    expect(await at(VISA, to.account, new SecretKeyProvider(root(1), root(3)))).not.toBe(one);
    expect(await at(VISA, to.account, new SecretKeyProvider(root(3), root(2)))).toBe(one);
  });

  test("of 2,000 accounts does not repeat", async () => {
    const all = await Promise.all(
      Array.from({ length: 2000 }, (_, i) => fingerprint(VISA, `acct_${i}`, keys)),
    );
    expect(new Set(all).size).toBe(2000);
  });
});
