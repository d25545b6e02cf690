import { beforeAll, describe, expect, test } from "vitest";
import {
  type ApiKey,
  importMacKey,
  importMacKeys,
  keyPrefixOf,
  mintApiKey,
  PLATFORM_ACCOUNT,
  verifyApiKey,
} from "../../protocol/api-key.ts";
import { encodePermissions, PERMISSIONS } from "../../protocol/permission.ts";

const SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER = "IAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const account = "AbCdEfGhIjKlMnOp";
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

let key: CryptoKey;
beforeAll(async () => {
  key = await importMacKey(SECRET);
});

describe("an API key", () => {
  test.each([
    ["secret", false, "sk_test_"],
    ["secret", true, "sk_live_"],
    ["publishable", false, "pk_test_"],
    ["publishable", true, "pk_live_"],
    ["platform", false, "platform_test_"],
  ] as const)(
    "of kind %s and livemode %s begins with %s and says so",
    async (kind, livemode, head) => {
      const text = await mintApiKey({ kind, livemode, account, serial: "00000Z" }, SECRET);
      expect(text).toMatch(new RegExp(`^${head}[0-9A-Za-z]{44}$`));
      const id = `acct_${account}` as const;
      const value: ApiKey = {
        kind,
        livemode,
        account: id,
        sealedOnly: false,
        serial: "00000Z",
        permissions: undefined,
      };
      expect(await verifyApiKey(text, key)).toEqual({ ok: true, value });
    },
  );

  test.each(["secret", "publishable"] as const)(
    "of kind %s says when its account takes sealed cards only, and proves nothing without that",
    async (kind) => {
      const of = { kind, livemode: false, account } as const;
      const sealed = await mintApiKey({ ...of, sealedOnly: true }, SECRET);
      expect(sealed).toMatch(/^[sp]k_test_sealed_[0-9A-Za-z]{44}$/);
      expect(await verifyApiKey(sealed, key)).toMatchObject({
        ok: true,
        value: { kind, account: `acct_${account}`, sealedOnly: true },
      });
      const open = await mintApiKey(of, SECRET);
      for (const forged of [sealed.replace("sealed_", ""), open.replace("test_", "test_sealed_")]) {
        expect(await verifyApiKey(forged, key)).toEqual({ ok: false, failure: "forged" });
      }
    },
  );

  test("that is restricted says what it may do, and no more", async () => {
    const of = { kind: "restricted", livemode: false, account } as const;
    for (const permissions of [
      ["charge_read"],
      ["webhook_write", "account_read"],
      PERMISSIONS,
    ] as const) {
      const text = await mintApiKey({ ...of, permissions }, SECRET);
      expect(text).toMatch(/^rk_test_[0-9A-Za-z]{55}$/);
      const verified = await verifyApiKey(text, key);
      expect(verified).toMatchObject({ ok: true, value: { kind: "restricted" } });
      expect(verified.ok && verified.value.permissions).toEqual(new Set(permissions));
    }
  });

  test("that is restricted is refused with any one character changed to any other", async () => {
    const permissions = ["charge_read"] as const;
    const of = { kind: "restricted", livemode: false, account, permissions } as const;
    const text = await mintApiKey(of, SECRET);
    const forged = [...text].flatMap((was, at) =>
      [...DIGITS].filter((d) => d !== was).map((d) => text.slice(0, at) + d + text.slice(at + 1)),
    );
    const verdicts = await Promise.all(forged.map((f) => verifyApiKey(f, key)));
    expect(verdicts.filter((v) => v.ok)).toEqual([]);
    for (const other of [text.replace("rk_", "sk_"), text.replace(/.{11}(.{22})$/, "$1")]) {
      expect(await verifyApiKey(other, key)).toEqual({ ok: false, failure: "malformed" });
    }
  });

  test("never changes for the same permissions: a place is for ever", async () => {
    expect(encodePermissions(["account_read"])).toBe("00000000001");
    expect(encodePermissions(["account_write"])).toBe("00000000002");
    expect(encodePermissions(["charge_read", "charge_write"])).toBe("0000000000m");
    expect(encodePermissions(["event_read", "webhook_write"])).toBe("0000002Go6a");
  });

  test("never changes for the same account and secret", async () => {
    expect(await mintApiKey({ kind: "secret", livemode: false, account }, SECRET)).toBe(
      "sk_test_AbCdEfGhIjKlMnOp0000014tjOuxFAAkfX8c4j5DIJwQ",
    );
  });

  test("is refused with any one character changed to any other", async () => {
    const text = await mintApiKey({ kind: "secret", livemode: false, account }, SECRET);
    const forged = [...text].flatMap((was, at) =>
      [...DIGITS, "_", "-", " "]
        .filter((digit) => digit !== was)
        .map((digit) => text.slice(0, at) + digit + text.slice(at + 1)),
    );
    const verdicts = await Promise.all(forged.map((f) => verifyApiKey(f, key)));
    expect(verdicts.length).toBe(text.length * 64);
    expect(verdicts.filter((v) => v.ok)).toEqual([]);
  });

  test("is refused with a character more, less or swapped", async () => {
    const text = await mintApiKey({ kind: "secret", livemode: false, account }, SECRET);
    for (const wrong of [
      `${text}0`,
      text.slice(0, -1),
      ` ${text}`,
      `${text}\n`,
      text.toUpperCase(),
    ]) {
      expect(await verifyApiKey(wrong, key), wrong).toEqual({ ok: false, failure: "malformed" });
    }
  });

  test("is made under the first version of a secret and accepted under any", async () => {
    const of = { kind: "secret", livemode: false, account } as const;
    const [old, fresh] = [await mintApiKey(of, SECRET), await mintApiKey(of, OTHER)];
    expect(await mintApiKey(of, `${OTHER}, ${SECRET}`)).toBe(fresh);
    const keys = await importMacKeys(`${OTHER}, ${SECRET}`);
    expect(keys).toHaveLength(2);
    for (const text of [old, fresh]) expect((await verifyApiKey(text, ...keys)).ok).toBe(true);
    expect(await verifyApiKey(old, ...(await importMacKeys(OTHER)))).toEqual({
      ok: false,
      failure: "forged",
    });
    expect(await verifyApiKey(old)).toEqual({ ok: false, failure: "forged" });
  });

  test("of one kind, mode, serial or secret proves no other", async () => {
    const text = await mintApiKey({ kind: "publishable", livemode: false, account }, SECRET);
    for (const forged of [
      text.replace("pk_", "sk_"),
      text.replace("_test_", "_live_"),
      text.replace("000001", "000002"),
      text.replace(account, PLATFORM_ACCOUNT),
      await mintApiKey({ kind: "publishable", livemode: false, account }, OTHER),
    ]) {
      expect(await verifyApiKey(forged, key)).toEqual({ ok: false, failure: "forged" });
    }
  });

  test.each([
    "",
    "sk_test_",
    "sk_test_abc",
    "Bearer",
    "rk_test_".padEnd(52, "0"),
    "__proto___test_",
  ])("is not %j", async (text) => {
    expect(await verifyApiKey(text, key)).toEqual({ ok: false, failure: "malformed" });
  });
});

test.each([
  ["sk_test_Zq9x0000AAAABBBB", "sk_test_Zq9x"],
  ["sk_live_sealed_Zq9x0000AAAABBBB", "sk_live_sealed_Zq9x"],
  ["pk_test_sealed_Zq9x0000AAAABBBB", "pk_test_sealed_Zq9x"],
  ["rk_test_Zq9x0000AAAABBBB", "rk_test_Zq9x"],
  ["rk_live_sealed_Zq9x0000AAAABBBB", "rk_live_sealed_Zq9x"],
  ["platform_test_00000000", "platform_test_0000"],
  ["sk_test_", "sk_test_"],
  ["sk_test_sealed_", "sk_test_sealed_"],
  ["sk_prod_Zq9x0000", "none"],
  ["4242424242424242", "none"],
  ["", "none"],
  [undefined, "none"],
])("of a refused key %j the log is told %j", (key, told) => {
  expect(keyPrefixOf(key)).toBe(told);
});
