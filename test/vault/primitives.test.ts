// The primitives the vault calls, against vectors from outside, and its keys against another
// implementation of HKDF.

import { createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fingerprint, seal } from "../../workers/vault/seal.ts";
import { SecretKeyProvider } from "../../workers/vault/secret-keys.ts";
import { granted } from "./granted.ts";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data: ArrayBuffer) => Buffer.from(data).toString("hex");

describe("AES-256-GCM with a 96-bit IV", () => {
  // NIST CAVP, gcmEncryptExtIV256.rsp, tags of 128 bits, count 0 of four sections.
  const vectors = [
    {
      name: "no plaintext, no AAD",
      key: "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
      iv: "516c33929df5a3284ff463d7",
      plain: "",
      aad: "",
      sealed: "bdc1ac884d332457a1d2664f168c76f0",
    },
    {
      name: "AAD of 128 bits",
      key: "78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223",
      iv: "d79cf22d504cc793c3fb6c8a",
      plain: "",
      aad: "b96baa8c1c75a671bfb2d08d06be5f36",
      sealed: "3e5d486aa2e30b22e040b85723a06e76",
    },
    {
      name: "plaintext of 128 bits",
      key: "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
      iv: "0d18e06c7c725ac9e362e1ce",
      plain: "2db5168e932556f8089a0622981d017d",
      aad: "",
      sealed: "fa4362189661d163fcd6a56d8bf0405ad636ac1bbedd5cc3ee727dc2ab4a9489",
    },
    {
      name: "plaintext and AAD of 128 bits",
      key: "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
      iv: "ac93a1a6145299bde902f21a",
      plain: "2d71bcfa914e4ac045b2aa60955fad24",
      aad: "1e0889016f67601c8ebea4943bc23ad6",
      sealed: "8995ae2e6df3dbf96fac7b7137bae67feca5aa77d51d4a0a14d9c51e1da474ab",
    },
  ];
  test.each(vectors)("seals $name as NIST does, and opens it", async (v) => {
    const key = await crypto.subtle.importKey("raw", bytes(v.key), "AES-GCM", false, [
      "encrypt",
      "decrypt",
    ]);
    const how = { name: "AES-GCM", iv: bytes(v.iv), additionalData: bytes(v.aad) };
    expect(hex(await crypto.subtle.encrypt(how, key, bytes(v.plain)))).toBe(v.sealed);
    expect(hex(await crypto.subtle.decrypt(how, key, bytes(v.sealed)))).toBe(v.plain);
  });
});

describe("HKDF-SHA-256", () => {
  test("derives what RFC 5869, appendix A.1, derives", async () => {
    const key = await crypto.subtle.importKey("raw", bytes("0b".repeat(22)), "HKDF", false, [
      "deriveBits",
    ]);
    const how = {
      name: "HKDF",
      hash: "SHA-256",
      salt: bytes("000102030405060708090a0b0c"),
      info: bytes("f0f1f2f3f4f5f6f7f8f9"),
    };
    expect(hex(await crypto.subtle.deriveBits(how, key, 42 * 8))).toBe(
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    );
  });
});

describe("the vault's keys", () => {
  const cardRoot = Buffer.alloc(32, 1);
  const printRoot = Buffer.alloc(32, 2);
  const keys = new SecretKeyProvider(
    cardRoot.toString("base64url"),
    printRoot.toString("base64url"),
  );
  const account = "acct_AbCdEfGhIjKlMnOp";
  const derived = (root: Buffer, info: string) =>
    Buffer.from(hkdfSync("sha256", root, "tessera", info, 32));

  test("open a record by the page of the book, without Tessera's code", async () => {
    const of = { account, livemode: false, token: "tok_1" } as const;
    const sealed = granted(await seal("4242424242424242", of, keys)).text;
    const [, , iv = "", number = "", , wrapIv = "", wrapped = ""] = sealed.split(".");
    const aad = (field: string) =>
      ["v2", account, "test", "tok_1", "1", field].map((p) => `${p.length}:${p}`).join("");
    const opened = (key: Buffer, nonce: string, text: string, field: string) => {
      const data = Buffer.from(text, "base64url");
      const cipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64url"));
      cipher.setAAD(Buffer.from(aad(field))).setAuthTag(data.subarray(-16));
      return Buffer.concat([cipher.update(data.subarray(0, -16)), cipher.final()]);
    };
    const dataKey = opened(derived(cardRoot, `card/1/${account}`), wrapIv, wrapped, "data key");
    expect(dataKey.length).toBe(32);
    expect(opened(dataKey, iv, number, "number").toString()).toBe("4242424242424242");
  });

  test("make the fingerprint that a plain HMAC makes", async () => {
    const mac = createHmac("sha256", derived(printRoot, `fingerprint/1/${account}`));
    const expected = mac.update("4242424242424242").digest().subarray(0, 12).toString("base64url");
    expect(granted(await fingerprint("4242424242424242", account, 1, keys))).toBe(
      expected.replaceAll("-", "A").replaceAll("_", "B"),
    );
  });

  test("cannot be taken out as bytes", async () => {
    for (const purpose of ["card", "fingerprint"] as const) {
      const key = granted(await keys.key(account, purpose, 1));
      expect(key.extractable).toBe(false);
      await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
    }
  });

  test.each([
    ["31 bytes", Buffer.alloc(31).toString("base64url")],
    ["33 bytes", Buffer.alloc(33).toString("base64url")],
    ["nothing", ""],
  ])("do not come from a root of %s", (_, root) => {
    expect(() => new SecretKeyProvider(root, root)).toThrow(/32 bytes/);
  });
});
